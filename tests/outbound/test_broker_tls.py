"""With TLS, only a broker whose certificate is trusted gets a message, or a login."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from gateway.domain.message import NoAnswer, Published, Tls
from gateway.outbound.transports import Transports
from tests.outbound.brokers import HERE, address
from tests.outbound.own_brokers import a_broker, a_mosquitto, a_nats
from tests.outbound.publications import TIMEOUT_S, declined, publication


async def test_with_tls_nothing_is_said_to_a_nats_server_without_it(transports: Transports) -> None:
    at = address("nats").partition("//")[2]
    sent = publication("nats", f"tls://{at}", "alerts", username="optix", password="hunter2-hunter2")
    assert declined("nats", await transports.send(sent, TIMEOUT_S))[0] == "no TLS"


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> tuple[Path, Path]:
    """Files with a certificate for this machine and with its key."""
    issued = authority.issue_cert(HERE)
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(str(chain))
    issued.private_key_pem.write_to_path(str(key))
    return chain, key


@asynccontextmanager
async def secured(broker: str, folder: Path, files: tuple[Path, Path]) -> AsyncIterator[str]:
    chain, key = files
    match broker:
        case "redis":
            tls = ("--tls-cert-file", chain, "--tls-key-file", key, "--tls-ca-cert-file", chain)
            listening = ("--port", "0", "--tls-port", "{port}", "--bind", HERE, "--save", "")
            async with a_broker("redis-server", *listening, *tls, "--tls-auth-clients", "no") as at:
                yield f"rediss://{at}"
        case "nats":
            async with a_nats(folder, "--tls", "--tlscert", chain, "--tlskey", key) as at:
                yield f"tls://{at}"
        case _:
            async with a_mosquitto(folder, f"certfile {chain}", f"keyfile {key}") as at:
                yield f"mqtts://{at}"


LEAVES_A_SOCKET = pytest.mark.filterwarnings(
    # paho-mqtt leaves the socket of a handshake that failed to Python, which closes it at once.
    "ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.mark.parametrize("broker", ["redis", "nats", pytest.param("mqtt", marks=LEAVES_A_SOCKET)])
async def test_with_tls_only_a_trusted_broker_gets_the_message(
    transports: Transports, tmp_path: Path, ca_file: Path, certificate: tuple[Path, Path], broker: str
) -> None:
    async with secured(broker, tmp_path, certificate) as url:
        trusted = publication(broker, url, "alerts", tls=Tls(str(ca_file)))
        answer = await transports.send(trusted, TIMEOUT_S)
        assert isinstance(answer, Published) or (broker == "nats" and declined("nats", answer)[0] == "no responders")
        strange = await transports.send(replace(trusted, tls=Tls()), TIMEOUT_S)
        assert isinstance(strange, NoAnswer)
        assert strange.reason.startswith("certificate not trusted")
        unread = await transports.send(replace(trusted, tls=Tls(str(tmp_path / "none.pem"))), TIMEOUT_S)
        assert unread == NoAnswer("the CA file cannot be read: No such file or directory")
        anyone = await transports.send(replace(trusted, tls=Tls(verify=False)), TIMEOUT_S)
        assert type(anyone) is type(answer)


async def test_with_tls_only_a_trusted_server_hears_of_amqp(
    transports: Transports, ca_file: Path, certificate: tuple[Path, Path]
) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(8))
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    async with await asyncio.start_server(listen, HERE, 0, ssl=context) as server:
        url = f"amqps://{HERE}:{server.sockets[0].getsockname()[1]}"
        strange = await transports.send(publication("rabbitmq", url, "", "alerts"), TIMEOUT_S)
        assert isinstance(strange, NoAnswer)
        assert strange.reason.startswith("certificate not trusted")
        assert b"".join(heard) == b""
        await transports.send(publication("rabbitmq", url, "", "alerts", tls=Tls(str(ca_file))), TIMEOUT_S)
        assert b"".join(heard) == b"AMQP\x00\x00\x09\x01"
