"""An rsyslogd of a test's own, as users run it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import trustme

Kind = Literal["udp", "tcp", "tls"]


def rsyslogd() -> str | None:
    return shutil.which("rsyslogd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/sbin")


def tls_driver() -> str:
    """The network stream driver that is installed: its package adds a library to rsyslog's."""
    found = {p.name for folder in ("/usr/lib", "/usr/local/lib") for p in Path(folder).glob("**/rsyslog/lmnsd_*.so")}
    return next((driver for driver in ("gtls", "ossl") if f"lmnsd_{driver}.so" in found), "")


def free_port(kind: Kind) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def wait_until(condition: Callable[[], bool]) -> None:
    """Or for 20 seconds: the caller looks what came of it."""
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.05)


class Rsyslog:
    """One rsyslogd with one input, which writes each message as it came, a line each."""

    def __init__(self, folder: Path, kind: Kind, authority: trustme.CA) -> None:
        self.port = free_port(kind)
        self._folder = folder
        self._written = folder / "written.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._kind = kind
        (folder / "rsyslog.conf").write_text(f"{self._input(authority)}\n{self._output()}\n")

    def start(self) -> None:
        binary = rsyslogd()
        assert binary
        log = (self._folder / "rsyslogd.log").open("ab")
        folder = str(self._folder)
        arguments = [binary, "-n", "-f", f"{folder}/rsyslog.conf", "-i", f"{folder}/rsyslog.pid"]
        self._process = subprocess.Popen(arguments, stdout=log, stderr=log)
        log.close()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    async def until_listening(self) -> None:
        await wait_until(self._listens)
        assert self._listens(), self._complaints()

    async def until_written(self, messages: list[bytes]) -> None:
        await wait_until(lambda: len(self._lines()) >= len(messages))
        assert self._lines() == messages, self._complaints()

    def _listens(self) -> bool:
        """`/proc/net` tells without sending anything."""
        table = Path("/proc/net/udp" if self._kind == "udp" else "/proc/net/tcp")
        return f"0100007F:{self.port:04X} 00000000:0000" in table.read_text()

    def _lines(self) -> list[bytes]:
        return self._written.read_bytes().splitlines() if self._written.exists() else []

    def _complaints(self) -> str:
        return (self._folder / "rsyslogd.log").read_text()

    def _input(self, authority: trustme.CA) -> str:
        if self._kind == "udp":
            return f'module(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="{self.port}" ruleset="all")'
        driver = self._driver(authority) if self._kind == "tls" else ""
        return (
            f'{driver}module(load="imtcp"{self._mode()})\n'
            f'input(type="imtcp" address="127.0.0.1" port="{self.port}" ruleset="all")'
        )

    def _driver(self, authority: trustme.CA) -> str:
        certificate = authority.issue_cert("localhost")
        authority.cert_pem.write_to_path(str(self._folder / "ca.pem"))
        certificate.private_key_pem.write_to_path(str(self._folder / "key.pem"))
        for part in certificate.cert_chain_pems:
            part.write_to_path(str(self._folder / "cert.pem"), append=True)
        return (
            f'global(DefaultNetstreamDriver="{tls_driver()}" DefaultNetstreamDriverCAFile="{self._folder}/ca.pem"'
            f' DefaultNetstreamDriverCertFile="{self._folder}/cert.pem"'
            f' DefaultNetstreamDriverKeyFile="{self._folder}/key.pem")\n'
        )

    def _mode(self) -> str:
        return ' StreamDriver.Mode="1" StreamDriver.AuthMode="anon"' if self._kind == "tls" else ""

    def _output(self) -> str:
        return (
            'template(name="as-it-came" type="string" string="%rawmsg%\\n")\n'
            f'ruleset(name="all") {{ action(type="omfile" file="{self._written}" template="as-it-came") }}'
        )
