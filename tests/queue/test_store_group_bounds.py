"""What one message carries is bounded in bytes; what has no room follows at once."""

from __future__ import annotations

import pytest

from gateway.domain.delivery import Claim, State
from gateway.ports import Store
from tests.queue.incident_world import GROUPED, a_state, carried, end, grouped
from tests.queue.store_world import LEASES, FakeClock, ask

MIB = 1024 * 1024


async def enter(store: Store, *sizes_mib: float) -> list[str]:
    """One alert of each size; the ids of their deliveries."""
    names = []
    for number, size in enumerate(sizes_mib):
        body = b"%d" % number + b" " * int(size * MIB)
        stored = await store.put(a_state(f"k{number}", "b", body=body, to=grouped(terms=GROUPED)), LEASES)
        names.append(f"{stored.alert_id}.a")
    return names


def sizes(claim: Claim) -> int:
    return len(claim.body) + sum(len(member.body) for member in claim.members)


@pytest.mark.parametrize("limit", [1, 2, 8])
async def test_a_group_that_is_too_large_goes_in_several_messages_at_once(store: Store, limit: int) -> None:
    names = await enter(store, 3, 3, 3, 3, 3, 1)
    found: list[list[str]] = []
    beyond: list[int] = []
    while claims := (await ask(store, limit=limit)).claims:
        for claim in claims:
            assert sizes(claim) <= 8 * MIB
            found.append(carried(claim))
            beyond.append(claim.beyond)
            await end(store, claim, State.DELIVERED)
    assert sorted(name for message in found for name in message) == sorted(names)
    assert len(found) == 3
    assert beyond == [4, 2, 0]


async def test_one_that_is_larger_than_a_message_goes_alone(store: Store, clock: FakeClock) -> None:
    names = await enter(store, 9, 1)
    clock.advance(30)
    first = (await ask(store, limit=1)).claims
    second = (await ask(store, limit=1)).claims
    assert [carried(claim) for claim in (*first, *second)] == [[name] for name in names]


async def test_what_had_no_room_is_due_though_its_own_time_has_not_come(store: Store) -> None:
    await enter(store, 6, 6, 6)
    found = await ask(store, limit=1)
    assert (len(found.claims), found.claims[0].beyond, found.more, found.next_us) == (1, 2, True, 0)


async def test_what_failed_together_is_tried_again_together(store: Store, clock: FakeClock) -> None:
    await enter(store, 3, 3, 3)
    first = [*(await ask(store, limit=8)).claims, *(await ask(store, limit=8)).claims]
    assert [len(claim.members) for claim in first] == [1, 0]
    for claim in first:
        await end(store, claim, State.PENDING, delay_s=10)
    clock.advance(10)
    again = (await ask(store, limit=8)).claims
    assert [len(claim.members) for claim in again] == [1, 0]
    assert {claim.attempt for claim in again} == {2}
