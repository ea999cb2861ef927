from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.engine import Container, available, built_container
from tests.load.program import free_port
from tests.services import require

pytestmark = pytest.mark.slow

ASKING_AWS = """
from botocore.session import Session
from gateway.outbound.aws import AwsTransport

keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
for service in ("sts", "sso", "sso-oidc", "signin"):
    Session().create_client(service, region_name="eu-west-1", **keys)
"""


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, timeout=60, check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    require("buildah with debootstrap, as root,", available(), "apt install buildah debootstrap")


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    with built_container() as built:
        yield built


def test_the_demo_runs_inside_as_an_unprivileged_user(container: Container) -> None:
    assert container.run("id", "-u").strip() == "10001"
    assert "messages arrived" in container.run("optix-gateway", "demo", "--once")


def test_the_image_says_how_it_is_run_stopped_and_watched(container: Container) -> None:
    config = container.image["config"]
    assert config["Entrypoint"] == ["optix-gateway"]
    assert config["Cmd"] == ["serve"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["Volumes"]) == ["/data"]
    assert config["Healthcheck"]["Test"] == ["CMD", "optix-gateway", "health"]


def test_nothing_that_installs_or_compiles_is_left_where_the_program_lives(container: Container) -> None:
    installed = {path.name.lower() for path in container.root.glob("opt/optix-gateway/lib/python3*/site-packages/*")}
    assert "gateway" in installed
    assert installed.isdisjoint({"pip", "setuptools", "wheel", "pytest", "mypy"})


def test_credentials_of_aws_can_be_found_with_what_is_left_of_its_library(container: Container) -> None:
    container.run("python", "-c", ASKING_AWS)
    data = next(container.root.glob("opt/optix-gateway/lib/python3*/site-packages/botocore/data"))
    assert not (data / "ec2").exists()


def test_it_serves_and_is_healthy_on_a_read_only_root(container: Container, tmp_path: Path) -> None:
    for folder in (*tmp_path.parents[:3], tmp_path):
        folder.chmod(0o755)
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o777)
    webhooks, ops = free_port(), free_port()
    environ = {
        "GATEWAY_LISTEN": f"127.0.0.1:{webhooks}",
        "GATEWAY_OPS_LISTEN": f"127.0.0.1:{ops}",
        "GATEWAY_AUTH_HEADER": "X-Optix-Auth",
        "GATEWAY_AUTH_VALUES": "secret",
    }
    health = container.read_only(data, "optix-gateway", "health", **environ)
    serve = subprocess.Popen(container.read_only(data, "optix-gateway", "serve", **environ))
    try:
        assert any(_succeeds(health) for _ in range(100) if serve.poll() is None)
        assert (data / "gateway.db").stat().st_uid == 10001
    finally:
        serve.terminate()
    assert serve.wait(30) == 0
    assert not _succeeds(health)
