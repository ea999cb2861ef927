"""Where HTTP never goes: metadata services of clouds, by address, in disguise or by a name."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.domain.message import HttpRequest
from gateway.outbound.http import HttpTransport
from gateway.outbound.proxies import Proxies
from gateway.outbound.tls import TlsContexts
from gateway.outbound.transports import Transports
from tests.outbound.http_world import FORBIDDEN, reason


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
