"""A PostgreSQL to test against: the one that TEST_POSTGRES_URL names, one on this machine, or the one that comes with
the tests. Every test has a database of its own as long as it uses it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
from functools import cache
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from gateway.queue.postgres_schema import migrate
from gateway.queue.schema import BASE32
from tests.postgres_server import own_server
from tests.services import require

_LOCAL = ("postgresql://postgres@127.0.0.1:5432/postgres", "postgresql:///postgres")
_numbers = count(1)
_made: list[str] = []
_free: list[str] = []


@cache
def server_url() -> str:
    """Of a database in which others can be made. Skips the test where there is no server."""
    named = os.environ.get("TEST_POSTGRES_URL")
    for url in (named,) if named else _LOCAL:
        if _answers(url):
            return url
    require("the PostgreSQL of TEST_POSTGRES_URL", not named, "nothing answers there")
    return _started()


def _answers(url: str) -> bool:
    async def ask() -> None:
        await (await asyncpg.connect(url, timeout=2)).close()

    try:
        _apart(ask())
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    return True


def _started() -> str:
    """One of our own, until these tests end."""
    running = own_server()
    url = running.__enter__().url
    atexit.register(running.__exit__, None, None, None)
    return url


def a_database() -> str:
    """The URL of one that is empty but for our tables; give it back with `put_back`."""
    return _free.pop() if _free else a_fresh_database()


def a_fresh_database() -> str:
    """The same, for one who changes its tables: `drop` it."""
    url = a_bare_database()
    _apart(_furnish(url))
    return url


def a_bare_database() -> str:
    """The URL of one without our tables, for a program that makes its own. It goes when the tests end."""
    name = f"optix_gateway_test_{os.getpid()}_{next(_numbers)}"
    server_url()  # before what is to be done at the end, so that it ends after that
    if not _made:
        atexit.register(_drop_all)
    _apart(_administer(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"))
    _made.append(name)
    return at_database(server_url(), name)


def put_back(url: str) -> None:
    """Nobody uses it any more: the next test finds it empty."""
    _apart(_empty(url))
    _free.append(url)


def drop(url: str) -> None:
    _apart(_administer(f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)"))


def at_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _apart(work: object) -> None:
    """In a thread, since the caller may be inside of a loop."""
    import threading  # noqa: PLC0415

    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)  # type: ignore[arg-type]
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


async def _administer(*statements: str) -> None:
    connection = await asyncpg.connect(server_url())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _furnish(url: str) -> None:
    connection = await asyncpg.connect(url)
    await migrate(connection)
    await connection.close()


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    emptied = (f"DELETE FROM {table}" for (table,) in tables if table != "meta")  # noqa: S608 - names
    await connection.execute("; ".join(emptied))
    name = "".join(BASE32[byte % 32] for byte in os.urandom(6))
    await connection.execute("UPDATE meta SET value = $1 WHERE name = 'store'", name)
    await connection.close()


def _drop_all() -> None:
    _apart(_administer(*(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in _made)))
