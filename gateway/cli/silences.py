from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import typer

from gateway.cli.client import Ops, Url, answered, rows_of
from gateway.cli.configuration import AsJson, EnvFiles, load_settings
from gateway.cli.output import as_json, fail, line, table
from gateway.domain.alert import JSON

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_COLUMNS = ("id", "active", "what", "then", "expires_at", "author", "reason")
_ALL_COLUMNS = ("id", "active", "what", "then", "starts_at", "expires_at", "ended_at", "author", "reason")
_AT_ONCE = 500
Id = Annotated[str, typer.Argument(metavar="ID", help="A silence, as `list` shows it.")]
Conditions = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE…", help="What it takes, in the filter keys of a route: RULES=AR-251,AR-252"),
]


@app.command("list")
def list_(
    *,
    ended: Annotated[bool, typer.Option("--all", help="Also those that are over, as long as alerts are kept.")] = False,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="With --all: not over before then. A time, or how long ago: 7d.")
    ] = "",
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """List the silences that are not over."""
    if since and not ended:
        raise fail("--since chooses among all silences.", "Add --all, or leave it out.", code=2)
    ops, columns = Ops.of(load_settings(env_file), url), _ALL_COLUMNS if ended else _COLUMNS
    silences = list(_all(ops, since)) if ended else rows_of(ops.get("silences"), "silences")
    if json_:
        as_json({"silences": [dict(silence) for silence in silences]})
        return
    table(columns, [_cells(silence, columns) for silence in silences])
    if not silences:
        line("There are none.", error=True)


def _cells(silence: Mapping[str, JSON], columns: Sequence[str]) -> list[str]:
    found = [silence.get(column) for column in columns]
    return ["" if value is None else str(value) for value in found]


def _all(ops: Ops, since: str) -> Iterator[Mapping[str, JSON]]:
    query = {"ended": "true", "limit": str(_AT_ONCE)} | ({"since": since} if since else {})
    cursor: JSON = ""
    while cursor is not None:
        page = ops.get("silences", query={**query, "cursor": str(cursor)})
        yield from rows_of(page, "silences")
        cursor = page.get("next")


@app.command()
def add(
    conditions: Conditions = None,
    *,
    reason: Annotated[str, typer.Option(help="Why, for whoever wonders.")] = "",
    author: Annotated[str, typer.Option(help="Who; the login name unless given.")] = "",
    lasts: Annotated[str, typer.Option("--for", metavar="SPAN", help="How long: 30m, 2h, 3d.")] = "",
    until: Annotated[
        str, typer.Option(metavar="TIME", help="When it ends, instead of --for: 2026-11-25T08:00:00Z")
    ] = "",
    begins: Annotated[str, typer.Option("--from", metavar="TIME", help="When it begins; now unless given.")] = "",
    route: Annotated[list[str] | None, typer.Option(help="Only on these routes; may be a pattern.")] = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Never tell; without it what is still open is told then.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Silence every alert, instead of conditions.")] = False,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Tell nothing of what fits, for a while.

    Closing updates pass. What is held is told at the end, if it is still open.
    """
    asked: dict[str, JSON] = {
        "filter": dict(map(_condition, conditions or ())),
        "routes": [*(route or ())],
        "all": everything,
        "for": lasts,
        "until": until,
        "from": begins,
        "reason": reason,
        "author": author or login(),
        "then": "drop" if drop else "hold",
    }
    _say(Ops.of(load_settings(env_file), url).post("silences", body=asked), json_=json_)


def _say(answer: Mapping[str, JSON], *, json_: bool) -> None:
    silence = answer.get("silence")
    if json_:
        as_json(dict(answer))
    elif isinstance(silence, dict):
        line(f"{silence.get('id')}: {silence.get('what')}; until {silence.get('expires_at')}")


@app.command()
def end(
    ids: Annotated[list[str], typer.Argument(metavar="ID…")], *, env_file: EnvFiles = None, url: Url = None
) -> None:
    """End silences before their time: what they hold goes out at once."""
    ops = Ops.of(load_settings(env_file), url)
    _end_each(ops, ids)


def _end_each(ops: Ops, ids: Sequence[str]) -> None:
    for silence_id in ids:
        answered(ops.ask("DELETE", "silences", silence_id))
        line(f"{silence_id}: ended")


def _condition(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not value.strip():
        raise fail(
            f"{text!r} is no condition.", "Write KEY=VALUE, as in RULES=AR-251,AR-252 or MIN_SEVERITY=high.", code=2
        )
    return key, value


def login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
