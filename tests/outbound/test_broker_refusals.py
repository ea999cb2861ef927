"""What brokers say when they do not take a message: asked of the programs themselves, not of our memory of them."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import aio_pika
import nats
import pytest
from redis.asyncio import Redis

from gateway.domain.message import Published
from gateway.domain.outcome import OutcomeClass as Class
from gateway.outbound.transports import Transports
from tests.outbound.brokers import HERE, address, mqtt_inbox, nats_inbox, rabbitmq_inbox, redis_inbox
from tests.outbound.own_brokers import a_mosquitto, a_nats, a_redis
from tests.outbound.publications import TIMEOUT_S, a_publication, declined, publication
from tests.services import require


@pytest.mark.parametrize(("username", "password"), [("", ""), ("", "wrong-wrong"), ("nobody", "right-right")])
async def test_redis_refuses_a_wrong_login(transports: Transports, username: str, password: str) -> None:
    async with a_redis("--requirepass", "right-right") as at:
        sent = publication("redis", f"redis://{at}", "alerts", username=username, password=password)
        answer = await transports.send(sent, TIMEOUT_S)
        assert declined("redis", answer)[1] is Class.AUTH
        assert "wrong-wrong" not in repr(answer)
        assert isinstance(
            await transports.send(replace(sent, username="", password="right-right"), TIMEOUT_S), Published
        )


async def test_redis_without_memory_is_tried_again(transports: Transports) -> None:
    async with a_redis("--maxmemory", "1", "--maxmemory-policy", "noeviction") as at:
        answer = await transports.send(publication("redis", f"redis://{at}", "alerts"), TIMEOUT_S)
        assert declined("redis", answer) == ("OOM", Class.RETRY)


async def test_a_redis_that_became_a_replica_is_tried_again(transports: Transports) -> None:
    async with a_redis("--replicaof", HERE, "9") as at:
        answer = await transports.send(publication("redis", f"redis://{at}", "alerts"), TIMEOUT_S)
        assert declined("redis", answer) == ("READONLY", Class.RETRY)


async def test_redis_refuses_a_user_who_may_not_write_there(transports: Transports) -> None:
    async with a_redis("--user", "optix", "on", ">right-right", "~other", "+xadd") as at:
        sent = publication("redis", f"redis://{at}", "alerts", username="optix", password="right-right")
        assert declined("redis", await transports.send(sent, TIMEOUT_S)) == ("NOPERM", Class.AUTH)
        assert isinstance(await transports.send(replace(sent, target="other"), TIMEOUT_S), Published)


async def test_a_redis_key_that_is_no_stream_stops_the_route(transports: Transports) -> None:
    url = address("redis")
    async with redis_inbox(url) as inbox, Redis.from_url(url, protocol=2) as client:
        await client.set(inbox.target, "text")
        answer = await transports.send(a_publication("redis", url, inbox), TIMEOUT_S)
        assert declined("redis", answer) == ("WRONGTYPE", Class.GONE)
        await client.delete(inbox.target)


async def test_a_redis_stream_keeps_about_as_many_entries_as_it_should(transports: Transports) -> None:
    url = address("redis")
    async with redis_inbox(url) as inbox:
        sent = replace(a_publication("redis", url, inbox), options=(("maxlen", "10"),))
        for number in range(250):
            await transports.send(replace(sent, message_id=f"a-{number}"), TIMEOUT_S)
        received = await inbox.received(0)
        assert received[-1].id == "a-249"
        assert 10 <= len(received) < 250


async def test_a_repeat_is_dropped_by_the_stream_of_nats_and_still_counts_as_delivered(transports: Transports) -> None:
    url = address("nats")
    async with nats_inbox(url) as inbox:
        sent = a_publication("nats", url, inbox)
        first, second = [await transports.send(sent, TIMEOUT_S) for _ in range(2)]
        assert isinstance(first, Published)
        assert first.reference.endswith(":1")
        assert first == second
        assert len(await inbox.received(1)) == 1


async def test_a_subject_that_no_stream_of_nats_takes_is_tried_again(transports: Transports) -> None:
    answer = await transports.send(publication("nats", address("nats"), "optix-test-nowhere"), TIMEOUT_S)
    assert declined("nats", answer) == ("no responders", Class.RETRY)


async def test_a_full_stream_of_nats_is_tried_again_and_one_too_small_is_told(transports: Transports) -> None:
    url = address("nats")
    async with nats_inbox(url, max_msgs=1, discard="new", max_msg_size=2000) as inbox:
        sent = a_publication("nats", url, inbox)
        assert isinstance(await transports.send(sent, TIMEOUT_S), Published)
        full = await transports.send(replace(sent, message_id="a-2"), TIMEOUT_S)
        assert declined("nats", full) == ("10077", Class.RETRY)
        large = await transports.send(replace(sent, message_id="a-3", body=b"x" * 3000), TIMEOUT_S)
        assert declined("nats", large) == ("10054", Class.TOO_LARGE)
        larger = await transports.send(replace(sent, message_id="a-4", body=b"x" * 9_000_000), TIMEOUT_S)
        assert declined("nats", larger) == ("max_payload", Class.TOO_LARGE)
        other = await transports.send(replace(sent, message_id="a-5", options=(("stream", "other"),)), TIMEOUT_S)
        assert declined("nats", other) == ("10060", Class.GONE)


@pytest.mark.parametrize(("username", "password"), [("", ""), ("optix", "wrong-wrong"), ("", "wrong-token")])
async def test_nats_refuses_a_wrong_login(transports: Transports, tmp_path: Path, username: str, password: str) -> None:
    async with a_nats(tmp_path, "--user", "optix", "--pass", "right-right") as at:
        sent = publication("nats", f"nats://{at}", "alerts", username=username, password=password)
        answer = await transports.send(sent, TIMEOUT_S)
        assert declined("nats", answer) == ("authorization", Class.AUTH)
        assert "wrong" not in repr(answer)
        right = replace(sent, username="optix", password="right-right")
        assert declined("nats", await transports.send(right, TIMEOUT_S))[0] == "no responders"


async def test_nats_refuses_a_subject_that_the_login_may_not_publish_to(transports: Transports, tmp_path: Path) -> None:
    file = tmp_path / "nats.conf"
    rights = '{publish: ["other", "$JS.>"], subscribe: "_INBOX.>"}'
    file.write_text(f'authorization {{ users: [{{user: optix, password: "right-right", permissions: {rights}}}] }}\n')
    async with a_nats(tmp_path, "-c", file) as at:
        sent = publication("nats", f"nats://{at}", "alerts", username="optix", password="right-right")
        assert declined("nats", await transports.send(sent, TIMEOUT_S)) == ("permissions", Class.AUTH)
        allowed = await transports.send(replace(sent, target="other"), TIMEOUT_S)
        assert declined("nats", allowed)[0] == "no responders"


async def test_a_token_opens_a_nats_server_that_asks_for_one(transports: Transports, tmp_path: Path) -> None:
    async with a_nats(tmp_path, "--auth", "the-token") as at:
        client = await nats.connect(f"nats://{at}", token="the-token")
        await client.jetstream().add_stream(name="ALERTS", subjects=["alerts"])
        await client.close()
        sent = publication("nats", f"nats://{at}", "alerts", password="the-token")
        assert await transports.send(sent, TIMEOUT_S) == Published("ALERTS:1")


async def test_rabbitmq_refuses_a_wrong_login_and_a_virtual_host_that_is_none(transports: Transports) -> None:
    url = address("rabbitmq")
    sent = publication("rabbitmq", url, "", "alerts", username="guest", password="wrong-wrong")
    answer = await transports.send(sent, TIMEOUT_S)
    assert declined("rabbitmq", answer) == ("403", Class.AUTH)
    assert "wrong-wrong" not in repr(answer)
    lost = await transports.send(publication("rabbitmq", f"{url.rstrip('/')}/optix-nowhere", "", "a"), TIMEOUT_S)
    assert declined("rabbitmq", lost) == ("530", Class.AUTH)


async def test_what_no_queue_of_rabbitmq_takes_comes_back_and_the_next_message_is_not_harmed(
    transports: Transports,
) -> None:
    url = address("rabbitmq")
    async with rabbitmq_inbox(url) as inbox:
        sent = a_publication("rabbitmq", url, inbox)
        lost = await transports.send(replace(sent, key="optix-test-nowhere"), TIMEOUT_S)
        assert declined("rabbitmq", lost) == ("312", Class.GONE)
        missing = await transports.send(replace(sent, target="optix-test-nowhere"), TIMEOUT_S)
        assert declined("rabbitmq", missing) == ("404", Class.GONE)
        assert isinstance(await transports.send(sent, TIMEOUT_S), Published)
        assert len(await inbox.received(1)) == 1


async def test_what_a_full_queue_of_rabbitmq_does_not_confirm_is_tried_again(transports: Transports) -> None:
    url = address("rabbitmq")
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        limits: Any = {"x-max-length": 1, "x-overflow": "reject-publish"}
        queue = await channel.declare_queue("", exclusive=True, arguments=limits)
        sent = publication("rabbitmq", url, "", queue.name)
        answers = [await transports.send(replace(sent, message_id=f"a-{n}"), TIMEOUT_S) for n in range(4)]
        assert isinstance(answers[0], Published)
        assert declined("rabbitmq", answers[-1]) == ("nack", Class.RETRY)


async def test_an_exchange_of_rabbitmq_routes_by_the_key(transports: Transports) -> None:
    url = address("rabbitmq")
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange("optix-test-topic", aio_pika.ExchangeType.TOPIC, auto_delete=True)
        queue = await channel.declare_queue("", exclusive=True)
        await queue.bind(exchange, "optix.*.high")
        high = publication("rabbitmq", url, exchange.name, "optix.main.high")
        assert isinstance(await transports.send(high, TIMEOUT_S), Published)
        low = await transports.send(replace(high, key="optix.main.low", message_id="a-2"), TIMEOUT_S)
        assert declined("rabbitmq", low)[0] == "312"
        assert (await queue.get()).message_id == "a-1.soc"


async def test_mqtt_a_message_that_the_rules_forbid_is_not_taken_for_delivered(
    transports: Transports, tmp_path: Path
) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read #\ntopic write allowed/#\n")
    async with a_mosquitto(tmp_path, f"acl_file {acl}") as at:
        answer = await transports.send(publication("mqtt", f"mqtt://{at}", "forbidden/x"), TIMEOUT_S)
        assert declined("mqtt", answer) == ("135", Class.AUTH)
        allowed = await transports.send(publication("mqtt", f"mqtt://{at}", "allowed/x"), TIMEOUT_S)
        assert isinstance(allowed, Published)


async def test_mqtt_a_wrong_login_is_refused(transports: Transports, tmp_path: Path) -> None:
    require("mosquitto_passwd", bool(shutil.which("mosquitto_passwd")), "apt-get install mosquitto")
    users = tmp_path / "users"
    await (await asyncio.create_subprocess_exec("mosquitto_passwd", "-b", "-c", users, "optix", "right-right")).wait()
    async with a_mosquitto(tmp_path, f"password_file {users}") as at:
        sent = publication("mqtt", f"mqtt://{at}", "alerts", username="optix", password="wrong-wrong")
        answer = await transports.send(sent, TIMEOUT_S)
        assert declined("mqtt", answer)[1] is Class.AUTH
        assert "wrong-wrong" not in repr(answer)
        assert isinstance(await transports.send(replace(sent, password="right-right"), TIMEOUT_S), Published)


async def test_mqtt_a_packet_beyond_what_the_broker_takes_is_told_without_being_sent(
    transports: Transports, tmp_path: Path
) -> None:
    async with a_mosquitto(tmp_path, "max_packet_size 5000") as at:
        sent = publication("mqtt", f"mqtt://{at}", "alerts")
        large = await transports.send(replace(sent, body=b"x" * 6000), TIMEOUT_S)
        assert declined("mqtt", large) == ("149", Class.TOO_LARGE)
        assert isinstance(await transports.send(sent, TIMEOUT_S), Published)


async def test_mqtt_two_clients_of_one_name_drive_each_other_away_and_messages_are_tried_again(
    transports: Transports,
) -> None:
    url = address("mqtt")
    async with mqtt_inbox(url) as inbox:
        named = replace(a_publication("mqtt", url, inbox), options=(("client_id", "optix-test-twin"),))
        twin = Transports("optix-gateway/twin")
        for number, one in enumerate([transports, twin, transports, twin]):
            message = replace(named, message_id=f"a-{number}")
            answers = [await one.send(message, TIMEOUT_S)]
            while not isinstance(answers[-1], Published):
                answers.append(await one.send(message, TIMEOUT_S))
        await twin.close()
        assert {received.id for received in await inbox.received(4)} == {f"a-{n}" for n in range(4)}
