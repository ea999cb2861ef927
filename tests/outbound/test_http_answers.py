"""What a receiver answers over HTTP: in pieces, compressed, without an end, too late, or not at all."""

from __future__ import annotations

import asyncio
import gzip
import socket

import pytest

from gateway.domain.message import HttpAnswer
from gateway.outbound.transports import Transports
from tests.outbound.conftest import Serve
from tests.outbound.http_world import answered_with, post, read_request, reason


async def test_an_answer_comes_back_with_status_lower_case_headers_and_body(
    transports: Transports, serve: Serve
) -> None:
    server = await answered_with(
        serve, b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nX-RateLimit-Scope: user\r\nContent-Length: 4\r\n\r\nwait"
    )
    answer = await transports.send(post(server), 5)
    assert answer == HttpAnswer(429, {"retry-after": "7", "x-ratelimit-scope": "user", "content-length": "4"}, b"wait")


async def test_a_redirect_is_an_answer_and_not_followed(transports: Transports, serve: Serve) -> None:
    server = await answered_with(serve, b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
    answer = await transports.send(post(server), 5)
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.headers["location"], server.connections) == (302, "/elsewhere", 1)


async def test_an_interim_answer_is_passed_over(transports: Transports, serve: Serve) -> None:
    server = await answered_with(
        serve,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
    )
    assert await transports.send(post(server), 5) == HttpAnswer(201, {"content-length": "2"}, b"ok")


async def test_a_body_in_small_chunks_is_put_together(transports: Transports, serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in (b"one ", b"two ", b"three"):
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    answer = await transports.send(post(await serve(handler)), 5)
    assert isinstance(answer, HttpAnswer)
    assert answer.body == b"one two three"


async def test_an_answer_compressed_without_being_asked_is_still_readable(transports: Transports, serve: Serve) -> None:
    packed = gzip.compress(b'{"ok":true}')
    server = await answered_with(
        serve, b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    )
    answer = await transports.send(post(server), 5)
    assert isinstance(answer, HttpAnswer)
    assert answer.body == b'{"ok":true}'


@pytest.mark.parametrize("head", [b"", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 1000000000\r\n"])
async def test_of_an_endless_answer_the_first_64_kib_are_kept_and_the_connection_closes(
    head: bytes, transports: Transports, serve: Serve
) -> None:
    hung_up = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        part = b"y" * 8192
        try:
            while True:
                writer.write(b"2000\r\n%b\r\n" % part if b"chunked" in head else part)
                await writer.drain()
        finally:
            hung_up.set()

    answer = await transports.send(post(await serve(handler)), 10)
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.body) == (200, b"y" * 65536)
    await asyncio.wait_for(hung_up.wait(), 5)


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"])
async def test_an_answer_that_drips_is_cut_off_by_the_time_out(
    beginning: bytes, transports: Transports, serve: Serve
) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(beginning)
        while True:
            if beginning.endswith(b"\r\n\r\n"):
                writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    assert reason(await transports.send(post(await serve(handler)), 0.4)) == "no answer within 0.4 s"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "connection closed before the answer"),
        (b"HTTP/1.1 200 OK\r\nContent-", "connection closed before the answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "connection lost or answer malformed in its body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed answer"),
        (b"220 mail.example ESMTP\r\n\r\n", "malformed answer"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "malformed answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello", "malformed answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "malformed answer"),
    ],
)
async def test_half_an_answer_is_no_answer(raw: bytes, expected: str, transports: Transports, serve: Serve) -> None:
    assert reason(await transports.send(post(await answered_with(serve, raw)), 5)) == expected


async def test_a_reset_before_the_answer_is_named(transports: Transports, serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        linger = b"\1\0\0\0\0\0\0\0"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    answer = await transports.send(post(await serve(handler)), 5)
    assert reason(answer) == "connection reset before the answer"


async def test_a_receiver_that_refuses_a_large_body_early_is_heard(transports: Transports, serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        await reader.read()

    answer = await transports.send(post(await serve(handler), body=b"x" * (8 << 20)), 10)
    assert isinstance(answer, HttpAnswer)
    assert answer.status == 413
