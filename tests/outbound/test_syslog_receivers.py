"""Against rsyslog, as users run it: what it wrote to its file is what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from gateway.domain.message import NoAnswer, SyslogRecord, Tls, Written
from gateway.outbound.transports import Transports
from tests.outbound.rsyslog import Kind, Rsyslog, rsyslogd, tls_driver
from tests.services import require

MESSAGES = [f"<134>1 2020-11-02T15:56:18Z gateway optix - alert{i} - S3 – öffentlich {i}".encode() for i in range(5)]


@pytest.fixture(params=["udp", "tcp", "tls"])
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def rsyslog(kind: Kind, tmp_path: Path, authority: trustme.CA) -> Iterator[Rsyslog]:
    require("rsyslog", bool(rsyslogd()), "apt-get install rsyslog")
    if kind == "tls":
        require("rsyslog's TLS driver", bool(tls_driver()), "apt-get install rsyslog-openssl")
    receiver = Rsyslog(tmp_path, kind, authority)
    yield receiver
    receiver.stop()


def record(receiver: Rsyslog, kind: Kind, data: bytes, ca_file: Path) -> SyslogRecord:
    return SyslogRecord("localhost", receiver.port, kind, data, tls=Tls(ca_file=str(ca_file)))


async def test_rsyslog_writes_what_was_sent(
    kind: Kind, rsyslog: Rsyslog, transports: Transports, ca_file: Path
) -> None:
    rsyslog.start()
    await rsyslog.until_listening()
    for message in MESSAGES:
        assert isinstance(await transports.send(record(rsyslog, kind, message, ca_file), 10), Written)
    await rsyslog.until_written(MESSAGES)


async def test_rsyslog_that_was_down_gets_the_message_of_a_later_try_once(
    kind: Kind, rsyslog: Rsyslog, transports: Transports, ca_file: Path
) -> None:
    rsyslog.start()
    await rsyslog.until_listening()
    before, meanwhile, after = MESSAGES[:3]
    assert isinstance(await transports.send(record(rsyslog, kind, before, ca_file), 10), Written)
    await rsyslog.until_written([before])
    await asyncio.to_thread(rsyslog.stop)
    if kind == "udp":
        # The first datagram after the stop finds out; nobody can know of it before.
        await transports.send(record(rsyslog, kind, b"lost", ca_file), 10)
    assert isinstance(await transports.send(record(rsyslog, kind, meanwhile, ca_file), 10), NoAnswer)
    rsyslog.start()
    await rsyslog.until_listening()
    for message in (meanwhile, after):
        assert isinstance(await transports.send(record(rsyslog, kind, message, ca_file), 10), Written)
    await rsyslog.until_written([before, meanwhile, after])


@pytest.mark.parametrize("kind", ["tcp"])
async def test_rsyslog_tells_lines_apart(kind: Kind, rsyslog: Rsyslog, transports: Transports) -> None:
    rsyslog.start()
    await rsyslog.until_listening()
    for message in MESSAGES:
        answer = await transports.send(SyslogRecord("localhost", rsyslog.port, kind, message, framing="lf"), 10)
        assert isinstance(answer, Written)
    await rsyslog.until_written(MESSAGES)
