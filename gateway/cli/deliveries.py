from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.client import Ops, Url, rows_of, why_refused
from gateway.cli.configuration import AsJson, EnvFiles, load_settings
from gateway.cli.output import as_json, cell, counted, fail, heading, line, on_terminal, page
from gateway.domain.alert import JSON

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

States = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help="pending, sending, delivered, dead, parked, superseded, cancelled; may be repeated.",
    ),
]
Routes = Annotated[list[str] | None, typer.Option("--route", metavar="NAME", help="Name of a route; may be repeated.")]
AlertId = Annotated[str | None, typer.Option("--alert", metavar="ID", help="The gateway's id of an alert.")]
Environment = Annotated[str | None, typer.Option("--environment", metavar="TEXT", help="The alert's environment.")]
Severity = Annotated[
    str | None, typer.Option("--severity", metavar="WORD", help="critical, high, medium, low or unknown.")
]
AlertType = Annotated[str | None, typer.Option("--type", metavar="TEXT", help="The alert's type.")]
Rule = Annotated[str | None, typer.Option("--rule", metavar="ID", help="The rule it is about, as in AR-251.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Received since 2026-11-24T08:00:00Z, or 2h ago: 2h.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Received before that; the same forms.")]
Ids = Annotated[
    list[str] | None, typer.Argument(metavar="ID", show_default=False, help="Deliveries, as `list` shows them.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without it a filter only counts what it selects.")]

_COLUMNS = ("id", "state", "attempts", "created_at", "due_at", "severity", "summary", "reason")
_FOR_EYES = ("id", "state", "attempts", "created_at", "severity", "reason", "summary")
_WAITS_FOR = {
    "route": "It waits until its route runs; `optix-gateway routes list` says why it does not.",
    "approval": "It waits until somebody approves it: `optix-gateway approvals approve {}`.",
    "replay": "Nothing sends it by itself. Once its reason is dealt with: `optix-gateway deliveries replay {}`.",
}
_WATCHED_FOR_S, _LOOK_EVERY_S = 5.0, 0.1
_DONE = {"replay": ("be sent again", "will be sent again"), "cancel": ("be cancelled", "cancelled")}
_MANY = {"replay": "replays", "cancel": "cancellations"}


def _ops(env_file: list[Path] | None, url: str | None) -> Ops:
    return Ops.of(load_settings(env_file), url)


def _given(**words: str | list[str] | None) -> dict[str, str]:
    """What is set of a filter, in the words of the API: lists with commas."""
    joined = {name: ",".join(value) if isinstance(value, list) else value for name, value in words.items()}
    return {name: value for name, value in joined.items() if value}


@app.command("list")
def list_(
    *,
    state: States = None,
    route: Routes = None,
    alert: AlertId = None,
    environment: Environment = None,
    severity: Severity = None,
    alert_type: AlertType = None,
    rule: Rule = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", metavar="NUMBER", min=1, max=500, help="How many.")] = 50,
    cursor: Annotated[
        str | None, typer.Option("--cursor", metavar="TEXT", help="Go on after a former list: `next` of its JSON.")
    ] = None,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """List deliveries, youngest first."""
    asked = _given(state=state, route=route, alert=alert, environment=environment, severity=severity)
    asked |= _given(type=alert_type, rule=rule, since=since, until=until, cursor=cursor)
    found = _ops(env_file, url).get("deliveries", query={**asked, "limit": str(limit)})
    if json_:
        as_json(dict(found))
        return
    page(_FOR_EYES if on_terminal() else _COLUMNS, rows_of(found, "deliveries"), found.get("next"))


@app.command()
def show(
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help="A delivery, as `list` shows it.")],
    *,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Show one delivery with every attempt and what the receiver said."""
    found = _ops(env_file, url).get("deliveries", delivery_id)
    if json_:
        as_json(dict(found))
        return
    for key, value in found.items():
        if key != "attempts":
            line(f"{key:12} {cell(value)}".rstrip())
    if waits := _WAITS_FOR.get(str(found.get("waits_for"))):
        line(waits.format(found.get("id")))
    _print_attempts(rows_of(found, "attempts"))


def _print_attempts(attempts: list[dict[str, JSON]]) -> None:
    """What a receiver says again and again is shown once."""
    said = ""
    for attempt in attempts:
        heading(f"\nattempt {attempt.get('number')}  {attempt.get('started_at')}  {_ending(attempt)}")
        excerpt = str(attempt.get("excerpt") or "")
        for text in excerpt.splitlines() if excerpt != said else ():
            line(f"    | {text}")
        said = excerpt


def _ending(attempt: Mapping[str, JSON]) -> str:
    """`retry: 503 Service Unavailable, status 503, asked to wait 5 s`."""
    status, reason = attempt.get("status"), str(attempt.get("reason") or "")
    parts = [": ".join(filter(None, (str(attempt.get("outcome")), reason)))]
    if status is not None and str(status) not in reason:
        parts.append(f"status {status}")
    if (hint_s := attempt.get("hint_s")) is not None:
        parts.append(f"asked to wait {hint_s} s")
    if reference := attempt.get("reference"):
        parts.append(f"stored as {reference}")
    return ", ".join(parts)


def _changing(verb: str) -> Callable[..., None]:
    """The command of that verb: both choose what to change in the same words."""

    def command(
        ids: Ids = None,
        *,
        state: States = None,
        route: Routes = None,
        alert: AlertId = None,
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
        chosen = _given(state=state, route=route, alert=alert, environment=environment, severity=severity)
        chosen |= _given(type=alert_type, rule=rule, since=since, until=until)
        _change(verb, ids or [], chosen, lambda: _ops(env_file, url), yes=yes, json_=json_)

    return command


for _verb, _words in (("replay", "Send again"), ("cancel", "Give up")):
    app.command(
        _verb,
        help=f"{_words}: these, or all that a filter selects.\n\n"
        "What a filter selects is only counted, unless --yes is given.",
    )(_changing(_verb))


def _change(
    verb: str, ids: list[str], chosen: Mapping[str, str], ops: Callable[[], Ops], *, yes: bool, json_: bool
) -> None:
    if bool(ids) == bool(chosen):
        raise fail(f"Say what to {verb}: ids, or a filter such as --route soc --state dead, and not both.", code=2)
    if ids:
        _change_each(verb, ids, ops(), json_=json_)
    elif yes:
        _change_many(verb, chosen, ops(), json_=json_)
    else:
        _count(verb, chosen, ops(), json_=json_)


def _change_each(verb: str, ids: list[str], ops: Ops, *, json_: bool) -> None:
    replies = {delivery_id: ops.ask("POST", "deliveries", delivery_id, verb) for delivery_id in ids}
    if json_:
        as_json({delivery_id: reply.body for delivery_id, reply in replies.items()})
    for delivery_id, reply in replies.items():
        if not reply.ok:
            line(f"{delivery_id}: {' '.join(filter(None, why_refused(reply)))}", error=True)
        elif not json_:
            line(f"{delivery_id}: {_DONE[verb][1]}")
    if not all(reply.ok for reply in replies.values()):
        raise typer.Exit(1)


def _count(verb: str, chosen: Mapping[str, str], ops: Ops, *, json_: bool) -> None:
    answer = ops.post(_MANY[verb], body={"filter": dict(chosen), "dry_run": True})
    if json_:
        as_json(dict(answer))
        return
    count = answer.get("selected")
    selected = counted(count, "delivery", "deliveries") if isinstance(count, int) else "An unknown number"
    line(f"{selected} would {_DONE[verb][0]}. Nothing was done; --yes does it.")


def _change_many(verb: str, chosen: Mapping[str, str], ops: Ops, *, json_: bool) -> None:
    job = _job(ops.post(_MANY[verb], body={"filter": dict(chosen), "dry_run": False}))
    until_s = time.monotonic() + _WATCHED_FOR_S
    while job.get("ended_at") is None and time.monotonic() < until_s:
        time.sleep(_LOOK_EVERY_S)
        job = _job(ops.get("jobs", str(job.get("id"))))
    if json_:
        as_json({"job": dict(job)})
    elif job.get("ended_at") is None:
        where = f"GET /api/v1/jobs/{job.get('id')} tells how far it is"
        line(f"{job.get('done')} of {job.get('total')} so far; it goes on, also over restarts: {where}.")
    else:
        line(f"{job.get('changed')} of {job.get('total')} selected: {_DONE[verb][1]}.")


def _job(answer: Mapping[str, JSON]) -> Mapping[str, JSON]:
    found = answer.get("job")
    return found if isinstance(found, dict) else {}
