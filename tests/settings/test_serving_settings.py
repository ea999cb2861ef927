"""The gateway's own settings and its sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.domain.authenticate import authenticate
from gateway.settings.gateway import Address, GatewaySettings, setting_of
from gateway.settings.names import SETTINGS
from tests.settings.conftest import Site

ADDRESS = "Write host:port, as in 0.0.0.0:8080 or [::]:8080."
NO_CREDENTIALS = (
    "environment: GATEWAY_AUTH_VALUES: no source has credentials, so nobody could send alerts. Set GATEWAY_AUTH_HEADER"
    " and GATEWAY_AUTH_VALUES to the Authentication Key and the Authentication Value of the webhook in Cloud Optix; or,"
    " to take alerts from anyone, GATEWAY_ALLOW_UNAUTHENTICATED=true."
)


def test_without_any_setting_the_defaults_hold(site: Site) -> None:
    assert site.read().gateway.model_dump(exclude={"auth_header", "auth_values"}) == {
        "listen": Address("0.0.0.0", 8080),
        "ops_listen": Address("127.0.0.1", 8081),
        "ops_token": None,
        "database": Path("data/gateway.db"),
        "database_direct": None,
        "sources": {},
        "allow_unauthenticated": False,
        "routes_dir": Path("config/routes"),
        "max_body_bytes": 10485760,
        "retention_s": 2592000.0,
        "shutdown_grace_s": 10.0,
        "disk_reserve_bytes": 67108864,
        "log_format": "auto",
        "log_level": "info",
        "tls_cert": None,
        "tls_key": None,
        "approval_url": "",
        "approval_key": None,
    }


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("LISTEN", "[::]:8080", "listen", Address("::", 8080)),
        ("LISTEN", "gateway.example:0", "listen", Address("gateway.example", 0)),
        ("OPS_LISTEN", "", "ops_listen", None),
        ("DATABASE", "sqlite:///gw.db", "database", Path("gw.db")),
        ("DATABASE", "sqlite:////var/lib/gw.db", "database", Path("/var/lib/gw.db")),
        ("DATABASE", "", "database", Path("data/gateway.db")),
        ("MAX_BODY", "1MiB", "max_body_bytes", 1048576),
        ("RETENTION", "2h", "retention_s", 7200.0),
        ("SHUTDOWN_GRACE", "500ms", "shutdown_grace_s", 0.5),
        ("DISK_RESERVE", "0", "disk_reserve_bytes", 0),
        ("LOG_FORMAT", "JSON", "log_format", "json"),
        ("LOG_LEVEL", " Debug", "log_level", "debug"),
        ("LOG_LEVEL", "", "log_level", "info"),
        ("ALLOW_UNAUTHENTICATED", "yes", "allow_unauthenticated", True),
    ],
)
def test_each_setting_is_read_by_its_own_rule(site: Site, name: str, text: str, field: str, value: object) -> None:
    assert getattr(site.read({f"GATEWAY_{name}": text}).gateway, field) == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("LISTEN", "8080", f'"8080" is not an address. {ADDRESS}'),
        ("LISTEN", "::1:8080", f'"::1:8080" is not an address. {ADDRESS}'),
        ("LISTEN", "a:70000", f'"a:70000" is not an address. {ADDRESS}'),
        ("OPS_LISTEN", "off", f'"off" is not an address. {ADDRESS}'),
        (
            "OPS_LISTEN",
            "0.0.0.0:8080",
            "webhooks and the ops page cannot both listen on 0.0.0.0:8080. Choose another port.",
        ),
        (
            "DATABASE",
            "sqlite://gw.db",
            (
                "this is not a database URL. Write sqlite:/// and a file, as in sqlite:///data/gateway.db,"
                " with a fourth slash for an absolute path; or postgresql://user:password@host/name."
            ),
        ),
        ("OPS_TOKEN", "to ken", "a token consists of letters, digits and signs of ASCII, without blanks."),
        (
            "AUTH_HEADER",
            "X Optix",
            "this is not the name of an HTTP header. Letters, digits and hyphens, as in Authorization.",
        ),
        ("AUTH_VALUES", '["good", ""]', "an accepted value is empty, or begins or ends with a blank."),
        ("AUTH_VALUES", "a\tb", "an accepted value holds a character that no HTTP header can carry."),
        ("AUTH_VALUES", "snow☃", "an accepted value holds a character that no HTTP header can carry."),
        ("MAX_BODY", "ten", '"ten" is not a size. Write a number and a unit, as in 512KiB, 10MiB or 1GiB.'),
        ("MAX_BODY", "0", '"0" must be at least 1.'),
        ("RETENTION", "30", '"30" has no unit; did you mean "30s"?'),
        ("RETENTION", "1s", '"1s" is out of range. Choose from 1m to 36500d.'),
        ("LOG_FORMAT", "jsn", '"jsn" is not a known value; did you mean "json"? One of auto, json, console.'),
        (
            "LOG_LEVEL",
            "warn",
            '"warn" is not a known value; did you mean "warning"? One of debug, info, warning, error.',
        ),
        ("ALLOW_UNAUTHENTICATED", "ja", '"ja" is neither true nor false.'),
        ("TLS_CERT", "no.pem", 'there is no file "no.pem". Give the path of a PEM file.'),
        ("LISTN", "a:1", 'there is no such setting; did you mean "GATEWAY_LISTEN"?'),
        ("FROBNICATE", "1", "there is no such setting."),
        ("ROUTE__SOC__URL", "x", 'there is no such setting; did you mean "GATEWAY_ROUTES__SOC__URL"?'),
        ("ROUTES__SOC", "x", "not the name of a setting. Write GATEWAY_ROUTES__<NAME>__<KEY>."),
        (
            "ROUTES__-A__URL",
            "x",
            (
                "this cannot be the name of a route. Names have up to 63 of a-z, 0-9, _ and -, and begin with a letter"
                " or digit."
            ),
        ),
        (
            "SOURCES__T__AUTH_HEADERS",
            "x",
            'the keys of a source are AUTH_HEADER and AUTH_VALUES, not this; did you mean "AUTH_HEADER"?',
        ),
        (
            "SOURCES__OPTIX__AUTH_HEADER",
            "x",
            'the source "optix" is the default one. Use GATEWAY_AUTH_HEADER and GATEWAY_AUTH_VALUES.',
        ),
        (
            "SOURCES__T__AUTH_HEADER",
            "x",
            "the values that this header may have are missing. Set GATEWAY_SOURCES__T__AUTH_VALUES too.",
        ),
    ],
)
def test_a_wrong_setting_is_reported_with_its_remedy(site: Site, name: str, text: str, message: str) -> None:
    key = f"GATEWAY_{name}"
    assert f"environment: {key}: {message}" in site.mistakes({key: text})


def test_one_wrong_setting_is_one_mistake(site: Site) -> None:
    assert len(site.mistakes({"GATEWAY_LOG_LEVEL": "loud"})) == 1


def test_all_mistakes_are_reported_at_once(site: Site) -> None:
    site.write("one.env", "\nGATEWAY_LISTEN=x\nGATEWAY_MAX_BDY=1\n")
    site.route("soc", "DESTINATION=ntfy", "TOPC=a")
    places = [mistake.split(": ")[0] for mistake in site.mistakes({"GATEWAY_LOG_LEVEL": "loud"}, "one.env", "no.env")]
    assert places == [
        "config/routes/soc.env",
        "config/routes/soc.env:2",
        "environment",
        "no.env",
        "one.env:2",
        "one.env:3",
    ]


@pytest.mark.parametrize("only", ["CERT", "KEY"])
def test_tls_needs_certificate_and_key(site: Site, only: str) -> None:
    site.write("a.pem", "")
    other = "KEY" if only == "CERT" else "CERT"
    assert site.mistakes({f"GATEWAY_TLS_{only}": "a.pem"}) == [
        f"environment: GATEWAY_TLS_{only}: GATEWAY_TLS_{other} is missing. TLS needs both, or neither."
    ]
    assert site.read({"GATEWAY_TLS_CERT": "a.pem", "GATEWAY_TLS_KEY": "a.pem"}).gateway.tls_cert == Path("a.pem")


def test_without_credentials_nothing_is_served(site: Site) -> None:
    assert site.mistakes({"GATEWAY_AUTH_HEADER": "", "GATEWAY_AUTH_VALUES": ""}) == [NO_CREDENTIALS]


def test_a_reader_that_serves_nobody_needs_no_credentials(site: Site) -> None:
    none = {"GATEWAY_AUTH_HEADER": "", "GATEWAY_AUTH_VALUES": ""}
    assert dict(site.read(none, need_sources=False).sources) == {}


def test_values_without_a_header_are_a_mistake(site: Site) -> None:
    assert site.mistakes({"GATEWAY_AUTH_HEADER": ""}) == [
        (
            "environment: GATEWAY_AUTH_VALUES: the name of the header with these values is missing."
            " Set GATEWAY_AUTH_HEADER too."
        )
    ]


def test_every_source_lets_in_its_own_values(site: Site) -> None:
    configuration = site.read(
        {
            "GATEWAY_AUTH_VALUES": '["one,1", "two"]',
            "GATEWAY_SOURCES__Tenant_B__AUTH_HEADER": "Authorization",
            "GATEWAY_SOURCES__Tenant_B__AUTH_VALUES": "Basic abc",
        }
    )
    sources = configuration.sources
    assert list(sources) == ["optix", "tenant_b"]
    assert authenticate("optix", {"X-Optix": "one,1"}, sources)
    assert authenticate("optix", {"X-Optix": "two"}, sources)
    assert authenticate("tenant_b", {"Authorization": "Basic abc"}, sources)
    assert not authenticate("tenant_b", {"Authorization": "two"}, sources)


def test_a_value_beyond_ascii_is_known_in_both_encodings_of_a_header(site: Site) -> None:
    sources = site.read({"GATEWAY_AUTH_VALUES": "schlüssel"}).sources
    assert authenticate("optix", {"X-Optix": "schlüssel"}, sources)
    as_latin_1 = "schlüssel".encode("latin-1").decode("utf-8", "surrogateescape")
    assert authenticate("optix", {"X-Optix": as_latin_1}, sources)


def test_everyone_is_let_in_where_the_operator_says_so_but_credentials_that_are_set_still_count(site: Site) -> None:
    configuration = site.read(
        {
            "GATEWAY_ALLOW_UNAUTHENTICATED": "true",
            "GATEWAY_AUTH_HEADER": "",
            "GATEWAY_AUTH_VALUES": "",
            "GATEWAY_SOURCES__T__AUTH_HEADER": "X-T",
            "GATEWAY_SOURCES__T__AUTH_VALUES": "v",
        }
    )
    assert authenticate("optix", {}, configuration.sources)
    assert not authenticate("t", {}, configuration.sources)
    assert "GATEWAY_ALLOW_UNAUTHENTICATED: whoever reaches 0.0.0.0:8080 can send alerts" in configuration.warnings


def test_an_ops_listener_that_others_reach_without_a_token_is_warned_of(site: Site) -> None:
    outside = {"GATEWAY_OPS_LISTEN": "[::]:8081"}
    said = "the ops listener on [::]:8081 has no GATEWAY_OPS_TOKEN: its page and API refuse everyone"
    assert said in site.read(outside).warnings
    assert said not in site.read({**outside, "GATEWAY_OPS_TOKEN": "t"}).warnings


@pytest.mark.parametrize(("host", "inside"), [("127.0.0.9", True), ("::1", True), ("localhost", True), ("::", False)])
def test_loopback_addresses_are_told_from_others(host: str, *, inside: bool) -> None:
    assert Address(host, 1).is_loopback is inside


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GATEWAY_SERVICE_HOST", "10.0.0.1"),
        ("GATEWAY_SERVICE_PORT_HTTP", "80"),
        ("GATEWAY_PORT", "tcp://10.0.0.1:80"),
        ("GATEWAY_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("GATEWAY_OPS_PORT_8081_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_what_kubernetes_says_of_a_service_called_gateway_is_no_setting(site: Site, name: str, text: str) -> None:
    assert site.read({name: text}).gateway == site.read().gateway


def test_the_process_environment_is_not_read_behind_our_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_LISTEN", "elsewhere:1")
    assert GatewaySettings().listen == Address("0.0.0.0", 8080)


def test_settings_can_be_made_by_field_names() -> None:
    assert GatewaySettings(listen=Address("localhost", 0), retention_s=60.0).retention_s == 60.0


def test_every_field_is_a_setting() -> None:
    assert set(SETTINGS) == {setting_of(field) for field in GatewaySettings.model_fields} - {"GATEWAY_SOURCES"}
