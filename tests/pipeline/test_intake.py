from __future__ import annotations

import pytest

from gateway.domain.authenticate import Source
from gateway.domain.delivery import State
from gateway.domain.filter import parse_filter
from gateway.pipeline.intake import Accepted, Duplicate, Held, Refused
from gateway.ports import StoreUnavailable
from tests.pipeline.faulty_store import FaultyStore
from tests.pipeline.gateway_world import OPTIX, World, a_body, a_route


async def test_an_alert_is_stored_for_every_route_that_takes_it(world: World) -> None:
    high, low = parse_filter({"MIN_SEVERITY": ["high"]}), parse_filter({"SEVERITIES": ["low"]})
    await world.start(a_route("high", filter_=high), a_route("low", filter_=low), a_route("all"))
    reply = await world.receive(a_body(score=85))
    assert isinstance(reply, Accepted)
    assert reply.routes == ("high", "all")
    await world.settled()
    assert [await world.state(reply.id, route) for route in reply.routes] == [State.DELIVERED] * 2


async def test_an_alert_that_no_route_takes_is_stored_all_the_same(world: World) -> None:
    await world.start(a_route(filter_=parse_filter({"SEVERITIES": ["low"]})))
    reply = await world.receive(a_body(score=85))
    assert isinstance(reply, Accepted)
    assert reply.routes == ()
    detail = await world.operations.alert(reply.id)
    assert detail is not None
    assert [(verdict.taken, verdict.key) for verdict in detail.verdicts] == [(False, "SEVERITIES")]


async def test_an_exact_repeat_is_a_duplicate_also_after_a_restart_and_under_other_routes(world: World) -> None:
    await world.start()
    body = a_body()
    first = await world.receive(body)
    assert isinstance(first, Accepted)
    await world.restart(a_route("other"))
    again = await world.receive(body)
    assert again == Duplicate(first.id, ("soc",))
    await world.settled()
    assert world.receiver.bodies == [body]


async def test_one_body_from_two_sources_is_two_alerts(world: World) -> None:
    await world.start()
    body = a_body()
    first = await world.intake.receive(OPTIX, body)
    second = await world.intake.receive(Source("north", open_to_all=True), body)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.id != second.id


@pytest.mark.parametrize("body", [b'{"eventType": "ALERT"}', b'{"payloadData": 7}', b"{}"])
async def test_an_object_that_is_no_alert_is_held(world: World, body: bytes) -> None:
    await world.start()
    reply = await world.receive(body)
    assert isinstance(reply, Held)
    assert reply.reason
    assert await world.operations.held_count() == 1
    assert isinstance(await world.receive(body), Duplicate)
    assert world.receiver.sent == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"nonsense", b"\xff", b"[" * 100_000])
async def test_what_is_no_object_is_refused_and_leaves_nothing(world: World, body: bytes) -> None:
    await world.start()
    assert isinstance(await world.intake.receive(OPTIX, body), Refused)
    assert world.journal.commits == 0


async def test_what_could_not_be_stored_is_not_delivered_and_its_slot_is_free(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start(a_route(concurrency=1))
    faulty.fails = {"put"}
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await world.receive()
    await world.settled()
    assert world.receiver.sent == []
    faulty.fails = set()
    alert = await world.alert()
    await world.settled()
    assert await world.state(alert) is State.DELIVERED


async def test_a_gateway_that_ends_takes_nothing_in(world: World) -> None:
    await world.start()
    world.intake.accepting = False
    with pytest.raises(StoreUnavailable, match="shutting down"):
        await world.receive()
    assert await world.operations.ready() == "the gateway is shutting down"
