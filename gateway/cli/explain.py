from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from gateway.cli.configuration import AsJson, EnvFiles, load
from gateway.cli.output import as_json, fail, line
from gateway.cli.payload import PayloadFile, read_payload
from gateway.domain.alert import JSON
from gateway.domain.document import document
from gateway.domain.route import RouteTable
from gateway.pipeline.explain import Explanation
from gateway.pipeline.explain import explain as explain_body


def explain(
    file: PayloadFile = None,
    *,
    env_file: EnvFiles = None,
    json_: AsJson = False,
    expect: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Exit 1 unless exactly these routes take it (an empty text means none)."),
    ] = None,
    source: Annotated[str, typer.Option(help="The source it came through.")] = "optix",
) -> None:
    """Say for one payload which routes take it and why, and what exactly each would send. Nothing is sent."""
    configuration = load(env_file, need_sources=False)
    table = RouteTable([(route.name, route.filter) for route in configuration.routes])
    found = explain_body(read_payload(file), source, configuration.routes, table, time.time_ns() // 1000)
    if json_:
        as_json(explanation_document(found))
    else:
        _print(found)
    if found.unreadable:
        raise fail("" if json_ else "A gateway would hold it, or refuse what is no JSON object.")
    if expect is not None:
        _compare(found, {name.strip() for name in expect.split(",")} - {""})


def explanation_document(found: Explanation) -> dict[str, JSON]:
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


def _print(found: Explanation) -> None:
    if found.alert is None:
        line(f"Not an alert: {found.unreadable}")
        return
    alert = found.alert
    score = "no score" if alert.score is None else alert.score
    line(f"{alert.alert_id}  {alert.severity} ({score})  {alert.summary}")
    line(f"environment {alert.environment or '(missing)'}  type {alert.alert_type or '(missing)'}")
    for verdict in found.verdicts:
        line(f"\n{verdict.route}: {'taken' if verdict.taken else 'not taken'}: {verdict.reason}")
        if request := found.requests.get(verdict.route):
            _print_request(request)
    if not found.verdicts:
        line("\nThere is no route.")


def _print_request(request: dict[str, JSON]) -> None:
    body = str(request.pop("body", ""))
    for key, value in request.items():
        line(f"    {key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    for text in body.splitlines():
        line(f"    | {text}")


def _compare(found: Explanation, expected: set[str]) -> None:
    taken = {verdict.route for verdict in found.verdicts if verdict.taken}
    if taken != expected:
        names = [", ".join(sorted(group)) or "no route" for group in (expected, taken)]
        raise fail(f"Expected {names[0]}; taken by {names[1]}.")
