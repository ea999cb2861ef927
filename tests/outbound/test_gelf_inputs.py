"""GELF to listeners that take apart what comes as the format says: a NUL ends a message, chunks make one."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from gateway import samples
from gateway.destinations import Context, load
from gateway.destinations.gelf import GelfSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.gelf import LARGEST
from gateway.domain.message import Answer, NoAnswer, SyslogRecord, Written
from gateway.outbound.transports import Transports
from tests.destinations.examples import read_sample
from tests.destinations.on_call import NOW
from tests.outbound.conftest import Serve, server_tls
from tests.outbound.sink import Sink

MANY = tuple(Resource(f"bucket-{number:05}", "OPEN") for number in range(5000))


def an_alert(**more: Any) -> Alert:
    return replace(read_sample(samples.DOCUMENTED), **more)


def message(alert: Alert, url: str, **keys: object) -> SyslogRecord:
    settings = GelfSettings.model_validate({"url": url} | keys)
    found: Any = load("gelf").format(alert, Context("d-1", "r", b"{}", NOW), settings)
    assert isinstance(found, SyslogRecord)
    return found


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


async def whole(sock: socket.socket) -> Any:
    """One message, put together from its chunks in whatever order they come."""
    parts: dict[int, bytes] = {}
    async with asyncio.timeout(5):
        while True:
            data = await asyncio.get_running_loop().sock_recv(sock, 65536)
            if not data.startswith(b"\x1e\x0f"):
                return json.loads(data)
            parts[data[10]] = data[12:]
            if len(parts) == data[11]:
                return json.loads(b"".join(part for _, part in sorted(parts.items())))


async def test_over_tcp_messages_are_told_apart_by_nul(transports: Transports, serve: Serve) -> None:
    sink = Sink()
    server = await serve(sink)
    texts = ("one", "two\0\n", "three")
    records = [message(an_alert(summary=text), f"tcp://127.0.0.1:{server.port}") for text in texts]
    for record in records:
        assert await transports.send(record, 5) == Written(len(record.data) + 1)
    await sink.until([b"".join(record.data + b"\0" for record in records)])
    heard = [json.loads(one)["short_message"] for one in sink.heard[0].split(b"\0")[:-1]]
    assert len(heard) == 3
    assert "three" in heard[2]


@pytest.mark.parametrize(("name", "trusted"), [("localhost", True), ("other.example", False)])
async def test_over_tls_the_input_proves_itself(
    name: str, *, trusted: bool, transports: Transports, authority: trustme.CA, ca_file: Path
) -> None:
    sink = Sink()
    server = await asyncio.start_server(sink, "localhost", 0, ssl=server_tls(authority, name))
    async with server:
        url = f"tls://localhost:{server.sockets[0].getsockname()[1]}"
        record = message(an_alert(), url, ca_file=str(ca_file))
        answer: Answer = await transports.send(record, 5)
        if not trusted:
            assert isinstance(answer, NoAnswer)
            assert answer.reason.startswith("certificate not trusted: Hostname mismatch")
        else:
            assert answer == Written(len(record.data) + 1)
            await sink.until([record.data + b"\0"])
        await transports.close()


@pytest.mark.parametrize(("resources", "chunked"), [(MANY[:1], False), (MANY, True)])
async def test_over_udp_a_long_message_is_whole_again(
    resources: tuple[Resource, ...], *, chunked: bool, transports: Transports, udp: socket.socket
) -> None:
    record = message(an_alert(resources=resources), f"udp://127.0.0.1:{udp.getsockname()[1]}")
    assert (len(record.data) > 8192) is chunked
    for _ in range(2):
        assert await transports.send(record, 5) == Written(len(record.data))
        assert await whole(udp) == json.loads(record.data)


async def test_what_has_too_many_chunks_is_not_begun(transports: Transports, udp: socket.socket) -> None:
    record = SyslogRecord("127.0.0.1", udp.getsockname()[1], "udp", b"x" * (LARGEST + 1), framing="gelf")
    answer = await transports.send(record, 5)
    assert isinstance(answer, NoAnswer)
    assert str(LARGEST) in answer.reason
    with pytest.raises(BlockingIOError):
        udp.recv(1)


async def test_where_nobody_listens_nothing_was_written(transports: Transports, udp: socket.socket) -> None:
    port = udp.getsockname()[1]
    udp.close()
    for scheme in ("udp", "tcp"):
        answer = await transports.send(message(an_alert(), f"{scheme}://127.0.0.1:{port}"), 5)
        assert answer == NoAnswer("connection refused")
