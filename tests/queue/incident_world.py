"""Short ways to say how an incident stands, and what a receiver wants to be told of it."""

from __future__ import annotations

from typing import Any

from gateway.domain.alert import Alert, Resource
from gateway.domain.delivery import Claim, MemberResult, NewAlert, NewDelivery
from gateway.domain.delivery import State as Ended
from gateway.domain.grouping import Grouping
from gateway.domain.notify import CHANGES
from gateway.domain.query import IncidentDetail
from gateway.domain.severity import severity_of
from gateway.domain.snapshot import Snapshot, decode, digest_of, encode, snapshot_of
from gateway.domain.telling import State, Terms
from gateway.ports import Store
from tests.queue.store_world import LEASES, SECOND_US, a_result, an_alert, state_of

TOLD_CHANGES = Terms(notify=CHANGES)
GROUPED = Terms(notify=CHANGES, grouping=Grouping(("rule",), 30 * SECOND_US, 300 * SECOND_US, most=3))
"""A group waits 30 s for its first message, 300 s between messages, and is full with 3."""


def snapshot(*listed: str, score: float | None = 83) -> Snapshot:
    """`bucket` is open, `-bucket` suppressed; in the order given."""
    resources = tuple(
        Resource(info.removeprefix("-"), "SUPPRESS" if info.startswith("-") else "OPEN") for info in listed
    )
    return snapshot_of(Alert("optix", "ALERT", "", "", "", severity_of(score), score=score, resources=resources))


def a_state(
    key: str, *listed: str, score: float | None = 83, to: tuple[NewDelivery, ...] = (), **more: Any
) -> NewAlert:
    """The next send of the incident `key`: never an exact repeat, whatever it says."""
    found = snapshot(*listed, score=score)
    return an_alert(*to, key=key, score=score, state=State(found, digest_of(found)), **more)


def told(route: str = "a", terms: Terms = TOLD_CHANGES, *, supersede: bool = True, **more: Any) -> tuple[NewDelivery]:
    """A receiver that is told by its terms, at once where it can be."""
    return (NewDelivery(route, supersede=supersede, claim=True, terms=terms, **more),)


def grouped(route: str = "a", terms: Terms = GROUPED, *, group: str = "g", **more: Any) -> tuple[NewDelivery]:
    return told(route, terms, group=group, **more)


def seen(packed: bytes | None) -> Snapshot | None:
    """What a `before` says."""
    return decode(packed) if packed else None


async def memory(store: Store, key: str = "k") -> IncidentDetail:
    found = await store.incident(key)
    assert found is not None
    return found


async def words(store: Store, alert_id: str) -> dict[str, str]:
    """Route -> what was decided."""
    found = await store.decided(alert_id)
    assert found is not None
    return {decision.route: decision.word for decision in found.decisions}


async def enter(store: Store, *keys: str, to: tuple[NewDelivery, ...] | None = None) -> list[str]:
    """Alerts of these incidents, one after another; the ids of their deliveries."""
    return [f"{(await store.put(a_state(key, 'b', to=to or grouped()), LEASES)).alert_id}.a" for key in keys]


async def end(store: Store, claim: Claim, state: Ended, *, delay_s: float = 0) -> bool:
    """The one result of everything that went out in one message; whether somebody made room."""
    now_known = (encode(snapshot("b")), digest_of(snapshot("b")))
    known = now_known if state is Ended.DELIVERED else None
    members = tuple(MemberResult(member.row, member.token, known) for member in claim.members)
    result = a_result(claim, state, delay_s=delay_s, told=known, remembers=claim.remembers, members=members)
    recorded = await store.record(result)
    assert recorded.applied
    return recorded.promoted


def carried(claim: Claim) -> list[str]:
    return [claim.delivery_id, *(member.delivery_id for member in claim.members)]


async def states(store: Store, names: list[str]) -> set[Ended]:
    return {await state_of(store, name) for name in names}
