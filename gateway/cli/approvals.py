from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from gateway.cli.client import Ops, Url, answered, rows_of, why_refused
from gateway.cli.configuration import AsJson, EnvFiles, load_settings
from gateway.cli.output import as_json, cell, counted, fail, line, page
from gateway.cli.silences import login
from gateway.domain.alert import JSON

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_COLUMNS = (
    *("delivery", "verdict", "expires_at", "environment", "rule", "severity", "who", "why", "plan_id", "plan"),
    "summary",
)
_DONE = {"approve": "approved", "reject": "rejected"}

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", show_default=False, help="Deliveries, as `list` shows.")]
Incident = Annotated[
    str | None, typer.Option("--incident", metavar="KEY", help="All that waits of one incident, instead of ids.")
]
PlanId = Annotated[
    str,
    typer.Option("--plan", metavar="PLAN_ID", help="Only if that is still what would be done: `plan_id` of `show`."),
]
Reason = Annotated[str, typer.Option(help="Why, for whoever asks later.")]
Author = Annotated[str, typer.Option(help="Who; the login name unless given.")]


@app.command("list")
def list_(
    *,
    incident: Annotated[str | None, typer.Option("--incident", metavar="KEY", help="Of this incident only.")] = None,
    decided: Annotated[bool, typer.Option("--decided", help="Those that are decided too, the youngest first.")] = False,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """List what waits for approval: what would be done, and until when it may be approved."""
    asked = {"decided": "true"} if decided else {"key": incident} if incident else None
    found = Ops.of(load_settings(env_file), url).get("approvals", query=asked)
    if json_:
        as_json(dict(found))
        return
    page(_COLUMNS, rows_of(found, "approvals"), None)


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="A delivery, as `list` shows it.")],
    *,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Show one request, with every step of what would be done."""
    found = Ops.of(load_settings(env_file), url).get("approvals", id_)
    if json_:
        as_json(dict(found))
        return
    for key, value in found.items():
        if key not in ("steps", "decisions"):
            line(f"{key:12} {cell(value)}".rstrip())
    steps = found.get("steps")
    for step in steps if isinstance(steps, list) else []:
        line(f"    {cell(step)}")
    for each in rows_of(found, "decisions"):
        by = f" by {cell(each.get('who'))}" if each.get("who") else ""
        why = f": {cell(each.get('why'))}" if each.get("why") else ""
        line(f"{cell(each.get('at'))}  {cell(each.get('verdict'))}{by}{why}")


@app.command()
def approve(
    ids: Ids = None,
    *,
    incident: Incident = None,
    plan: PlanId = "",
    reason: Reason = "",
    author: Author = "",
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Let these deliveries go. What is decided already stays so."""
    if plan and len(ids or []) != 1:
        raise fail("--plan is about one delivery: name its id.", code=2)
    said: dict[str, JSON] = {"author": author or login(), "reason": reason, **({"plan": plan} if plan else {})}
    _decide("approve", ids or [], incident, said, Ops.of(load_settings(env_file), url), json_=json_)


@app.command()
def reject(
    ids: Ids = None,
    *,
    incident: Incident = None,
    reason: Reason = "",
    author: Author = "",
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Give these deliveries up. What is decided already stays so."""
    said: dict[str, JSON] = {"author": author or login(), "reason": reason}
    _decide("reject", ids or [], incident, said, Ops.of(load_settings(env_file), url), json_=json_)


def _decide(
    verb: str, ids: Sequence[str], incident: str | None, said: dict[str, JSON], ops: Ops, *, json_: bool
) -> None:
    if bool(ids) == bool(incident):
        raise fail(f"Say what to {verb}: ids, or --incident KEY, and not both.", code=2)
    if incident:
        _decide_all(verb, incident, said, ops, json_=json_)
    else:
        _decide_each(verb, ids, said, ops, json_=json_)


def _decide_each(verb: str, ids: Sequence[str], said: dict[str, JSON], ops: Ops, *, json_: bool) -> None:
    replies = {delivery: ops.ask("POST", "deliveries", delivery, verb, body=said) for delivery in ids}
    if json_:
        as_json({delivery: reply.body for delivery, reply in replies.items()})
    for delivery, reply in replies.items():
        if not reply.ok:
            line(f"{delivery}: {' '.join(filter(None, why_refused(reply)))}", error=True)
        elif not json_:
            line(f"{delivery}: {_DONE[verb]}")
    if not all(reply.ok for reply in replies.values()):
        raise typer.Exit(1)


def _decide_all(verb: str, key: str, said: dict[str, JSON], ops: Ops, *, json_: bool) -> None:
    found = answered(ops.ask("POST", "incidents", key, verb, body=said))
    if json_:
        as_json(dict(found))
        return
    deliveries = found.get("deliveries")
    changed = deliveries if isinstance(deliveries, list) else []
    for delivery in changed:
        line(f"{cell(delivery)}: {_DONE[verb]}")
    line(f"{counted(len(changed), 'delivery', 'deliveries')} {_DONE[verb]}.")
