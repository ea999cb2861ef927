"""What goes out over HTTP, byte for byte, and the connections that it goes out on."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.outbound.transports import Transports
from tests.load.program import free_port
from tests.outbound.conftest import Serve
from tests.outbound.http_world import SECRET, answered_with, post, read_request, reason, receiver


@pytest.mark.parametrize(
    "target",
    [
        "/workflows/1f/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=a-B_c%2b%2B~%20x%2f",
        "/a/../b//c/./d?x=1;y=2&&z=%7e~",
        "/plus+and%2Bplus?q=a+b%20c&empty=&flag",
        "/kept%41s-is/%e2%82%ac?a=%C3%BC",
        "/brackets[1]'()*!,:@$?list[]=1",
    ],
)
async def test_the_url_is_sent_byte_for_byte(target: str, transports: Transports, serve: Serve) -> None:
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines, _ = await read_request(reader)
        seen.append(lines[0])
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    await transports.send(post(await serve(handler), target), 5)
    assert seen == [f"POST {target} HTTP/1.1".encode()]


async def test_nothing_is_added_to_the_headers_but_what_http_needs(transports: Transports, serve: Serve) -> None:
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines, _ = await read_request(reader)
        seen.extend(lines[1:])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    server = await serve(handler)
    url = f"http://127.0.0.1:{server.port}/"
    await transports.send(HttpRequest(url, b"<x/>", headers=(("X-One", "1"), ("X-Two", "ü"), ("X-Two", "3"))), 5)
    assert sorted(seen) == sorted(
        [
            f"Host: 127.0.0.1:{server.port}".encode(),
            b"User-Agent: optix-gateway/test",
            b"Accept: */*",
            b"Accept-Encoding: identity",
            b"X-One: 1",
            "X-Two: ü".encode(),
            b"X-Two: 3",
            b"Content-Length: 4",
        ]
    )


@pytest.mark.parametrize("size", [0, 1, 70_000, 1 << 20, 3 << 20])
async def test_a_body_of_any_size_arrives_whole(size: int, transports: Transports, serve: Serve) -> None:
    bodies: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append((await read_request(reader))[1])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    body = b"x" * size
    assert await transports.send(post(await serve(handler), body=body), 10) == HttpAnswer(200, {"content-length": "0"})
    assert bodies == [body]


async def test_a_get_without_a_body_has_no_length(transports: Transports, serve: Serve) -> None:
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend((await read_request(reader))[0])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    server = await serve(handler)
    await transports.send(HttpRequest(f"http://127.0.0.1:{server.port}/", b"", method="GET"), 5)
    assert seen[0] == b"GET / HTTP/1.1"
    assert not [line for line in seen if line.lower().startswith(b"content-")]


async def test_cookies_are_not_kept(transports: Transports) -> None:
    cookies: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "session=1; Path=/"})

    async with receiver(handler) as url:
        for _ in range(2):
            await transports.send(HttpRequest(url, b""), 5)
    assert cookies == [None, None]


async def test_a_closed_port_is_a_refused_connection(transports: Transports) -> None:
    answer = await transports.send(HttpRequest(f"http://127.0.0.1:{free_port()}/{SECRET}", b""), 5)
    assert reason(answer) == "connection refused"


async def test_an_unknown_name_is_named_as_such(transports: Transports) -> None:
    answer = await transports.send(HttpRequest(f"http://nowhere.invalid/{SECRET}", b""), 30)
    assert reason(answer).startswith("name resolution failed: ")


@pytest.mark.parametrize(
    "url", [f"ftp://example.com/{SECRET}", f"/{SECRET}", "", f"http:///{SECRET}", f"http://[::1/{SECRET}"]
)
async def test_a_url_that_cannot_be_used_is_no_exception(url: str, transports: Transports) -> None:
    assert reason(await transports.send(HttpRequest(url, b""), 5)) == "the URL or a header cannot be sent as it is"


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("/a\r\nX-Evil: 1", "fine"),
        ("/a b", "fine"),
        ("/a", "x\r\nX-Evil: 1"),
        ("/a\x00", "fine"),
        ("/a\u2028b", "fine"),
    ],
)
async def test_nothing_can_be_smuggled_in_with_a_line_end(
    path: str, header: str, transports: Transports, serve: Serve
) -> None:
    server = await answered_with(serve, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    request = HttpRequest(f"http://127.0.0.1:{server.port}{path}", b"", headers=(("X-Fine", header),))
    assert reason(await transports.send(request, 5)) == "the URL or a header cannot be sent as it is"


async def test_a_connection_is_used_again_and_one_that_the_receiver_closed_is_not(
    transports: Transports, serve: Serve
) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

    server = await serve(handler)
    for _ in range(3):
        assert isinstance(await transports.send(post(server), 5), HttpAnswer)
    assert server.connections == 1
    await asyncio.sleep(0.05)
    assert isinstance(await transports.send(post(server), 5), HttpAnswer)
    assert server.connections == 2


async def test_a_post_on_a_connection_that_dies_is_not_silently_sent_again(
    transports: Transports, serve: Serve
) -> None:
    requests: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append((await read_request(reader))[1])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        requests.append((await read_request(reader))[1])

    server = await serve(handler)
    await transports.send(post(server, body=b"1"), 5)
    assert reason(await transports.send(post(server, body=b"2"), 5)) == "connection closed before the answer"
    assert requests == [b"1", b"2"]


async def test_after_a_close_the_next_message_opens_anew(transports: Transports, serve: Serve) -> None:
    server = await answered_with(serve, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert isinstance(await transports.send(post(server), 5), HttpAnswer)
    await transports.close()
    assert isinstance(await transports.send(post(server), 5), HttpAnswer)
