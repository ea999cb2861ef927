"""What the terms of a route ask for: few kinds of change, reminders, and one word about what flaps."""

from __future__ import annotations

import pytest

from gateway.domain.change import Reason
from gateway.domain.delivery import State
from gateway.domain.flap import FlapRule
from gateway.domain.notify import CHANGES
from gateway.domain.telling import Terms
from gateway.ports import Store
from tests.queue.hearing import deliver, end, passed_over, sent
from tests.queue.incident_world import a_state, memory, seen, snapshot, told, words
from tests.queue.store_world import LEASES, SECOND_US, FakeClock

HOUR_US = 3600 * SECOND_US
GREW = Terms(notify=frozenset({Reason.GREW}))


async def test_who_leaves_new_out_hears_of_later_changes_in_full(store: Store) -> None:
    assert await passed_over(store, "b1", terms=GREW) == "unwanted"
    assert await passed_over(store, "b1", terms=GREW, score=90) == "unwanted"
    claim = await sent(store, "b1", "b2", terms=GREW)
    assert claim.before is None, "it never was told of b1"
    await deliver(store, claim, snapshot("b1", "b2"))
    assert seen((await sent(store, "b1", "b2", "b3", terms=GREW)).before) == snapshot("b1", "b2")


@pytest.mark.parametrize("listed", [("b1", "b2"), ("b1", "b2", "b3")])
async def test_a_dead_first_word_is_said_again_also_to_who_leaves_new_out(
    store: Store, listed: tuple[str, ...]
) -> None:
    await passed_over(store, "b1", terms=GREW)
    await end(store, await sent(store, "b1", "b2", terms=GREW), State.DEAD)
    assert (await sent(store, *listed, terms=GREW)).before is None


async def test_what_was_only_passed_over_is_not_shown_as_told(store: Store) -> None:
    await passed_over(store, "b1", terms=GREW)
    (row,) = (await memory(store)).told
    assert (row.told_us, row.open_count, row.score) == (None, None, None)
    assert row.unseen != ""


async def test_what_a_receiver_does_not_want_leaves_what_it_knows(store: Store) -> None:
    terms = Terms(notify=CHANGES)
    await deliver(store, await sent(store, "b1", terms=terms, score=90), snapshot("b1", score=90))
    assert await passed_over(store, "b1", terms=terms, score=80) == "unwanted"
    assert seen((await sent(store, "b1", "b2", terms=terms, score=80)).before) == snapshot("b1", score=90)


REMINDED = Terms(notify=CHANGES, remind_after_us=HOUR_US)


async def test_a_standing_alert_is_told_again_after_remind_after(store: Store, clock: FakeClock) -> None:
    await deliver(store, await sent(store, "b1", terms=REMINDED), snapshot("b1"))
    clock.advance(3599)
    assert await passed_over(store, "b1", terms=REMINDED) == "unchanged"
    clock.advance(1)
    reminder = await sent(store, "b1", terms=REMINDED)
    assert seen(reminder.before) == snapshot("b1")
    await deliver(store, reminder, snapshot("b1"))
    assert await passed_over(store, "b1", terms=REMINDED) == "unchanged"
    clock.advance(3600)
    await deliver(store, await sent(store, "b1", terms=REMINDED), snapshot("b1"))


async def test_a_dead_reminder_is_tried_again_with_the_next_repeat(store: Store, clock: FakeClock) -> None:
    await deliver(store, await sent(store, "b1", terms=REMINDED), snapshot("b1"))
    clock.advance(3600)
    await end(store, await sent(store, "b1", terms=REMINDED), State.DEAD)
    await deliver(store, await sent(store, "b1", terms=REMINDED), snapshot("b1"))


async def test_nobody_is_reminded_of_what_is_closed(store: Store, clock: FakeClock) -> None:
    await deliver(store, await sent(store, "b1", terms=REMINDED), snapshot("b1"))
    await deliver(store, await sent(store, "-b1", terms=REMINDED), snapshot("-b1"))
    clock.advance(7200)
    assert await passed_over(store, "-b1", terms=REMINDED) == "unchanged"


FLAPPING = Terms(notify=CHANGES, flap=FlapRule(most=2, window_us=HOUR_US))


async def test_an_incident_that_flaps_is_told_so_once_until_it_is_stable(store: Store, clock: FakeClock) -> None:
    decided = []
    for number in range(6):
        clock.advance(60)
        listed = "b1" if number % 2 == 0 else "-b1"
        stored = await store.put(a_state("k", listed, to=told(terms=FLAPPING)), LEASES)
        decided.append((await words(store, stored.alert_id))["a"])
        for claim in stored.claims:
            await deliver(store, claim, snapshot(listed))
    assert decided == ["told", "told", "told", "told", "flapping", "unchanged"]
    clock.advance(3600)
    stable = await sent(store, "b1", terms=FLAPPING)
    assert seen(stable.before) == snapshot("-b1"), "the last state that was told"
