"""What is done to a PostgreSQL database from beside the gateways that share it: looking at it, upgrading it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncpg import Connection

from gateway.queue.failures import StoreBroken
from gateway.queue.postgres import prepare
from gateway.queue.postgres_link import Link, Server, describe
from gateway.queue.postgres_reader import is_of_database
from gateway.queue.postgres_schema import MIGRATIONS, version_of
from gateway.queue.schema import TABLES
from gateway.queue.upkeep import UNFINISHED, Condition

_AT_LEISURE = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET enable_seqscan = on"


async def condition_of(server: Server) -> Condition:
    """As it is, also while gateways run on it. Raises StoreBroken."""
    async with connected(server, writes=False) as db, db.transaction(isolation="repeatable_read", readonly=True):
        version = await version_of(db)
        there = [table for table in TABLES if version and await db.fetchval("SELECT to_regclass($1)", table)]
        rows = {table: await db.fetchval(f"SELECT count(*) FROM {table}") for table in there}  # noqa: S608 - ours
        unfinished = await db.fetchval(UNFINISHED) if version else 0
        size_bytes = await db.fetchval("SELECT pg_database_size(current_database())")
        found = db.get_server_version()
        engine = f"PostgreSQL {found.major}.{found.minor}"
        return Condition(engine, version, len(MIGRATIONS), size_bytes, rows, unfinished)


async def upgrade(server: Server) -> tuple[int, int]:
    """From which version to which, 0 for none. Gateways of the version before go on meanwhile. Raises StoreBroken."""
    async with connected(server) as db:
        return await prepare(db), await version_of(db)


@asynccontextmanager
async def connected(server: Server, *, writes: bool = True) -> AsyncIterator[Connection]:
    """For work that takes its time. Raises StoreBroken."""
    link = Link(server, writes=writes)
    try:
        db = await link.ready()
        await db.execute(_AT_LEISURE)
        yield db
    except Exception as error:
        if not is_of_database(error):
            raise
        raise StoreBroken(f"the database cannot be used ({describe(error)})") from None
    finally:
        await link.close()
