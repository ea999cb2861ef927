from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import Result

from gateway.queue import opening
from gateway.queue.schema import MIGRATIONS, TABLES, migrate
from tests.cli.cli_world import World
from tests.cli.conftest import Run, Start
from tests.postgres import a_database, put_back

NEWEST = len(MIGRATIONS)
PASSWORD = "planted-password-4c1d"


@pytest.fixture
def postgres() -> Iterator[str]:
    url = a_database()
    yield url
    put_back(url)


def _with_password(url: str) -> str:
    """Where the server asks for none, it may be given one."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.netloc.rpartition("@")[0].partition(":")[0] or "postgres"
    return parts._replace(netloc=f"{user}:{PASSWORD}@{host}").geturl()


def test_status_tells_of_the_database_of_a_gateway_that_runs(world: World, run: Run) -> None:
    world.accept()
    done = run("database", "status", env=world.env)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == f"database  {world.env['GATEWAY_DATABASE'].removeprefix('sqlite:///')}"
    assert lines[1] == f"engine    SQLite {sqlite3.sqlite_version}"
    assert lines[2] == f"tables    version {NEWEST}, the newest that this program knows"
    assert "alert\t1" in lines
    document = json.loads(run("database", "status", "--json", env=world.env).stdout)
    assert document["upgrade_waits"] is False
    assert document["size_bytes"] > 4096
    assert list(document["rows"]) == list(TABLES)


def test_an_upgrade_that_waits_is_said_and_done(environment: dict[str, str], run: Run, tmp_path: Path) -> None:
    with closing(opening.connect(tmp_path / "gateway.db")) as db:
        migrate(db, MIGRATIONS[:1])
    waits = f"version 1; an upgrade to {NEWEST} waits: `optix-gateway database upgrade`, or the next start"
    assert f"tables    {waits}" in run("database", "status", env=environment).stdout.splitlines()
    done = run("database", "upgrade", env=environment)
    assert done.stdout == f"{tmp_path / 'gateway.db'}: from version 1, now version {NEWEST}.\n"
    again = run("database", "upgrade", "--json", env=environment)
    assert json.loads(again.stdout) == {"database": str(tmp_path / "gateway.db"), "before": NEWEST, "after": NEWEST}


def test_a_database_of_a_newer_gateway_is_told_apart_and_not_touched(
    environment: dict[str, str], run: Run, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as db:
        migrate(db)
        db.execute("PRAGMA user_version = 99")
    assert (
        f"version 99, of a newer gateway (this one knows {NEWEST})" in run("database", "status", env=environment).stdout
    )
    refused = run("database", "upgrade", env=environment)
    assert refused.exit_code == 1
    assert "was written by a newer gateway" in refused.stderr


def test_an_upgrade_beside_a_gateway_that_runs_is_refused(world: World, run: Run) -> None:
    refused = run("database", "upgrade", env=world.env)
    assert refused.exit_code == 1
    assert "That cannot be done: another gateway already uses this database" in refused.stderr


def test_a_backup_beside_a_gateway_that_runs_is_a_database_of_its_own(world: World, run: Run, tmp_path: Path) -> None:
    world.accept()
    copy = tmp_path / "copy.db"
    done = run("database", "backup", str(copy), env=world.env)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{copy}: ")
    assert done.stdout.endswith(" KiB, whole and on disk.\n")
    found = run("database", "status", "--json", env={**world.env, "GATEWAY_DATABASE": f"sqlite:///{copy}"})
    assert json.loads(found.stdout)["rows"]["alert"] == 1
    world.accept("A-000002")


@pytest.mark.parametrize("command", [("status",), ("upgrade",), ("backup", "copy.db")])
def test_a_database_that_is_not_there_is_not_made(
    command: tuple[str, ...], environment: dict[str, str], run: Run, tmp_path: Path
) -> None:
    refused = run("database", *command, env=environment)
    assert refused.exit_code == 1
    assert refused.stderr == (
        f"That cannot be done: there is no {tmp_path / 'gateway.db'}; the gateway makes it when it starts.\n"
    )
    assert list(tmp_path.glob("*.db*")) == []


@pytest.mark.parametrize("command", [("status",), ("upgrade",), ("backup", "copy.db")])
def test_a_file_of_another_program_is_left_alone(
    command: tuple[str, ...], environment: dict[str, str], run: Run, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as db:
        db.execute("CREATE TABLE theirs (x)")
    refused = run("database", *command, env=environment)
    assert refused.exit_code == 1
    assert "is the database of another program" in refused.stderr


def test_a_backup_into_a_folder_that_is_not_there_says_so(world: World, run: Run, tmp_path: Path) -> None:
    refused = run("database", "backup", str(tmp_path / "nowhere" / "copy.db"), env=world.env)
    assert refused.exit_code == 1
    assert "cannot be made (No such file or directory); let us write to" in refused.stderr


def test_status_and_upgrade_speak_of_postgresql_without_its_password(
    environment: dict[str, str], run: Run, postgres: str
) -> None:
    env = environment | {"GATEWAY_DATABASE": _with_password(postgres)}
    done = run("database", "status", env=env)
    assert done.exit_code == 0, done.output
    assert "engine    PostgreSQL " in done.stdout
    assert f"tables    version {NEWEST}, the newest that this program knows" in done.stdout
    upgraded = run("database", "upgrade", env=env)
    assert upgraded.stdout.endswith(f": version {NEWEST}; nothing to do.\n")
    assert PASSWORD not in done.output + upgraded.output


def test_a_backup_of_postgresql_names_the_command_for_it_without_the_password(
    environment: dict[str, str], run: Run
) -> None:
    url = f"postgresql://me:{PASSWORD}@db.internal:5433/optix?sslmode=require&password={PASSWORD}"
    refused = run("database", "backup", "my copy.dump", env=environment | {"GATEWAY_DATABASE": url})
    assert refused.exit_code == 1
    assert refused.stderr.splitlines() == [
        "PostgreSQL has a program of its own for this:",
        "pg_dump --format=custom '--file=my copy.dump' '--dbname=postgresql://me@db.internal:5433/optix?sslmode=require'",
    ]


def test_a_postgresql_that_does_not_answer_is_said_without_its_password(environment: dict[str, str], run: Run) -> None:
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:1/optix"
    for command in ("status", "upgrade"):
        refused = run("database", command, env=environment | {"GATEWAY_DATABASE": url})
        assert refused.exit_code == 1
        assert "That cannot be done: the database cannot be used (ConnectionRefusedError)" in refused.stderr
        assert PASSWORD not in refused.output


def _move(run: Run, source: Path | str, target: str = "", **env: str) -> Result:
    to = ("--to", target) if target else ()
    url = source if isinstance(source, str) else f"sqlite:///{source}"
    return run("database", "move", "--from", url, *to, env=env)


def test_a_moved_gateway_knows_every_delivery_by_its_id(start: Start, run: Run, tmp_path: Path, postgres: str) -> None:
    world = start(GATEWAY_DATABASE=f"sqlite:///{tmp_path / 'first.db'}")
    alert = world.accept()
    copy = tmp_path / "copy.db"
    assert run("database", "backup", str(copy), env=world.env).exit_code == 0
    done = _move(run, copy, _with_password(postgres))
    assert done.exit_code == 0, done.output
    assert PASSWORD not in done.output
    rows = {line.split("\t")[0]: line.split("\t")[1] for line in done.stdout.splitlines()}
    assert list(rows) == list(TABLES[1:])
    assert rows["alert"] == rows["body"] == "1"
    assert "read back and compared." in done.stderr
    moved = start(GATEWAY_DATABASE=postgres)
    shown = run("deliveries", "show", f"{alert}.all", env=moved.env)
    assert shown.exit_code == 0, shown.output
    assert moved.accept() == alert


def test_where_no_target_is_named_it_is_that_of_the_settings(run: Run, tmp_path: Path, postgres: str) -> None:
    with closing(opening.connect(tmp_path / "old.db")) as db:
        migrate(db)
    done = run(
        "database", "move", "--from", f"sqlite:///{tmp_path / 'old.db'}", "--json", env={"GATEWAY_DATABASE": postgres}
    )
    assert json.loads(done.stdout)["delivery"] == {"rows": 0, "digest": "0" * 64}


@pytest.mark.parametrize(
    ("source", "target", "told_of"),
    [
        ("postgresql://a/b", "postgresql://a/c", "--from: only a SQLite file can be moved."),
        ("old.db", "postgresql://a/c", "--from: this is not a database URL."),
        ("sqlite:///old.db", "sqlite:///new.db", "--to: this is not a database URL. Write postgresql://"),
        ("sqlite:///old.db", "", "Where to? Give --to postgresql://…, or set GATEWAY_DATABASE to it."),
    ],
)
def test_what_cannot_be_moved_so_is_a_mistake_of_the_command_line(
    source: str, target: str, told_of: str, run: Run
) -> None:
    refused = _move(run, source, target)
    assert refused.exit_code == 2
    assert told_of in refused.stderr


def test_a_move_from_a_gateway_that_runs_or_from_nothing_is_refused(
    world: World, run: Run, tmp_path: Path, postgres: str
) -> None:
    refused = _move(run, world.env["GATEWAY_DATABASE"], postgres)
    assert refused.exit_code == 1
    assert "That cannot be done: another gateway already uses this database" in refused.stderr
    missing = _move(run, tmp_path / "nothing.db", postgres)
    assert missing.exit_code == 1
    assert "there is no" in missing.stderr
    assert not (tmp_path / "nothing.db").exists()
