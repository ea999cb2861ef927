"""A route that changes something out there instead of telling somebody: what keeps that safe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from gateway.domain.alert import Alert, Resource
from gateway.domain.condition import Match
from gateway.domain.filter import Filter
from gateway.domain.optix import keep_resources
from gateway.domain.pattern import fold
from gateway.domain.text import code_points, delimited, fit_list

HOURLY = 10
MOST_RESOURCES = 25
HOUR_US = 3_600_000_000
NOTHING_OPEN = (
    "none of its resources is OPEN (any more) and left to it by RESOURCES and NOT_RESOURCES: it touches no other"
)
_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Guard:
    """`hourly`: so many alerts are acted upon in an hour, others are parked. `dry_run`: it is only said what would
    change. `most_resources`: an alert that names more is parked, unless a person approved just that.
    """

    hourly: int = HOURLY
    dry_run: bool = True
    most_resources: int = MOST_RESOURCES


def passing(alert: Alert, filter_: Filter) -> tuple[bool, ...]:
    """Which of its resources a remediation may touch: those that are OPEN, that RESOURCES names, and that NOT_RESOURCES
    does not. (A route takes an alert for one of them; that must not hand over the others.)
    """
    asked = [*_matches(filter_, "RESOURCES"), *_matches(filter_, "NOT_RESOURCES")]
    return tuple([resource.is_open and _fits(resource, asked) for resource in alert.resources])


def left_alone(alert: Alert, filter_: Filter) -> str:
    """What is OPEN and excluded, in words; "" where nothing is."""
    excluding = _matches(filter_, "NOT_RESOURCES")
    found = [resource.info for resource in alert.resources if resource.is_open and not _fits(resource, excluding)]
    names = [delimited(name) for name in dict.fromkeys(found)]
    return f"NOT_RESOURCES leaves alone: {fit_list(names, _SHOWN, code_points)}" if names else ""


def _matches(filter_: Filter, key: str) -> list[Match]:
    return [condition for condition in filter_.conditions if isinstance(condition, Match) and condition.key == key]


def _fits(resource: Resource, matches: Sequence[Match]) -> bool:
    name = fold(resource.info)
    return all(match.fits((name,) if name else ()) for match in matches)


def narrowed(alert: Alert, passing_: Sequence[bool]) -> Alert:
    return replace(alert, resources=tuple(r for r, passes in zip(alert.resources, passing_, strict=True) if passes))


def narrowed_body(body: bytes, passing_: Sequence[bool]) -> bytes:
    """The event as received with those resources alone: byte for byte where they are all. Raises NotNarrowed."""
    return body if all(passing_) else keep_resources(body, passing_)


def locks_of(alert: Alert) -> tuple[str, ...]:
    """What nobody else may change meanwhile: the same text whichever rule names a resource. `alert`: narrowed."""
    return locks_on(alert.environment, [resource.info for resource in alert.resources])


def locks_on(environment: str, resources: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({f"{fold(environment)}\n{fold(resource)}" for resource in resources}))


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
    """One entry of the audit trail. `ended_us` None: no end is written (yet); the outcome is `interrupted` where none
    will be. `tries`: how often it was asked for.
    """

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
