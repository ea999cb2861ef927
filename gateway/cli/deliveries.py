from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import typer

from gateway.cli.client import Ops, Url
from gateway.cli.configuration import AsJson, EnvFiles, load
from gateway.cli.output import as_json, fail, line, table
from gateway.domain.alert import JSON

app = typer.Typer(no_args_is_help=True)

State = Annotated[str | None, typer.Option(help="pending, sending, delivered, dead, parked, superseded, cancelled.")]
Route = Annotated[str | None, typer.Option(help="The route's name.")]
Environment = Annotated[str | None, typer.Option(help="The alert's environment.")]
Severity = Annotated[str | None, typer.Option(help="critical, high, medium, low or unknown.")]
AlertType = Annotated[str | None, typer.Option("--type", help="The alert's type.")]
Rule = Annotated[str | None, typer.Option(help="The rule it is about, as AR-251.")]
AlertId = Annotated[str | None, typer.Option("--alert", help="The gateway's id of an alert.")]
Since = Annotated[str | None, typer.Option(help="Received since: 2026-11-24T08:00:00Z, or 2h for two hours ago.")]
Until = Annotated[str | None, typer.Option(help="Received before; the same forms.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Delivery ids, as `list` shows them.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without it a filter only says how many it would change.")]

Row: TypeAlias = dict[str, Any]


def _ops(env_file: list[Any] | None, url: str | None) -> Ops:
    return Ops.of(load(env_file, need_sources=False).gateway, url)


@app.command("list")
def list_(
    *,
    state: State = None,
    route: Route = None,
    environment: Environment = None,
    severity: Severity = None,
    alert_type: AlertType = None,
    rule: Rule = None,
    alert: AlertId = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Deliveries, youngest first."""
    query = {"state": state, "route": route, "environment": environment, "severity": severity, "type": alert_type}
    query |= {"rule": rule, "alert": alert, "since": since, "until": until}
    found = _ops(env_file, url).get("deliveries", {**query, "limit": limit})
    if json_:
        as_json(found)
        return
    rows: list[Row] = found["deliveries"] if isinstance(found, dict) else []  # type: ignore[assignment] # our own API
    columns = ("id", "state", "attempts", "due_at", "severity", "summary", "reason")
    table(columns, [[_cell(row.get(column)) for column in columns] for row in rows])


@app.command()
def show(
    delivery_id: Annotated[str, typer.Argument(metavar="ID")],
    *,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """One delivery with every attempt."""
    found = _ops(env_file, url).get(f"deliveries/{delivery_id}")
    if json_ or not isinstance(found, dict):
        as_json(found)
        return
    attempts: list[Row] = found.pop("attempts", [])  # type: ignore[assignment] # our own API
    for key, value in found.items():
        line(f"{key:12} {_cell(value)}")
    line()
    columns = ("number", "started_at", "outcome", "status", "reason")
    table(columns, [[_cell(attempt.get(column)) for column in columns] for attempt in attempts])


def _cell(value: object) -> str:
    return "" if value is None else str(value)


@app.command()
def replay(
    ids: Ids = None,
    *,
    state: State = None,
    route: Route = None,
    environment: Environment = None,
    severity: Severity = None,
    alert_type: AlertType = None,
    rule: Rule = None,
    since: Since = None,
    until: Until = None,
    yes: Yes = False,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Send again: these ids, or everything a filter selects (which is counted first; --yes does it)."""
    chosen = {"state": state, "route": route, "environment": environment, "severity": severity}
    chosen |= {"alert_type": alert_type, "rule": rule, "since": since, "until": until}
    _change("replays", "replay", ids, chosen, _ops(env_file, url), yes=yes, json_=json_)


@app.command()
def cancel(
    ids: Ids = None,
    *,
    state: State = None,
    route: Route = None,
    environment: Environment = None,
    severity: Severity = None,
    alert_type: AlertType = None,
    rule: Rule = None,
    since: Since = None,
    until: Until = None,
    yes: Yes = False,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Give up: these ids, or everything a filter selects (which is counted first; --yes does it)."""
    chosen = {"state": state, "route": route, "environment": environment, "severity": severity}
    chosen |= {"alert_type": alert_type, "rule": rule, "since": since, "until": until}
    _change("cancellations", "cancel", ids, chosen, _ops(env_file, url), yes=yes, json_=json_)


def _change(
    path: str,
    verb: str,
    ids: list[str] | None,
    chosen: Mapping[str, str | None],
    ops: Ops,
    *,
    yes: bool,
    json_: bool,
) -> None:
    selected: dict[str, JSON] = {key: value for key, value in chosen.items() if value}
    if bool(ids) == bool(selected):
        raise fail(f"Say what to {verb}: delivery ids, or a filter such as --route soc --state dead, not both.", code=2)
    if ids:
        _change_each(verb, ids, ops, json_=json_)
        return
    answer = ops.post(path, {"filter": selected, "dry_run": not yes})
    if json_ or not isinstance(answer, dict):
        as_json(answer)
    elif yes:
        job: Row = answer["job"]  # type: ignore[assignment] # our own API
        line(f"Job {job['id']} has begun: {job['total']} deliveries. It goes on if the gateway restarts.")
    else:
        line(f"{answer['selected']} deliveries would be changed. Nothing was done; --yes does it.")


def _change_each(verb: str, ids: list[str], ops: Ops, *, json_: bool) -> None:
    answers = {delivery_id: ops.post(f"deliveries/{delivery_id}/{verb}") for delivery_id in ids}
    if json_:
        as_json(dict(answers))
        return
    for delivery_id in answers:
        line(f"{delivery_id}: {'pending' if verb == 'replay' else 'cancelled'}")
