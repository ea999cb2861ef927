"""Silences in the store: which are not over, which there were, and for how long that is known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from gateway.domain.delivery import NewDelivery
from gateway.domain.silence import Silence
from gateway.ports import Store, UnknownCursor
from tests.queue.store_world import LEASES, SECOND_US, START_US, Engine, FakeClock, a_silence, an_alert, claim_all

HOUR_S = 3600


async def past(store: Store, since_us: int = 0) -> list[Silence]:
    return list((await store.past_silences(since_us, limit=500)).silences)


async def test_what_expired_is_not_listed_and_is_known_still(store: Store, clock: FakeClock) -> None:
    short, long = a_silence("1", lasts_s=60), a_silence("2")
    for silence in (long, short):
        await store.put_silence(silence)
    assert await store.silences() == (short, long)
    clock.advance(60)
    assert await store.silences() == (long,)
    assert await past(store) == [long, short]


async def test_what_is_ended_is_over_from_then_on_and_says_when(store: Store, clock: FakeClock) -> None:
    silence = a_silence("1")
    await store.put_silence(silence)
    clock.advance(60)
    assert await store.end_silence("1") == ()
    assert await store.silences() == ()
    (found,) = await past(store)
    assert found == replace(silence, ended_us=START_US + 60 * SECOND_US)
    assert (found.is_active(clock.us - 1), found.is_active(clock.us)) == (True, False)


async def test_nobody_ends_what_is_over_or_never_was(store: Store, clock: FakeClock) -> None:
    await store.put_silence(a_silence("1"))
    await store.put_silence(a_silence("2", lasts_s=60))
    assert await store.end_silence("1") == ()
    clock.advance(60)
    before = await past(store)
    assert [await store.end_silence(one) for one in ("1", "2", "3")] == [None, None, None]
    assert await past(store) == before


async def test_a_silence_that_is_ended_before_it_began_was_never_in_force(store: Store, clock: FakeClock) -> None:
    await store.put_silence(a_silence("1", starts_us=START_US + HOUR_S * SECOND_US))
    clock.advance(60)
    await store.end_silence("1")
    (found,) = await past(store)
    assert not any(found.is_active(START_US + hours * HOUR_S * SECOND_US) for hours in range(5))


async def test_the_end_of_one_frees_what_it_holds_and_nothing_else(store: Store) -> None:
    for name in ("1", "2"):
        await store.put_silence(a_silence(name))
        held = NewDelivery("a", due_us=START_US + HOUR_S * SECOND_US, hold=f"silence:{name}")
        await store.put(an_alert(held), LEASES)
    assert await store.end_silence("2") == ("a",)
    assert len(await claim_all(store)) == 1


async def test_all_that_there_were_are_read_page_by_page_youngest_first(store: Store) -> None:
    made = [a_silence(f"{number:03}") for number in range(7)]
    for silence in made:
        await store.put_silence(silence)
    found: list[Silence] = []
    cursor, pages = "", 0
    while cursor or not pages:
        page = await store.past_silences(0, limit=3, cursor=cursor)
        found, cursor, pages = [*found, *page.silences], page.next, pages + 1
    assert (found, pages) == (made[::-1], 3)


@pytest.mark.parametrize("cursor", ["-", "a b", "\ud800", "\x00", "é"])
async def test_a_cursor_that_is_no_silence_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(UnknownCursor):
        await store.past_silences(0, limit=3, cursor=cursor)


async def test_since_leaves_out_what_was_over_by_then(store: Store, clock: FakeClock) -> None:
    await store.put_silence(a_silence("1", lasts_s=60))
    await store.put_silence(a_silence("2", lasts_s=61))
    clock.advance(HOUR_S)
    assert [silence.id for silence in await past(store, START_US + 60 * SECOND_US)] == ["2"]


async def test_all_of_them_are_there_after_a_restart(engine: Engine, store: Store) -> None:
    await store.put_silence(a_silence("1"))
    await store.put_silence(a_silence("2"))
    await store.end_silence("1")
    before = await past(store)
    again = await engine.crash()
    assert await past(again) == before
    assert [silence.id for silence in await again.silences()] == ["2"]


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_each_is_known_as_it_was_until_it_is_as_old_as_what_is_purged(
    store: Store, clock: FakeClock, seed: int
) -> None:
    dice, known = random.Random(seed), dict[str, Silence]()
    for number in range(60):
        clock.advance(dice.choice((0.0, 1, 50, 700)))
        match dice.choice(("put", "put", "end", "end", "purge", "look")):
            case "put":
                starts_us = clock.us + dice.choice((0, 0, 300)) * SECOND_US
                lasts_s = dice.choice((1, 60, 3000))
                silence = a_silence(f"{number:03}", lasts_s=lasts_s, made_us=clock.us, starts_us=starts_us)
                known[silence.id] = silence
                await store.put_silence(silence)
            case "end":
                one = dice.choice([*known, "none"])
                running = one in known and known[one].over_us > clock.us
                assert (await store.end_silence(one) is not None) == running
                known |= {one: replace(known[one], ended_us=clock.us)} if running else {}
            case "purge":
                before_us = clock.us - 2000 * SECOND_US
                await store.purge(before_us, limit=10)
                known = {name: one for name, one in known.items() if one.over_us >= before_us}
        assert {one.id for one in await store.silences()} == {n for n, one in known.items() if one.over_us > clock.us}
        assert {one.id: one for one in await past(store)} == known
