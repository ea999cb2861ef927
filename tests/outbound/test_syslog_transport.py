from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import trustme

from gateway.domain.message import Answer, NoAnswer, SyslogRecord, Tls, Written
from gateway.outbound.transports import Transports
from tests.outbound.conftest import RawServer, Serve, server_tls
from tests.outbound.sink import Sink

Transport = Literal["udp", "tcp", "tls"]
LINE = "<134>1 2020-11-02T15:56:18Z gateway optix - alert - Öffentlich".encode()


def reason(answer: Answer) -> str:
    assert isinstance(answer, NoAnswer), answer
    return answer.reason


def tcp(server: RawServer, data: bytes = LINE) -> SyslogRecord:
    return SyslogRecord("127.0.0.1", server.port, "tcp", data)


async def test_octets_are_counted_and_the_connection_stays(transports: Transports, serve: Serve) -> None:
    sink = Sink()
    server = await serve(sink)
    framed = b"%d %b" % (len(LINE), LINE)
    for _ in range(3):
        assert await transports.send(tcp(server), 5) == Written(len(framed))
    await sink.until([framed * 3])


@pytest.mark.parametrize(
    ("data", "framed"),
    [(b"<14>one", b"<14>one\n"), (b"<14>one\ntwo\nthree\n", b"<14>one two three\n"), (b"<14>one\r\n", b"<14>one\n")],
)
async def test_with_line_framing_one_message_is_one_line(
    data: bytes, framed: bytes, transports: Transports, serve: Serve
) -> None:
    sink = Sink()
    record = replace(tcp(await serve(sink), data), framing="lf")
    assert await transports.send(record, 5) == Written(len(framed))
    await sink.until([framed])


async def test_messages_sent_at_once_do_not_mix(transports: Transports, serve: Serve) -> None:
    sink = Sink()
    server = await serve(sink)
    messages = [b"<14>%d " % i + b"x" * 20_000 for i in range(40)]
    answers = await asyncio.gather(*(transports.send(tcp(server, message), 10) for message in messages))
    assert all(isinstance(answer, Written) for answer in answers)
    await sink.until([b"".join(b"%d %b" % (len(message), message) for message in messages)])


async def test_a_connection_that_the_receiver_closed_is_replaced_before_anything_is_written(
    transports: Transports, serve: Serve
) -> None:
    heard: list[bytes] = []
    both = asyncio.Barrier(2)

    async def closes_after_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readexactly(len(LINE) + 3))
        await both.wait()
        writer.close()
        await writer.wait_closed()
        await both.wait()

    server = await serve(closes_after_one)
    framed = b"%d %b" % (len(LINE), LINE)
    for _ in range(3):
        assert await transports.send(tcp(server), 5) == Written(len(framed))
        await both.wait()  # now it may close
        await both.wait()  # now it has
    assert heard == [framed] * 3
    assert server.connections == 3


async def test_a_receiver_that_hangs_up_at_once_got_nothing(transports: Transports, serve: Serve) -> None:
    async def hangs_up(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        return

    server = await serve(hangs_up)
    assert reason(await transports.send(tcp(server), 5)).startswith("connection ")


async def test_a_receiver_that_stops_reading_is_given_up_on_and_called_anew(
    transports: Transports, serve: Serve
) -> None:
    async def never_reads(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined] # typed as write-only; it is both
        await asyncio.Event().wait()

    server = await serve(never_reads)
    answer = await transports.send(tcp(server, b"x" * (32 << 20)), 1)
    assert reason(answer) == "no answer within 1 s"
    assert await transports.send(tcp(server), 5) == Written(len(LINE) + 3)
    assert server.connections == 2


async def test_what_the_receiver_says_is_ignored(transports: Transports, serve: Serve) -> None:
    sink = Sink()

    async def chatty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello?\n" * 1000)
        await sink(reader, writer)

    server = await serve(chatty)
    for _ in range(2):
        assert isinstance(await transports.send(tcp(server), 5), Written)
    assert server.connections == 1


async def test_a_receiver_that_is_down_and_comes_back_gets_the_next_try(transports: Transports, serve: Serve) -> None:
    sink = Sink()
    server = await serve(sink)
    port = server.port
    record = tcp(server)
    await transports.send(record, 5)
    await server.stop()
    assert reason(await transports.send(record, 5)) == "connection refused"
    await server.start(port)
    assert isinstance(await transports.send(record, 5), Written)
    framed = b"%d %b" % (len(LINE), LINE)
    await sink.until([framed, framed])


class TlsSink(Sink):
    async def start(self, context: ssl.SSLContext) -> asyncio.Server:
        return await asyncio.start_server(self._heed, "127.0.0.1", 0, ssl=context)

    async def _heed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self(reader, writer)
        except OSError:
            writer.transport.abort()
        writer.close()


@pytest.mark.parametrize(
    ("name", "tls", "expected"),
    [
        ("localhost", "authority", ""),
        ("elsewhere.example", "off", ""),
        ("localhost", "system", "certificate not trusted: unable to get local issuer certificate"),
        ("elsewhere.example", "authority", "certificate not trusted: Hostname mismatch"),
    ],
)
async def test_over_tls_the_receiver_must_prove_itself(
    name: str, tls: str, expected: str, transports: Transports, authority: trustme.CA, ca_file: Path
) -> None:
    sink = TlsSink()
    server = await sink.start(server_tls(authority, name))
    port = server.sockets[0].getsockname()[1]
    choice = {"authority": Tls(ca_file=str(ca_file)), "system": Tls(), "off": Tls(verify=False)}[tls]
    answer = await transports.send(SyslogRecord("localhost", port, "tls", LINE, tls=choice), 5)
    if expected:
        assert reason(answer).startswith(expected)
    else:
        assert isinstance(answer, Written)
        await sink.until([b"%d %b" % (len(LINE), LINE)])
    await transports.close()
    server.close()
    await server.wait_closed()


async def test_a_receiver_that_wants_a_client_certificate_got_nothing(
    transports: Transports, authority: trustme.CA, ca_file: Path
) -> None:
    context = server_tls(authority, "localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    sink = TlsSink()
    server = await sink.start(context)
    record = SyslogRecord("localhost", server.sockets[0].getsockname()[1], "tls", LINE, tls=Tls(ca_file=str(ca_file)))
    answer = await transports.send(record, 5)
    server.close()
    await server.wait_closed()
    assert "closed" in reason(answer) or "certificate required" in reason(answer)


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
        yield sock


async def receive(sock: socket.socket) -> bytes:
    return await asyncio.to_thread(sock.recv, 70_000)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_datagram_is_the_message_and_nothing_else(
    host: str, transports: Transports, udp: socket.socket
) -> None:
    record = SyslogRecord(host, udp.getsockname()[1], "udp", LINE)
    for _ in range(2):
        assert await transports.send(record, 5) == Written(len(LINE))
        assert await receive(udp) == LINE


async def test_a_datagram_that_is_refused_was_not_written(transports: Transports, udp: socket.socket) -> None:
    port = udp.getsockname()[1]
    record = SyslogRecord("127.0.0.1", port, "udp", LINE)
    assert isinstance(await transports.send(record, 5), Written)
    udp.close()
    answers = [await transports.send(record, 5) for _ in range(3)]
    assert [reason(answer) for answer in answers[1:]] == ["connection refused"] * 2
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", port))
        again.settimeout(5)
        assert isinstance(await transports.send(record, 5), Written)
        assert await receive(again) == LINE


async def test_a_message_too_large_for_a_datagram_is_called_that(transports: Transports, udp: socket.socket) -> None:
    record = SyslogRecord("127.0.0.1", udp.getsockname()[1], "udp", b"x" * 66_000)
    assert reason(await transports.send(record, 5)) == "the message is too large for one datagram"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_metadata_services_get_no_syslog_either(transport: Transport, transports: Transports) -> None:
    record = replace(SyslogRecord("169.254.169.254", 514, "udp", LINE), transport=transport)
    assert reason(await transports.send(record, 5)).startswith("refused: the address is link-local")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_an_unknown_name_is_named_as_such_by_syslog(transport: Transport, transports: Transports) -> None:
    record = replace(SyslogRecord("nowhere.invalid", 514, "udp", LINE), transport=transport)
    assert reason(await transports.send(record, 30)).startswith("name resolution failed")
