"""A test message straight through a route's destination: nothing stored, nothing retried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway import samples
from gateway.destinations import Context, FormatFault
from gateway.domain.alert import JSON, Alert
from gateway.domain.optix import parse
from gateway.domain.outcome import OutcomeClass
from gateway.pipeline.attempt import excerpt, judged
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.mask import mask, shown
from gateway.ports import Transport

_SHOWN = "`explain` shows what would be sent"
_ACTED_UPON = f"nothing was sent: REMEDIATION=true, so a test would be acted upon. {_SHOWN}"
_UNAPPROVED = f"nothing was sent: APPROVAL=required, and nobody approves a test. {_SHOWN}"


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a route's receiver said to a test. `status` None: it gave no number. `answer`: the beginning of what it
    said, secrets masked. `request`: what was sent, secrets masked; empty when it could not be worded. `refused`:
    nothing was tried, because a test would be acted upon, or nobody approved it.
    """

    __test__ = False

    route: str
    ok: bool
    outcome: OutcomeClass
    reason: str
    status: int | None = None
    answer: str = ""
    request: Mapping[str, JSON] = field(default_factory=dict)
    refused: bool = False


async def try_route(route: ConfiguredRoute, transport: Transport, now_us: int) -> TestReport:
    """Send the documented sample, marked as a test, and read the answer."""
    body = samples.load(samples.DOCUMENTED)
    alert = parse("optix", body)
    assert isinstance(alert, Alert)  # noqa: S101 - the documented sample is an alert
    now = datetime.fromtimestamp(now_us / 1_000_000, UTC)
    context = Context(f"test-{now_us}.{route.name}", route.name, body, now, test=True)
    secrets = route.settings.secrets()
    if refusal := _why_not(route):
        return TestReport(route.name, ok=False, outcome=OutcomeClass.OURS, reason=refusal, refused=True)
    try:
        message = route.destination.format(alert, context, route.settings)
    except FormatFault as fault:
        return TestReport(route.name, ok=False, outcome=OutcomeClass.OURS, reason=mask(str(fault), secrets))
    answer = await transport.send(message, route.policy.timeout_s)
    outcome = judged(route, answer, now, context, secrets)
    return TestReport(
        route.name,
        ok=outcome.kind is OutcomeClass.OK,
        outcome=outcome.kind,
        reason=outcome.reason,
        status=outcome.status,
        answer=excerpt(answer, secrets),
        request=shown(message, secrets),
    )


def _why_not(route: ConfiguredRoute) -> str:
    """Empty where a test can do no harm."""
    if route.destination.harmless_test:
        return ""
    if route.guard:
        return _ACTED_UPON
    return _UNAPPROVED if route.approval else ""
