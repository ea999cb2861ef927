from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from gateway.cli.client import Ops, Reply, Url, answered, rows_of
from gateway.cli.configuration import AsJson, EnvFiles, load_settings
from gateway.cli.output import as_json, line, on_terminal, table, unknown
from gateway.cli.words import duration_in_words
from gateway.domain.alert import JSON

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A route, as `list` shows it.")]

_COLUMNS = ("name", "status", "waiting", "oldest due", "since", "next probe", "kind", "reason")
_FOR_EYES = ("name", "status", "waiting", "oldest due", "since", "reason")
_WAITING: list[JSON] = ["pending", "parked"]
_LOOK = "See `optix-gateway deliveries list --state parked --route {}`."
_MEANINGS = {
    "paused": "alerts are stored and wait",
    "running": "what waited for it goes out",
    "disabled": "its ENABLED=false keeps it from running",
}


@app.command("list")
def list_(*, env_file: EnvFiles = None, url: Url = None, json_: AsJson = False) -> None:
    """List the routes: which run, what waits for them, and for how long."""
    ops = Ops.of(load_settings(env_file), url)
    routes = [
        route | {"waiting": _count(ops, str(route.get("name")), _WAITING)}
        for route in rows_of(ops.get("routes"), "routes")
    ]
    if json_:
        as_json({"routes": [dict(route) for route in routes]})
        return
    columns = _FOR_EYES if on_terminal() else _COLUMNS
    cells = [_cells(route) for route in routes]
    table(columns, [[row[column] for column in columns] for row in cells], one_line_each=True)
    if not routes:
        line("There are none.", error=True)


def _count(ops: Ops, name: str, states: list[JSON]) -> JSON:
    """How many of its deliveries are in these states: what giving them up would count."""
    chosen: JSON = {"route": [name], "state": states}
    return ops.post("cancellations", body={"filter": chosen, "dry_run": True}).get("selected")


def _cells(route: Mapping[str, JSON]) -> dict[str, str]:
    oldest_s = route.get("oldest_due_s")
    said = {
        "oldest due": duration_in_words(round(oldest_s)) if isinstance(oldest_s, int | float) else None,
        "next probe": route.get("probe_at"),
    }
    return {column: "" if value is None else str(value) for column, value in (dict(route) | said).items()}


@app.command()
def pause(name: Name, *, env_file: EnvFiles = None, url: Url = None, json_: AsJson = False) -> None:
    """Send nothing more to a route's receiver.

    Alerts are stored and wait for it, also over restarts, until it is resumed.
    """
    _change(Ops.of(load_settings(env_file), url), name, "pause", json_=json_)


@app.command()
def resume(name: Name, *, env_file: EnvFiles = None, url: Url = None, json_: AsJson = False) -> None:
    """Let a route run again, whatever had stopped it.

    What waits for it goes out at once; not what waits for approval, or is parked for another reason.
    """
    _change(Ops.of(load_settings(env_file), url), name, "resume", json_=json_)


def _change(ops: Ops, name: str, verb: str, *, json_: bool) -> None:
    reply = ops.ask("POST", "routes", name, verb)
    if _is_unknown(reply):
        known = [str(route["name"]) for route in rows_of(ops.get("routes"), "routes") if route["kind"]]
        raise unknown("route", name, known)
    answer = answered(reply)
    if json_:
        as_json(dict(answer))
        return
    route = answer.get("route")
    status = str(route.get("status")) if isinstance(route, dict) else ""
    line(f"{name}: {status}: {_MEANINGS.get(status, 'see its reason in the list')}")
    if status == "running" and (staying := _count(ops, name, ["parked"])):
        line(f"Still parked, each for a reason of its own: {staying}. {_LOOK.format(name)}")


def _is_unknown(reply: Reply) -> bool:
    said = reply.body if isinstance(reply.body, dict) else {}
    return reply.status == 404 and said.get("error") == "there is no such route"
