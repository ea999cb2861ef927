from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.domain.notify import CHANGES
from gateway.domain.snapshot import Snapshot
from tests.month.estate import Estate
from tests.month.month import Month, is_missed, lines, reduction


@pytest.fixture
async def month(tmp_path: Path) -> Month:
    """A day of a small estate in which much happens."""
    lived = Month(Estate(seed=7, environments=3, findings=60, busy=8), hours=24, folder=tmp_path)
    await lived.run()
    return lived


async def test_hourly_repeats_become_few_messages_and_nobody_misses_a_change(
    month: Month, record_property: Callable[[str, object], None]
) -> None:
    record_property("figures", "\n".join(lines(month)))
    assert month.problems == []
    assert month.webhooks > 24 * 60
    assert month.estate.changes > 30
    messages = month.receivers.messages
    assert reduction(messages["changes"], month.webhooks) > 80  # the first hour tells what stands already
    assert messages["groups"] < messages["changes"] / 2
    assert month.receivers.told["groups"] == month.receivers.told["changes"] == messages["changes"]

    month.receivers.views["groups"].popitem()
    assert len(list(month.differences())) == 1


OPEN, MUTED = ("bucket", "open"), ("bucket", "suppressed")


@pytest.mark.parametrize(
    ("known", "now", "missed"),
    [
        (Snapshot(80, (OPEN,)), Snapshot(80, (OPEN,)), False),
        (Snapshot(80, (OPEN,)), Snapshot(90, (OPEN,)), True),
        (Snapshot(80, (OPEN,)), Snapshot(70, (OPEN,)), False),
        (Snapshot(80, (OPEN,)), Snapshot(80, (MUTED,)), True),
        (Snapshot(80, (OPEN,)), Snapshot(80, ()), True),
        (None, Snapshot(80, (OPEN,)), True),
        (None, Snapshot(80, (MUTED,)), False),
    ],
)
def test_what_counts_as_missed(
    known: Snapshot | None,
    now: Snapshot,
    missed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert is_missed(CHANGES, known, now) is missed
