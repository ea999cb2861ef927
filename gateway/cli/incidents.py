from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.client import Ops, Url, rows_of
from gateway.cli.configuration import AsJson, EnvFiles, load_settings
from gateway.cli.output import as_json, cell, heading, line, on_terminal, page
from gateway.domain.alert import JSON
from gateway.domain.text import one_line

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_COLUMNS = (
    "key",
    "open_count",
    "last_seen_at",
    "changed_at",
    "first_seen_at",
    "source",
    "environment",
    "rule",
    "alert_id",
)
_FOR_EYES = ("key", "open_count", "last_seen_at", "changed_at", "rule", "environment")
_ROW = (
    "key",
    "source",
    "environment",
    "alert_id",
    "rule",
    "severity",
    "score",
    "first_seen_at",
    "last_seen_at",
    "changed_at",
)


def _ops(env_file: list[Path] | None, url: str | None) -> Ops:
    return Ops.of(load_settings(env_file), url)


@app.command("list")
def list_(
    *,
    open_: Annotated[bool, typer.Option("--open", help="Only those with an open resource.")] = False,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="The source they came through.")] = None,
    environment: Annotated[str | None, typer.Option(metavar="TEXT", help="Their environment.")] = None,
    rule: Annotated[str | None, typer.Option(metavar="ID", help="The rule they are about, as in AR-251.")] = None,
    key: Annotated[str | None, typer.Option(metavar="KEY", help="The one of this key.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="NUMBER", min=1, max=500, help="How many.")] = 50,
    cursor: Annotated[
        str | None, typer.Option("--cursor", metavar="TEXT", help="Go on after a former list: `next` of its JSON.")
    ] = None,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """List incidents, those first that were seen last.

    An incident is one alert of Cloud Optix through all its repeats and changes.
    """
    asked = {"source": source, "environment": environment, "rule": rule, "key": key, "cursor": cursor}
    words = {name: value for name, value in asked.items() if value} | ({"open": "true"} if open_ else {})
    found = _ops(env_file, url).get("incidents", query={**words, "limit": str(limit)})
    if json_:
        as_json(dict(found))
        return
    page(_FOR_EYES if on_terminal() else _COLUMNS, rows_of(found, "incidents"), found.get("next"))


@app.command()
def show(
    key: Annotated[str, typer.Argument(metavar="KEY", help="An incident, as `list` shows it.")],
    *,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Show one incident: its resources, its changes, who was told what."""
    found = _ops(env_file, url).get("incidents", key)
    if json_:
        as_json(dict(found))
        return
    print_incident(found)


def print_incident(found: Mapping[str, JSON]) -> None:
    for name in _ROW:
        line(f"{name:14} {one_line(cell(found.get(name)))}".rstrip())
    _print_resources("resources", rows_of(found, "resources"))
    _print_resources("gone", rows_of(found, "gone"))
    _print_changes(rows_of(found, "changes"))
    _print_told(rows_of(found, "told"))


def _print_resources(title: str, resources: list[dict[str, JSON]]) -> None:
    if not resources:
        return
    heading(f"\n{title}: {len(resources)}")
    for one in resources:
        seen = f"since {one.get('first_seen_at')}, last seen {one.get('last_seen_at')}"
        line(f"    {one_line(cell(one.get('state'))) or '(no state)'}  {one_line(str(one.get('info')))}  ({seen})")


def _print_changes(changes: list[dict[str, JSON]]) -> None:
    if not changes:
        return
    heading("\nhistory")
    for change in changes:
        line(f"    {change.get('at')}  {change.get('words')}  (alert {change.get('alert')})")


def _print_told(told: list[dict[str, JSON]]) -> None:
    heading("\ntold")
    for row in told:
        line(f"    {row.get('route')}: {_told(row)}")
    if not told:
        line("    No route keeps account of it: they are sent every alert, or did not take it.")


def _told(row: Mapping[str, JSON]) -> str:
    """`told 2026-…Z of alert x-1, stored there as 42; it does not know yet: 1 gone`."""
    if row.get("told_at") is None:
        waits = row.get("asked_at") is not None
        return f"not told yet; a delivery was made {row.get('asked_at')}" if waits else "never told"
    parts = [f"told {row.get('told_at')} of alert {row.get('alert')}"]
    if row.get("reference"):
        parts.append(f"stored there as {one_line(str(row['reference']))}")
    unseen = row.get("unseen")
    return ", ".join(parts) + (f"; it does not know: {unseen}" if unseen else "")
