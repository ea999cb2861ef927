"""What every statement of the SQLite store is given: a connection, the time, and the names of rows."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias, TypeVar

from gateway.ports import Clock

Value: TypeAlias = str | int | float | bytes | None
T = TypeVar("T")

_ROW = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_MOST_ROWS = 32


@dataclass(frozen=True, slots=True)
class Book:
    """`store` is the random name of this file, the first part of every id."""

    db: sqlite3.Connection
    clock: Clock
    store: str

    def now_us(self) -> int:
        return self.clock.now_us()

    def alert_name(self, row: int) -> str:
        return f"{self.store}-{row}"

    def delivery_name(self, alert: int, route: str) -> str:
        return f"{self.store}-{alert}.{route}"

    def alert_row(self, name: str) -> int | None:
        """The row an alert's id names; None for what cannot be an id of this store."""
        store, _, row = name.partition("-")
        return int(row) if store == self.store and _ROW.fullmatch(row) else None

    def delivery_place(self, name: str) -> tuple[int, str] | None:
        """(alert row, route) that a delivery's id names; None for what cannot be one of this store."""
        alert, _, route = name.partition(".")
        row = self.alert_row(alert)
        return (row, storable(route)) if row is not None and route else None


def pieces(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """The rows in slices of 1, 2, 4 … 32, largest first: statements for many rows come in six lengths only, so that
    they stay compiled. One statement for many rows, because each gives the interpreter lock away and must get it back.
    """
    start = 0
    while start < len(rows):
        size = min(_MOST_ROWS, 1 << (len(rows) - start).bit_length() - 1)
        yield rows[start : start + size]
        start += size


@cache
def for_rows(statement: str, rows: int, columns: int = 0) -> str:
    """The statement with `{marks}` replaced: `(?,?),(?,?)` for VALUES, or with no columns `?,?` for IN."""
    one = "(" + ",".join("?" * columns) + ")" if columns else "?"
    return statement.format(marks=",".join([one] * rows))


def storable(text: str) -> str:
    """Lone surrogates, which JSON can carry and UTF-8 cannot, become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
