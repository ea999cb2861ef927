"""Why an alert reaches a route or does not, and what exactly would be sent: without sending anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.destinations import Context, FormatFault
from gateway.domain.alert import JSON, Alert
from gateway.domain.optix import Unreadable, parse
from gateway.domain.route import RouteTable, Verdict
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.mask import mask, shown


@dataclass(frozen=True, slots=True)
class Explanation:
    """`unreadable`: why the body is no alert; "" when it is one. `requests`: route -> what would be sent, secrets
    masked; a route whose wording fails has {"fault": why} instead.
    """

    alert: Alert | None
    unreadable: str = ""
    verdicts: tuple[Verdict, ...] = ()
    requests: Mapping[str, dict[str, JSON]] = field(default_factory=dict)


def explain(body: bytes, source: str, routes: Sequence[ConfiguredRoute], table: RouteTable, now_us: int) -> Explanation:
    read = parse(source, body)
    if isinstance(read, Unreadable):
        return Explanation(None, read.reason)
    verdicts = table.explain(read)
    taken = {verdict.route for verdict in verdicts if verdict.taken}
    requests = {route.name: _request(route, read, body, now_us) for route in routes if route.name in taken}
    return Explanation(read, "", verdicts, requests)


def _request(route: ConfiguredRoute, alert: Alert, body: bytes, now_us: int) -> dict[str, JSON]:
    context = Context(f"example-1.{route.name}", route.name, body, datetime.fromtimestamp(now_us / 1_000_000, UTC))
    secrets = route.settings.secrets()
    try:
        return shown(route.destination.format(alert, context, route.settings), secrets)
    except FormatFault as fault:
        return {"fault": mask(str(fault), secrets)}
