"""An alert as one JSON event, in the schema that an operator chose, within the receiver's limit."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal, TypeAlias

from gateway.destinations import Context
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import as_json
from gateway.domain import ecs, ocsf
from gateway.domain.alert import JSON, Alert, Resource
from gateway.domain.clip import Cost, Counts, Document, fitted, smallest
from gateway.domain.document import change_document, document

EventFormat: TypeAlias = Literal["alert", "ocsf", "ecs"]
FORMATS = "the alert as JSON, an OCSF 1.5 finding, or Elastic Common Schema"
LEAST_BYTES = 32 * 1024
"""No event is larger when it says as little as it can."""


def event(alert: Alert, context: Context, form: EventFormat) -> Document:
    """All that there is to say, as one JSON object."""
    follows = follow_up(alert, context)
    if form == "alert":
        return {
            **document(alert),
            "change": change_document(follows.change),
            "news": follows.news,
            "delivery_id": context.delivery_id,
            "route": context.route,
            "test": context.test,
        }
    made = ocsf.finding if form == "ocsf" else ecs.event
    return made(
        alert,
        delivery_id=context.delivery_id,
        sent_at=context.sent_at,
        change=follows.change,
        news=follows.news,
        test=context.test,
    )


def _json_bytes(made: Document) -> int:
    return len(as_json(made))


def fitted_event(
    alert: Alert, context: Context, form: EventFormat, max_bytes: int, cost: Cost = _json_bytes
) -> Document:
    """The event within `max_bytes` (`LEAST_BYTES` at least) as `cost` counts them. Where it does not fit, unknown keys
    and the details of resources go, then resources (open ones last), then long texts; `left_out` has true counts.
    """
    whole = event(alert, context, form)
    if not context.shrink and cost(whole) <= max_bytes:
        return whole
    lean, dropped = _lean(alert)
    note = partial(_noted, form=form, dropped=dropped)
    if context.shrink:
        return smallest(event(lean, context, form), note)
    return fitted(event(lean, context, form), max_bytes, cost, note)


def _lean(alert: Alert) -> tuple[Alert, Counts]:
    """The alert without what may have any shape, and how much of it there was."""
    ordered = sorted(alert.resources, key=lambda resource: not resource.is_open)
    detailed = sum(resource.details is not None or bool(resource.extra) for resource in ordered)
    counted = {"extra": len(alert.extra), "envelope_extra": len(alert.envelope_extra), "resource_details": detailed}
    resources = tuple(Resource(resource.info, resource.state) for resource in ordered)
    kept = replace(alert, resources=resources, extra={}, envelope_extra={})
    return kept, {name: count for name, count in counted.items() if count}


def _noted(made: Document, left_out: Counts, *, form: EventFormat, dropped: Counts) -> Document:
    """`left_out` where the schema has room for what is ours."""
    said: dict[str, JSON] = {"left_out": {**dropped, **left_out}}
    match form:
        case "alert":
            return made | said
        case "ocsf":
            return made | {"unmapped": _with(made["unmapped"], said)}
        case "ecs":
            sophos = made["sophos"]
            own = sophos["optix"] if isinstance(sophos, dict) else {}
            return made | {"sophos": {"optix": _with(own, said)}}


def _with(value: JSON, more: dict[str, JSON]) -> JSON:
    return value | more if isinstance(value, dict) else more
