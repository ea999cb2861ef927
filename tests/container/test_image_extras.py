"""An image with other extras than the usual ones."""

from __future__ import annotations

import pytest

from tests.container.engine import available, built_container
from tests.services import require

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    require("buildah with debootstrap, as root,", available(), "apt install buildah debootstrap")


def test_the_image_has_the_extras_that_were_chosen_and_no_others() -> None:
    with built_container(EXTRAS="mqtt,nats") as container:
        installed = {path.name for path in container.root.glob("opt/optix-gateway/lib/python3*/site-packages/*")}
        assert {"gateway", "paho", "nats"} <= installed
        assert installed.isdisjoint({"botocore", "asyncpg", "cel_expr_python", "confluent_kafka"})
        assert "messages arrived" in container.run("optix-gateway", "demo", "--once")


def test_an_extra_that_there_is_not_ends_the_build_and_is_named() -> None:
    with pytest.raises(RuntimeError, match="EXTRAS: there is no extra kafak"), built_container(EXTRAS="kafak"):
        pass
