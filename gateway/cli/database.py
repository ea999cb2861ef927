from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.configuration import AsJson, EnvFiles, load_settings
from gateway.cli.output import as_json, counted, fail, line, table
from gateway.domain.alert import JSON

if TYPE_CHECKING:
    from gateway.queue.postgres_link import Server
    from gateway.queue.upkeep import Condition
    from gateway.settings.database import PostgresUrl
    from gateway.settings.gateway import GatewaySettings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_UNITS = ("KiB", "MiB", "GiB", "TiB")


@app.command()
def status(*, env_file: EnvFiles = None, json_: AsJson = False) -> None:
    """Say what the database is: its engine, version, size and rows.

    The gateway may be running.
    """
    settings = load_settings(env_file)
    with _faults_said():
        condition = _condition(settings)
    if json_:
        as_json(_document(settings, condition))
        return
    line(f"database  {settings.database}")
    line(f"engine    {condition.engine}")
    line(f"tables    {_version_in_words(condition)}")
    line(f"size      {_size_in_words(condition.size_bytes)}")
    line(f"to come   {counted(condition.unfinished, 'delivery', 'deliveries')}")
    table(("table", "rows"), [(name, str(count)) for name, count in condition.rows.items()])


def _condition(settings: GatewaySettings) -> Condition:
    if isinstance(settings.database, Path):
        from gateway.queue import upkeep  # noqa: PLC0415 - `--help` needs none of it

        return upkeep.condition_of(settings.database)
    from gateway.queue import postgres_upkeep  # noqa: PLC0415 - its packages are not there where nobody uses them

    return asyncio.run(postgres_upkeep.condition_of(_server(settings)))


def _server(settings: GatewaySettings) -> Server:
    """Past a pooler: what takes long, and locks, is no work for one."""
    from gateway.queue.postgres_link import Server  # noqa: PLC0415 - as above

    return Server(_direct(settings).url.get_secret_value())


def _direct(settings: GatewaySettings) -> PostgresUrl:
    named = settings.database_direct or settings.database
    assert not isinstance(named, Path)  # noqa: S101 - whoever asks has seen to it
    return named


def _version_in_words(condition: Condition) -> str:
    version, newest = condition.version, condition.newest
    if version == newest:
        return f"version {version}, the newest that this program knows"
    if version > newest:
        return f"version {version}, of a newer gateway (this one knows {newest})"
    waits = f"an upgrade to {newest} waits: `optix-gateway database upgrade`, or the next start"
    return f"version {version}; {waits}" if version else f"none yet; {waits}"


def _size_in_words(size_bytes: float) -> str:
    unit = "bytes"
    for larger in _UNITS:
        if size_bytes < 1024:
            break
        size_bytes, unit = size_bytes / 1024, larger
    return f"{size_bytes:.0f} {unit}" if unit == "bytes" else f"{size_bytes:.1f} {unit}"


def _document(settings: GatewaySettings, condition: Condition) -> dict[str, JSON]:
    return {
        "database": str(settings.database),
        "engine": condition.engine,
        "version": condition.version,
        "newest_version": condition.newest,
        "upgrade_waits": condition.version < condition.newest,
        "size_bytes": condition.size_bytes,
        "unfinished_deliveries": condition.unfinished,
        "rows": dict(condition.rows),
    }


@app.command()
def upgrade(*, env_file: EnvFiles = None, json_: AsJson = False) -> None:
    """Bring the tables to this version, as the next start would.

    A gateway that runs on a database file has to be stopped before; on PostgreSQL those of the version before go on.
    """
    settings = load_settings(env_file)
    with _faults_said():
        before, after = _upgrade(settings)
    if json_:
        as_json({"database": str(settings.database), "before": before, "after": after})
    elif before < after:
        line(f"{settings.database}: {f'from version {before}' if before else 'tables made'}, now version {after}.")
    else:
        line(f"{settings.database}: version {after}; nothing to do.")


def _upgrade(settings: GatewaySettings) -> tuple[int, int]:
    if isinstance(settings.database, Path):
        from gateway.queue import upkeep  # noqa: PLC0415 - `--help` needs none of it

        return upkeep.upgrade(settings.database)
    from gateway.queue import postgres_upkeep  # noqa: PLC0415 - its packages are not there where nobody uses them

    return asyncio.run(postgres_upkeep.upgrade(_server(settings)))


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")], *, env_file: EnvFiles = None
) -> None:
    """Copy the database file, also while the gateway runs on it.

    The copy is of one moment, checked, and on disk at the end. To restore it, stop the gateway, remove the database
    file and those named like it, and put the copy in its place.
    """
    settings = load_settings(env_file)
    if not isinstance(settings.database, Path):
        raise fail("PostgreSQL has a program of its own for this:", _dump_command(_direct(settings), file))
    from gateway.queue import upkeep  # noqa: PLC0415 - `--help` needs none of it

    with _faults_said():
        size_bytes = upkeep.back_up(settings.database, file)
    line(f"{file}: {_size_in_words(size_bytes)}, whole and on disk.")


def _dump_command(database: PostgresUrl, file: Path) -> str:
    return shlex.join(["pg_dump", "--format=custom", f"--file={file}", f"--dbname={database.without_password()}"])


@app.command()
def move(
    from_: Annotated[str, typer.Option("--from", metavar="URL", help="The file, as in sqlite:///data/gateway.db.")],
    to: Annotated[
        str, typer.Option("--to", metavar="URL", help="postgresql://…; without it, what GATEWAY_DATABASE names.")
    ] = "",
    *,
    env_file: EnvFiles = None,
    json_: AsJson = False,
) -> None:
    """Copy all of a database file into an empty PostgreSQL database.

    Ids stay valid. All or nothing, compared before it counts. No gateway may run on either meanwhile; the file stays as
    it is.
    """
    source, target = _source(from_), _target(to, env_file)
    from gateway.queue import moving  # noqa: PLC0415 - as above
    from gateway.queue.postgres_link import Server  # noqa: PLC0415

    with _faults_said():
        moved = asyncio.run(moving.move(source, Server(target.url.get_secret_value())))
    if json_:
        as_json({each.table: {"rows": each.rows, "digest": f"{each.digest:064x}"} for each in moved})
        return
    table(("table", "rows", "digest"), [(each.table, str(each.rows), f"{each.digest:064x}"[:16]) for each in moved])
    line(f"{target}: everything of {source}, read back and compared.", error=True)
    line("Start the gateway with GATEWAY_DATABASE naming it, and none on the file: that would send again.", error=True)


def _source(url: str) -> Path:
    from gateway.settings.database import database_at  # noqa: PLC0415 - as above

    try:
        found = database_at(url)
    except ValueError as wrong:
        raise fail(f"--from: {wrong}", code=2) from None
    if not isinstance(found, Path):
        raise fail("--from: only a SQLite file can be moved. PostgreSQL has pg_dump and pg_restore.", code=2)
    return found


def _target(url: str, env_files: list[Path] | None) -> PostgresUrl:
    from gateway.settings.database import POSTGRES_MISSING, postgres_is_installed, postgres_url  # noqa: PLC0415

    if not postgres_is_installed():
        raise fail(POSTGRES_MISSING, code=2)
    try:
        if url:
            return postgres_url(url)
    except ValueError as wrong:
        raise fail(f"--to: {wrong}", code=2) from None
    settings = load_settings(env_files)
    if isinstance(settings.database, Path):
        raise fail("Where to? Give --to postgresql://…, or set GATEWAY_DATABASE to it.", code=2)
    return _direct(settings)


@contextmanager
def _faults_said() -> Iterator[None]:
    from gateway.queue.failures import StoreBroken  # noqa: PLC0415 - `--help` needs none of it

    try:
        yield
    except StoreBroken as fault:
        raise fail(f"That cannot be done: {fault}.") from None
