"""What an error of SQLite means for us."""

from __future__ import annotations

import sqlite3
from enum import Enum

FULL_REASON = "the disk is full"
LOCKED_REASON = "the database is locked by another program"


class StoreBroken(Exception):
    """The database cannot be used as it is; the text says what is wrong and what to do."""


class Failure(Enum):
    """ITEM: one call is at fault, the others can go on. FULL and LOCKED may pass. FATAL: this process must end."""

    ITEM = "item"
    FULL = "full"
    LOCKED = "locked"
    FATAL = "fatal"


_BY_CODE = {
    sqlite3.SQLITE_FULL: Failure.FULL,
    sqlite3.SQLITE_BUSY: Failure.LOCKED,
    sqlite3.SQLITE_LOCKED: Failure.LOCKED,
    sqlite3.SQLITE_IOERR: Failure.FATAL,
    sqlite3.SQLITE_CORRUPT: Failure.FATAL,
    sqlite3.SQLITE_NOTADB: Failure.FATAL,
    sqlite3.SQLITE_CANTOPEN: Failure.FATAL,
    sqlite3.SQLITE_READONLY: Failure.FATAL,
}
# The index of the WAL could not grow: the disk is full, and nothing was harmed.
_FULL_CODES = frozenset({sqlite3.SQLITE_IOERR_SHMSIZE})
_PRIMARY = 0xFF


def failure_of(error: Exception) -> Failure:
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(error, sqlite3.Error) or not isinstance(code, int):
        return Failure.ITEM
    return Failure.FULL if code in _FULL_CODES else _BY_CODE.get(code & _PRIMARY, Failure.ITEM)


def describe(error: Exception) -> str:
    """Safe to show: names and codes, never values."""
    return f"{getattr(error, 'sqlite_errorname', type(error).__name__)}: {error}"
