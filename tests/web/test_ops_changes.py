"""What operators change over the ops API: one delivery, many of them, what was held, routes."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession

from gateway.domain.delivery import State
from gateway.domain.query import Selection
from tests.web.ops_world import FakeOperations, get, post


async def test_one_delivery_is_replayed_once(url: str, session: ClientSession) -> None:
    status, content = await post(session, f"{url}/api/v1/deliveries/a-1.soc/replay", {})
    assert (status, content["delivery"]["state"]) == (200, "pending")
    status, content = await post(session, f"{url}/api/v1/deliveries/a-1.soc/replay", {})
    assert (status, content["error"]) == (409, "the delivery is pending")
    assert (await post(session, f"{url}/api/v1/deliveries/a-9.soc/replay", {}))[0] == 404


async def test_only_a_waiting_or_parked_delivery_is_cancelled(
    url: str, session: ClientSession, operations: FakeOperations
) -> None:
    assert (await post(session, f"{url}/api/v1/deliveries/a-1.soc/cancel", {}))[0] == 409
    operations.state = State.PARKED
    assert (await post(session, f"{url}/api/v1/deliveries/a-1.soc/cancel", {}))[0] == 200
    assert operations.who == ["the ops API", "the ops API"]


@pytest.mark.parametrize(("path", "kind"), [("replays", "replay"), ("cancellations", "cancel")])
async def test_a_change_of_many_counts_first_and_then_becomes_a_job(
    url: str, session: ClientSession, operations: FakeOperations, path: str, kind: str
) -> None:
    chosen: dict[str, Any] = {"filter": {"state": "dead", "route": ["soc", "mail"], "alert_type": "IaC"}}
    selection = Selection(states=(State.DEAD,), routes=("soc", "mail"), alert_type="IaC")
    counted = await post(session, f"{url}/api/v1/{path}", chosen)
    assert counted == (200, {"dry_run": True, "selected": 42})
    status, content = await post(session, f"{url}/api/v1/{path}", {**chosen, "dry_run": False})
    assert (status, content["job"]["id"], content["job"]["kind"]) == (202, 7, kind)
    assert operations.asked == [selection, (kind, selection)]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"dry_run": False}, "every delivery"),
        ({"dry_run": "false"}, "dry_run"),
        ({"filter": {"state": "dead"}, "dryrun": False}, "dryrun"),
        ({"filter": {"limit": "5"}}, "limit"),
        ({"filter": {"state": 5}}, "filter.state"),
        ([], "the body"),
    ],
)
async def test_a_change_of_many_that_is_unclear_changes_nothing(
    url: str, session: ClientSession, operations: FakeOperations, body: Any, word: str
) -> None:
    status, content = await post(session, f"{url}/api/v1/replays", body)
    assert (status, word in content["error"]) == (400, True)
    assert operations.asked == []


async def test_jobs_are_listed_shown_and_stopped(url: str, session: ClientSession) -> None:
    assert (await get(session, f"{url}/api/v1/jobs"))[1]["jobs"][0]["id"] == 7
    assert (await get(session, f"{url}/api/v1/jobs/7"))[1]["job"]["total"] == 42
    assert (await post(session, f"{url}/api/v1/jobs/7/stop"))[0] == 200
    assert (await post(session, f"{url}/api/v1/jobs/8/stop"))[0] == 404


@pytest.mark.parametrize(("alert", "status"), [("a-2", 200), ("a-3", 409), ("a-1", 409), ("a-9", 404)])
async def test_a_held_alert_is_read_again(url: str, session: ClientSession, alert: str, status: int) -> None:
    assert (await post(session, f"{url}/api/v1/alerts/{alert}/replay", {}))[0] == status


async def test_routes_are_listed_paused_resumed_and_tested(url: str, session: ClientSession) -> None:
    assert (await get(session, f"{url}/api/v1/routes"))[1]["routes"][0]["name"] == "soc"
    assert (await post(session, f"{url}/api/v1/routes/soc/pause"))[1]["route"]["status"] == "paused"
    assert (await post(session, f"{url}/api/v1/routes/soc/resume"))[1]["route"]["status"] == "running"
    status, report = await post(session, f"{url}/api/v1/routes/soc/test")
    assert (status, report["ok"], report["outcome"], report["status"]) == (200, False, "gone", 410)
    for what in ("pause", "resume", "test"):
        assert (await post(session, f"{url}/api/v1/routes/gone/{what}"))[0] == 404
