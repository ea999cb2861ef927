"""A PgBouncer of a test's own, set up as docs/scaling.md says, which it may kill and start as it likes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.load.program import free_port
from tests.load.waiting import holds
from tests.postgres_server import OwnServer
from tests.services import require

_NOBODY = "nobody"
_ADVISED = re.compile(r"^## PgBouncer$.*?^```ini\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PAGE = Path(__file__).parent.parent / "docs" / "scaling.md"


class Pooler:
    """`url`: of the database postgres behind it."""

    def __init__(self, program: str, folder: Path, server: OwnServer) -> None:
        self._command, self._folder, port = [program, str(folder / "pgbouncer.ini")], folder, free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        host, _, behind = server.host.rpartition(":")
        lines = [
            "[databases]",
            f"* = host={host} port={behind} user=postgres",
            "[pgbouncer]",
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any",
            advised(),
        ]
        Path(self._command[1]).write_text("\n".join(lines))
        self._popen: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        log = self._folder / "pgbouncer.log"
        self._spawn(log)
        assert await holds(lambda: "process up" in log.read_text(), within_s=10), log.read_text()

    def _spawn(self, log: Path) -> None:
        """As nobody where we are root, since PgBouncer does not run as root."""
        quiet, user = subprocess.DEVNULL, _NOBODY if os.geteuid() == 0 else None
        with log.open("wb") as written:
            self._popen = subprocess.Popen(
                self._command, stdin=quiet, stdout=written, stderr=subprocess.STDOUT, user=user, cwd="/"
            )

    def kill(self) -> None:
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()
            self._popen = None


def advised() -> str:
    """The settings on the page."""
    found = _ADVISED.search(_PAGE.read_text())
    assert found is not None
    return found[1]


@contextmanager
def a_pooler(server: OwnServer) -> Iterator[Pooler]:
    """One that is to be started."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    require("PgBouncer", program is not None, "apt-get install pgbouncer")
    assert program is not None
    folder = Path(tempfile.mkdtemp(prefix="optix-gateway-pgbouncer-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _NOBODY)
    pooler = Pooler(program, folder, server)
    try:
        yield pooler
    finally:
        pooler.kill()
        shutil.rmtree(folder)
