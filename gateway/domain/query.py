"""What operators ask of the store, and the rows they get: for the API, the command line and the page alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.domain.alert import JSON
from gateway.domain.change import Score
from gateway.domain.delivery import State
from gateway.domain.severity import Severity
from gateway.domain.silence import Silence
from gateway.domain.telling import Decision

PAGE = 100

WaitsFor = Literal["", "route", "approval", "replay"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which deliveries. Every part that is set must hold; () and None mean any. Times in microseconds since the epoch.

    `ids` are delivery ids; an id that is not there selects nothing. `alert`: the gateway's id of the alert.
    `environment`, `severity`, `alert_type`, `rule` are compared without case.
    """

    ids: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    routes: tuple[str, ...] = ()
    alert: str = ""
    environment: str = ""
    severity: str = ""
    alert_type: str = ""
    rule: str = ""
    since_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class AlertSelection:
    """Which alerts; the same rules. `key` is the incident key, `alert_id` the vendor's. `held`: None for both kinds."""

    source: str = ""
    environment: str = ""
    alert_id: str = ""
    key: str = ""
    severity: str = ""
    alert_type: str = ""
    rule: str = ""
    held: bool | None = None
    since_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class AlertRow:
    """`id` is the gateway's. `held` is the reason or None. `routes`: those that took it."""

    id: str
    source: str
    received_us: int
    environment: str
    alert_id: str
    key: str
    alert_type: str
    severity: str
    score: float | None
    rule: str
    summary: str
    held: str | None
    revision: str
    routes: tuple[str, ...]
    body_size: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What was recorded when an alert came. `decisions`: of the routes whose filter took it, but for those that were
    simply sent it; of 200 at most. `before`: the incident's state before, encoded; b"" for the very same, None when
    there was none.
    """

    decisions: tuple[Decision, ...] = ()
    before: bytes | None = None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """`due_us` None: nothing is planned. `finished_us` None: not finished. `reason`: of the last attempt or change.
    `hold`: what it was held for last, as in `NewDelivery`; "" for nothing. `stands_in_for`: the routes
    that are to deliver first, with commas between, "" for none. `waits_for`: what takes it out of `parked`: that its
    route runs again, that somebody approves it, or replays it; "" in every other state.
    """

    id: str
    alert: str
    route: str
    state: State
    attempts: int
    created_us: int
    due_us: int | None
    finished_us: int | None
    reason: str
    severity: str
    summary: str
    hold: str = ""
    stands_in_for: str = ""
    waits_for: WaitsFor = ""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """`number` counts every hand-out from 1; `detail` is the recorded AttemptRecord as JSON, times as *_us."""

    number: int
    detail: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class IncidentSelection:
    """Which incidents; the same rules. `open`: whether any of its resources is open; None for both kinds."""

    source: str = ""
    environment: str = ""
    rule: str = ""
    key: str = ""
    open: bool | None = None


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """Times are of arrival. `changed_us`: when its state last became another. `open_count`: of its resources."""

    key: str
    source: str
    environment: str
    alert_id: str
    rule: str
    first_seen_us: int
    last_seen_us: int
    changed_us: int
    open_count: int


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """`state`: now, or the last one when it is gone."""

    info: str
    state: str
    first_seen_us: int
    last_seen_us: int


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """`alert`: the id of the one that brought it; it may be purged. `reasons` in the words of NOTIFY."""

    at_us: int
    alert: str
    reasons: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class ToldRow:
    """What one receiver was last told of an incident. `told_us` None: it never was; then `alert` is "", `open_count`
    and `score` are None. `asked_us`: when a delivery was last made for it, None when it was only passed over.
    `unseen`: what changed since, in words; "" when it knows how the incident stands.
    """

    route: str
    told_us: int | None
    alert: str
    reference: str
    asked_us: int | None
    open_count: int | None
    score: Score
    unseen: str


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    """`gone`: what is no longer listed, the latest last. `changes`: after the first alert, the youngest first.
    `told`: of the routes that are told changes only, or in groups; the others are sent every alert.
    """

    incident: IncidentRow
    score: Score
    severity: Severity
    resources: tuple[ResourceRow, ...]
    gone: tuple[ResourceRow, ...]
    changes: tuple[ChangeRow, ...]
    told: tuple[ToldRow, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows, youngest first. `next`: the cursor to hand in for the following page, "" at the end."""

    alerts: tuple[AlertRow, ...] = ()
    deliveries: tuple[DeliveryRow, ...] = ()
    incidents: tuple[IncidentRow, ...] = ()
    silences: tuple[Silence, ...] = ()
    next: str = ""


JobKind = Literal["replay", "cancel"]


@dataclass(frozen=True, slots=True)
class Job:
    """A change of many deliveries, carried out in slices and remembered over restarts.

    `total`: how many were selected when it began; `done`: how many it has looked at; `changed`: how many it changed.
    `ended_us` None: still running. `cancelled`: an operator stopped it.
    """

    id: int
    kind: JobKind
    selection: Selection
    total: int
    done: int
    changed: int
    created_us: int
    ended_us: int | None = None
    cancelled: bool = False
