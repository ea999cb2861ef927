from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from gateway.domain.message import Answer, HttpAnswer, HttpRequest, NoAnswer, Tls
from gateway.outbound.http import HttpTransport
from gateway.outbound.proxies import Proxies
from gateway.outbound.tls import TlsContexts
from gateway.outbound.transports import Transports
from tests.outbound.conftest import RawServer, Serve

SECRET = "s3cret-token"


async def read_request(reader: asyncio.StreamReader) -> tuple[list[bytes], bytes]:
    """The lines of the head, and the body by its Content-Length."""
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[:-2]
    length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), 0)
    return lines, await reader.readexactly(length)


async def answered_with(serve: Serve, raw: bytes) -> RawServer:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(raw)
        await writer.drain()

    return await serve(handler)


def post(server: RawServer, path: str = f"/hook/{SECRET}", body: bytes = b"{}") -> HttpRequest:
    return HttpRequest(f"http://127.0.0.1:{server.port}{path}", body)


def reason(answer: Answer) -> str:
    assert isinstance(answer, NoAnswer), answer
    assert SECRET not in answer.reason
    assert "http" not in answer.reason
    return answer.reason


async def test_an_answer_comes_back_with_status_lower_case_headers_and_body(
    transports: Transports, serve: Serve
) -> None:
    server = await answered_with(
        serve, b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nX-RateLimit-Scope: user\r\nContent-Length: 4\r\n\r\nwait"
    )
    answer = await transports.send(post(server), 5)
    assert answer == HttpAnswer(429, {"retry-after": "7", "x-ratelimit-scope": "user", "content-length": "4"}, b"wait")


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


async def test_a_redirect_is_an_answer_and_not_followed(transports: Transports, serve: Serve) -> None:
    server = await answered_with(serve, b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
    answer = await transports.send(post(server), 5)
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.headers["location"], server.connections) == (302, "/elsewhere", 1)


async def test_cookies_are_not_kept(transports: Transports) -> None:
    cookies: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "session=1; Path=/"})

    async with receiver(handler) as url:
        for _ in range(2):
            await transports.send(HttpRequest(url, b""), 5)
    assert cookies == [None, None]


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


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


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


class receiver:  # noqa: N801 - reads as a block
    """An aiohttp server for one handler; its URL, by the name `localhost` over TLS."""

    def __init__(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
    ) -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        self._server = TestServer(app, host="127.0.0.1")
        self._tls = tls

    async def __aenter__(self) -> str:
        await self._server.start_server(ssl=self._tls)
        return f"https://localhost:{self._server.port}/{SECRET}" if self._tls else str(self._server.make_url("/hook"))

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()


async def ok(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def server_tls(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_certificate_of_the_named_authority_is_trusted(
    transports: Transports, authority: trustme.CA, ca_file: Path
) -> None:
    async with receiver(ok, server_tls(authority)) as url:
        answer = await transports.send(HttpRequest(url, b"", tls=Tls(ca_file=str(ca_file))), 5)
    assert isinstance(answer, HttpAnswer)
    assert answer.body == b"ok"


@pytest.mark.parametrize(
    ("name", "trusting", "expected"),
    [
        ("localhost", "the system", "certificate not trusted: unable to get local issuer certificate"),
        (
            "elsewhere.example",
            "the authority",
            "certificate not trusted: Hostname mismatch, certificate is not valid for 'localhost'",
        ),
    ],
)
async def test_a_certificate_that_does_not_prove_the_receiver_is_refused(
    name: str, trusting: str, expected: str, transports: Transports, authority: trustme.CA, ca_file: Path
) -> None:
    tls = Tls(ca_file=str(ca_file)) if trusting == "the authority" else Tls()
    async with receiver(ok, server_tls(authority, name)) as url:
        assert reason(await transports.send(HttpRequest(url, b"", tls=tls), 5)) == expected


async def test_verification_is_off_only_where_it_was_switched_off(
    transports: Transports, authority: trustme.CA
) -> None:
    async with receiver(ok, server_tls(authority, "elsewhere.example")) as url:
        careless = await transports.send(HttpRequest(url, b"", tls=Tls(verify=False)), 5)
        careful = await transports.send(HttpRequest(url, b""), 5)
    assert isinstance(careless, HttpAnswer)
    assert reason(careful).startswith("certificate not trusted")


async def test_tls_to_a_plain_port_is_named(transports: Transports, serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    server = await serve(handler)
    answer = await transports.send(HttpRequest(f"https://127.0.0.1:{server.port}/", b""), 5)
    assert reason(answer) == "TLS handshake failed: wrong version number"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "the CA file cannot be read: No such file or directory"),
        ("no certificate", "the CA file holds no usable certificate"),
    ],
)
async def test_an_unusable_ca_file_is_named(
    content: str | None, expected: str, transports: Transports, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    answer = await transports.send(HttpRequest("https://localhost:9/", b"", tls=Tls(ca_file=str(path))), 5)
    assert reason(answer) == expected


FORBIDDEN = "refused: the address is link-local or a cloud metadata service"


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.170.2",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "100.100.100.200",
    ],
)
async def test_metadata_services_are_never_spoken_to(host: str, transports: Transports) -> None:
    assert reason(await transports.send(HttpRequest(f"http://{host}/latest/", b""), 5)) == FORBIDDEN


@pytest.mark.parametrize("host", ["2852039166", "0xA9FEA9FE", "169.16689662", "0251.0376.0251.0376"])
async def test_an_address_in_disguise_gets_nowhere(host: str, transports: Transports) -> None:
    reason(await transports.send(HttpRequest(f"http://{host}/", b""), 5))


class NamesFor(AbstractResolver):
    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=a, port=port, family=family, proto=0, flags=0) for a in self._addresses
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
async def rebound() -> AsyncIterator[HttpTransport]:
    """A transport for which every name is the metadata service."""
    transport = HttpTransport("test", TlsContexts(), Proxies({}), NamesFor("169.254.169.254", "169.254.170.2"))
    yield transport
    await transport.close()


async def test_a_name_that_resolves_to_a_metadata_service_is_refused(rebound: HttpTransport) -> None:
    assert reason(await rebound.send(HttpRequest("http://harmless.example/", b""), 5)) == FORBIDDEN


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
