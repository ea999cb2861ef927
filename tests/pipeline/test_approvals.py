"""A route that asks a person first: nothing reaches its receiver that nobody approved."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.domain.approval import SOURCE, Verdict
from gateway.domain.delivery import State
from gateway.domain.filter import Filter, parse_filter
from gateway.domain.optix import console_url, parse
from gateway.domain.silence import Silence
from gateway.pipeline.approvals import Links
from tests.pipeline.approving import HOUR_US, KEY, OPEN, approve, asking
from tests.pipeline.gateway_world import DOWN, HOUR_S, OK, World, a_body, a_route


async def test_nothing_is_sent_before_somebody_approves(world: World) -> None:
    await world.start(asking())
    alert = await world.alert()
    await world.pass_time(HOUR_S)
    assert world.receiver.sent == []
    assert await world.state(alert) is State.PARKED
    assert (await world.row(alert)).reason == "waits for approval until 2023-11-15 22:13 UTC"
    assert await approve(world, alert) == (f"{alert}.soc",)
    assert len(world.receiver.sent) == 1
    assert await world.state(alert) is State.DELIVERED


async def test_a_second_approval_does_nothing(world: World) -> None:
    await world.start(asking())
    alert = await world.alert()
    await approve(world, alert)
    assert await approve(world, alert, who="bob") == ()
    assert len(world.receiver.sent) == 1
    found = await world.approvals.one(f"{alert}.soc")
    assert found is not None
    assert found.row.who == "ann"


async def test_what_is_rejected_is_never_sent_nor_asked_for_again_while_nothing_changes(world: World) -> None:
    await world.start(asking())
    alert = await world.alert("one")
    await world.approvals.rule([f"{alert}.soc"], Verdict.REJECTED, who="ann", why="known")
    await world.alert("one", lastSeen="2024-01-02T04:04:05Z")
    await world.settled()
    assert world.receiver.sent == []
    assert await world.approvals.waiting() == ()
    grown = await world.alert("one", affectedResources=OPEN)
    assert [request.row.alert for request in await world.approvals.waiting()] == [grown]


async def test_what_nobody_approves_in_time_is_over(world: World) -> None:
    await world.start(asking(hours=1))
    alert = await world.alert()
    await world.pass_time(HOUR_S + 1)
    await world.approvals.look()
    assert await world.state(alert) is State.CANCELLED
    assert await approve(world, alert) == ()
    assert world.receiver.sent == []


async def test_everything_of_one_incident_is_approved_at_once(world: World) -> None:
    await world.start(asking("a"), asking("b"))
    alert = await world.alert("one")
    await world.alert("other")
    (first, *_) = await world.approvals.waiting()
    changed = await world.approvals.rule_incident(first.row.key, Verdict.APPROVED, who="ann", why="all of it")
    assert sorted(changed) == [f"{alert}.a", f"{alert}.b"]
    await world.settled()
    assert len(world.receiver.sent) == 2


async def test_retries_of_what_is_approved_need_no_further_approval(world: World) -> None:
    await world.start(asking())
    world.receiver.answers(DOWN, OK)
    alert = await world.alert()
    await approve(world, alert)
    await world.pass_time(60)
    assert await world.state(alert) is State.DELIVERED
    assert len(world.receiver.sent) == 2


async def test_what_waits_from_before_the_route_asked_is_asked_for(world: World) -> None:
    await world.start(replace(a_route(), policy=replace(a_route().policy, enabled=False)))
    alert = await world.alert()
    await world.restart(asking())
    await world.settled()
    assert world.receiver.sent == []
    assert await world.state(alert) is State.PARKED
    assert await approve(world, alert) == (f"{alert}.soc",)
    assert len(world.receiver.sent) == 1


async def test_a_replay_of_what_was_rejected_asks_again(world: World) -> None:
    await world.start(asking())
    alert = await world.alert()
    await world.approvals.rule([f"{alert}.soc"], Verdict.REJECTED, who="ann", why="")
    await world.operations.replay([f"{alert}.soc"])
    await world.settled()
    assert world.receiver.sent == []
    assert [request.row.delivery for request in await world.approvals.waiting()] == [f"{alert}.soc"]


async def test_what_a_silence_held_is_asked_for_at_its_end(world: World) -> None:
    await world.start(asking())
    silence: Silence = await world.silences.begin({"all": True, "lasts_us": HOUR_US, "reason": "move", "author": "ann"})
    alert = await world.alert()
    assert await world.approvals.waiting() == ()
    await world.operations.end_silence(silence.id)
    await world.settled()
    assert world.receiver.sent == []
    assert await world.state(alert) is State.PARKED
    assert len(await world.approvals.waiting()) == 1


async def test_an_alert_that_comes_twice_is_asked_for_and_sent_once(world: World) -> None:
    await world.start(asking(notify="chat"), a_route("chat", filter_=_nothing()))
    body = a_body()
    await world.receive(body)
    await world.receive(body)
    await world.approvals.look()
    (request,) = await world.approvals.waiting()
    await approve(world, request.row.alert)
    assert [sent.delivery_id.partition(".")[2] for sent in world.receiver.sent].count("soc") == 1
    assert [sent.delivery_id.partition(".")[2] for sent in world.receiver.sent].count("chat") == 1


def _nothing() -> Filter:
    return parse_filter({"RULES": ["NEVER-1"]})


async def test_a_request_is_told_to_another_route_once_also_over_a_restart(world: World) -> None:
    world.links = Links("https://ops.example.com", KEY)
    routes = (asking(notify="chat"), a_route("chat", filter_=_nothing()))
    await world.start(*routes)
    alert = await world.alert(alertSummary="A bucket is public", affectedResources=OPEN)
    await world.approvals.look()
    await world.settled()
    await world.approvals.look()
    await world.restart(*routes)
    await world.approvals.look()
    await world.settled()
    (sent,) = world.receiver.sent
    said = json.loads(sent.body)["payloadData"]
    assert said["alertSummary"] == "Approve? soc: A bucket is public"
    assert "trial (hooks.example.com) is sent the alert" in said["alertDetails"]
    assert f"optix-gateway approvals approve {alert}.soc" in said["alertDetails"]
    read = parse(SOURCE, sent.body)
    assert console_url(read) == said["decideAt"]  # type: ignore[arg-type]


async def test_a_webhook_cannot_bring_a_link_of_its_own() -> None:
    body = a_body(decideAt="https://evil.example/")
    read = parse("optix", body.replace(b'"ALERT"', b'"APPROVAL"'))
    assert console_url(read).startswith("https://optix.sophos.com/")  # type: ignore[arg-type]


async def test_a_link_leads_to_its_own_request_only(world: World) -> None:
    world.links = Links("https://ops.example.com", KEY)
    await world.start(asking())
    alert, other = await world.alert(), await world.alert()
    (row,) = [request.row for request in await world.approvals.waiting() if request.row.alert == alert]
    words = {name: values[0] for name, values in parse_qs(urlsplit(world.links.to(row)).query).items()}
    asked_us, signature = int(words["asked"]), words["signature"]
    found = await world.approvals.by_link(words["delivery"], asked_us, signature)
    assert found is not None
    assert found.row.delivery == f"{alert}.soc"
    for delivery, at, sign in (
        (f"{other}.soc", asked_us, signature),
        (words["delivery"], asked_us + 1, signature),
        (words["delivery"], asked_us, "0" * 64),
        (words["delivery"], asked_us, ""),
    ):
        assert await world.approvals.by_link(delivery, at, sign) is None


@pytest.mark.parametrize("links", [Links(), Links("", "")])
async def test_without_a_key_there_are_no_links(world: World, links: Links) -> None:
    world.links = links
    await world.start(asking())
    alert = await world.alert()
    (request,) = await world.approvals.waiting()
    assert links.to(request.row) == ""
    assert await world.approvals.by_link(f"{alert}.soc", request.row.asked_us, "") is None


async def test_a_test_is_not_sent_where_somebody_has_to_approve(world: World) -> None:
    await world.start(asking())
    report = await world.operations.test_route("soc")
    assert report is not None
    assert (report.ok, world.receiver.sent) == (False, [])
    assert "APPROVAL=required" in report.reason


async def test_a_test_that_nobody_acts_upon_needs_no_approval(world: World) -> None:
    route = asking()
    await world.start(replace(route, destination=replace(route.destination, harmless_test=True)))
    report = await world.operations.test_route("soc")
    assert report is not None
    assert (report.ok, len(world.receiver.sent)) == (True, 1)


async def test_other_routes_are_told_at_once(world: World) -> None:
    await world.start(asking("a"), a_route("b"))
    alert = await world.alert()
    await world.settled()
    assert [sent.delivery_id for sent in world.receiver.sent] == [f"{alert}.b"]


async def test_everything_that_waits_is_told_however_much_it_is(world: World) -> None:
    await world.start(asking(notify="chat"), a_route("chat", filter_=_nothing()))
    for number in range(510):
        await world.alert(f"alert {number}")
    await world.approvals.look()
    await world.settled()
    assert world.approvals.waiting_count == 510
    assert len(world.receiver.sent) == 510
