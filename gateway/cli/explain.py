from __future__ import annotations

import json
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.configuration import AsJson, EnvFiles, load
from gateway.cli.output import as_json, fail, heading, line, nearest, unknown
from gateway.cli.payload import PayloadFile, read_payload
from gateway.domain.alert import JSON, Alert
from gateway.domain.document import document
from gateway.domain.optix import Problem, Unreadable, parse
from gateway.domain.route import RouteTable

if TYPE_CHECKING:
    from gateway.pipeline.explain import Explanation
    from gateway.settings.configuration import Configuration

_HELD = "The gateway would store it as held: shown to operators, sent nowhere."
_REFUSED = "The gateway would answer 400."


def explain(
    file: PayloadFile = None,
    *,
    source: Annotated[str, typer.Option(metavar="NAME", help="The source it comes through.")] = "optix",
    expect: Annotated[
        str | None,
        typer.Option(metavar="A,B", help='Exit 1 unless exactly these routes take it; "" for none.'),
    ] = None,
    env_file: EnvFiles = None,
    json_: AsJson = False,
) -> None:
    """Say which routes take a payload and why, and what they send.

    Each request is shown exactly as it would go out, but with its secrets masked. Nothing is sent.
    """
    configuration = load(env_file, need_sources=False)
    if source not in configuration.gateway.credentials():
        raise unknown("source", source, tuple(configuration.gateway.credentials()))
    body = read_payload(file)
    found = _explained(body, source, configuration)
    if json_:
        as_json(_document(found))
    if found.alert is None:
        _report_unreadable(body, source, json_=json_)
        raise typer.Exit(1)
    if not json_:
        _print(found, found.alert)
    if expect is not None:
        _compare(found, {name.strip() for name in expect.split(",")} - {""})


def _explained(body: bytes, source: str, configuration: Configuration) -> Explanation:
    from gateway.pipeline.explain import explain as explain_body  # noqa: PLC0415 - `--help` needs none of it

    table = RouteTable([(route.name, route.filter) for route in configuration.routes])
    return explain_body(body, source, configuration.routes, table, time.time_ns() // 1000)


def _report_unreadable(body: bytes, source: str, *, json_: bool) -> None:
    read = parse(source, body)
    if isinstance(read, Unreadable) and not json_:
        line(f"Not an alert: {read.reason}.", error=True)
        line(_HELD if read.problem is Problem.NOT_AN_ALERT else _REFUSED, error=True)


def _document(found: Explanation) -> dict[str, JSON]:
    return {
        "alert": document(found.alert) if found.alert else None,
        "unreadable": found.unreadable or None,
        "routes": [
            {
                "route": verdict.route,
                "taken": verdict.taken,
                "key": verdict.key or None,
                "reason": verdict.reason,
                "request": found.requests.get(verdict.route),
            }
            for verdict in found.verdicts
        ],
    }


def _print(found: Explanation, alert: Alert) -> None:
    score = "no score" if alert.score is None else f"score {alert.score:g}"
    line(f"{alert.alert_id}  {alert.severity} ({score})  {alert.summary}")
    line(f"environment {alert.environment or '(missing)'}, type {alert.alert_type or '(missing)'}")
    for verdict in found.verdicts:
        heading(f"\n{verdict.route}: {'taken' if verdict.taken else 'not taken'}: {verdict.reason}")
        if request := found.requests.get(verdict.route):
            _print_request(request)
    if not found.verdicts:
        line("\nThere is no route, so it would go nowhere. Routes are *.env files in GATEWAY_ROUTES_DIR.")


def _print_request(request: dict[str, JSON]) -> None:
    for key, value in request.items():
        if key != "body":
            line(f"    {key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    for text in str(request.get("body", "")).splitlines():
        line(f"    | {text}")


def _compare(found: Explanation, expected: Collection[str]) -> None:
    taken = {verdict.route for verdict in found.verdicts if verdict.taken}
    if taken == expected:
        return
    routes = tuple(verdict.route for verdict in found.verdicts)
    absent = sorted(name for name in expected if name not in routes)
    remedy = f"There is no route {', '.join(absent)}. {nearest(absent[0], routes)}" if absent else ""
    raise fail(f"Expected: {_names(expected)}. Taken by: {_names(taken)}.", remedy)


def _names(routes: Collection[str]) -> str:
    return ", ".join(sorted(routes)) or "no route"
