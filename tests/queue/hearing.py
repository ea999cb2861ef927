"""One receiver that hears of one incident: what is sent to it, what is passed over, and how that ends."""

from __future__ import annotations

from gateway.domain.delivery import Claim, State
from gateway.domain.snapshot import Snapshot, digest_of, encode
from gateway.domain.telling import Terms
from gateway.ports import Store
from tests.queue.incident_world import a_state, told, words
from tests.queue.store_world import LEASES, a_record, a_result


async def sent(
    store: Store, *listed: str, terms: Terms | None = None, score: float | None = 83, key: str = "k"
) -> Claim:
    """The delivery of the incident's next state, handed out at once."""
    to = told() if terms is None else told(terms=terms)
    (claim,) = (await store.put(a_state(key, *listed, score=score, to=to), LEASES)).claims
    return claim


async def passed_over(store: Store, *listed: str, terms: Terms | None = None, score: float | None = 83) -> str:
    """What was decided of the incident's next state, for which there is no delivery."""
    to = told() if terms is None else told(terms=terms)
    stored = await store.put(a_state("k", *listed, score=score, to=to), LEASES)
    assert (stored.claims, stored.waiting, stored.later, stored.routes) == ((), (), (), ())
    return (await words(store, stored.alert_id))["a"]


async def deliver(store: Store, claim: Claim, now: Snapshot, reference: str = "") -> None:
    record = a_record(claim)._replace(reference=reference)
    result = a_result(claim, told=(encode(now), digest_of(now)), remembers=claim.remembers)
    assert (await store.record(result._replace(record=record))).applied


async def end(store: Store, claim: Claim, state: State, delay_s: float = 0) -> None:
    assert (await store.record(a_result(claim, state, delay_s=delay_s, remembers=claim.remembers))).applied
