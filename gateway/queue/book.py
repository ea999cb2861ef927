"""What every statement of the store is given: a connection, the time, and the names of rows.

A statement is written once, in what SQLite and PostgreSQL both understand. What they say differently is asked of the
book: many rows at once, numbers for new rows, and locks, which only the engine with several writers has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias, TypeVar

from gateway.ports import Clock

Value: TypeAlias = str | int | float | bytes | None
T = TypeVar("T")

_ROW = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_MOST_ROWS = 32
_LAST_NUMBER = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?), 0)"


class Rows(NamedTuple):
    """A statement over many rows: `{rows}` in place of `VALUES …`, or `{marks}` inside `IN (…)`. `types`: of the
    columns of a row, i(nteger), f(loat), t(ext), b(ytes).
    """

    text: str
    types: str


class Cursor(Protocol):
    """What a statement found or did, as sqlite3 has it."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...  # noqa: ANN401 - a row is what its statement says

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...

    def close(self) -> None: ...


class Database(Protocol):
    """A connection, as sqlite3 has it. `?` and `?1` stand for values."""

    def execute(self, statement: str, values: Sequence[Value] = ..., /) -> Cursor: ...

    def executemany(self, statement: str, rows: Iterable[Sequence[Value]], /) -> Cursor: ...


@dataclass(frozen=True, slots=True)
class Book:
    """`store` is the random name of this store, the first part of every id."""

    db: Database
    clock: Clock
    store: str

    for_update: ClassVar[str] = ""
    """What a SELECT ends with whose rows are changed next: nobody else may hand them out meanwhile."""
    skip_locked: ClassVar[str] = ""
    """The same, where rows that somebody else holds are better left to them."""

    def now_us(self) -> int:
        return self.clock.now_us()

    def many(self, statement: Rows, rows: Sequence[Sequence[Value]], ending: str = "") -> list[Any]:
        """Run it for all rows; what it returned. `ending`: one of the locks above."""
        found: list[Any] = []
        for part in pieces(rows):
            values = [value for row in part for value in row]
            found += self.db.execute(for_rows(statement, len(part)) + ending, values).fetchall()
        return found

    def rounds(self, calls: Sequence[T]) -> Iterable[Sequence[T]]:
        """Calls in as many as one run of the statements should be for."""
        return pieces(calls)

    def numbers(self, table: str, count: int) -> Sequence[int]:
        """So many numbers for new rows of a table that numbers its rows, growing."""
        (last,) = self.db.execute(_LAST_NUMBER, (table,)).fetchone()
        return range(last + 1, last + 1 + count)

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
def for_rows(statement: Rows, rows: int) -> str:
    one = "(" + ",".join("?" * len(statement.types)) + ")"
    return statement.text.format(marks=",".join("?" * rows), rows="VALUES " + ",".join([one] * rows))


def storable(text: str) -> str:
    """Lone surrogates, which JSON can carry and UTF-8 cannot, become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
