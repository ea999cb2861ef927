"""What a Kafka cluster answers when it does not take a record, over TLS, and to a login."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from confluent_kafka import KafkaError

from gateway.destinations import load
from gateway.domain.message import Answer, Declined, NoAnswer, Publication, Published, Tls
from gateway.domain.outcome import OutcomeClass as Class
from gateway.outbound.transports import Transports
from tests.outbound.brokers import HERE, a_proxy, address, kafka_inbox
from tests.outbound.cluster import PRODUCE, cluster
from tests.outbound.conftest import Serve
from tests.outbound.publications import a_publication

TIMEOUT_S = 10.0


def classed(answer: Answer) -> tuple[str, Class]:
    assert isinstance(answer, Declined), answer
    return answer.code, load("kafka").read(answer, None).kind  # type: ignore[arg-type]  # no date is looked at


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, ("TOPIC_AUTHORIZATION_FAILED", Class.AUTH)),
        (KafkaError.MSG_SIZE_TOO_LARGE, ("MSG_SIZE_TOO_LARGE", Class.TOO_LARGE)),
        (KafkaError.TOPIC_EXCEPTION, ("TOPIC_EXCEPTION", Class.GONE)),
        (KafkaError.POLICY_VIOLATION, ("POLICY_VIOLATION", Class.REJECTED)),
    ],
)
async def test_what_the_cluster_refuses_for_good_is_told_and_the_next_record_is_not_harmed(
    transports: Transports, error: int, expected: tuple[str, Class]
) -> None:
    url = address("kafka")
    async with kafka_inbox(url) as inbox:
        sent = a_publication("kafka", url, inbox)
        assert isinstance(await transports.send(sent, TIMEOUT_S), Published)
        cluster().answer_once(PRODUCE, error)
        refused = await transports.send(replace(sent, message_id="a-2.soc"), TIMEOUT_S)
        assert classed(refused) == expected
        assert isinstance(await transports.send(replace(sent, message_id="a-3.soc"), TIMEOUT_S), Published)
        assert [received.id for received in await inbox.received(2)] == ["a-1.soc", "a-3.soc"]


@pytest.mark.parametrize("error", [KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.NOT_LEADER_FOR_PARTITION])
async def test_what_passes_is_overcome_within_the_attempt_and_arrives_once(transports: Transports, error: int) -> None:
    url = address("kafka")
    async with kafka_inbox(url) as inbox:
        cluster().answer_once(PRODUCE, error)
        assert isinstance(await transports.send(a_publication("kafka", url, inbox), TIMEOUT_S), Published)
        assert len(await inbox.received(1)) == 1


async def test_a_record_that_was_given_up_is_not_sent_behind_our_back(transports: Transports) -> None:
    url = address("kafka")
    async with kafka_inbox(url) as inbox, a_proxy(url) as proxy:
        first = a_publication("kafka", proxy.url, inbox, "a-1.soc")
        assert isinstance(await transports.send(first, TIMEOUT_S), Published)
        port = proxy.port
        await proxy.stop()
        lost = await transports.send(replace(first, message_id="a-2.soc"), 0.2)
        assert isinstance(lost, NoAnswer)
        await proxy.start(port)
        assert isinstance(await transports.send(replace(first, message_id="a-3.soc"), TIMEOUT_S), Published)
        assert [received.id for received in await inbox.received(2)] == ["a-1.soc", "a-3.soc"]


async def test_one_of_several_hosts_has_to_answer(transports: Transports) -> None:
    url = address("kafka")
    async with kafka_inbox(url) as inbox:
        sent = a_publication("kafka", f"kafka://{HERE}:9,{url.partition('//')[2]}", inbox)
        assert isinstance(await transports.send(sent, TIMEOUT_S), Published)


@asynccontextmanager
async def over_tls(url: str, authority: trustme.CA) -> AsyncIterator[str]:
    """A way to the cluster that is encrypted up to here."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HERE).configure_cert(context)
    async with a_proxy(url) as inner:
        other = type(inner)(f"kafkas://{HERE}:{inner.port}")
        await other.start(tls=context)
        try:
            yield other.url
        finally:
            await other.stop()


async def test_with_tls_only_a_trusted_cluster_gets_the_record(
    transports: Transports, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    url = address("kafka")
    async with kafka_inbox(url) as inbox, over_tls(url, authority) as secure:
        trusted = replace(a_publication("kafka", secure, inbox), tls=Tls(str(ca_file)))
        strange = await transports.send(replace(trusted, tls=Tls()), TIMEOUT_S)
        assert isinstance(strange, NoAnswer)
        assert strange.reason.startswith("certificate not trusted")
        unread = await transports.send(replace(trusted, tls=Tls(str(tmp_path / "none.pem"))), TIMEOUT_S)
        assert unread == NoAnswer("the CA file cannot be read: No such file or directory")
        assert isinstance(await transports.send(trusted, TIMEOUT_S), Published)
        anyone = await transports.send(replace(trusted, message_id="a-2.soc", tls=Tls(verify=False)), TIMEOUT_S)
        assert isinstance(anyone, Published)
        assert [received.id for received in await inbox.received(2)] == ["a-1.soc", "a-2.soc"]


HANDSHAKE, AUTHENTICATE, VERSIONS = 17, 36, 18


async def _doorkeeper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speaks as much of the protocol as it takes to hear a login (SASL PLAIN) and to refuse it with error 58."""
    while size := await reader.readexactly(4):
        request = await reader.readexactly(struct.unpack(">i", size)[0])
        kind, version, number = struct.unpack(">hhi", request[:8])
        if kind == VERSIONS:
            known = struct.pack(">ihhhhhhhhh", 3, VERSIONS, 0, 0, HANDSHAKE, 0, 1, AUTHENTICATE, 0, 0)
            said = struct.pack(">h", 35 if version else 0) + known
        elif kind == HANDSHAKE:
            said = struct.pack(">hih", 0, 1, 5) + b"PLAIN"
        else:
            assert b"\0optix\0wrong-wrong" in request
            said = struct.pack(">hhi", 58, -1, 0)
        writer.write(struct.pack(">ii", len(said) + 4, number) + said)


async def test_a_wrong_login_is_refused_at_once_and_the_password_shows_nowhere(
    transports: Transports, serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    server = await serve(_doorkeeper)
    sent = Publication(
        "kafka",
        f"kafka://{HERE}:{server.port}",
        "alerts",
        "a-1.soc",
        "application/json",
        b"{}",
        username="optix",
        password="wrong-wrong",
        options=(("mechanism", "PLAIN"),),
    )
    answer = await transports.send(sent, TIMEOUT_S)
    assert classed(answer) == ("_AUTHENTICATION", Class.AUTH)
    assert "wrong-wrong" not in repr(answer) + "".join(capfd.readouterr())
