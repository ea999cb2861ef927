from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.engine import Plan, Soak


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
