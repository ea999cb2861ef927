"""A route that changes something out there instead of telling somebody: what keeps that safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from gateway.domain.alert import Alert
from gateway.domain.condition import Match, Reading
from gateway.domain.filter import Filter
from gateway.domain.optix import keep_resources
from gateway.domain.pattern import fold

HOURLY = 10
MOST_RESOURCES = 25
HOUR_US = 3_600_000_000
NOTHING_OPEN = "none of its resources is OPEN (any more) and named by RESOURCES, and a remediation is for such alone"


@dataclass(frozen=True, slots=True)
class Guard:
    """`hourly`: so many alerts are acted upon in an hour, others are parked. `dry_run`: it is only said what would
    change. `most_resources`: an alert that names more is parked, unless a person approved just that.
    """

    hourly: int = HOURLY
    dry_run: bool = True
    most_resources: int = MOST_RESOURCES


def passing(alert: Alert, filter_: Filter) -> tuple[bool, ...]:
    """Which of its resources a remediation may touch: those that are OPEN and that RESOURCES names. (For a filter one
    that is named is enough to take the alert; that must not hand over the others.)
    """
    wanted = [c for c in filter_.conditions if isinstance(c, Match) and c.name == "RESOURCES"]
    return tuple(
        resource.is_open and all(match.holds(Reading(replace(alert, resources=(resource,)))) for match in wanted)
        for resource in alert.resources
    )


def narrowed(alert: Alert, passing_: Sequence[bool]) -> Alert:
    return replace(alert, resources=tuple(r for r, passes in zip(alert.resources, passing_, strict=True) if passes))


def narrowed_body(body: bytes, passing_: Sequence[bool]) -> bytes:
    """The event as received with those resources alone: byte for byte where they are all. Raises NotNarrowed."""
    return body if all(passing_) else keep_resources(body, passing_)


def locks_of(alert: Alert) -> tuple[str, ...]:
    """What nobody else may change meanwhile: the same text whichever rule names a resource. `alert`: narrowed."""
    names = {f"{fold(alert.environment)}\n{fold(resource.info)}" for resource in alert.resources}
    return tuple(sorted(names))


class Work(NamedTuple):
    """What is about to be asked for. `delivery`, `alert`: the gateway's ids. `key`: of the incident. `locks`: as
    `locks_of`. `plan`: what is asked for, in words. `agreed`: who approved it, "" where nobody had to. `hourly`: how
    much the route may do in an hour. `lease_us`: for how long the locks hold if no end is written. `first_us`: when the
    first of these attempts was claimed; what was asked for before that is another entry, as after a replay.
    """

    delivery: str
    alert: str
    route: str
    kind: str
    key: str
    environment: str
    rule: str
    locks: tuple[str, ...]
    plan: str
    dry_run: bool
    agreed: str
    hourly: int
    lease_us: int
    first_us: int = 0


class Begun(NamedTuple):
    """`id` None: it may not begin, because another delivery (`busy`) holds one of the resources, or because the route
    did so much in the last hour (`spent`).
    """

    id: int | None
    busy: str = ""
    spent: int = 0


class StepWord(StrEnum):
    """What became of one resource. `changing`: it was about to be changed, and no end is written. `undone`: it was
    changed and put back, which no later attempt of the same work changes again; said of it, and never stored.
    """

    CHANGING = "changing"
    CHANGED = "changed"
    SAFE = "already safe"
    NOT_OURS = "not ours"
    FAILED = "failed"
    WOULD_CHANGE = "would change"
    UNDONE = "undone"


class Step(NamedTuple):
    """One resource of a remediation. `before`, `after`: its setting as it was replaced and as it was written; "" where
    nothing was written, None for what an earlier attempt said.
    """

    resource: str
    word: StepWord
    said: str = ""
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class StepRow:
    resource: str
    word: StepWord
    said: str
    before: str
    after: str
    at_us: int
    undone_us: int | None = None
    undone_by: str = ""


@dataclass(frozen=True, slots=True)
class RemediationRow:
    """One entry of the audit trail. `ended_us` None: no end is written (yet). `tries`: how often it was asked for."""

    id: int
    delivery: str
    alert: str
    route: str
    kind: str
    key: str
    environment: str
    rule: str
    plan: str
    dry_run: bool
    agreed: str
    asked_us: int
    tries: int
    ended_us: int | None
    outcome: str
    result: str
    steps: tuple[StepRow, ...] = ()
