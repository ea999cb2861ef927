"""Routes from files, from the environment and from both."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gateway.domain.policy import Pace, Policy, RetryPolicy
from tests.settings.conftest import Site

NTFY = ("DESTINATION=ntfy", "TOPIC=soc")
NO_PLACE = (
    "the folder of routes does not exist. Make it, or set GATEWAY_ROUTES_DIR to the folder with your route files."
)


def test_each_env_file_in_the_folder_is_a_route_named_after_it(site: Site) -> None:
    site.route("soc", *NTFY)
    site.route("Mobile_1", *NTFY)
    for other in ("soc.env.example", ".hidden.env", "notes.txt"):
        site.write(f"config/routes/{other}", "DESTINATION=nonsense")
    (site.folder / "config/routes/folder.env").mkdir()
    routes = site.read().routes
    assert [(route.name, route.kind, route.origin) for route in routes] == [
        ("mobile_1", "ntfy", "config/routes/Mobile_1.env"),
        ("soc", "ntfy", "config/routes/soc.env"),
    ]


def test_the_folder_is_a_setting(site: Site) -> None:
    site.write("elsewhere/soc.env", "\n".join(NTFY))
    assert [route.name for route in site.read({"GATEWAY_ROUTES_DIR": "elsewhere"}).routes] == ["soc"]


def test_no_route_at_all_is_lawful_but_said(site: Site) -> None:
    assert site.read().warnings == ("no route: alerts are stored and go nowhere",)


def test_a_chosen_folder_must_exist_unless_routes_come_from_the_environment(site: Site) -> None:
    chosen = {"GATEWAY_ROUTES_DIR": "elsewhere"}
    assert site.mistakes(chosen) == [f"elsewhere: {NO_PLACE}"]
    env = {"GATEWAY_ROUTES__SOC__DESTINATION": "ntfy", "GATEWAY_ROUTES__SOC__TOPIC": "soc"}
    assert [(route.name, route.origin) for route in site.read({**chosen, **env}).routes] == [("soc", "environment")]


def test_the_environment_overrides_env_files_which_override_route_files(site: Site) -> None:
    site.route("soc", *NTFY, "TIMEOUT=1s", "CONCURRENCY=1", "ENABLED=false")
    site.write("one.env", "GATEWAY_ROUTES__SOC__TIMEOUT=2s\nGATEWAY_ROUTES__SOC__CONCURRENCY=2\nGATEWAY_RETENTION=1h")
    site.write("two.env", "GATEWAY_ROUTES__SOC__TIMEOUT=3s\nGATEWAY_RETENTION=2h\nGATEWAY_LOG_LEVEL=error")
    configuration = site.read({"GATEWAY_LOG_LEVEL": "debug"}, "one.env", "two.env")
    policy = configuration.routes[0].policy
    assert (policy.timeout_s, policy.concurrency, policy.enabled) == (3.0, 2, False)
    assert (configuration.gateway.retention_s, configuration.gateway.log_level) == (7200.0, "debug")
    environ = {"GATEWAY_ROUTES__SOC__TIMEOUT": "4s"}
    assert site.read(environ, "one.env", "two.env").routes[0].policy.timeout_s == 4.0


def test_a_shell_may_write_a_low_line_for_the_hyphen_of_a_route(site: Site) -> None:
    site.route("soc-discord", *NTFY)
    (route,) = site.read({"GATEWAY_ROUTES__SOC_DISCORD__TIMEOUT": "4s"}).routes
    assert (route.name, route.policy.timeout_s) == ("soc-discord", 4.0)


def test_a_value_may_be_the_content_of_a_file(site: Site) -> None:
    site.write("secret", "hidden-topic\n")
    site.write("config/routes/lists/environments", "one\ntwo,three\n")
    site.route("soc", "DESTINATION=ntfy", "TOPIC_FILE=secret", "ENVIRONMENTS_FILE=lists/environments")
    (route,) = site.read().routes
    assert route.settings.secrets() == ("hidden-topic",)
    assert "environment is one, two or three" in route.filter.describe()


def test_a_file_beside_the_route_file_is_found_after_one_in_the_working_directory(site: Site) -> None:
    site.write("config/routes/topic", "beside")
    site.route("soc", "DESTINATION=ntfy", "TOPIC_FILE=topic")
    assert site.read().routes[0].settings.secrets() == ("beside",)
    site.write("topic", "working")
    assert site.read().routes[0].settings.secrets() == ("working",)


def test_a_stronger_place_replaces_a_value_by_a_file_and_the_other_way_round(site: Site) -> None:
    site.write("secret", "from-file")
    site.route("soc", *NTFY)
    assert site.read({"GATEWAY_ROUTES__SOC__TOPIC_FILE": "secret"}).routes[0].settings.secrets() == ("from-file",)
    site.route("soc", "DESTINATION=ntfy", "TOPIC_FILE=missing")
    assert site.read({"GATEWAY_ROUTES__SOC__TOPIC": "direct"}).routes[0].settings.secrets() == ("direct",)


def test_a_key_that_ends_in_file_itself_is_no_reference(site: Site) -> None:
    site.write("ca.pem", "a certificate")
    site.route("soc", *NTFY, "CA_FILE=ca.pem")
    assert site.read().routes[0].settings.model_dump()["ca_file"] == "ca.pem"


def test_a_list_in_a_file_may_be_written_by_line_for_destinations_too(site: Site) -> None:
    site.write("to", "a@example.com\nb@example.com\n")
    site.route("mail", "DESTINATION=email", "HOST=mx.example.com", "FROM=gw@example.com", "TO_FILE=to")
    assert len(site.read().routes[0].settings.model_dump()["to"]) == 2


def test_policy_keys_decide_and_the_destination_has_its_own_defaults(site: Site) -> None:
    site.route("a", *NTFY)
    site.route("b", *NTFY, "RATE_LIMIT=off", "BACKLOG=all")
    site.route(
        "c", *NTFY, "ENABLED=no", "RETRY_SCHEDULE=1s,2m", "RETRY_FOR=1h", "TIMEOUT=100ms", "CONCURRENCY=256",
        "RATE_LIMIT=30/m:5", "BACKLOG=latest",
    )  # fmt: skip
    usual, unpaced, own = (route.policy for route in site.read().routes)
    kind = site.read().routes[0].destination
    assert (usual.pace, usual.backlog, usual.concurrency) == (kind.pace, kind.backlog, kind.concurrency)
    assert (unpaced.pace, unpaced.backlog) == (None, "all")
    assert own == Policy(
        enabled=False,
        retry=RetryPolicy((1.0, 120.0), 3600.0),
        timeout_s=0.1,
        concurrency=256,
        pace=Pace(0.5, 5),
        backlog="latest",
    )


def test_a_list_with_commas_in_its_values_is_written_as_json(site: Site) -> None:
    site.route("soc", *NTFY, """RULES=["Ports 22, 3389 open", "MFA"]""")
    assert "Ports 22, 3389 open or MFA" in site.read().routes[0].filter.describe()


def test_a_source_that_is_not_there_is_warned_of(site: Site) -> None:
    site.route("soc", *NTFY, "SOURCES=optix,tenant-b")
    assert site.read().warnings == ('route "soc": SOURCES names "tenant-b", and there is no such source',)


def revision(site: Site, *lines: str) -> str:
    site.route("soc", *lines)
    return site.read().revision


def test_the_revision_tells_configurations_apart_but_not_secrets(site: Site) -> None:
    first = revision(site, *NTFY)
    assert len(first) == 12
    assert set(first) <= set("0123456789abcdef")
    assert revision(site, "DESTINATION=ntfy", "TOPIC=another", "# said") == first
    changed = {
        revision(site, *NTFY, line)
        for line in ("MIN_SEVERITY=high", "TIMEOUT=1s", "ENABLED=0", "URL=https://n.example")
    }
    assert len(changed | {first}) == 5
    site.route("b", *NTFY)
    assert revision(site, *NTFY) != first


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_revision_is_the_same_in_every_process(site: Site, seed: str) -> None:
    site.route("soc", *NTFY, "ENVIRONMENTS=a,b,c,d", "ALERT_TYPES=Policy,Spend", "NOT_PROVIDERS=AWS,GCP")
    program = (
        "from gateway.settings.configuration import read_configuration as read\n"
        "print(read({}, need_sources=False).revision)"
    )
    environ = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == site.read().revision


def test_kinds_that_no_route_uses_are_not_imported(site: Site) -> None:
    site.route("soc", *NTFY)
    program = (
        "import sys\nfrom gateway.settings.configuration import read_configuration as read\n"
        "read({}, need_sources=False)\n"
        "print(sorted(m for m in sys.modules if m.startswith('gateway.destinations.') and '._' not in m), "
        "'jinja2' in sys.modules)"
    )
    environ = {"PYTHONPATH": ":".join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['gateway.destinations.ntfy'] False"
