from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from gateway.pipeline.background import Broken, beside


async def fail() -> None:
    raise ZeroDivisionError


async def wait() -> None:
    await asyncio.Event().wait()


async def test_a_fault_in_the_background_asks_the_gateway_to_end_and_says_why() -> None:
    broken = Broken()
    with capture_logs() as lines:
        async with beside(broken, housekeeping=fail(), jobs=wait()), asyncio.timeout(5):
            await broken.wait()
    assert broken.reason == "a fault of the gateway ended its housekeeping (ZeroDivisionError)"
    assert [(line["event"], line["task"]) for line in lines] == [("task.crashed", "housekeeping")]


async def test_what_runs_in_the_background_ends_with_the_gateway() -> None:
    broken = Broken()
    async with beside(broken, jobs=wait()):
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "jobs"]
    assert task.cancelled()
    assert broken.reason == ""


async def test_a_fault_of_the_body_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with beside(Broken(), jobs=wait()):
            raise ZeroDivisionError


async def test_the_first_reason_is_the_one_that_is_told() -> None:
    broken = Broken()
    broken.report("the disk failed")
    broken.report("and so did everything else")
    assert broken.reason == "the disk failed"
