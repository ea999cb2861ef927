from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer

from gateway.cli.configuration import AsJson, EnvFiles, load
from gateway.cli.output import as_json, fail, line
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.trial import TestReport


def test(
    route: Annotated[str, typer.Argument(help="The route's name.")], *, env_file: EnvFiles = None, json_: AsJson = False
) -> None:
    """Send one alert marked as a test straight through a route's destination, and print what its receiver says."""
    configuration = load(env_file, need_sources=False)
    found = {r.name: r for r in configuration.routes}
    if route not in found:
        raise fail(f"There is no route {route!r}.", f"Known are {', '.join(found) or 'none'}.")
    report = asyncio.run(_try(found[route]))
    if json_:
        as_json(
            {
                "route": report.route,
                "ok": report.ok,
                "outcome": report.outcome.value,
                "reason": report.reason,
                "status": report.status,
                "answer": report.answer,
                "request": dict(report.request),
            }
        )
    else:
        line(f"{report.route}: {'ok' if report.ok else report.outcome.value}: {report.reason}")
        if report.answer:
            line(report.answer)
    if not report.ok:
        raise typer.Exit(1)


async def _try(route: ConfiguredRoute) -> TestReport:
    from gateway.pipeline.trial import try_route  # noqa: PLC0415
    from gateway.wiring import transports  # noqa: PLC0415 - aiohttp is needed here only

    transport = transports()
    try:
        return await try_route(route, transport, time.time_ns() // 1000)
    finally:
        await transport.close()
