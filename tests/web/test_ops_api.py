from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from gateway import samples
from gateway.domain.change import compare
from gateway.domain.delivery import State
from gateway.domain.outcome import OutcomeClass
from gateway.domain.query import (
    AlertRow,
    AlertSelection,
    AttemptRow,
    ChangeRow,
    DeliveryRow,
    IncidentDetail,
    IncidentRow,
    IncidentSelection,
    Job,
    JobKind,
    Page,
    ResourceRow,
    Selection,
    ToldRow,
)
from gateway.domain.route import Verdict
from gateway.domain.severity import Severity
from gateway.domain.snapshot import OPEN, Snapshot
from gateway.domain.telling import Decision, Word
from gateway.pipeline.explain import Account, Explanation
from gateway.pipeline.operations import AlertDetail, Operations, RouteView
from gateway.pipeline.trial import TestReport
from gateway.ports import StoreUnavailable, UnknownCursor
from gateway.web.ops import ops_application
from tests.web.conftest import Serve

TOKEN = "planted-ops-token-88c1"
MOMENT_US = 1_700_000_000_000_000
ISO = "2023-11-14T22:13:20.000Z"
SAMPLE = samples.load(samples.DOCUMENTED)


class HandClock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def now_us(self) -> int:
        return MOMENT_US

    def monotonic_s(self) -> float:
        return self.seconds


class FakeOperations(Operations):
    """One held alert a-2, one alert a-1 with one dead delivery, one route, one job."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.who: list[str] = []
        self.is_alive, self.readiness_checks = True, 0
        self.why_not: str | None = None
        self.fault: Exception | None = None
        self.state = State.DEAD
        self.status = "running"

    def alive(self) -> bool:
        return self.is_alive

    async def ready(self) -> str | None:
        self.readiness_checks += 1
        return self.why_not

    def _alert(self, alert_id: str, held: str | None) -> AlertRow:
        return AlertRow(
            alert_id, "optix", MOMENT_US, "4441", "9", "optix-1", "Policy", "high", 83.0, "AR-251", "S3", held, "r1",
            ("soc",), 2,
        )  # fmt: skip

    def _delivery(self) -> DeliveryRow:
        return DeliveryRow("a-1.soc", "a-1", "soc", self.state, 1, MOMENT_US, None, None, "410 Gone", "high", "S3")

    async def alerts(self, selection: AlertSelection, *, limit: int, cursor: str = "") -> Page:
        self.asked.append((selection, limit, cursor))
        if self.fault:
            raise self.fault
        return Page(alerts=(self._alert("a-1", None),), next="a-1")

    async def alert(self, alert_id: str) -> AlertDetail | None:
        if alert_id not in ("a-1", "a-2"):
            return None
        held = "no payloadData" if alert_id == "a-2" else None
        resource = Snapshot(83, (("bucket", OPEN),))
        return AlertDetail(
            self._alert(alert_id, held),
            b"{}",
            (self._delivery(),),
            (Verdict("soc", True, "", "yes"),),
            (Decision("mail", Word.UNCHANGED, "nothing changed"),),
            None if held else compare(None, resource),
            (Account("soc", True, "told", "its filter took it", True, "a-1.soc", "dead"),),
            "r2",
        )

    def _incident(self) -> IncidentRow:
        return IncidentRow("optix-1", "optix", "4441", "9", "AR-251", MOMENT_US, MOMENT_US, MOMENT_US, 1)

    async def incidents(self, selection: IncidentSelection, *, limit: int, cursor: str = "") -> Page:
        self.asked.append((selection, limit, cursor))
        return Page(incidents=(self._incident(),), next="a-1~optix-1")

    async def incident(self, key: str) -> IncidentDetail | None:
        resource = ResourceRow("bucket", OPEN, MOMENT_US, MOMENT_US)
        change = ChangeRow(MOMENT_US, "a-1", ("grew", "raised"), "1 new of 1 open")
        told = ToldRow("soc", MOMENT_US, "a-1", "TICKET-7", None, 1, 83, "1 gone")
        found = IncidentDetail(self._incident(), 83, Severity.HIGH, (resource,), (), (change,), (told,))
        return found if key == "optix-1" else None

    async def deliveries(self, selection: Selection, *, limit: int, cursor: str = "") -> Page:
        self.asked.append((selection, limit, cursor))
        return Page(deliveries=(self._delivery(),))

    async def delivery(self, delivery_id: str) -> tuple[DeliveryRow, tuple[AttemptRow, ...]] | None:
        attempt = AttemptRow(1, {"started_us": MOMENT_US, "outcome": "gone"})
        return (self._delivery(), (attempt,)) if delivery_id == "a-1.soc" else None

    async def routes(self) -> tuple[RouteView, ...]:
        return (RouteView("soc", "discord", "everything", self.status),)

    async def explain(self, body: bytes, source: str) -> Explanation:
        self.asked.append((body, source))
        decided = Decision("soc", Word.MUTED, "outside ACTIVE")
        return Explanation(None, "not JSON", (Verdict("soc", False, "MIN_SEVERITY", "too low"),), decisions=(decided,))

    async def replay(self, delivery_ids: Sequence[str], *, by: str = "") -> tuple[str, ...]:
        self.who.append(by)
        before, self.state = self.state, State.PENDING
        return tuple(delivery_ids) if before is State.DEAD and list(delivery_ids) == ["a-1.soc"] else ()

    async def cancel(self, delivery_ids: Sequence[str], *, by: str = "") -> tuple[str, ...]:
        self.who.append(by)
        return tuple(delivery_ids) if self.state is State.PARKED else ()

    async def count(self, selection: Selection) -> int:
        self.asked.append(selection)
        return 42

    async def change_many(self, kind: JobKind, selection: Selection) -> Job:
        self.asked.append((kind, selection))
        return Job(7, kind, selection, 42, 0, 0, MOMENT_US)

    async def job(self, job_id: int) -> Job | None:
        return Job(7, "replay", Selection(), 42, 0, 0, MOMENT_US) if job_id == 7 else None

    async def jobs(self, *, limit: int = 100) -> tuple[Job, ...]:
        return (Job(7, "replay", Selection(), 42, 0, 0, MOMENT_US),)[:limit]

    async def stop_job(self, job_id: int) -> Job | None:
        return await self.job(job_id)

    async def readmit(self, alert_id: str) -> tuple[str, ...] | str | None:
        return {"a-2": ("soc",), "a-3": "no payloadData"}.get(alert_id)  # type: ignore[return-value] # a table of both

    async def pause(self, name: str, *, by: str = "") -> bool:
        self.who.append(by)
        self.status = "paused"
        return name == "soc"

    async def resume(self, name: str) -> bool:
        self.status = "running"
        return name == "soc"

    async def test_route(self, name: str) -> TestReport | None:
        report = TestReport("soc", ok=False, outcome=OutcomeClass.GONE, reason="410 Gone", status=410)
        return report if name == "soc" else None


@pytest.fixture
def operations() -> FakeOperations:
    return FakeOperations()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


async def scrape() -> bytes:
    return b"optix_gateway_held 0\n"


@pytest.fixture
async def url(serve: Serve, operations: FakeOperations, clock: HandClock) -> str:
    """A listener on loopback without a token."""
    return await serve(ops_application(operations, clock=clock, scrape=scrape, token=None, max_bytes=2**20))


@pytest.fixture
async def guarded(serve: Serve, operations: FakeOperations, clock: HandClock) -> str:
    return await serve(ops_application(operations, clock=clock, scrape=scrape, token=TOKEN, max_bytes=2**20))


async def get(session: ClientSession, url: str, **headers: str) -> tuple[int, Any]:
    async with session.get(url, headers=headers) as answer:
        assert answer.headers["Server"] == "optix-gateway"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        return answer.status, await answer.json()


async def post(session: ClientSession, url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    async with session.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


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


async def test_the_token_is_needed_for_everything_but_probes_and_metrics(guarded: str, session: ClientSession) -> None:
    for path in ("healthz", "readyz", "metrics"):
        async with session.get(f"{guarded}/{path}") as answer:
            assert answer.status == 200
    for path in ("", "api/v1/alerts", "api/v1/nothing"):
        status, content = await get(session, f"{guarded}/{path}")
        assert (status, content["error"]) == (401, "the ops token is missing or wrong")
    right = f"Bearer {TOKEN}"
    assert (await get(session, f"{guarded}/api/v1/alerts", Authorization=right))[0] == 200
    assert (await get(session, f"{guarded}/api/v1/alerts", Authorization=right.replace("Bearer", "bearer")))[0] == 200


@pytest.mark.parametrize("given", ["Bearer wrong", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer é"])
async def test_a_wrong_token_opens_nothing(guarded: str, session: ClientSession, given: str) -> None:
    status, content = await get(session, f"{guarded}/api/v1/alerts", Authorization=given)
    assert status == 401
    assert TOKEN not in str(content)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:8081", 200), ("127.0.0.1:8081", 200), ("127.9.9.9", 200), ("[::1]:8081", 200),
        ("attacker.example", 403), ("127.0.0.1.attacker.example", 403), ("10.0.0.1:8081", 403), ("[", 403), ("", 403),
    ],
)  # fmt: skip
async def test_without_a_token_only_loopback_names_are_answered(
    url: str, session: ClientSession, host: str, status: int
) -> None:
    assert (await get(session, f"{url}/api/v1/alerts", Host=host))[0] == status


async def test_without_a_token_other_sites_are_refused(url: str, session: ClientSession) -> None:
    for origin in ("https://attacker.example", "null", "http://localhost:1"):
        assert (await get(session, f"{url}/api/v1/alerts", Origin=origin))[0] == 403
    assert (await get(session, f"{url}/api/v1/alerts", Origin=url))[0] == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_form_of_another_site_changes_nothing(url: str, session: ClientSession, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    async with session.post(f"{url}/api/v1/replays", data=b"{}", headers=headers) as answer:
        assert answer.status == 415
        assert "application/json" in (await answer.json())["hint"]


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
