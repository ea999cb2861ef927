"""Tables on a terminal, plain lines when piped, JSON for programs. What came from outside is made inert first."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import typer

from gateway.domain.alert import JSON
from gateway.domain.text import one_line, plain

_WIDEST = 40


def line(text: str = "", *, error: bool = False) -> None:
    typer.echo(plain(text), err=error)


def heading(text: str) -> None:
    """Stands out on a terminal."""
    typer.echo(typer.style(plain(text), bold=True))


def fail(what: str, remedy: str = "", *, code: int = 1) -> typer.Exit:
    """Say what went wrong on standard error, and what to do; to be raised."""
    line(what, error=True)
    if remedy:
        line(remedy, error=True)
    return typer.Exit(code)


def unknown(noun: str, name: str, known: Sequence[str]) -> typer.Exit:
    """There is no such thing, but perhaps one of nearly that name; to be raised."""
    return fail(f'There is no {noun} "{one_line(name)}".', nearest(name, known))


def nearest(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    meant = f"Did you mean {close[0]}? " if close else ""
    return f"{meant}Known: {', '.join(known) or 'none'}."


def as_json(value: JSON) -> None:
    typer.echo(json.dumps(value, ensure_ascii=True, indent=2 if on_terminal() else None))


def counted(count: int, noun: str, plural: str = "") -> str:
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def on_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout.isatty()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, one_line_each: bool = False) -> None:
    """A table for eyes; tab-separated lines without a header for `cut` and `awk`. `one_line_each`: on a terminal that
    is too narrow, the last column is cut rather than wrapped.
    """
    cleaned = [[one_line(cell) for cell in row] for row in rows]
    if not on_terminal():
        for row in cleaned:
            typer.echo("\t".join(row))
        return
    _draw(columns, cleaned, one_line_each=one_line_each)


def page(columns: Sequence[str], rows: Sequence[Mapping[str, JSON]], following: object) -> None:
    """One page of a list, and how to see more of it. `following`: the cursor of the next page, empty at the end."""
    table(columns, [[cell(row.get(column)) for column in columns] for row in rows], one_line_each=True)
    if following:
        line(f"There are more: --limit, or --cursor {following}", error=True)
    elif not rows:
        line("There are none.", error=True)


def cell(value: object) -> str:
    return "" if value is None else str(value)


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], *, one_line_each: bool) -> None:
    from rich.console import Console  # noqa: PLC0415 - only for eyes
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        if one_line_each:
            widest = min(_WIDEST, max([len(column), *(len(row[position]) for row in rows)]))
            least = widest if position < len(columns) - 1 else None
            drawn.add_column(column, no_wrap=True, overflow="ellipsis", min_width=least, max_width=least)
        else:
            drawn.add_column(column)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)
