from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.client import Ops, Url
from gateway.cli.configuration import AsJson, EnvFiles, load, load_settings
from gateway.cli.output import as_json, fail, heading, line, nearest, unknown
from gateway.cli.payload import PayloadFile, read_payload
from gateway.cli.recorded import print_recorded, recorded, routes_of, told_routes
from gateway.domain.alert import JSON, Alert
from gateway.domain.document import document
from gateway.domain.optix import Problem, Unreadable, parse
from gateway.domain.route import RouteTable, Verdict
from gateway.domain.telling import Decision
from gateway.domain.text import one_line

if TYPE_CHECKING:
    from gateway.pipeline.explain import Explanation
    from gateway.settings.configuration import Configuration

_HELD = "The gateway would store it as held: shown to operators, sent nowhere."
_REFUSED = "The gateway would answer 400."
_REMEMBERED = "What was told before, and silences, only a running gateway knows (explain --alert ID): "


def explain(
    file: PayloadFile = None,
    *,
    alert: Annotated[
        str | None, typer.Option(metavar="ID", help="An alert that came in, instead of a file: its id of the gateway.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="The source it comes through; optix unless given.")
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option(metavar="A,B", help='Exit 1 unless exactly these routes take it; "" for none.'),
    ] = None,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Say which routes take a payload and why, and what they send.

    Each request is shown exactly as it would go out, but with its secrets masked. Nothing is sent. With --alert, say
    why an alert that came in reached each route, or did not: the running gateway is asked.
    """
    expected = None if expect is None else {name.strip() for name in expect.split(",")} - {""}
    if alert is not None:
        if file is not None or source is not None:
            raise fail("Give a file (and its source), or --alert, and not both.", code=2)
        _explain_recorded(alert, Ops.of(load_settings(env_file), url), expected, json_=json_)
        return
    if url is not None:
        raise fail("--url goes with --alert: a file is explained without a gateway.", code=2)
    _explain_file(file, source or "optix", load(env_file, need_sources=False), expected, json_=json_)


def _explain_recorded(alert_id: str, ops: Ops, expected: Collection[str] | None, *, json_: bool) -> None:
    found = recorded(ops, alert_id)
    if json_:
        as_json(dict(found))
    else:
        print_recorded(found)
    if expected is not None:
        _compare(told_routes(found), routes_of(found), expected)


def _explain_file(
    file: str | None, source: str, configuration: Configuration, expected: Collection[str] | None, *, json_: bool
) -> None:
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
    if expected is not None:
        _compare(found.routes, [verdict.route for verdict in found.verdicts], expected)


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
        "routes": [_route(found, verdict) for verdict in found.verdicts],
    }


def _route(found: Explanation, verdict: Verdict) -> dict[str, JSON]:
    decision = _decision(found, verdict.route)
    return {
        "route": verdict.route,
        "taken": verdict.route in found.routes,
        "key": verdict.key or None,
        "word": decision.word.value if decision else None,
        "reason": decision.reason if decision else verdict.reason,
        "stands_in_for": found.stand_ins.get(verdict.route),
        "open_question": found.open_questions.get(verdict.route),
        "plan": found.plans.get(verdict.route),
        "request": found.requests.get(verdict.route),
    }


def _decision(found: Explanation, route: str) -> Decision | None:
    return next((decision for decision in found.decisions if decision.route == route), None)


def _print(found: Explanation, alert: Alert) -> None:
    score = "no score" if alert.score is None else f"score {alert.score:g}"
    line(f"{one_line(alert.alert_id)}  {alert.severity} ({score})  {one_line(alert.summary)}")
    line(one_line(f"environment {alert.environment or '(missing)'}, type {alert.alert_type or '(missing)'}"))
    for verdict in found.verdicts:
        heading(f"\n{verdict.route}: {_said(found, verdict)}")
        if plan := found.plans.get(verdict.route):
            line(f"    plan: {plan}")
        if request := found.requests.get(verdict.route):
            _print_request(request)
    if not found.verdicts:
        line("\nThere is no route, so it would go nowhere. Routes are *.env files in GATEWAY_ROUTES_DIR.")
    if found.open_questions:
        line(f"\n{_REMEMBERED}{'; '.join(f'{name}: {said}' for name, said in found.open_questions.items())}.")


def _said(found: Explanation, verdict: Verdict) -> str:
    """`taken: …`, `taken, held: …`, `not taken, covered: …`, `not taken, but in reserve: …`."""
    if first := found.stand_ins.get(verdict.route):
        return f"not taken, but in reserve: it gets what {first} does not deliver"
    taken = "taken" if verdict.route in found.routes else "not taken"
    decision = _decision(found, verdict.route)
    return f"{taken}, {decision.word}: {decision.reason}" if decision else f"{taken}: {verdict.reason}"


def _print_request(request: dict[str, JSON]) -> None:
    for key, value in request.items():
        if key != "body":
            line(f"    {key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    for text in str(request.get("body", "")).splitlines():
        line(f"    | {text}")


def _compare(taken: Collection[str], routes: Sequence[str], expected: Collection[str]) -> None:
    """`taken`: by those that got a delivery, or would; not by those that only stand in for another."""
    if set(taken) == set(expected):
        return
    absent = sorted(name for name in expected if name not in routes)
    remedy = f"There is no route {', '.join(absent)}. {nearest(absent[0], routes)}" if absent else ""
    raise fail(f"Expected: {_names(expected)}. Taken by: {_names(taken)}.", remedy)


def _names(routes: Collection[str]) -> str:
    return ", ".join(sorted(routes)) or "no route"
