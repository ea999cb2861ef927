"""Opening the database file: everything that must be so before the first alert is taken."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from gateway.queue.book import Book
from gateway.queue.failures import StoreBroken, describe
from gateway.queue.schema import APPLICATION_ID, MIGRATIONS, version_of

_OLDEST_SQLITE = (3, 35, 0)  # RETURNING and UPDATE FROM
_BUSY_MS = 10_000
_BUSY_AT_END_MS = 500
_MAX_WAL_BYTES = 32 * 1024 * 1024
_CHECKPOINT_PAGES = 2000
_CACHE_KIB = 8192
_CHECKED_BELOW_BYTES = 64 * 1024 * 1024
_KEPT_STATEMENTS = 256

Setting: TypeAlias = tuple[str, str, int | str]

_SETTINGS: tuple[Setting, ...] = (
    ("busy_timeout", str(_BUSY_MS), _BUSY_MS),
    ("auto_vacuum", "INCREMENTAL", 2),  # only before the first table
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),  # NORMAL loses commits when the power goes
    ("foreign_keys", "ON", 1),
    ("wal_autocheckpoint", str(_CHECKPOINT_PAGES), _CHECKPOINT_PAGES),
    ("journal_size_limit", str(_MAX_WAL_BYTES), _MAX_WAL_BYTES),
    ("temp_store", "MEMORY", 2),
    ("cache_size", str(-_CACHE_KIB), -_CACHE_KIB),
    ("secure_delete", "FAST", 2),
)


@dataclass(frozen=True, slots=True)
class SqliteBook(Book):
    db: sqlite3.Connection


def make_folder(folder: Path) -> None:
    """Also the folders above it; each is on disk when this returns."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreBroken(
            f"the folder {folder} cannot be made ({error.strerror}); make it and let us write to it"
        ) from None
    for part in missing:
        sync_folder(part.parent)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lock(database: Path) -> int:
    """A handle that keeps other gateways away until it is closed. On a file of its own: a process that opens and closes
    the database file itself drops every lock that SQLite holds on it.
    """
    path = database.with_name(database.name + ".lock")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreBroken(f"{path} cannot be written ({error.strerror}); let us write to {path.parent}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StoreBroken(
            f"another gateway already uses this database ({database}); stop it, or give this one its own"
        ) from None
    return handle


def connect(database: Path) -> sqlite3.Connection:
    """The connection that writes. Nothing of the file is changed before it is known to be ours and sound."""
    _require_sqlite()
    if database.is_dir():
        raise StoreBroken(f"{database} is a folder; name the database file")
    db = sqlite3.connect(
        database.absolute().as_uri() + "?mode=rwc",
        uri=True,
        timeout=_BUSY_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_KEPT_STATEMENTS,
    )
    try:
        _prepare(db, database)
    except sqlite3.Error as error:
        db.close()
        raise StoreBroken(what_to_do(database, error)) from None
    except StoreBroken:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, database: Path) -> None:
    require_ours(db, database)
    _require_known(db, database)
    _check(db, database)
    for name, value, expected in _SETTINGS:
        db.execute(f"PRAGMA {name} = {value}").fetchall()
        (found,) = db.execute(f"PRAGMA {name}").fetchone()
        if found != expected:
            raise StoreBroken(f"{database}: {name} is {found} and cannot be set to {value}; is it on a local disk?")
    db.execute("BEGIN IMMEDIATE")
    db.execute("ROLLBACK")


def _require_sqlite() -> None:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        needed = ".".join(map(str, _OLDEST_SQLITE))
        raise StoreBroken(f"SQLite {sqlite3.sqlite_version} is too old; {needed} or newer is needed")


def require_ours(db: sqlite3.Connection, database: Path) -> None:
    """Or an empty file."""
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID and (tables or application):
        raise StoreBroken(f"{database} is the database of another program; name a file of our own")


def _require_known(db: sqlite3.Connection, database: Path) -> None:
    version = version_of(db)
    if version > len(MIGRATIONS):
        raise StoreBroken(
            f"{database} was written by a newer gateway (format {version}, this one knows {len(MIGRATIONS)}); "
            "run that version, or restore a copy made before the upgrade"
        )


def _check(db: sqlite3.Connection, database: Path) -> None:
    """A large file is not read through at every start: its faults show when they are met, and end the process then."""
    if database.stat().st_size >= _CHECKED_BELOW_BYTES:
        return
    found = [text for (text,) in db.execute("PRAGMA quick_check(3)")]
    if found != ["ok"]:
        raise StoreBroken(f"{database} is damaged ({'; '.join(found)}); {_RESTORE}")


_RESTORE = "it was left as it is: restore a copy, or move it away to begin with an empty one"


def what_to_do(database: Path, error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return f"{database} is damaged ({describe(error)}); {_RESTORE}"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return f"{database} cannot be written ({describe(error)}); let us write to it and to its folder"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"{database} is locked by another program ({describe(error)}); close it there"
    return f"{database} cannot be opened ({describe(error)})"


def disconnect(db: sqlite3.Connection) -> None:
    """Close, after writing the WAL back. Where that fails the next start does it: nothing is lost, so nothing is waited
    for either.
    """
    with suppress(sqlite3.Error):
        db.execute(f"PRAGMA busy_timeout = {_BUSY_AT_END_MS}")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()
