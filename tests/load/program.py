"""Programs of ours as processes of their own, with what the system knows about them."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.load.sender import HEADER, SECRET, status_of

READY_WITHIN_S = 60.0
_POLL_S = 0.005
_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@cache
def cores() -> tuple[int, int]:
    """One core for the program and another for everything around it; the same one where there is no other. Decided
    once, before anything is bound to one of them.
    """
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def cpu_s(pid: int) -> float:
    """Processor time of all threads so far: proc_pid_stat(5), fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def core_used_s(core: int) -> float:
    """Time that this core gave to any program, or that the host took from it: proc_stat(5)."""
    fields = next(
        line.split() for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{core} ")
    )
    user, nice, system, steal = (int(fields[column]) for column in (1, 2, 3, 8))
    return (user + nice + system + steal) / _TICKS


def rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


@dataclass(slots=True)
class Process:
    """A started program, by default Python. `core`: the only one it may use; None for all."""

    arguments: list[str]
    environ: dict[str, str]
    log: Path
    core: int | None = None
    program: str = sys.executable
    _popen: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        assert self._popen is not None
        return self._popen.pid

    @property
    def ended(self) -> int | None:
        assert self._popen is not None
        return self._popen.poll()

    def start(self) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [self.program, *self.arguments],
                env=kept | self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if self.core is not None:
            os.sched_setaffinity(self._popen.pid, {self.core})

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()

    async def stop(self, within_s: float = 30.0) -> int:
        """SIGTERM; the exit code."""
        assert self._popen is not None
        self._popen.terminate()
        return await asyncio.to_thread(self._popen.wait, within_s)

    async def ready(self, port: int, path: str, within_s: float = READY_WITHIN_S) -> None:
        """Wait until a GET is answered with 200."""
        by = time.monotonic() + within_s
        while await status_of(port, path) != 200:
            if self.ended is not None or time.monotonic() > by:
                state = "is not ready" if self.ended is None else f"ended with {self.ended}"
                raise RuntimeError(f"{' '.join([self.program, *self.arguments])} {state}:\n{self.tail()}")
            await asyncio.sleep(_POLL_S)

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Gateway:
    """`optix-gateway serve` on loopback, with its files in one folder. Survives kills: ports and database stay."""

    def __init__(self, folder: Path, *, core: int | None = None, **settings: str) -> None:
        self.folder, self.port, self.ops_port = folder, free_port(), free_port()
        self.routes = folder / "routes"
        self.routes.mkdir(parents=True, exist_ok=True)
        environ = {
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
            "GATEWAY_OPS_LISTEN": f"127.0.0.1:{self.ops_port}",
            "GATEWAY_DATABASE": f"sqlite:///{folder / 'gateway.db'}",
            "GATEWAY_AUTH_HEADER": HEADER,
            "GATEWAY_AUTH_VALUES": SECRET,
            "GATEWAY_ROUTES_DIR": str(self.routes),
            "GATEWAY_LOG_FORMAT": "json",
            **settings,
        }
        self.process = Process(["-m", "gateway", "serve"], environ, folder / "gateway.log", core)

    def route(self, name: str, **keys: str) -> None:
        text = "".join(f"{key}={value}\n" for key, value in keys.items())
        (self.routes / f"{name}.env").write_text(text)

    async def start(self) -> float:
        """Seconds from the start of the process until it was ready."""
        began = time.perf_counter()
        self.process.start()
        await self.process.ready(self.ops_port, "/readyz")
        return time.perf_counter() - began
