"""Whom HTTPS trusts: a receiver that proves its name to an authority that the settings name."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trustme

from gateway.domain.message import HttpAnswer, HttpRequest, Tls
from gateway.outbound.transports import Transports
from tests.outbound.conftest import Serve, server_tls
from tests.outbound.http_world import ok, reason, receiver


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
