"""HTTP through a proxy, whose refusals are no answers of the receiver."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trustme

from gateway.domain.message import HttpAnswer, HttpRequest, Tls
from gateway.outbound.proxies import Proxies
from gateway.outbound.transports import Transports
from tests.load.program import free_port
from tests.outbound.conftest import Serve, server_tls
from tests.outbound.http_world import FORBIDDEN, answered_with, ok, read_request, reason, receiver


async def test_a_proxy_is_used_and_told_its_password(serve: Serve) -> None:
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend((await read_request(reader))[0])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    server = await serve(handler)
    transports = Transports("test", proxies=Proxies({"http": f"http://me:pass@127.0.0.1:{server.port}"}))
    assert isinstance(await transports.send(HttpRequest("http://nowhere.invalid/a%2Fb?c", b""), 5), HttpAnswer)
    await transports.close()
    assert seen[0] == b"POST http://nowhere.invalid/a%2Fb?c HTTP/1.1"
    assert b"Proxy-Authorization: Basic bWU6cGFzcw==" in seen


@pytest.mark.parametrize(
    ("raw", "url", "expected"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "https://nowhere.invalid/", "the proxy answered 407"),
        (b"", "http://169.254.169.254/", FORBIDDEN),
    ],
)
async def test_what_a_proxy_refuses_is_no_answer_of_the_receiver(
    raw: bytes, url: str, expected: str, serve: Serve
) -> None:
    server = await answered_with(serve, raw)
    proxy = f"http://127.0.0.1:{server.port}"
    transports = Transports("test", proxies=Proxies({"http": proxy, "https": proxy}))
    assert reason(await transports.send(HttpRequest(url, b""), 5)) == expected
    await transports.close()


async def test_through_a_proxy_tls_reaches_to_the_receiver(serve: Serve, authority: trustme.CA, ca_file: Path) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines, _ = await read_request(reader)
        asked.extend(lines)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", int(lines[0].split()[1].split(b":")[1]))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    server = await serve(proxy)
    transports = Transports("test", proxies=Proxies({"https": f"http://me:pass@127.0.0.1:{server.port}"}))
    async with receiver(ok, server_tls(authority)) as url:
        answer = await transports.send(HttpRequest(url, b"x", tls=Tls(ca_file=str(ca_file))), 5)
        await transports.close()
    assert isinstance(answer, HttpAnswer), answer
    assert answer.body == b"ok"
    assert asked[0].startswith(b"CONNECT localhost:")
    assert b"Proxy-Authorization: Basic bWU6cGFzcw==" in asked


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_a_proxy_that_is_down_is_named() -> None:
    transports = Transports("test", proxies=Proxies({"http": f"http://127.0.0.1:{free_port()}"}))
    assert reason(await transports.send(HttpRequest("http://a.example/", b""), 5)) == "proxy: connection refused"
    await transports.close()
