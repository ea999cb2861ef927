from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, sys
from gateway.domain.message import HttpRequest, SyslogRecord
from gateway.outbound.transports import Transports

async def main():
    transports = Transports("test")
    assert not {"aiohttp", "aiosmtplib"} & set(sys.modules), "making it imports nothing"
    await transports.send(SyslogRecord("127.0.0.1", 9, "udp", b"x"), 5)
    assert not {"aiohttp", "aiosmtplib"} & set(sys.modules), "syslog needs no library"
    await transports.send(HttpRequest("http://127.0.0.1:9/", b""), 5)
    assert "aiosmtplib" not in sys.modules, "who sends no mail does not load it"
    await transports.close()
    await transports.close()

asyncio.run(main())
"""


def test_a_transport_is_loaded_when_its_first_message_comes() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
