"""INHIBIT: wider findings of which a receiver knows mute narrower ones."""

from __future__ import annotations

import asyncio

from gateway.domain.delivery import NewDelivery, State
from gateway.domain.inhibit import Inhibitor
from gateway.domain.notify import CHANGES, parse_notify
from gateway.domain.telling import Terms
from gateway.ports import Store
from tests.queue.incident_world import TOLD_CHANGES, a_state, told, words
from tests.queue.store_world import LEASES, a_result

WIDER = Terms(notify=CHANGES, inhibitor=Inhibitor.parse("AR-1045>AR-651"))


async def test_a_wider_finding_on_the_same_resource_mutes_a_narrower_one(store: Store) -> None:
    await store.put(a_state("wide", "host", rule="AR-1045", to=told(terms=WIDER)), LEASES)
    stored = await store.put(a_state("narrow", "host", rule="AR-651", to=told(terms=WIDER)), LEASES)
    assert (stored.claims, await words(store, stored.alert_id)) == ((), {"a": "inhibited"})
    elsewhere = await store.put(a_state("other", "host-2", rule="AR-651", to=told(terms=WIDER)), LEASES)
    assert len(elsewhere.claims) == 1


async def test_a_wider_finding_of_the_same_commit_counts(store: Store) -> None:
    alerts = [a_state(f"k-{rule}", "host", rule=rule, to=told(terms=WIDER)) for rule in ("AR-1045", "AR-651")]
    wide, narrow = await asyncio.gather(*(store.put(alert, LEASES) for alert in alerts))
    assert await words(store, wide.alert_id) == {"a": "told"}
    assert await words(store, narrow.alert_id) == {"a": "inhibited"}


async def test_a_narrower_finding_is_told_when_the_wider_one_is_over(store: Store) -> None:
    await store.put(a_state("wide", "host", rule="AR-1045", to=told(terms=WIDER)), LEASES)
    await store.put(a_state("narrow", "host", rule="AR-651", to=told(terms=WIDER)), LEASES)
    await store.put(a_state("wide", "-host", rule="AR-1045", to=told(terms=WIDER)), LEASES)
    stored = await store.put(a_state("narrow", "host", rule="AR-651", to=told(terms=WIDER)), LEASES)
    assert [claim.before for claim in stored.claims] == [None]


async def narrow(store: Store, *to: NewDelivery) -> dict[str, str]:
    """What is decided of a narrower finding on the host."""
    stored = await store.put(a_state("narrow", "host", rule="AR-651", to=to or told(terms=WIDER)), LEASES)
    return await words(store, stored.alert_id)


async def test_a_wider_finding_of_which_this_receiver_never_heard_mutes_nothing(store: Store) -> None:
    await store.put(a_state("wide", "host", rule="AR-1045", to=told("b", terms=WIDER)), LEASES)
    assert await narrow(store, *told(terms=WIDER), *told("b", terms=WIDER)) == {"a": "told", "b": "inhibited"}


async def test_a_wider_finding_that_its_route_did_not_want_mutes_nothing(store: Store) -> None:
    picky = Terms(notify=parse_notify("raised"), inhibitor=WIDER.inhibitor)
    await store.put(a_state("wide", "host", rule="AR-1045", to=told(terms=picky)), LEASES)
    assert await narrow(store) == {"a": "told"}


async def test_a_wider_finding_that_could_not_be_delivered_mutes_nothing_any_more(store: Store) -> None:
    stored = await store.put(a_state("wide", "host", rule="AR-1045", to=told(terms=WIDER)), LEASES)
    assert await narrow(store) == {"a": "inhibited"}
    await store.record(a_result(stored.claims[0], State.DEAD, remembers=True))
    assert await narrow(store) == {"a": "told"}


async def test_of_a_wider_finding_those_resources_count_that_this_receiver_was_told_of(store: Store) -> None:
    once = Terms(notify=parse_notify("new"), inhibitor=WIDER.inhibitor)
    await store.put(a_state("wide", "other", rule="AR-1045", to=told(terms=once)), LEASES)
    await store.put(a_state("wide", "other", "host", rule="AR-1045", to=told(terms=once)), LEASES)
    assert await narrow(store) == {"a": "told"}


async def test_what_only_another_kind_of_terms_remembers_mutes_as_well(store: Store) -> None:
    """The route was given INHIBIT after it was told of the wider finding."""
    await store.put(a_state("wide", "host", rule="AR-1045", to=told(terms=TOLD_CHANGES)), LEASES)
    assert await narrow(store) == {"a": "inhibited"}


async def test_a_wider_finding_of_the_same_commit_for_another_route_mutes_nothing(store: Store) -> None:
    wide = a_state("wide", "host", rule="AR-1045", to=told("b", terms=WIDER))
    other = a_state("narrow", "host", rule="AR-651", to=told(terms=WIDER))
    _, stored = await asyncio.gather(store.put(wide, LEASES), store.put(other, LEASES))
    assert await words(store, stored.alert_id) == {"a": "told"}
