"""What would be done on a route that changes things or asks first: in words for people, and as an id for what exactly
somebody agrees to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.destinations._remedy import Target
from gateway.domain import approval
from gateway.domain.alert import Alert
from gateway.domain.remediation import NOTHING_OPEN, narrowed, passing
from gateway.domain.text import code_points, delimited, fit_list
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.mask import mask

_LONGEST_PLAN = 1000
_DRY_RUN = "DRY_RUN, nothing is changed; otherwise: "


@dataclass(frozen=True, slots=True)
class Plan:
    """`text`: in one line; a long one is cut, with a true count. `steps`: a line for each resource, none left out;
    empty where the alert is passed on as a whole. `id`: the same only while the same would be done by the same
    receiver with the same settings.
    """

    text: str
    steps: tuple[str, ...]
    id: str


def targets_of(alert: Alert) -> tuple[Target, ...]:
    """Each of its resources once. `alert`: narrowed."""
    names = dict.fromkeys(resource.info for resource in alert.resources)
    return tuple(Target(name, alert.environment, alert.rule) for name in names)


def plan_of(route: ConfiguredRoute, alert: Alert) -> Plan:
    """What is asked for on such a route, without looking at anything. `alert`: as it was received."""
    if route.guard is None:
        text = f"{_name(route)} is sent the alert"
        return Plan(text, (), approval.plan_id(_receiver(route)))
    targets, remedy = targets_of(narrowed(alert, passing(alert, route.filter))), route.destination.remedy
    if remedy is not None:
        steps = tuple(remedy.asks(target, route.settings) for target in targets)
        lead = f"on {len(steps)} resources: " if len(steps) > 1 else ""
    else:
        steps = tuple(delimited(target.resource) for target in targets)
        lead = f"{_name(route)} is sent the alert with {len(steps)} OPEN resource{'s' * (len(steps) != 1)}: "
    text = lead + fit_list(steps, _LONGEST_PLAN, code_points) if steps else f"nothing: {NOTHING_OPEN}"
    tried = _DRY_RUN if route.guard.dry_run else ""
    names = json.dumps([target.resource for target in targets])
    return Plan(tried + text, steps, approval.plan_id((*_receiver(route), tried, names, *steps)))


def too_many(route: ConfiguredRoute, alert: Alert) -> str:
    """Why it is not done unless a person approves it, "" where nothing is against it. `alert`: narrowed."""
    guard, count = route.guard, len(targets_of(alert))
    if guard is None or guard.dry_run or count <= guard.most_resources:
        return ""
    return (
        f"it names {count} resources, and MOST_RESOURCES={guard.most_resources}: look at them, then set more, or "
        "APPROVAL=required, and replay it"
    )


def _name(route: ConfiguredRoute) -> str:
    receiver = mask(route.settings.receiver(), route.settings.secrets())
    return f"{route.kind} ({receiver})" if receiver else route.kind


def _receiver(route: ConfiguredRoute) -> Iterator[str]:
    """Who would do it, and how. A setting at its default does not take part, so that a newer version that has more of
    them finds what was approved unchanged; nor does a secret, which may be rotated, unless it says where to send or
    what to do there.
    """
    yield route.kind
    yield route.settings.model_dump_json(exclude_defaults=True)
    yield json.dumps(route.settings.addresses())
    yield json.dumps(route.settings.instructions())
