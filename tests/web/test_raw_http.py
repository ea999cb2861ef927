from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from aiohttp import ClientSession
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway import samples
from gateway.web.receive import WebhookEndpoint
from gateway.web.server import WebServer, tls_context
from tests.web.conftest import SECRET, FakeIntake, FakeObserver, Serve, raw

HEAD = f"POST /webhooks/optix HTTP/1.1\r\nHost: x\r\nX-Optix-Key: {SECRET}\r\n".encode()
WRONG = b"POST /webhooks/optix HTTP/1.1\r\nHost: x\r\nX-Optix-Key: wrong\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"
LENGTH_2 = b"Content-Length: 2\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1."), answer
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/json" in head or not body
    assert b"aiohttp" not in answer.lower()
    assert b"python" not in answer.lower()
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([HEAD + LENGTH_2 + b"\r\n{}"], 200),
        ([HEAD + LENGTH_2 + b"\r\n", b"{", b"}"], 200),
        ([HEAD + CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"], 200),
        ([HEAD + CHUNKED, b"1\r\n{\r\n", b"1\r\n}\r\n0\r\n\r\n"], 200),
        ([HEAD + H2C + LENGTH_2 + b"\r\n{}"], 200),
        ([HEAD + H2C + LENGTH_2 + b"\r\n", b"{}"], 200),
        ([HEAD.replace(b"1.1", b"1.0") + LENGTH_2 + b"\r\n{}"], 200),
        ([HEAD + b"Content-Length: 99999999999\r\n\r\n"], 413),
        ([HEAD + LENGTH_2 + b"\r\n{"], 408),
        ([HEAD + CHUNKED + b"1\r\n{\r\n"], 408),
        ([HEAD + CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"], 400),
        ([HEAD + b"\r\n"], 400),
        ([HEAD + b"Content-Length: -1\r\n\r\n"], 400),
        ([HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"], 400),
        ([HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"], 400),
        ([HEAD + b"No colon\r\n\r\n"], 400),
        ([HEAD + b"X-Long: " + b"a" * 20_000 + b"\r\n\r\n"], 400),
        ([HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(300)) + b"\r\n"], 400),
        ([b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"], 400),
        ([b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n"], 400),
        ([b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"], 404),
        ([WRONG + b"Content-Length: 99999999999\r\n\r\n"], 401),
        ([WRONG + CHUNKED], 401),
        ([WRONG + b"Expect: 100-continue\r\n" + LENGTH_2 + b"\r\n"], 401),
    ],
)
async def test_answers_to_what_comes_over_the_wire(
    serve: Serve, endpoint: WebhookEndpoint, parts: list[bytes], status: int
) -> None:
    with capture_logs() as logs:
        answer = await raw(await serve(endpoint.handle), *parts)
    assert status_of(answer) == status
    assert SECRET.encode() not in answer
    assert logs == []


async def test_who_asks_first_is_told_to_go_on_once_the_credential_is_right(
    serve: Serve, endpoint: WebhookEndpoint
) -> None:
    url = await serve(endpoint.handle)
    answer = await raw(url, HEAD + b"Expect: 100-continue\r\n" + LENGTH_2 + b"\r\n")
    assert answer == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_a_body_that_was_refused_unread_is_no_further_request(serve: Serve, endpoint: WebhookEndpoint) -> None:
    smuggled = HEAD + LENGTH_2 + b"\r\n{}"
    url = await serve(endpoint.handle)
    answer = await raw(url, WRONG + b"Content-Length: 100000\r\n\r\n" + smuggled)
    assert status_of(answer) == 401
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in answer


async def test_a_sender_that_leaves_in_the_middle_is_no_error(
    serve: Serve, endpoint: WebhookEndpoint, intake: FakeIntake, observer: FakeObserver, session: ClientSession
) -> None:
    url = await serve(endpoint.handle)
    with capture_logs() as logs:
        host, _, port = url.removeprefix("http://").partition(":")
        for part in (b"", b"Content-Length: 20\r\n\r\n{", CHUNKED + b"5\r\n{"):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(HEAD + part)
            await writer.drain()
            writer.transport.abort()
        key = {"X-Optix-Key": SECRET}
        async with session.post(f"{url}/webhooks/optix", data=samples.load(samples.DOCUMENTED), headers=key) as answer:
            assert answer.status == 200
    assert logs == []
    assert observer.refused == []
    assert len(intake.bodies) == 1


HEADER_NAMES = st.sampled_from(
    ["Content-Encoding", "Content-Type", "Transfer-Encoding", "Expect", "Upgrade", "Connection", "X-Optix-Key", "Range"]
)
HEADER_VALUES = st.one_of(
    st.sampled_from(["gzip", "deflate", "br", "chunked", "100-continue", "h2c", "close", "upgrade", SECRET, ""]),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30),
)
HEADERS = st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=4)
BODIES = st.one_of(
    st.binary(max_size=300),
    st.recursive(st.none() | st.booleans() | st.text(max_size=5), lambda x: st.lists(x, max_size=3), max_leaves=9).map(
        lambda value: repr(value).encode("utf-8", "surrogatepass")
    ),
    st.sampled_from([samples.load(name) for name in samples.names()]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, headers=HEADERS)
def test_no_input_makes_the_gateway_itself_fail(body: bytes, headers: list[tuple[str, str]]) -> None:
    lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers)
    length = b"Content-Length: %d\r\n" % len(body)
    with capture_logs() as logs:
        status, refused = asyncio.run(_once(HEAD + lines + length + b"\r\n" + body))
    assert status in (200, 400, 408)
    assert logs == []
    assert all(known < 500 for _, known, _ in refused)


async def _once(request: bytes) -> tuple[int, list[tuple[str, int, str]]]:
    from gateway.domain.authenticate import Source, digest_of  # noqa: PLC0415 - the fixtures' loop is another one

    observer = FakeObserver()
    sources = {"optix": Source("optix", "X-Optix-Key", (digest_of(SECRET),))}
    endpoint = WebhookEndpoint(FakeIntake(), sources, observer, max_bytes=2**20, read_within_s=0.05)
    server = WebServer(endpoint.handle, host="127.0.0.1", port=0)
    ((host, port),) = await server.start()
    try:
        answer = await raw(f"http://{host}:{port}", request)
    finally:
        await server.stop()
    return status_of(answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n") or b"HTTP/1.1 408 "), observer.refused


async def test_a_port_in_use_is_an_os_error_and_leaves_nothing_open(endpoint: WebhookEndpoint) -> None:
    first = WebServer(endpoint.handle, host="127.0.0.1", port=0)
    ((_, port),) = await first.start()
    second = WebServer(endpoint.handle, host="127.0.0.1", port=port)
    with pytest.raises(OSError, match="in use"):
        await second.start()
    await second.stop()
    await first.stop()


async def test_webhooks_are_served_over_tls(endpoint: WebhookEndpoint, tmp_path: Path, session: ClientSession) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    server = WebServer(endpoint.handle, host="localhost", port=0, tls=tls_context(certificate, key))
    addresses = await server.start()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    url = f"https://localhost:{addresses[0][1]}/webhooks/optix"
    async with session.post(url, data=b"{}", headers={"X-Optix-Key": SECRET}, ssl=trusting) as answer:
        assert answer.status == 200
    await session.close()
    await server.stop()
