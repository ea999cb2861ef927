"""A connection to PostgreSQL that is made when it is needed, and never used again once something was wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

import asyncpg

from gateway.queue.failures import LOCKED_REASON

_CONNECT_S = 5.0
_KEPT_STATEMENTS = 512
# Every statement of ours has its index. Where the statistics are not there yet, or old, the planner may think that a
# table is small enough to be read through, and remember that for long. No value of ours asks for another plan, and a
# new one for each costs more than most statements do.
_SETTINGS = MappingProxyType(
    {
        "statement_timeout": "10s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "30s",
        "enable_seqscan": "off",
        "plan_cache_mode": "force_generic_plan",
        "jit": "off",
    }
)
_LOCAL = "".join(f"; SET LOCAL {name} = '{value}'" for name, value in _SETTINGS.items())
"""With every transaction: behind a pooler no setting of a session is ours to keep."""
_OWN = "; ".join(f"SET {name} = '{value}'" for name, value in _SETTINGS.items())
_MOST_S = 12.0
"""A transaction, so that the server's own limits show first."""
_COMMIT_S = 8.0
"""A commit may wait for a standby. One that lost its way tries again after 5 s (wal_retrieve_retry_interval), and many
senders of webhooks give up after 10: https://www.postgresql.org/docs/current/runtime-config-replication.html
"""
_WAITS_FOR_STANDBY = """
SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND wait_event = 'SyncRep'
    AND clock_timestamp() - state_change > interval '5 seconds'
"""


@dataclass(frozen=True, slots=True)
class Server:
    """`url`: postgresql://…, also with several hosts. `pooled`: behind a pooler that gives every transaction another
    session, so that no statement stays prepared.
    """

    url: str
    pooled: bool = False


class Failure(Enum):
    """AGAIN: the same transaction may well succeed at once. ITEM: one call is at fault. BUSY: it may pass. LOST: the
    connection cannot be used any more.
    """

    AGAIN = "again"
    ITEM = "item"
    BUSY = "busy"
    LOST = "lost"


class NotCommitted(TimeoutError):
    """Nobody knows whether it was."""


_OTHER_BUSY = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, asyncpg.DiskFullError)
_TURNED_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
    OSError,
)


def failure_of(error: BaseException) -> Failure:
    if isinstance(error, asyncpg.TransactionRollbackError):
        return Failure.AGAIN
    if isinstance(error, _OTHER_BUSY):
        return Failure.BUSY
    return Failure.LOST if isinstance(error, _TURNED_AWAY) else Failure.ITEM


def describe(error: BaseException) -> str:
    """Safe to show: asyncpg puts no values and no addresses with passwords into these; what the system says of an
    address is left out.
    """
    if isinstance(error, asyncpg.LockNotAvailableError):
        return LOCKED_REASON
    if isinstance(error, NotCommitted):
        return f"no commit within {_COMMIT_S:g} s, as when no standby confirms"
    state = getattr(error, "sqlstate", "")
    name = type(error).__name__ + (f" {state}" if state else "")
    return f"{name}: {error}" if isinstance(error, asyncpg.PostgresError) else name


class Link:
    """`writes`: of several hosts, the one that takes writes."""

    def __init__(self, server: Server, *, writes: bool = True) -> None:
        self._server, self._writes = server, writes
        self._connection: asyncpg.Connection | None = None

    async def ready(self) -> asyncpg.Connection:
        found = self._connection
        if found is None or found.is_closed():
            self._connection = None
            found = self._connection = await self._connect()
        return found

    async def look(self) -> bool:
        """Whether the server answers, on whichever connection, raises when it does not; and whether it commits. A
        session that was left while it waited for a standby goes on waiting there: it shows when another need not.

        Rows are only counted, by the status: in one message, since a pooler may give the next to another session.
        """
        try:
            async with asyncio.timeout(_CONNECT_S):
                return bool(await (await self.ready()).execute(_WAITS_FOR_STANDBY) == "SELECT 0")
        except BaseException:
            self.drop()
            raise

    @asynccontextmanager
    async def transaction(self, mode: str = "") -> AsyncIterator[asyncpg.Connection]:
        """Whatever goes wrong in it, the connection is as new afterwards, or gone."""
        try:
            async with asyncio.timeout(_MOST_S):
                connection = await self._begun(f"BEGIN{mode}{_LOCAL if self._server.pooled else ''}")
                try:
                    yield connection
                except Exception as error:
                    if failure_of(error) is not Failure.LOST:
                        await connection.execute("ROLLBACK")
                    raise
                await _commit(connection)
        except BaseException as error:
            if not isinstance(error, Exception) or failure_of(error) is Failure.LOST:
                self.drop()
            raise

    async def _begun(self, words: str) -> asyncpg.Connection:
        """A connection that was ended while it was idle (by an operator, a pooler, a firewall) shows it only now, when
        nothing is lost yet: a new one takes its place.
        """
        kept = self._connection
        connection = await self.ready()
        try:
            await connection.execute(words)
        except Exception as error:
            if connection is not kept or failure_of(error) is not Failure.LOST:
                raise
            self.drop()
            connection = await self.ready()
            await connection.execute(words)
        return connection

    def drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=1)
            except Exception:  # noqa: BLE001 - it is of no use any more, whatever is wrong with it
                connection.terminate()

    async def _connect(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            self._server.url,
            timeout=_CONNECT_S,
            statement_cache_size=0 if self._server.pooled else _KEPT_STATEMENTS,
            max_cached_statement_lifetime=0,
            target_session_attrs="read-write" if self._writes else "any",
        )
        if not self._server.pooled:
            await connection.execute(_OWN)
        return connection


async def _commit(connection: asyncpg.Connection) -> None:
    try:
        async with asyncio.timeout(_COMMIT_S):
            await connection.execute("COMMIT")
    except TimeoutError:
        raise NotCommitted from None
