"""What the store remembers of incidents, and the state before that an alert is given."""

from __future__ import annotations

import asyncio

from gateway.domain.delivery import State
from gateway.domain.query import IncidentSelection
from gateway.ports import Store
from tests.queue.incident_world import a_state, memory, seen, snapshot
from tests.queue.store_world import LEASES, SECOND_US, START_US, Engine, FakeClock, a_result, now


async def test_a_first_alert_begins_an_incident_and_nothing_was_before(store: Store) -> None:
    stored = await store.put(a_state("k", "bucket", "-queue", to=(now("a"),)), LEASES)
    found = await memory(store)
    assert (found.incident.first_seen_us, found.incident.last_seen_us, found.incident.changed_us) == (START_US,) * 3
    assert [(row.info, row.state) for row in found.resources] == [("bucket", "open"), ("queue", "suppressed")]
    assert (found.incident.open_count, found.score, found.gone, found.changes) == (1, 83, (), ())
    (claim,) = stored.claims
    assert claim.before is None


async def test_a_repeat_in_another_order_is_seen_and_changes_nothing(store: Store, clock: FakeClock) -> None:
    await store.put(a_state("k", "bucket", "queue"), LEASES)
    clock.advance(60)
    (claim,) = (await store.put(a_state("k", "queue", "bucket", to=(now("a"),)), LEASES)).claims
    found = await memory(store)
    assert (found.incident.last_seen_us, found.incident.changed_us) == (START_US + 60 * SECOND_US, START_US)
    assert found.changes == ()
    assert claim.before == b"", "the very state"


async def test_a_change_is_noted_with_its_reasons_its_words_and_its_alert(store: Store, clock: FakeClock) -> None:
    await store.put(a_state("k", "bucket", score=50), LEASES)
    clock.advance(60)
    stored = await store.put(a_state("k", "bucket", "queue", score=90, to=(now("a"),)), LEASES)
    found = await memory(store)
    (change,) = found.changes
    assert (change.at_us, change.alert, change.reasons) == (clock.us, stored.alert_id, ("grew", "raised"))
    assert "1 new" in change.words
    assert found.incident.changed_us == clock.us
    (claim,) = stored.claims
    assert seen(claim.before) == snapshot("bucket", score=50)


async def test_a_resource_that_vanished_is_remembered_with_its_times(store: Store, clock: FakeClock) -> None:
    await store.put(a_state("k", "bucket", "queue"), LEASES)
    clock.advance(60)
    await store.put(a_state("k", "bucket", "queue"), LEASES)
    clock.advance(60)
    await store.put(a_state("k", "bucket"), LEASES)
    found = await memory(store)
    assert [row.info for row in found.resources] == ["bucket"]
    (gone,) = found.gone
    assert (gone.info, gone.first_seen_us, gone.last_seen_us) == ("queue", START_US, START_US + 60 * SECOND_US)


async def test_states_that_come_in_one_batch_are_compared_one_after_another(store: Store) -> None:
    alerts = [a_state("k", *listed, to=(now("a"),)) for listed in (["b1"], ["b1", "b2"], ["b2"], ["b2"])]
    stored = await asyncio.gather(*(store.put(alert, LEASES) for alert in alerts))
    found = await memory(store)
    assert [change.reasons for change in found.changes] == [("shrank",), ("grew",)]
    assert [row.info for row in found.resources] == ["b2"]
    befores = []
    claims = stored[0].claims
    while claims:
        befores.append(claims[0].before)
        await store.record(a_result(claims[0]))
        claims = (await store.claim("a", fresh=9, retries=9, limit=9, lease_us=SECOND_US)).claims
    assert [seen(before) for before in befores] == [None, snapshot("b1"), snapshot("b1", "b2"), None]
    assert befores[-1] == b""


async def test_an_exact_repeat_touches_nothing(store: Store, clock: FakeClock) -> None:
    alert = a_state("k", "bucket")
    await store.put(alert, LEASES)
    before = await memory(store)
    clock.advance(60)
    assert (await store.put(alert, LEASES)).duplicate
    assert await memory(store) == before


async def test_a_clock_that_was_set_back_leaves_when_it_was_last_seen(store: Store, clock: FakeClock) -> None:
    await store.put(a_state("k", "bucket"), LEASES)
    clock.advance(-3600)
    await store.put(a_state("k", "bucket"), LEASES)
    await store.put(a_state("k", "queue"), LEASES)
    found = (await memory(store)).incident
    assert (found.last_seen_us, found.changed_us) == (START_US, START_US)


async def test_the_last_hundred_changes_are_kept(store: Store, clock: FakeClock) -> None:
    for number in range(106):
        clock.advance(1)
        await store.put(a_state("k", f"bucket-{number}"), LEASES)
    found = await memory(store)
    assert len(found.changes) == 100
    assert found.changes[0].at_us == clock.us
    assert found.changes[-1].at_us == clock.us - 99 * SECOND_US
    assert len(found.gone) == 105


async def test_a_held_alert_is_remembered_when_it_is_read_at_last(store: Store) -> None:
    held = a_state("k", "bucket")._replace(state=None, held="unreadable", key="")
    stored = await store.put(held, LEASES)
    assert await store.incident("k") is None
    await store.readmit(stored.alert_id, a_state("k", "bucket", to=(now("a"),)))
    assert [row.info for row in (await memory(store)).resources] == ["bucket"]


async def test_an_incident_outlives_a_kill(engine: Engine) -> None:
    store = await engine.open()
    await store.put(a_state("k", "bucket"), LEASES)
    before = await memory(store)
    store = await engine.crash()
    assert await memory(store) == before
    stored = await store.put(a_state("k", "bucket", "queue", to=(now("a"),)), LEASES)
    assert seen(stored.claims[0].before) == snapshot("bucket")


async def test_incidents_not_heard_of_for_the_whole_retention_are_forgotten(store: Store, clock: FakeClock) -> None:
    for key in ("old", "new"):
        (claim,) = (await store.put(a_state(key, "bucket", to=(now("a"),)), LEASES)).claims
        await store.record(a_result(claim, State.DELIVERED))
    clock.advance(3600)
    await store.put(a_state("new", "bucket"), LEASES)
    await store.purge(clock.us - 1800 * SECOND_US, limit=10)
    assert [row.key for row in (await store.incidents(IncidentSelection(), limit=9)).incidents] == ["new"]
    (claim,) = (await store.put(a_state("old", "bucket", to=(now("a"),)), LEASES)).claims
    assert claim.before is None, "should it come back after so long, it is a new one"
