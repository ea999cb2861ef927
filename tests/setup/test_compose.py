from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.settings.configuration import read_configuration

COMPOSE = Path(__file__).parents[2] / "config/compose.yaml"


@pytest.fixture
def service() -> Any:
    return yaml.safe_load(COMPOSE.read_text())["services"]["gateway"]


def test_the_settings_in_compose_are_a_configuration_that_starts(service: Any, tmp_path: Path) -> None:
    for secret in service["secrets"]:
        (tmp_path / secret).write_text("s" * 24)
    environ = {key: value.replace("/run/secrets", str(tmp_path)) for key, value in service["environment"].items()}
    routes = {"GATEWAY_ROUTES_DIR": str(tmp_path / "routes")}
    (tmp_path / "routes").mkdir()
    configuration = read_configuration(environ | routes)
    assert configuration.sources["optix"].header == "X-Optix-Auth"
    assert configuration.gateway.ops_token is not None


def test_every_secret_is_defined_and_mounted(service: Any) -> None:
    defined = yaml.safe_load(COMPOSE.read_text())["secrets"]
    used = {Path(value).name for key, value in service["environment"].items() if key.endswith("_FILE")}
    assert set(service["secrets"]) == set(defined) == used


def test_the_container_may_do_and_write_as_little_as_possible(service: Any) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    writable = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
    assert writable == ["data:/data"]


def test_the_ops_listener_is_published_on_this_machine_only(service: Any) -> None:
    assert [port for port in service["ports"] if port.endswith(":8081")] == ["127.0.0.1:8081:8081"]
