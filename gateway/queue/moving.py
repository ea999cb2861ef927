"""Everything of a database file goes into PostgreSQL, with its ids: what was told, and what waits, goes on there."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from asyncpg import Connection

from gateway.queue.failures import StoreBroken
from gateway.queue.postgres import prepare
from gateway.queue.postgres_book import storable
from gateway.queue.postgres_link import Server
from gateway.queue.postgres_sharing import PRESENCE
from gateway.queue.postgres_upkeep import connected
from gateway.queue.schema import MIGRATIONS, TABLES, version_of
from gateway.queue.upkeep import held

_ALONE = f"SELECT pg_try_advisory_xact_lock({PRESENCE})"
_OWN_WAY = "meta"
_ROWS_AT_ONCE, _BODIES_AT_ONCE = 1000, 20
_MODULUS = 2**256

Row: TypeAlias = Sequence[object]


@dataclass(slots=True)
class Moved:
    """`digest`: of all rows, in whatever order."""

    table: str
    rows: int = field(default=0, init=False)
    digest: int = field(default=0, init=False)

    def count(self, row: Row) -> None:
        self.rows += 1
        self.digest = (self.digest + int.from_bytes(sha256(b"".join(map(_packed, row))).digest())) % _MODULUS


async def move(source: Path, target: Server) -> list[Moved]:
    """All of it or nothing: whatever arrived is read back and compared before it is committed. The source stays as it
    is, and no gateway may run on either. Raises StoreBroken.
    """
    with held(source) as db:
        if version_of(db) != len(MIGRATIONS):
            raise StoreBroken(f"{source} waits for an upgrade; name it in GATEWAY_DATABASE and run it first")
        async with connected(target) as to, to.transaction():
            await _require_nobody(to)
            moved = [await _move_table(db, to, table) for table in TABLES if table != _OWN_WAY]
            await _take_over(db, to)
            await to.execute("ANALYZE")
            return moved


async def _require_nobody(to: Connection) -> None:
    await prepare(to)
    if not await to.fetchval(_ALONE):
        raise StoreBroken("a gateway runs on the PostgreSQL database; stop it")
    for table in TABLES:
        if table != _OWN_WAY and await to.fetchval(f"SELECT EXISTS (SELECT 1 FROM {table})"):  # noqa: S608 - ours
            raise StoreBroken(
                f"the PostgreSQL database is in use already (there are rows in {table}); name an empty one"
            )


async def _move_table(db: sqlite3.Connection, to: Connection, table: str) -> Moved:
    columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    select = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - names of ours
    sent, arrived = Moved(table), Moved(table)
    await to.copy_records_to_table(table, columns=columns, records=_counted(db.execute(select), sent))
    at_once = _BODIES_AT_ONCE if table == "body" else _ROWS_AT_ONCE
    async for record in to.cursor(select, prefetch=at_once):
        arrived.count(tuple(record))
    if arrived != sent:
        raise StoreBroken(
            f"{table} did not arrive as it was sent ({sent.rows} rows, {arrived.rows} arrived); nothing was moved"
        )
    return sent


def _counted(rows: sqlite3.Cursor, sent: Moved) -> Iterator[Row]:
    for row in rows:
        ours = tuple(storable(value) for value in row)
        sent.count(ours)
        yield ours


async def _take_over(db: sqlite3.Connection, to: Connection) -> None:
    """The store's name, of which ids are made, and the numbers that come next: none is given twice, even where the last
    rows were deleted.
    """
    (name,) = db.execute("SELECT value FROM meta WHERE name = 'store'").fetchone()
    await to.execute("UPDATE meta SET value = $1 WHERE name = 'store'", name)
    used = dict(db.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    identities = "SELECT table_name FROM information_schema.columns WHERE is_identity = 'YES' AND table_name = ANY($1)"
    for (table,) in await to.fetch(identities, list(TABLES)):
        last = max(used.get(table, 0), await to.fetchval(f"SELECT coalesce(max(id), 0) FROM {table}"))  # noqa: S608
        await to.execute(f"ALTER TABLE {table} ALTER COLUMN id RESTART WITH {last + 1}")


def _packed(value: object) -> bytes:
    """No two values have the same, nor have two rows of them."""
    if isinstance(value, float):
        return b"f" + struct.pack(">d", value)
    kind = b"b" if isinstance(value, bytes) else b"t" if isinstance(value, str) else b"n" if value is None else b"i"
    data = value if isinstance(value, bytes) else str(value).encode()
    return kind + struct.pack(">Q", len(data)) + data
