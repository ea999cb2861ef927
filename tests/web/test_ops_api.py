"""What the ops API shows: health, metrics, alerts, incidents, deliveries, explanations; and how it tells faults."""

from __future__ import annotations

from io import BytesIO

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from gateway import samples
from gateway.domain.delivery import State
from gateway.domain.query import AlertSelection, IncidentSelection, Selection
from gateway.ports import StoreUnavailable, UnknownCursor
from tests.web.ops_world import ISO, TOKEN, FakeOperations, HandClock, get

SAMPLE = samples.load(samples.DOCUMENTED)


async def test_health_is_503_when_nothing_moves_any_more(
    url: str, session: ClientSession, operations: FakeOperations
) -> None:
    assert await get(session, f"{url}/healthz") == (200, {"status": "alive"})
    operations.is_alive = False
    assert (await get(session, f"{url}/healthz"))[0] == 503


async def test_readiness_asks_the_store_at_most_once_a_second_and_says_why_not(
    url: str, session: ClientSession, operations: FakeOperations, clock: HandClock
) -> None:
    for _ in range(5):
        assert await get(session, f"{url}/readyz") == (200, {"status": "ready"})
    assert operations.readiness_checks == 1
    operations.why_not = "the disk is full"
    clock.seconds += 1
    assert await get(session, f"{url}/readyz") == (503, {"status": "not ready", "error": "the disk is full"})


async def test_metrics_are_prometheus_text(url: str, session: ClientSession) -> None:
    async with session.get(f"{url}/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert await answer.read() == b"optix_gateway_held 0\n"


async def test_the_root_lists_what_there_is(url: str, session: ClientSession) -> None:
    status, content = await get(session, f"{url}/")
    assert status == 200
    assert {"/healthz", "/metrics", "/api/v1/deliveries/{id}/replay", "/api/v1/explain"} <= set(content["paths"])


async def test_alerts_are_listed_by_selection_and_page(
    url: str, session: ClientSession, operations: FakeOperations
) -> None:
    status, content = await get(session, f"{url}/api/v1/alerts?held=false&severity=high&limit=5&cursor=a-9")
    assert (status, content["next"], content["alerts"][0]["received_at"]) == (200, "a-1", ISO)
    assert operations.asked == [(AlertSelection(held=False, severity="high"), 5, "a-9")]


async def test_a_cursor_that_is_none_is_refused_with_what_to_send(
    url: str, session: ClientSession, operations: FakeOperations
) -> None:
    operations.fault = UnknownCursor("gar\nbage" + "x" * 99)
    status, content = await get(session, f"{url}/api/v1/alerts?cursor=garbage")
    assert status == 400
    assert content["error"].startswith("cursor is 'gar\\nbagexxx")
    assert len(content["error"]) < 80
    assert "`next` of the page before" in content["hint"]


async def test_one_alert_comes_with_its_body_deliveries_and_verdicts(url: str, session: ClientSession) -> None:
    status, content = await get(session, f"{url}/api/v1/alerts/a-1")
    assert status == 200
    assert (content["id"], content["body"], content["deliveries"][0]["id"]) == ("a-1", "{}", "a-1.soc")
    assert content["verdicts"] == [{"route": "soc", "taken": True, "key": "", "reason": "yes"}]


async def test_what_was_recorded_of_an_alert_stands_apart_from_todays_view(url: str, session: ClientSession) -> None:
    _, content = await get(session, f"{url}/api/v1/alerts/a-1")
    assert (content["revision"], content["running_revision"]) == ("r1", "r2")
    assert content["decisions"] == [{"route": "mail", "word": "unchanged", "reason": "nothing changed"}]
    assert content["change"] == {"reasons": ["new"], "words": "new: 1 open"}
    assert content["accounts"] == [
        {"route": "soc", "told": True, "word": "told", "reason": "its filter took it", "recorded": True,
         "delivery": "a-1.soc", "state": "dead"},
    ]  # fmt: skip
    assert (await get(session, f"{url}/api/v1/alerts/a-2"))[1]["change"] is None


async def test_incidents_are_listed_by_selection_and_page(
    url: str, session: ClientSession, operations: FakeOperations
) -> None:
    asked = "source=optix&environment=4441&rule=AR-251&key=optix-1&open=true&limit=5&cursor=a-9~k"
    status, content = await get(session, f"{url}/api/v1/incidents?{asked}")
    assert (status, content["next"], content["incidents"][0]["last_seen_at"]) == (200, "a-1~optix-1", ISO)
    assert operations.asked == [(IncidentSelection("optix", "4441", "AR-251", "optix-1", open=True), 5, "a-9~k")]


async def test_one_incident_comes_with_its_resources_history_and_who_was_told_what(
    url: str, session: ClientSession
) -> None:
    status, content = await get(session, f"{url}/api/v1/incidents/optix-1")
    assert (status, content["key"], content["severity"], content["open_count"]) == (200, "optix-1", "high", 1)
    assert content["resources"] == [{"info": "bucket", "state": "open", "first_seen_at": ISO, "last_seen_at": ISO}]
    assert content["changes"] == [
        {"at": ISO, "alert": "a-1", "reasons": ["grew", "raised"], "words": "1 new of 1 open"},
    ]  # fmt: skip
    assert content["told"] == [
        {"route": "soc", "told_at": ISO, "alert": "a-1", "reference": "TICKET-7", "asked_at": None, "open_count": 1,
         "score": 83, "unseen": "1 gone"},
    ]  # fmt: skip


async def test_deliveries_are_listed_and_shown_with_their_attempts(
    url: str, session: ClientSession, operations: FakeOperations
) -> None:
    _, content = await get(session, f"{url}/api/v1/deliveries?state=dead&route=soc,mail")
    assert content["deliveries"][0]["state"] == "dead"
    assert operations.asked == [(Selection(states=(State.DEAD,), routes=("soc", "mail")), 100, "")]
    _, content = await get(session, f"{url}/api/v1/deliveries/a-1.soc")
    assert (content["id"], content["attempts"]) == (
        "a-1.soc", [{"number": 1, "started_at": ISO, "outcome": "gone"}],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "status", "hint"),
    [
        ("alerts/a-9", 404, "GET /api/v1/alerts"),
        ("deliveries/a-9.soc", 404, "GET /api/v1/deliveries"),
        ("incidents/nothing", 404, "GET /api/v1/incidents"),
        ("incidents?opne=true", 400, "did you mean open?"),
        ("incidents?open=maybe", 400, "true or false"),
        ("jobs/8", 404, "GET /api/v1/jobs"),
        ("jobs/x", 404, "GET /api/v1/jobs"),
        ("deliveries?statee=dead", 400, "did you mean state?"),
        ("alerts?limit=1000", 400, "1 to 500"),
        ("nothing", 404, "GET /"),
        ("deliveries/a-1.soc/replay", 405, ""),
    ],
)
async def test_what_is_asked_wrongly_is_answered_with_a_hint(
    url: str, session: ClientSession, path: str, status: int, hint: str
) -> None:
    got, content = await get(session, f"{url}/api/v1/{path}")
    assert (got, set(content) <= {"error", "hint"}) == (status, True)
    assert hint in content.get("hint", "")


async def test_a_payload_is_explained_for_the_source_that_is_named(
    url: str, session: ClientSession, operations: FakeOperations
) -> None:
    headers = {"Content-Type": "application/json"}
    async with session.post(f"{url}/api/v1/explain?source=acme", data=SAMPLE, headers=headers) as answer:
        content = await answer.json()
        assert content["verdicts"][0]["key"] == "MIN_SEVERITY"
        assert content["decisions"] == [{"route": "soc", "word": "muted", "reason": "outside ACTIVE"}]
    async with session.post(f"{url}/api/v1/explain", data=SAMPLE, headers=headers) as answer:
        assert answer.status == 200
    assert operations.asked == [(SAMPLE, "acme"), (SAMPLE, "optix")]
    async with session.post(f"{url}/api/v1/explain", data=BytesIO(b"x" * (2**20 + 1)), headers=headers) as answer:
        assert answer.status == 413
        assert "error" in await answer.json()


async def test_a_store_that_does_not_answer_is_503(
    url: str, session: ClientSession, operations: FakeOperations
) -> None:
    operations.fault = StoreUnavailable("the disk is full", 7)
    async with session.get(f"{url}/api/v1/alerts") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "7")


async def test_a_fault_of_ours_shows_and_logs_its_type_only(
    url: str, session: ClientSession, operations: FakeOperations
) -> None:
    operations.fault = RuntimeError(f"text with {TOKEN}")
    with capture_logs() as logs:
        status, content = await get(session, f"{url}/api/v1/alerts")
    assert (status, TOKEN in str(content)) == (500, False)
    assert [(line["event"], line["error"]) for line in logs] == [("request.failed", "RuntimeError")]
