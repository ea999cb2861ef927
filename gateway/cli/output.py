"""Tables on a terminal, plain lines when piped, JSON for programs. What came from outside is made inert first."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

import typer

from gateway.domain.alert import JSON
from gateway.domain.text import one_line, plain


def line(text: str = "", *, error: bool = False) -> None:
    typer.echo(plain(text), err=error)


def fail(what: str, remedy: str = "", *, code: int = 1) -> typer.Exit:
    """Say what went wrong on standard error; to be raised."""
    line(what, error=True)
    if remedy:
        line(remedy, error=True)
    return typer.Exit(code)


def as_json(value: JSON) -> None:
    typer.echo(json.dumps(value, ensure_ascii=True, indent=2 if sys.stdout.isatty() else None))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for eyes; tab-separated lines without a header for `cut` and `awk`."""
    cleaned = [[one_line(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cleaned:
            typer.echo("\t".join(row))
        return
    from rich.console import Console  # noqa: PLC0415 - only for eyes
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in cleaned:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)
