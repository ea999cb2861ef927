from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from gateway.cli.client import Ops, Url, answered, rows_of, why_refused
from gateway.cli.configuration import AsJson, EnvFiles, load_settings
from gateway.cli.output import as_json, cell, fail, heading, line, page
from gateway.cli.silences import login
from gateway.domain.alert import JSON

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_COLUMNS = ("id", "asked_at", "route", "environment", "rule", "dry_run", "agreed", "outcome", "result", "plan")
UNDONE_WITHIN_S = 270.0
"""Of many resources, each of which is asked and written in its turn: longer than the gateway gives itself."""
Id = Annotated[str, typer.Argument(metavar="ID", help="A remediation, as `list` shows it.")]


@app.command("list")
def list_(
    *,
    limit: Annotated[int, typer.Option("--limit", metavar="NUMBER", min=1, max=500, help="How many.")] = 50,
    cursor: Annotated[
        str | None, typer.Option("--cursor", metavar="TEXT", help="Go on after a former list: `next` of its JSON.")
    ] = None,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """List what was asked for, by which alert, and with what result, the youngest first."""
    asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
    found = Ops.of(load_settings(env_file), url).get("remediations", query=asked)
    if json_:
        as_json(dict(found))
        return
    page(_COLUMNS, rows_of(found, "remediations"), found.get("next"))


@app.command()
def show(id_: Id, *, env_file: EnvFiles = None, url: Url = None, json_: AsJson = False) -> None:
    """Show one, with what became of each resource and what it had before."""
    found = Ops.of(load_settings(env_file), url).get("remediations", id_)
    if json_:
        as_json(dict(found))
        return
    for key, value in found.items():
        if key != "steps":
            line(f"{key:12} {cell(value)}".rstrip())
    _print_steps(rows_of(found, "steps"))


@app.command()
def undo(
    id_: Id,
    *,
    force: Annotated[bool, typer.Option("--force", help="Also what somebody else has changed since.")] = False,
    author: Annotated[str, typer.Option(help="Who; the login name unless given.")] = "",
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Put back what a remediation replaced, exactly as it was.

    What was changed by somebody else since is left alone, unless --force is given.
    """
    body: dict[str, JSON] = {"author": author or login(), "force": force}
    ops = Ops.of(load_settings(env_file), url)
    reply = ops.ask("POST", "remediations", id_, "undo", body=body, timeout_s=UNDONE_WITHIN_S)
    steps = rows_of(reply.body, "steps") if isinstance(reply.body, dict) else []
    if json_ and steps:
        as_json(reply.body)
    else:
        _print_steps(steps)
    if not reply.ok and steps:
        raise fail(*why_refused(reply))
    answered(reply)


def _print_steps(steps: Sequence[Mapping[str, JSON]]) -> None:
    for step in steps:
        said = f": {cell(step.get('said'))}" if step.get("said") else ""
        heading(f"{cell(step.get('resource'))}: {cell(step.get('word'))}{said}")
        if step.get("undone_at"):
            line(f"    undone {cell(step.get('undone_at'))} by {cell(step.get('undone_by'))}")
        if step.get("before"):
            line(f"    before: {cell(step.get('before'))}")
