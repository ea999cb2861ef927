"""Why an alert reaches a route or does not: of any payload, and of one that came in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.domain.chain import Chain
from gateway.domain.change import Reason
from gateway.domain.delivery import State
from gateway.domain.filter import parse_filter
from gateway.domain.flap import FlapRule
from gateway.domain.notify import CHANGES
from gateway.domain.route import RouteTable
from gateway.domain.telling import Terms, Word
from gateway.domain.window import Schedule, WhenMuted
from gateway.domain.window_syntax import parse_windows
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.explain import Account, Explanation, explain
from gateway.pipeline.operations import AlertDetail
from tests.pipeline.gateway_world import DOWN, SECRET, START_US, World, a_body, a_route

NEVER = Schedule(active=parse_windows("2020-01-01..2020-01-02"))


def a_special_route(name: str, **values: Any) -> ConfiguredRoute:
    return replace(a_route(name), **values)


def explained(*routes: ConfiguredRoute) -> Explanation:
    table = RouteTable([(route.name, route.filter) for route in routes])
    return explain(a_body(), "optix", routes, table, START_US)


def words(found: Explanation) -> dict[str, str]:
    return {decision.route: decision.word for decision in found.decisions}


def test_a_route_that_another_one_covers_gets_nothing_and_the_reason_names_that_one() -> None:
    found = explained(a_special_route("first", chain=Chain(stop=True, order=1)), a_route("second"))
    assert found.routes == ("first",)
    (decision,) = found.decisions
    assert (decision.route, decision.word) == ("second", Word.COVERED)
    assert "STOP=true of first" in decision.reason
    assert set(found.requests) == {"first"}
    assert [verdict.taken for verdict in found.verdicts] == [True, True]


@pytest.mark.parametrize(
    ("when_muted", "word", "routes"), [(WhenMuted.HOLD, Word.HELD, ("soc",)), (WhenMuted.DROP, Word.MUTED, ())]
)
def test_outside_its_hours_a_route_holds_or_drops(when_muted: WhenMuted, word: Word, routes: tuple[str, ...]) -> None:
    found = explained(a_special_route("soc", schedule=NEVER, when_muted=when_muted))
    assert (words(found), found.routes, set(found.requests)) == ({"soc": word}, routes, set(routes))


def test_a_fallback_is_shown_in_reserve_and_takes_nothing_itself() -> None:
    routes = (
        a_special_route("soc", chain=Chain(fallback="pager")),
        a_special_route("pager", chain=Chain(fallback_only=True)),
    )
    found = explained(*routes)
    assert (found.routes, found.stand_ins) == (("soc",), {"pager": "soc"})
    assert set(found.requests) == {"soc", "pager"}


def test_what_the_memory_of_the_store_would_decide_is_named_for_the_routes_that_depend_on_it() -> None:
    changes = a_special_route("changes", terms=Terms(CHANGES))
    flapping = a_special_route("flapping", terms=Terms(flap=FlapRule(3)))
    refusing = a_special_route("refusing", terms=Terms(CHANGES), filter=parse_filter({"MIN_SEVERITY": ["critical"]}))
    found = explained(a_route("all"), changes, flapping, refusing)
    assert set(found.open_questions) == {"changes", "flapping"}
    assert "new, grew, shrank, raised" in found.open_questions["changes"]
    assert "NOTIFY" not in found.open_questions["flapping"]


async def test_the_running_gateway_explains_with_the_silences_that_it_has(world: World) -> None:
    await world.start()
    asked = {"all": True, "lasts_us": 3_600_000_000, "reason": "migration", "author": "ana", "then": "drop"}
    await world.silences.begin(asked)
    found = await world.operations.explain(a_body(), "optix")
    assert (words(found), found.routes) == ({"soc": Word.SILENCED}, ())


async def account(world: World, alert: str, route: str = "soc") -> Account:
    return next(account for account in (await detail(world, alert)).accounts if account.route == route)


async def detail(world: World, alert: str) -> AlertDetail:
    found = await world.operations.alert(alert)
    assert found is not None
    return found


async def test_a_route_that_is_sent_everything_was_told_because_its_filter_took_it(world: World) -> None:
    await world.start()
    world.receiver.answers(DOWN)
    alert = await world.alert()
    await world.settled()
    assert await account(world, alert) == Account(
        "soc", True, "told", "its filter took it", True, f"{alert}.soc", State.PENDING
    )


async def test_a_repeat_was_not_told_and_says_since_when_its_receiver_knows(world: World) -> None:
    await world.start(a_special_route("soc", terms=Terms(CHANGES)))
    first = await world.alert("one")
    await world.settled()
    again = await world.alert("one")
    told, untold = await account(world, first), await account(world, again)
    assert (told.told, told.word, told.state) == (True, Word.TOLD, State.DELIVERED)
    assert (untold.told, untold.word, untold.recorded, untold.delivery) == (False, Word.UNCHANGED, True, "")
    assert untold.reason == "nothing changed since a message was made for this receiver, 2023-11-14 22:13:20 UTC"


async def test_a_held_delivery_says_why_it_waits_and_why_its_receiver_is_told(world: World) -> None:
    await world.start(a_special_route("soc", schedule=NEVER, terms=Terms(CHANGES)))
    found = await account(world, await world.alert())
    assert (found.told, found.word, found.state) == (True, Word.HELD, State.PENDING)
    hours, _, changed = found.reason.partition("; ")
    assert "ACTIVE" in hours
    assert changed == "new: no resources listed"


async def test_what_was_held_and_then_brought_nothing_new_was_not_told(world: World) -> None:
    await world.start(a_special_route("soc", schedule=NEVER, terms=Terms(CHANGES)))
    await world.alert("one")
    found = await account(world, await world.alert("one"))
    assert (found.told, found.word) == (False, Word.UNCHANGED)


async def test_a_route_whose_filter_refused_is_told_of_by_todays_view(world: World) -> None:
    picky = a_route("soc", filter_=parse_filter({"MIN_SEVERITY": ["critical"]}))
    await world.start(picky)
    alert = await world.alert()
    found = await account(world, alert)
    assert (found.told, found.word, found.recorded) == (False, "refused", False)
    assert found.reason == "MIN_SEVERITY=critical: severity is high (score 83)"

    await world.restart(a_route("soc"), a_route("late"))
    for route in ("soc", "late"):
        found = await account(world, alert, route)
        assert (found.told, found.word, found.recorded) == (False, "unrecorded", False)
        assert found.reason == "nothing was recorded of it; its filter would take it today"


async def test_a_route_that_is_no_more_still_tells_what_it_did(world: World) -> None:
    await world.start(a_route("old"), a_route("soc"))
    alert = await world.alert()
    await world.settled()
    await world.restart(a_route("soc"))
    assert [found.route for found in (await detail(world, alert)).accounts] == ["soc", "old"]
    assert (await account(world, alert, "old")).state == State.DELIVERED


async def test_a_stand_in_names_the_route_in_whose_stead_it_is(world: World) -> None:
    reserve = a_special_route("pager", chain=Chain(fallback_only=True))
    await world.start(a_special_route("soc", chain=Chain(fallback="pager")), reserve)
    found = await account(world, await world.alert(), "pager")
    assert (found.told, found.word, found.reason) == (True, Word.TOLD, "in case soc does not deliver it")


async def test_an_alert_tells_what_it_changed_and_which_configuration_decided(world: World) -> None:
    await world.start()
    resource = {"resourceInfo": "bucket", "state": "OPEN"}
    alerts = [await world.alert("one", affectedResources=listed) for listed in ([resource], [resource], [])]
    found = [await detail(world, alert) for alert in alerts]
    assert [one.change.reasons for one in found if one.change] == [
        (Reason.NEW,), (Reason.UNCHANGED,), (Reason.SHRANK,),
    ]  # fmt: skip
    assert {(one.alert.revision, one.running_revision) for one in found} == {("r1", "r1")}


async def test_what_could_not_be_read_changed_nothing_and_asked_no_route(world: World) -> None:
    await world.start()
    reply = await world.receive(b'{"a": 1}')
    found = await detail(world, reply.id)  # type: ignore[union-attr]  # it is held
    assert (found.change, found.accounts, found.decisions) == (None, (), ())


async def test_no_account_holds_a_secret(world: World) -> None:
    await world.start(a_special_route("soc", terms=Terms(CHANGES)))
    found = await detail(world, await world.alert())
    assert SECRET not in repr(found)
