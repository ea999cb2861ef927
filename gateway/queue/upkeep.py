"""What is done to the database file from beside the gateway: looking at it, upgrading it, copying it.

Never inside of a process that serves, and never by any other way than SQLite's own: locks on a file belong to a
process, and go when it closes any handle of that file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.queue import opening
from gateway.queue.failures import StoreBroken, describe
from gateway.queue.schema import MIGRATIONS, TABLES, migrate, version_of

UNFINISHED = "SELECT count(*) FROM delivery WHERE state < 3"
_BUSY_S = 10.0


@dataclass(frozen=True, slots=True)
class Condition:
    """`engine`: with its version. `version`: of the tables, 0 when there are none; `newest`: what this program makes of
    it. `rows`: of each table that is there. `unfinished`: deliveries that are to come.
    """

    engine: str
    version: int
    newest: int
    size_bytes: int
    rows: Mapping[str, int]
    unfinished: int


def condition_of(database: Path) -> Condition:
    """As it is, also while a gateway runs on it. Raises StoreBroken."""
    with _reading(database) as db:
        db.execute("BEGIN")
        version = version_of(db)
        there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        rows = {table: _count(db, f"SELECT count(*) FROM {table}") for table in TABLES if table in there}  # noqa: S608
        unfinished = _count(db, UNFINISHED) if version else 0
    engine = f"SQLite {sqlite3.sqlite_version}"
    return Condition(engine, version, len(MIGRATIONS), _size_bytes(database), rows, unfinished)


def _count(db: sqlite3.Connection, statement: str) -> int:
    return int(db.execute(statement).fetchone()[0])


def _size_bytes(database: Path) -> int:
    """With what is not written back into it yet."""
    files = (database, database.with_name(database.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def upgrade(database: Path) -> tuple[int, int]:
    """From which version to which. Raises StoreBroken, also while a gateway runs on it."""
    with held(database) as db:
        before = version_of(db)
        migrate(db)
        return before, version_of(db)


@contextmanager
def held(database: Path) -> Iterator[sqlite3.Connection]:
    """The connection that writes, and no gateway beside it. Raises StoreBroken."""
    _require_there(database)
    lock = opening.lock(database)
    try:
        db = opening.connect(database)
        try:
            yield db
        finally:
            opening.disconnect(db)
    except sqlite3.Error as error:
        raise StoreBroken(opening.what_to_do(database, error)) from None
    finally:
        os.close(lock)


def back_up(database: Path, copy: Path) -> int:
    """One moment of it in a new file, whole and on disk when this returns; its bytes. Gateways go on meanwhile. Raises
    StoreBroken, and leaves no file then.
    """
    if copy.exists():
        raise StoreBroken(f"{copy} exists already; name a new file")
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    with _reading(database) as db:
        _make(unfinished)
        try:
            _copy(db, unfinished)
            _sync(unfinished)
            unfinished.rename(copy)
            opening.sync_folder(copy.parent)
        except sqlite3.Error as error:
            raise StoreBroken(f"{copy} could not be written ({describe(error)})") from None
        except OSError as error:
            raise StoreBroken(f"{copy} could not be written ({error.strerror})") from None
        finally:
            for file in (unfinished, unfinished.with_name(unfinished.name + "-journal")):
                file.unlink(missing_ok=True)
    return copy.stat().st_size


def _make(file: Path) -> None:
    """Bodies of alerts are nobody else's to read. What an earlier copy left behind, when it was killed, is replaced."""
    try:
        file.unlink(missing_ok=True)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreBroken(f"{file} cannot be made ({error.strerror}); let us write to {file.parent}") from None


def _copy(db: sqlite3.Connection, file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        # In one go: a copy in steps begins anew whenever the gateway has written something.
        db.backup(other, pages=-1)
        other.execute("PRAGMA journal_mode = DELETE").fetchall()  # one file, which needs no other beside it
        found = [text for (text,) in other.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise StoreBroken(f"the copy is damaged, and so is the database perhaps ({'; '.join(found)})")


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    _require_there(database)
    uri = database.absolute().as_uri() + "?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)) as db:
            opening.require_ours(db, database)
            yield db
    except sqlite3.Error as error:
        raise StoreBroken(opening.what_to_do(database, error)) from None


def _require_there(database: Path) -> None:
    if database.is_dir():
        raise StoreBroken(f"{database} is a folder; name the database file")
    if not database.exists():
        raise StoreBroken(f"there is no {database}; the gateway makes it when it starts")
