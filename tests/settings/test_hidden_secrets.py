from __future__ import annotations

import pytest

from gateway.destinations import kinds
from gateway.settings.kinds import kind_of
from tests.settings.conftest import Site

PLANTED = "pL4nted+S3cret/x9"
URL = f"https://hooks.example.com/{PLANTED}"
SECRET_KEYS = [(kind, key) for kind in kinds() for key in sorted(kind_of(kind).secrets)]


@pytest.mark.parametrize("key", ["OPS_TOKEN", "AUTH_VALUES", "DATABASE", "SOURCES__T__AUTH_VALUES", "SOURCES__T__X"])
@pytest.mark.parametrize("value", [PLANTED, f"{PLANTED} \x01", f'["{PLANTED}"', f'["{PLANTED}", ""]', URL])
@pytest.mark.parametrize("form", ["", "_FILE"])
def test_a_wrong_secret_of_the_gateway_is_not_shown(site: Site, key: str, value: str, form: str) -> None:
    environ = {f"GATEWAY_{key}{form}": value, "GATEWAY_LOG_LEVEL": "wrong"}
    assert PLANTED not in "\n".join(site.mistakes(environ))


@pytest.mark.parametrize(("kind", "key"), SECRET_KEYS)
@pytest.mark.parametrize("value", [PLANTED, f"x {PLANTED}", f"ht!tp://{PLANTED} y", f"N: {PLANTED} | {PLANTED}: x y"])
@pytest.mark.parametrize("form", ["", "_FILE"])
def test_a_wrong_secret_of_a_route_is_not_shown(site: Site, kind: str, key: str, value: str, form: str) -> None:
    site.route("soc", f"DESTINATION={kind}", f"{key}{form}={value}", "WRONG=1")
    assert PLANTED not in "\n".join(site.mistakes())


@pytest.mark.parametrize(
    "line",
    [
        f"URL '{URL}'",
        f"URL='{URL}",
        PLANTED,
        URL,
        f"{PLANTED}=x",
        f"{URL}=x",
        f"URL={URL} is here",
        f"LINK={URL}",
        f"ntfy={URL}",
        f"TOPIC_FILE={PLANTED}",
        f"TOPIC_FILE={URL}",
        f"TOPIC={URL}",
    ],
)
def test_a_secret_on_a_line_that_makes_no_sense_is_not_shown(site: Site, line: str) -> None:
    site.route("soc", "DESTINATION=ntfy", line)
    assert PLANTED not in "\n".join(site.mistakes())


def test_a_url_in_the_place_of_the_kind_is_not_shown(site: Site) -> None:
    site.route("soc", f"DESTINATION={URL}")
    assert PLANTED not in "\n".join(site.mistakes())


def test_a_configuration_shows_no_secret_when_it_is_printed(site: Site) -> None:
    site.route("chat", "DESTINATION=discord", f"URL={URL}")
    site.route("hook", "DESTINATION=webhook", f"URL={URL}", f"HEADERS=Authorization: Bearer {PLANTED}")
    environ = {
        "GATEWAY_AUTH_VALUES": PLANTED,
        "GATEWAY_OPS_TOKEN": PLANTED,
        "GATEWAY_SOURCES__T__AUTH_HEADER": "X",
        "GATEWAY_SOURCES__T__AUTH_VALUES": PLANTED,
    }
    configuration = site.read(environ)
    assert {PLANTED, URL} <= configuration.secrets()
    shown = [repr(configuration), str(configuration), *(repr(route.settings) for route in configuration.routes)]
    assert PLANTED not in "\n".join([*shown, configuration.gateway.model_dump_json()])
