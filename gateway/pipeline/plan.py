"""What would be done on a route that changes things or asks first: in words for people, and as an id for what exactly
somebody agrees to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from gateway.destinations._remedy import Target
from gateway.domain import approval
from gateway.domain.alert import Alert
from gateway.domain.remediation import NOTHING_OPEN, left_alone, narrowed, passing
from gateway.domain.text import code_points, delimited, fit_list
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.receiver import receiver_name, receiver_settings, receiver_texts

_LONGEST_PLAN = 1000
_DRY_RUN = "DRY_RUN, nothing is changed; otherwise: "


@dataclass(frozen=True, slots=True)
class Plan:
    """`text`: in one line; a long one is cut, with a true count. `steps`: a line for each resource, none left out;
    empty where the alert is passed on as a whole. `id`: the same only while the same would be done by the same
    receiver with the same settings. `settings`: those, in one line.
    """

    text: str
    steps: tuple[str, ...]
    id: str
    settings: str


def targets_of(alert: Alert) -> tuple[Target, ...]:
    """Each of its resources once. `alert`: narrowed."""
    names = dict.fromkeys(resource.info for resource in alert.resources)
    return tuple(Target(name, alert.environment, alert.rule) for name in names)


def plan_of(route: ConfiguredRoute, alert: Alert) -> Plan:
    """What is asked for on such a route, without looking at anything. `alert`: as it was received."""
    if route.guard is None:
        text = f"{receiver_name(route)} is sent the alert"
        return Plan(text, (), approval.plan_id(receiver_texts(route)), receiver_settings(route.settings))
    targets, remedy = targets_of(narrowed(alert, passing(alert, route.filter))), route.destination.remedy
    if remedy is not None:
        steps = tuple(remedy.asks(target, route.settings) for target in targets)
        lead = f"on {len(steps)} resources: " if len(steps) > 1 else ""
    else:
        steps = tuple(delimited(target.resource) for target in targets)
        lead = f"{receiver_name(route)} is sent the alert with {len(steps)} OPEN resource{'s' * (len(steps) != 1)}: "
    text = lead + fit_list(steps, _LONGEST_PLAN, code_points) if steps else f"nothing: {NOTHING_OPEN}"
    text = "; ".join(filter(None, (text, left_alone(alert, route.filter))))
    tried = _DRY_RUN if route.guard.dry_run else ""
    names = json.dumps([target.resource for target in targets])
    plan_id = approval.plan_id((*receiver_texts(route), tried, names, *steps))
    return Plan(tried + text, steps, plan_id, receiver_settings(route.settings))


def too_many(route: ConfiguredRoute, alert: Alert) -> str:
    """Why it is not done unless a person approves it, "" where nothing is against it. `alert`: narrowed."""
    guard, count = route.guard, len(targets_of(alert))
    if guard is None or guard.dry_run or count <= guard.most_resources:
        return ""
    return (
        f"it names {count} resources, and MOST_RESOURCES={guard.most_resources}: look at them, then set more, or "
        "APPROVAL=required, and replay it"
    )
