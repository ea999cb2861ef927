"""What Prometheus sees. Every series of a configured source or route is there from the start, at nought: a rate over a
counter that appears only with its first failure would miss just that failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest

from gateway.domain.delivery import RouteStatus, State
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import Severity
from gateway.domain.telling import DELIVERED_WORDS, Word
from gateway.telemetry.tables import UNKNOWN, CounterTable, HistogramTable, gauge_lines

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PREFIX: Final = "optix_gateway_"

ANSWERS: Final = ("accepted", "duplicate", "held", "400", "401", "404", "405", "408", "413", "503", "other")
OUTCOMES: Final = (*(kind.value for kind in OutcomeClass), "interrupted")
UNTOLD: Final = tuple(word.value for word in Word if word not in DELIVERED_WORDS)
GIVEN_UP: Final = ("attempts", "deadline", "rejected", "too_large", "format", "approval", "hourly", "guard", "other")
BREAKER: Final[Mapping[RouteStatus, int]] = {RouteStatus.RUNNING: 0, RouteStatus.OPEN: 1, RouteStatus.PAUSED: 2}

_DELIVERY_S: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200, 259200)
_COMMIT_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_COMMIT_ITEMS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


@dataclass(frozen=True, slots=True)
class StoreReads:
    """What only the store knows, fetched for one scrape. `oldest_due_s`: of the routes with something due."""

    oldest_due_s: Mapping[str, float] = field(default_factory=dict)
    held: int = 0
    approvals: int = 0


class Metrics:
    def __init__(self, *, version: str, sources: Iterable[str], routes: Iterable[str]) -> None:
        sources, self._routes = tuple(sources), tuple(routes)
        self.webhooks = _counters("webhooks_total", "Answers to webhooks", ("source", "answer"), sources, ANSWERS)
        self.alerts = _counters(
            "alerts_total", "New alerts stored", ("source", "severity"), sources, tuple(map(str, Severity))
        )
        self.attempts = _counters(
            "attempts_total", "Attempts ended, by outcome", ("route", "outcome"), self._routes, OUTCOMES
        )
        self.deliveries = _counters(
            "deliveries_total", "Deliveries that came into a state", ("route", "state"), self._routes, tuple(State)
        )
        self.given_up = _counters(
            "given_up_total",
            "Deliveries that ended dead, or were parked by an attempt, and why",
            ("route", "reason"),
            self._routes,
            GIVEN_UP,
        )
        self.untold = _counters(
            "untold_total",
            "Alerts that a route's filter took and its receiver was not told of, and why",
            ("route", "word"),
            self._routes,
            UNTOLD,
        )
        self.delivery_seconds = HistogramTable(
            f"{PREFIX}delivery_seconds", "From the webhook to the receiver's yes", "route", self._routes, _DELIVERY_S
        )
        self._route_status = dict.fromkeys(self._routes, BREAKER[RouteStatus.RUNNING])
        self._registry = CollectorRegistry()
        self._commit_seconds = self._histogram("commit_seconds", "Time of one commit of the store", _COMMIT_S)
        self._commit_items = self._histogram("commit_items", "Writes that shared one commit", _COMMIT_ITEMS)
        build = Gauge(f"{PREFIX}build_info", "The version that runs", ["version"], registry=self._registry)
        build.labels(version).set(1)
        ProcessCollector(registry=self._registry)

    def _histogram(self, name: str, meaning: str, bounds: tuple[float, ...]) -> Histogram:
        return Histogram(f"{PREFIX}{name}", meaning, buckets=bounds, registry=self._registry)

    def committed(self, seconds: float, items: int) -> None:
        """The only one that may be called from another thread."""
        self._commit_seconds.observe(seconds)
        self._commit_items.observe(items)

    def set_status(self, route: str, status: RouteStatus) -> None:
        if route in self._route_status:
            self._route_status[route] = BREAKER[status]

    async def scrape(self, reads: StoreReads | None) -> bytes:
        """Everything as text. `reads` None: the store did not answer, and what it alone knows is left out."""
        lines = "".join(self._lines(reads))
        return lines.encode() + generate_latest(self._registry)

    def _lines(self, reads: StoreReads | None) -> Iterator[str]:
        for counters in (self.webhooks, self.alerts, self.attempts, self.deliveries, self.given_up, self.untold):
            yield from counters.lines()
        yield from self.delivery_seconds.lines()
        yield from gauge_lines(f"{PREFIX}breaker_state", "0 running, 1 open, 2 paused", "route", self._route_status)
        if reads is not None:
            yield from self._store_lines(reads)

    def _store_lines(self, reads: StoreReads) -> Iterator[str]:
        ages_s = dict.fromkeys(self._routes, 0.0)
        for route, age_s in reads.oldest_due_s.items():
            name = route if route in ages_s else UNKNOWN
            ages_s[name] = max(ages_s.get(name, 0.0), age_s)
        yield from gauge_lines(
            f"{PREFIX}oldest_due_age_seconds", "How long the oldest delivery has been due", "route", ages_s
        )
        name = f"{PREFIX}held"
        yield f"# HELP {name} Alerts that could not be read and wait for an operator\n# TYPE {name} gauge\n"
        yield f"{name} {reads.held}\n"
        name = f"{PREFIX}approvals_waiting"
        yield f"# HELP {name} Deliveries that wait for a person's approval\n# TYPE {name} gauge\n"
        yield f"{name} {reads.approvals}\n"


def _counters(
    name: str, meaning: str, labels: tuple[str, str], rows: tuple[str, ...], columns: tuple[str, ...]
) -> CounterTable:
    return CounterTable(f"{PREFIX}{name}", meaning, labels, rows, columns)
