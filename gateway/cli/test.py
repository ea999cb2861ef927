from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.configuration import AsJson, EnvFiles, load
from gateway.cli.output import as_json, line, unknown
from gateway.domain.alert import JSON
from gateway.domain.outcome import OutcomeClass

if TYPE_CHECKING:
    from gateway.pipeline.configured import ConfiguredRoute
    from gateway.pipeline.trial import TestReport

_MEANINGS = {
    OutcomeClass.RETRY: "It could not be reached or cannot take it now; an alert would be sent again.",
    OutcomeClass.RATE_LIMITED: "It asks for fewer messages; an alert would wait.",
    OutcomeClass.AUTH: "It refuses the credentials of this route: look at its URL, token or password.",
    OutcomeClass.GONE: "Nothing takes messages at that address: look at its URL.",
    OutcomeClass.TOO_LARGE: "It finds the message too large.",
    OutcomeClass.REJECTED: "It will not take this message; an alert would end dead.",
    OutcomeClass.OURS: "The message could not be made; an alert would be held.",
}


def test(
    route: Annotated[str, typer.Argument(metavar="ROUTE", help="The route's name.")],
    *,
    env_file: EnvFiles = None,
    json_: AsJson = False,
) -> None:
    """Send one test straight to a route's receiver.

    It is marked as a test, nothing is stored or tried again, and what the receiver says is printed.
    """
    routes = {found.name: found for found in load(env_file, need_sources=False).routes}
    if route not in routes:
        raise unknown("route", route, tuple(routes))
    report = asyncio.run(_try(routes[route]))
    if json_:
        as_json(_document(report))
    else:
        _print(report)
    if not report.ok:
        raise typer.Exit(1)


async def _try(route: ConfiguredRoute) -> TestReport:
    from gateway.pipeline.trial import try_route  # noqa: PLC0415
    from gateway.wiring import transports  # noqa: PLC0415

    transport = transports()
    try:
        return await try_route(route, transport, time.time_ns() // 1000)
    finally:
        await transport.close()


def _print(report: TestReport) -> None:
    request = report.request
    if request:
        line(f"sent to {request.get('to') or request.get('url')}")
    line(f"{report.route}: {_word(report)}: {report.reason}")
    if report.answer:
        for text in report.answer.splitlines():
            line(f"    | {text}")
    if not report.ok and not report.refused:
        line(_MEANINGS[report.outcome], error=True)


def _word(report: TestReport) -> str:
    return "not tested" if report.refused else "ok" if report.ok else "failed"


def _document(report: TestReport) -> dict[str, JSON]:
    return {
        "route": report.route,
        "ok": report.ok,
        "outcome": report.outcome.value,
        "reason": report.reason,
        "status": report.status,
        "answer": report.answer,
        "request": dict(report.request),
    }
