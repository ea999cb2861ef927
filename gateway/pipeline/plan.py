"""What would be done on a route that changes things or asks first, in words: for `explain` and for whoever approves."""

from __future__ import annotations

from gateway.destinations._remedy import Target
from gateway.domain.alert import Alert
from gateway.domain.remediation import narrowed, passing
from gateway.domain.text import code_points, fit_list
from gateway.pipeline.configured import ConfiguredRoute

_LONGEST_PLAN = 1000


def targets_of(alert: Alert) -> tuple[Target, ...]:
    """Each of its resources once. `alert`: narrowed."""
    names = dict.fromkeys(resource.info for resource in alert.resources)
    return tuple(Target(name, alert.environment, alert.rule) for name in names)


def plan_of(route: ConfiguredRoute, alert: Alert) -> str:
    """What is asked for on such a route, in words, without looking at anything."""
    if route.guard is None:
        return f"{route.kind} is sent the alert"
    targets, remedy = targets_of(narrowed(alert, passing(alert, route.filter))), route.destination.remedy
    if remedy is not None:
        return fit_list([remedy.asks(target, route.settings) for target in targets], _LONGEST_PLAN, code_points)
    names = fit_list([target.resource for target in targets], _LONGEST_PLAN, code_points)
    return f"{route.kind} is sent the alert with its OPEN resources: {names}"
