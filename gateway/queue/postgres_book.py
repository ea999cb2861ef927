"""The statements of the store on PostgreSQL.

They are plain functions that ask a connection and wait for its answer, as sqlite3 wants it. asyncpg has to be awaited:
so they run in a greenlet, which steps aside for the loop at every statement. That costs a third of a microsecond;
every other way costs a second copy of each function, or two changes of threads for each statement.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeVar

from asyncpg import Connection
from greenlet import getcurrent, greenlet

from gateway.queue.book import Book, Rows, T, Value

R = TypeVar("R")

_TYPES = {"i": "bigint", "f": "double precision", "t": "text", "b": "bytea"}
_MARK = re.compile(r"\?(\d*)")
_KEPT_OFF_AN_INDEX = re.compile(r"(?<=[ (])\+(?=[a-z])")
_ONLY_COUNTS = re.compile(r"\s*(UPDATE|DELETE)\b(?!.*\bRETURNING\b)", re.DOTALL)


async def in_step(work: Callable[[], R]) -> R:
    """What `work` returns, which may use a `Connected` on its way."""
    aside = greenlet(work)
    asked = aside.switch()
    while not aside.dead:
        try:
            answer = await asked
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked
            asked = aside.throw(error)
        else:
            asked = aside.switch(answer)
    return asked  # type: ignore[no-any-return]  # greenlets are untyped


def _wait_for(answer: Awaitable[R]) -> R:
    loop = getcurrent().parent
    assert loop is not None  # noqa: S101 - `in_step` made this greenlet
    return loop.switch(answer)  # type: ignore[no-any-return]  # as above


class Found:
    """Fills `Cursor`."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows, self.rowcount = rows, rowcount

    def fetchone(self) -> Any:  # noqa: ANN401 - a row is what its statement says
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def close(self) -> None:
        self._rows = []


class Connected:
    """Fills `Database`; only inside `in_step`."""

    def __init__(self, link: Connection) -> None:
        self.link = link

    def execute(self, statement: str, values: Sequence[Value] = ()) -> Found:
        text, answers = translated(statement)
        return self.run(text, [storable(value) for value in values], answers=answers)

    def executemany(self, statement: str, rows: Iterable[Sequence[Value]]) -> Found:
        text, _ = translated(statement)
        _wait_for(self.link.executemany(text, [[storable(value) for value in row] for row in rows]))
        return Found([], -1)

    def run(self, text: str, values: Sequence[object], *, answers: bool = True) -> Found:
        """A statement in PostgreSQL's own words."""
        if answers:
            rows = [tuple(record) for record in _wait_for(self.link.fetch(text, *values))]
            return Found(rows, len(rows))
        status = _wait_for(self.link.execute(text, *values))
        count = status.rpartition(" ")[2]
        return Found([], int(count) if count.isdigit() else -1)


@dataclass(frozen=True, slots=True)
class PostgresBook(Book):
    """`at_us`: the database's time when the transaction had its locks; None while that is not known."""

    db: Connected
    at_us: int | None = None

    for_update: ClassVar[str] = " FOR UPDATE"
    skip_locked: ClassVar[str] = " FOR UPDATE SKIP LOCKED"

    def now_us(self) -> int:
        return self.clock.now_us() if self.at_us is None else self.at_us

    def many(self, statement: Rows, rows: Sequence[Sequence[Value]], ending: str = "") -> list[Any]:
        if not rows:
            return []
        columns = [[storable(value) for value in column] for column in zip(*rows, strict=True)]
        text, answers = unnested(statement)
        return self.db.run(text + ending, columns, answers=answers).fetchall()

    def rounds(self, calls: Sequence[T]) -> Iterable[Sequence[T]]:
        """All at once: a statement is as long for any number of rows."""
        return [calls] if calls else []

    def numbers(self, table: str, count: int) -> Sequence[int]:
        """Others may have taken some in between."""
        if not count:
            return []
        found = self.db.execute(f"SELECT nextval('{table}_id_seq') FROM generate_series(1, ?)", (count,))  # noqa: S608
        return [number for (number,) in found]


@cache
def translated(statement: str) -> tuple[str, bool]:
    """A statement with PostgreSQL's marks for values, and whether it answers with rows. Two hints go that only
    SQLite's planner needs: `CROSS JOIN … ON` for an order of tables, `+column` for an index that is not to be used.
    """
    numbers = iter(range(1, 1000))
    text = _MARK.sub(lambda mark: f"${mark[1] or next(numbers)}", statement)
    text = _KEPT_OFF_AN_INDEX.sub("", text.replace("CROSS JOIN", "JOIN"))
    return text, _ONLY_COUNTS.match(text) is None


@cache
def unnested(statement: Rows) -> tuple[str, bool]:
    """Every column of the rows becomes one array."""
    arrays = [f"${number}::{_TYPES[kind]}[]" for number, kind in enumerate(statement.types, 1)]
    text = statement.text.replace("IN ({marks})", f"= ANY({arrays[0]})")
    return translated(text.replace("{rows}", f"SELECT * FROM unnest({', '.join(arrays)})"))  # noqa: S608 - types


def storable(value: Value) -> Value:
    """PostgreSQL knows no text with a NUL in it."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value
