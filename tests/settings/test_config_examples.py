"""What stands in config/ loads as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.destinations import kinds, load
from gateway.settings.configuration import Configuration, read_configuration
from gateway.settings.gateway import GatewaySettings
from gateway.settings.names import SETTINGS

CONFIG = Path(__file__).parents[2] / "config"
ROUTES = CONFIG / "examples/routes"
GATEWAY = CONFIG / "examples/gateway.env"

SECRETS = {
    "URL": "https://receiver.example/secret",
    "HEADERS": "Authorization: Bearer secret",
    "SIGNING_SECRET": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "TOPIC": "optix-secret",
    "TOKEN": "tk_secret",
    "PASSWORD": "secret",
}


def read(environ: dict[str, str], *env_files: Path) -> Configuration:
    return read_configuration(environ, env_files, need_sources=False)


def secrets_of(route: Path) -> dict[str, str]:
    """The environment that stands in for the files of secrets."""
    keys = re.findall(r"^([A-Z_]+)_FILE=/run/secrets/\w+$", route.read_text(), re.MULTILINE)
    return {f"GATEWAY_ROUTES__{route.stem.upper()}__{key}": SECRETS[key] for key in keys}


def test_every_example_of_a_route_loads_and_is_named_for_its_kind() -> None:
    environ = {"GATEWAY_ROUTES_DIR": str(ROUTES)}
    for route in ROUTES.glob("*.env"):
        environ |= secrets_of(route)
    configuration = read(environ)
    assert len(configuration.routes) == len(list(ROUTES.iterdir())) >= 7
    assert [route.name for route in configuration.routes if not route.name.endswith(f"-{route.kind}")] == []
    assert configuration.warnings == ()


def test_no_route_is_active_in_the_checkout() -> None:
    assert [path.name for path in (CONFIG / "routes").iterdir() if path.suffix == ".env"] == []


def test_the_example_of_the_gateway_changes_nothing_as_it_stands() -> None:
    assert read({}, GATEWAY).gateway == GatewaySettings()


def test_the_example_of_the_gateway_names_every_setting_with_its_default(tmp_path: Path) -> None:
    lines = re.findall(r"^#(GATEWAY_\w+)=(.*)$", GATEWAY.read_text(), re.MULTILINE)
    named = {key.removesuffix("_FILE") for key, _ in lines}
    assert set(SETTINGS) <= named
    defaults = tmp_path / "defaults.env"
    defaults.write_text("\n".join(f"{k}={v}" for k, v in lines if k in SETTINGS and not k.startswith("GATEWAY_AUTH")))
    assert read({"GATEWAY_ROUTES__A__DESTINATION": "ntfy", "GATEWAY_ROUTES__A__TOPIC": "a"}, defaults).gateway == (
        GatewaySettings()
    )


def test_every_line_of_the_example_of_the_gateway_can_be_used(tmp_path: Path) -> None:
    lines = [line for line in GATEWAY.read_text().splitlines() if line.startswith("#GATEWAY_")]
    file = tmp_path / "all.env"
    file.write_text("\n".join(line[1:] for line in lines).replace("/run/secrets/", f"{tmp_path}/"))
    for name in ("optix_auth_values", "tenant_b_auth_values", "ops_token"):
        (tmp_path / name).write_text("secret\n")
    (tmp_path / "soc_discord_url").write_text("https://discord.example/secret\n")
    configuration = read_configuration({}, [file])
    assert list(configuration.sources) == ["optix", "tenant_b"]
    assert [route.name for route in configuration.routes] == ["soc"]


@pytest.mark.parametrize("kind", kinds())
def test_the_example_that_a_kind_shows_loads(tmp_path: Path, kind: str) -> None:
    (tmp_path / "shown.env").write_text(load(kind).example)
    (route,) = read({"GATEWAY_ROUTES_DIR": str(tmp_path)}).routes
    assert route.kind == kind
