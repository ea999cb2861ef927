from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog

from gateway.domain.delivery import (
    AttemptRecord,
    Claim,
    Member,
    MemberResult,
    NewAlert,
    NewDelivery,
    Result,
    RouteState,
    RouteStatus,
    State,
    Stored,
)
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.telling import Decision, Word
from gateway.ports import Observer
from gateway.telemetry.events import EVENTS
from gateway.telemetry.logs import configure
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.observer import TelemetryObserver

SECOND_US = 1_000_000
NEW = NewAlert("optix", bytes(32), b"{}", SECOND_US, "r1", severity="high")
CLAIM = Claim(1, 7, "a-1.soc", "a-1", "soc", "optix", b"{}", SECOND_US, SECOND_US, SECOND_US, SECOND_US, 2, 3)


@dataclass(slots=True)
class HandClock:
    seconds: float = 100.0

    def now_us(self) -> int:
        return int(self.seconds * SECOND_US)

    def monotonic_s(self) -> float:
        return self.seconds


@dataclass(slots=True)
class Told:
    """An observer with what it writes and counts."""

    out: io.StringIO = field(default_factory=io.StringIO)
    clock: HandClock = field(default_factory=HandClock)
    metrics: Metrics = field(default_factory=lambda: Metrics(version="1", sources=("optix",), routes=("soc",)))

    def observer(self) -> TelemetryObserver:
        return TelemetryObserver(configure("json", "info", self.out), self.metrics, self.clock)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.getvalue().splitlines()]

    async def count(self, series: str) -> float:
        text = (await self.metrics.scrape(None)).decode()
        return next(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(series))


@pytest.fixture
def told() -> Iterator[Told]:
    yield Told()
    structlog.reset_defaults()


def test_it_fills_the_port(told: Told) -> None:
    observer: Observer = told.observer()
    observer.committed(0.1, 1)


async def test_an_accepted_webhook_is_told_with_its_routes_and_counted_by_severity(told: Told) -> None:
    told.observer().webhook_accepted("optix", Stored("a-1", routes=("soc",)), NEW, 512)
    (line,) = told.lines()
    expected = {"event": "webhook.accepted", "alert": "a-1", "source": "optix", "severity": "high", "routes": ["soc"]}
    assert line.items() >= {**expected, "bytes": 512}.items()
    assert await told.count('optix_gateway_webhooks_total{source="optix",answer="accepted"}') == 1
    assert await told.count('optix_gateway_alerts_total{source="optix",severity="high"}') == 1
    assert await told.count('optix_gateway_deliveries_total{route="soc",state="pending"}') == 1


async def test_who_is_not_told_is_named_with_the_word_and_counted(told: Told) -> None:
    new = NEW._replace(decisions=(Decision("soc", Word.MUTED, "outside ACTIVE"), Decision("late", Word.HELD)))
    stored = Stored("a-1", routes=("late",), decided=(Decision("soc2", Word.UNCHANGED), Decision("late", Word.TOLD)))
    told.observer().webhook_accepted("optix", stored, new, 512)
    (line,) = told.lines()
    assert line["untold"] == ["soc: muted", "soc2: unchanged"]
    assert await told.count('optix_gateway_untold_total{route="soc",word="muted"}') == 1
    assert await told.count('optix_gateway_untold_total{route="unknown",word="unchanged"}') == 1


async def test_when_everybody_is_told_nothing_is_said_of_those_who_are_not(told: Told) -> None:
    observer = told.observer()
    observer.webhook_accepted("optix", Stored("a-1", routes=("soc",)), NEW, 512)
    observer.webhook_accepted("optix", Stored("a-2", routes=("soc",), decided=(Decision("soc", Word.TOLD),)), NEW, 512)
    assert ["untold" in line for line in told.lines()] == [False, False]


def test_of_a_great_many_who_are_not_told_the_log_shows_some_with_a_true_count(told: Told) -> None:
    decided = tuple(Decision(f"r{number}", Word.UNCHANGED) for number in range(1000))
    told.observer().webhook_accepted("optix", Stored("a-1", decided=decided), NEW, 512)
    (line,) = told.lines()
    assert (len(line["untold"]), line["untold"][-1]) == (21, "+980 more")


async def test_a_repeat_tells_nobody_anew(told: Told) -> None:
    stored = Stored("a-1", duplicate=True)
    told.observer().webhook_accepted("optix", stored, NEW._replace(decisions=(Decision("soc", Word.MUTED),)), 2)
    assert await told.count('optix_gateway_untold_total{route="soc",word="muted"}') == 0


async def test_a_delivery_that_is_parked_from_the_start_counts_as_parked(told: Told) -> None:
    new = NEW._replace(deliveries=(NewDelivery("soc", parked="WHEN has no answer"),))
    told.observer().webhook_accepted("optix", Stored("a-1", routes=("soc",)), new, 2)
    assert await told.count('optix_gateway_deliveries_total{route="soc",state="parked"}') == 1
    assert await told.count('optix_gateway_deliveries_total{route="soc",state="pending"}') == 0


async def test_a_repeat_and_a_held_alert_are_told_apart_and_are_no_new_alerts(told: Told) -> None:
    observer = told.observer()
    observer.webhook_accepted("optix", Stored("a-1", duplicate=True, routes=("soc",)), NEW, 2)
    observer.webhook_accepted("optix", Stored("a-2", held=True), NEW._replace(held="no payloadData", severity=""), 2)
    assert [line["event"] for line in told.lines()] == ["webhook.duplicated", "webhook.held"]
    assert told.lines()[1]["reason"] == "no payloadData"
    assert await told.count('optix_gateway_alerts_total{source="optix",severity="high"}') == 0
    assert await told.count('optix_gateway_webhooks_total{source="optix",answer="held"}') == 1


async def test_refusals_are_all_counted_but_told_once_a_second_for_each_source_and_status(told: Told) -> None:
    observer = told.observer()
    for _ in range(50):
        observer.webhook_refused("optix", 401, "wrong credentials")
    observer.webhook_refused("optix", 413, "too large")
    told.clock.seconds += 1
    observer.webhook_refused("optix", 401, "wrong credentials")
    told.clock.seconds += 1
    observer.webhook_refused("optix", 401, "wrong credentials")
    assert [(line["status"], line.get("suppressed")) for line in told.lines()] == [
        (401, None), (413, None), (401, 49), (401, None),
    ]  # fmt: skip
    assert await told.count('optix_gateway_webhooks_total{source="optix",answer="401"}') == 52


async def test_an_answer_that_is_not_in_the_table_counts_as_other(told: Told) -> None:
    told.observer().webhook_refused("optix", 418, "odd")
    assert await told.count('optix_gateway_webhooks_total{source="optix",answer="other"}') == 1


def result(state: State, kind: OutcomeClass, *, delay_us: int = 0, given_up: str = "") -> Result:
    record = AttemptRecord(SECOND_US, SECOND_US, SECOND_US, 3 * SECOND_US, kind, "said so", status=503)
    return Result(1, 7, state, record, delay_us=delay_us, given_up=given_up)


@pytest.mark.parametrize(
    ("ended", "event", "more"),
    [
        (result(State.DELIVERED, OutcomeClass.OK), "delivery.delivered", {"age_s": 2.0}),
        (result(State.PENDING, OutcomeClass.RETRY, delay_us=1500000), "delivery.delayed", {"wait_s": 1.5}),
        (result(State.DEAD, OutcomeClass.REJECTED, given_up="rejected"), "delivery.given_up", {"level": "error"}),
        (result(State.PARKED, OutcomeClass.OURS, given_up="format"), "delivery.parked", {"level": "warning"}),
    ],
)
async def test_each_end_of_an_attempt_is_one_line(told: Told, ended: Result, event: str, more: dict[str, Any]) -> None:
    kind = OutcomeClass(ended.record.outcome)
    told.observer().attempt_ended(CLAIM, ended, Outcome(kind, "unmasked reason", 503))
    (line,) = told.lines()
    fields = {"alert": "a-1", "delivery": "a-1.soc", "route": "soc", "source": "optix", "attempt": 2, "status": 503}
    assert line.items() >= {**fields, "event": event, "outcome": kind.value, "reason": "said so", **more}.items()
    assert await told.count(f'optix_gateway_attempts_total{{route="soc",outcome="{kind.value}"}}') == 1


@pytest.mark.parametrize("state", [State.DELIVERED, State.DEAD, State.PARKED])
async def test_deliveries_that_go_in_one_message_are_all_counted_and_their_attempt_once(
    told: Told, state: State
) -> None:
    members = tuple(Member(n, 1, f"a-{n}.soc", f"a-{n}", "optix", b"{}", None) for n in (2, 3))
    ended = result(state, OutcomeClass.OK)._replace(members=(MemberResult(2, 1), MemberResult(3, 1)))
    told.observer().attempt_ended(CLAIM._replace(members=members), ended, Outcome(OutcomeClass.OK, ""))
    assert await told.count(f'optix_gateway_deliveries_total{{route="soc",state="{state}"}}') == 3
    assert await told.count('optix_gateway_attempts_total{route="soc",outcome="ok"}') == 1
    given_up = 0 if state is State.DELIVERED else 3
    assert await told.count('optix_gateway_given_up_total{route="soc",reason="other"}') == given_up
    (line,) = told.lines()
    assert line["members"] == ["a-2.soc", "a-3.soc"]


async def test_what_closed_before_its_receiver_heard_of_it_is_not_given_up(told: Told) -> None:
    told.observer().attempt_ended(CLAIM, result(State.SUPERSEDED, OutcomeClass.OK), Outcome(OutcomeClass.OK, ""))
    (line,) = told.lines()
    assert (line["event"], line["level"], line["reason"]) == ("delivery.superseded", "info", "said so")
    assert await told.count('optix_gateway_deliveries_total{route="soc",state="superseded"}') == 1
    assert await told.count('optix_gateway_given_up_total{route="soc",reason="other"}') == 0


async def test_what_was_given_up_is_counted_by_a_fixed_word(told: Told) -> None:
    observer = told.observer()
    observer.attempt_ended(
        CLAIM, result(State.DEAD, OutcomeClass.RETRY, given_up="deadline"), Outcome(OutcomeClass.RETRY, "")
    )
    observer.attempt_ended(
        CLAIM, result(State.DEAD, OutcomeClass.RETRY, given_up="novel"), Outcome(OutcomeClass.RETRY, "")
    )
    assert await told.count('optix_gateway_given_up_total{route="soc",reason="deadline"}') == 1
    assert await told.count('optix_gateway_given_up_total{route="soc",reason="other"}') == 1
    assert await told.count('optix_gateway_deliveries_total{route="soc",state="dead"}') == 2


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        (RouteStatus.RUNNING, RouteStatus.OPEN, "route.opened"),
        (RouteStatus.OPEN, RouteStatus.RUNNING, "route.recovered"),
        (RouteStatus.RUNNING, RouteStatus.PAUSED, "route.paused"),
        (RouteStatus.PAUSED, RouteStatus.RUNNING, "route.resumed"),
        (RouteStatus.OPEN, RouteStatus.OPEN, None),
    ],
)
async def test_a_route_is_told_of_when_its_status_changes(
    told: Told, before: RouteStatus, after: RouteStatus, event: str | None
) -> None:
    told.observer().route_changed(RouteState("soc", before), RouteState("soc", after, reason="500", probe_at_us=5))
    assert [line["event"] for line in told.lines()] == ([event] if event else [])
    order = [RouteStatus.RUNNING, RouteStatus.OPEN, RouteStatus.PAUSED]
    assert await told.count('optix_gateway_breaker_state{route="soc"}') == order.index(after)


def test_a_receiver_that_asks_for_silence_is_told_of_with_the_wait(told: Told) -> None:
    told.observer().route_changed(RouteState("soc"), RouteState("soc", hold_until_us=130 * SECOND_US))
    (line,) = told.lines()
    assert (line["event"], line["wait_s"]) == ("route.held_back", 30.0)


async def test_routes_stopped_before_a_restart_are_shown_as_such(told: Told) -> None:
    told.observer().restore([RouteState("soc", RouteStatus.PAUSED)])
    assert await told.count('optix_gateway_breaker_state{route="soc"}') == 2


def test_changes_by_operators_are_told_when_something_changed(told: Told) -> None:
    observer = told.observer()
    observer.deliveries_changed(("a-1.soc", "a-2.soc"), "pending", "the ops API")
    observer.deliveries_changed(tuple(f"a-{n}.soc" for n in range(500)), "cancelled", "the ops API")
    observer.deliveries_changed((), "pending", "the ops API")
    assert [(line["event"], line["count"]) for line in told.lines()] == [
        ("deliveries.replayed", 2), ("deliveries.cancelled", 500),
    ]  # fmt: skip
    assert len(told.lines()[1]["deliveries"]) == 20


async def test_leases_and_purges_are_told(told: Told) -> None:
    observer = told.observer()
    observer.lease_lost(CLAIM)
    observer.lease_expired("soc")
    observer.purged(0)
    observer.purged(12)
    assert [line["event"] for line in told.lines()] == ["delivery.lease_lost", "lease.expired", "alerts.purged"]
    assert await told.count('optix_gateway_attempts_total{route="soc",outcome="interrupted"}') == 1
    assert {line["event"] for line in told.lines()} <= EVENTS.keys()
