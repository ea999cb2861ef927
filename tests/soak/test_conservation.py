from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.postgres_server import own_server
from tests.soak.engine import Plan, Soak
from tests.soak.replicas import ReplicaSoak


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_when_the_gateway_is_killed_again_and_again(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    plan = Plan(seed=random.randrange(1_000_000), kills=5, acknowledged=4000)
    report = await Soak(plan, tmp_path).run()
    record_property("figures", report.line())
    assert report.problems() == [], report.line()
    assert report.kills >= plan.kills
    assert report.acknowledged >= plan.acknowledged


@pytest.mark.slow
async def test_nothing_is_lost_when_replicas_and_their_database_are_killed(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    plan = Plan(seed=random.randrange(1_000_000), kills=5, acknowledged=4000)
    with own_server() as server:
        soak = ReplicaSoak(plan, tmp_path, server)
        report = await soak.run()
    record_property("figures", report.line())
    assert report.problems() == [], report.line()
    assert soak.restarts == 2
    assert report.acknowledged >= plan.acknowledged
