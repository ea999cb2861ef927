"""The ops API over a gateway that is a few rows in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import ClientSession

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

TOKEN = "planted-ops-token-88c1"
MOMENT_US = 1_700_000_000_000_000
ISO = "2023-11-14T22:13:20.000Z"


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


async def scrape() -> bytes:
    return b"optix_gateway_held 0\n"


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
