"""What every transport to a broker owes, against the brokers themselves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import get_args, get_type_hints

import pytest

from gateway.domain.message import CONNECTION_REFUSED, Answer, NoAnswer, Publication, Published
from gateway.outbound.transports import Transports
from tests.outbound.brokers import ADDRESSES, HERE, INBOXES, Inbox, Received, a_port, a_proxy, address
from tests.outbound.conftest import Serve
from tests.outbound.publications import TIMEOUT_S, a_publication

every_broker = pytest.mark.parametrize("broker", sorted(ADDRESSES))


def test_every_broker_that_a_message_can_name_is_tested() -> None:
    assert set(get_args(get_type_hints(Publication)["broker"])) == set(ADDRESSES)


@every_broker
async def test_what_is_published_is_what_the_broker_holds(transports: Transports, broker: str) -> None:
    url = address(broker)
    async with INBOXES[broker](url) as inbox:
        sent = a_publication(broker, url, inbox)
        assert isinstance(await transports.send(sent, TIMEOUT_S), Published)
        (received,) = await inbox.received(1)
        assert received == (sent.message_id, sent.content_type, sent.body, dict(sent.headers))


@every_broker
async def test_where_nobody_listens_the_connection_is_refused(transports: Transports, broker: str) -> None:
    url = f"{ADDRESSES[broker].partition(':')[0]}://{HERE}:{a_port()}"
    sent = a_publication(broker, url, Inbox("nowhere", "", _nothing))
    assert await transports.send(sent, TIMEOUT_S) == NoAnswer(CONNECTION_REFUSED)


async def _nothing(_count: int) -> list[Received]:
    return []


@every_broker
async def test_a_message_arrives_once_after_the_broker_is_back(transports: Transports, broker: str) -> None:
    url = address(broker)
    async with INBOXES[broker](url) as inbox, a_proxy(url) as proxy:
        first = a_publication(broker, proxy.url, inbox, "a-1.soc")
        second = replace(first, message_id="a-2.soc")
        assert isinstance(await transports.send(first, TIMEOUT_S), Published)
        port = proxy.port
        await proxy.stop()
        assert isinstance(await transports.send(second, TIMEOUT_S), NoAnswer)
        assert await transports.send(second, TIMEOUT_S) == NoAnswer(CONNECTION_REFUSED)
        await proxy.start(port)
        assert isinstance(await transports.send(second, TIMEOUT_S), Published)
        assert [received.id for received in await inbox.received(2)] == ["a-1.soc", "a-2.soc"]


@every_broker
async def test_messages_that_come_together_all_arrive_and_share_what_is_open(
    transports: Transports, broker: str
) -> None:
    url = address(broker)
    async with INBOXES[broker](url) as inbox, a_proxy(url) as proxy:
        sent = [a_publication(broker, proxy.url, inbox, f"a-{n}.soc") for n in range(20)]
        answers = await asyncio.gather(*(transports.send(message, TIMEOUT_S) for message in sent[:8]))
        opened = proxy.connections
        answers += [await transports.send(message, TIMEOUT_S) for message in sent[8:]]
        assert [type(answer) for answer in answers] == [Published] * 20
        assert proxy.connections == opened
        assert {received.id for received in await inbox.received(20)} == {message.message_id for message in sent}


@every_broker
async def test_after_closing_nothing_stands_open_and_a_message_opens_anew(transports: Transports, broker: str) -> None:
    url = address(broker)
    async with INBOXES[broker](url) as inbox:
        sent = a_publication(broker, url, inbox)
        assert isinstance(await transports.send(sent, TIMEOUT_S), Published)
        await transports.close()
        again: Answer = await transports.send(replace(sent, message_id="a-2.soc"), TIMEOUT_S)
        assert isinstance(again, Published)
        assert len(await inbox.received(2)) == 2


@every_broker
async def test_a_receiver_that_says_nothing_is_not_waited_for_longer_than_allowed(
    transports: Transports, serve: Serve, broker: str
) -> None:
    async def say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    server = await serve(say_nothing)
    url = f"{ADDRESSES[broker].partition(':')[0]}://{HERE}:{server.port}"
    answer = await transports.send(a_publication(broker, url, Inbox("nowhere", "", _nothing)), 0.3)
    assert isinstance(answer, NoAnswer)
    assert answer.reason in {"no answer within 0.3 s", "no connection within 0.3 s"}


@every_broker
async def test_an_address_of_the_machines_own_cloud_is_refused(transports: Transports, broker: str) -> None:
    url = f"{ADDRESSES[broker].partition(':')[0]}://169.254.169.254"
    answer = await transports.send(a_publication(broker, url, Inbox("nowhere", "", _nothing)), TIMEOUT_S)
    assert answer == NoAnswer("refused: the address is link-local or a cloud metadata service")
