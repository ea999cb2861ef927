"""What operators ask of the store, and the rows they get: for the API, the command line and the page alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.domain.alert import JSON
from gateway.domain.delivery import State

PAGE = 100


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
class DeliveryRow:
    """`due_us` None: nothing is planned. `finished_us` None: not finished. `reason`: of the last attempt or change."""

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


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """`number` counts every hand-out from 1; `detail` is the recorded AttemptRecord as JSON, times as *_us."""

    number: int
    detail: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows, youngest first. `next`: the cursor to hand in for the following page, "" at the end."""

    alerts: tuple[AlertRow, ...] = ()
    deliveries: tuple[DeliveryRow, ...] = ()
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
