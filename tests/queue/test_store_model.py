"""Any order of puts, claims, results, kills, operators and clock jumps, against a model that fits a page."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from gateway.domain.delivery import Claim, NewDelivery, Recorded, State
from gateway.domain.query import Selection
from tests.queue.machine import EngineMachine
from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import LEASE_US, LEASES, SECOND_US, a_result, an_alert

ROUTES = st.sampled_from(["a", "b"])
KEYS = st.sampled_from(["k", "l", ""])
PICKS = st.integers(0, 1000)


@dataclass(eq=False)
class Row:
    """A delivery as the design describes it; `number` is its age."""

    id: str
    number: int
    route: str
    key: str
    supersede: bool
    due_us: int
    state: State = State.PENDING
    fresh: bool = True
    attempts: int = 0
    token: int = 0
    first_us: int = 0
    claimed_us: int = 0
    lease_until_us: int = 0


class Model:
    def __init__(self) -> None:
        self.rows: list[Row] = []

    def siblings(self, row: Row, *states: State) -> list[Row]:
        same = [each for each in self.rows if (each.route, each.key) == (row.route, row.key) and each is not row]
        return [each for each in same if row.key and each.state in states]

    def is_next(self, row: Row) -> bool:
        return (
            row.state is State.PENDING
            and not self.siblings(row, State.SENDING)
            and all(other.number > row.number for other in self.siblings(row, State.PENDING))
        )

    def claimable(self, route: str, now_us: int) -> tuple[list[Row], list[Row]]:
        free = [row for row in self.rows if row.route == route and self.is_next(row)]
        retries = [row for row in free if not row.fresh and row.due_us <= now_us]
        return [row for row in free if row.fresh], sorted(retries, key=lambda row: (row.due_us, row.number))

    def take(self, row: Row, now_us: int) -> None:
        row.state, row.token, row.attempts = State.SENDING, row.token + 1, row.attempts + 1
        row.claimed_us, row.lease_until_us, row.first_us = now_us, now_us + LEASE_US, row.first_us or now_us

    def add(self, row: Row) -> None:
        if row.supersede:
            for older in self.siblings(row, State.PENDING):
                older.state = State.SUPERSEDED
        self.rows.append(row)

    def wait_again(self, row: Row, due_us: int) -> None:
        row.state, row.due_us = State.PENDING, due_us
        waiting = self.siblings(row, State.PENDING)
        youngest = max(waiting, key=lambda each: each.number, default=row)
        if youngest.number > row.number and youngest.supersede:
            for each in [row, *waiting]:
                each.state = State.SUPERSEDED if each is not youngest else State.PENDING

    def interrupt(self, row: Row, now_us: int) -> None:
        row.fresh = False
        self.wait_again(row, now_us)


class StoreMachine(EngineMachine):
    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.claims: list[tuple[Claim, Row]] = []

    def hold(self, claim: Claim, row: Row) -> None:
        assert (claim.delivery_id, claim.attempt, claim.try_number) == (row.id, row.attempts, row.token)
        assert (claim.first_us, claim.claimed_us) == (row.first_us, row.claimed_us)
        self.claims.append((claim, row))

    @rule(key=KEYS, routes=st.sets(ROUTES), supersede=st.booleans(), claim=st.booleans())
    def put(self, key: str, routes: set[str], *, supersede: bool, claim: bool) -> None:
        names = sorted(routes)
        alert = an_alert(*(NewDelivery(name, supersede, claim) for name in names), key=key)
        stored = self.run(self.store.put(alert, LEASES))
        rows = [
            Row(f"{stored.alert_id}.{name}", len(self.model.rows) + at, name, key, supersede, self.clock.us)
            for at, name in enumerate(names)
        ]
        for row in rows:
            self.model.add(row)
        taken = [row for row in rows if claim and self.model.is_next(row)]
        assert [each.delivery_id for each in stored.claims] == [row.id for row in taken]
        assert list(stored.waiting) == [row.route for row in rows if row not in taken and self.model.is_next(row)]
        for each, row in zip(stored.claims, taken, strict=True):
            self.model.take(row, self.clock.us)
            self.hold(each, row)

    @rule(route=ROUTES, fresh=st.integers(0, 3), retries=st.integers(0, 3))
    def claim(self, route: str, fresh: int, retries: int) -> None:
        due_fresh, due_retries = self.model.claimable(route, self.clock.us)
        wanted = due_fresh[:fresh] + due_retries[:retries]
        claims = self.run(self.store.claim(route, fresh=fresh, retries=retries, limit=9, lease_us=LEASE_US))
        assert [claim.delivery_id for claim in claims.claims] == [row.id for row in wanted]
        assert claims.more == (len(due_fresh) > fresh or len(due_retries) > retries)
        for claim, row in zip(claims.claims, wanted, strict=True):
            self.model.take(row, self.clock.us)
            self.hold(claim, row)

    @precondition(lambda self: self.claims)
    @rule(
        pick=PICKS,
        state=st.sampled_from([State.DELIVERED, State.PENDING, State.PENDING, State.DEAD, State.PARKED]),
        delay_s=st.integers(0, 100),
        charged=st.booleans(),
    )
    def record(self, pick: int, state: State, delay_s: int, *, charged: bool) -> None:
        """Also results of claims that were lost or ended before."""
        claim, row = self.claims[pick % len(self.claims)]
        recorded = self.run(self.store.record(a_result(claim, state, delay_s=delay_s, charged=charged)))
        if not self._holds(claim, row):
            assert recorded == Recorded(applied=False)
            return
        row.fresh, row.attempts = False, row.attempts - (not charged)
        if state is State.PENDING:
            self.model.wait_again(row, self.clock.us + delay_s * SECOND_US)
        else:
            row.state = state
        others = self.model.siblings(row, State.PENDING)
        assert recorded == Recorded(applied=True, promoted=any(self.model.is_next(each) for each in others))

    @precondition(lambda self: self.claims)
    @rule(pick=PICKS)
    def release(self, pick: int) -> None:
        claim, row = self.claims[pick % len(self.claims)]
        self.run(self.store.release([claim]))
        if self._holds(claim, row):
            row.attempts -= 1
            row.first_us = 0 if row.first_us == row.claimed_us else row.first_us
            self.model.wait_again(row, self.clock.us)

    def _holds(self, claim: Claim, row: Row) -> bool:
        return row.state is State.SENDING and row.token == claim.token

    @rule()
    def expire_leases(self) -> None:
        lost = [row for row in self.model.rows if row.state is State.SENDING and row.lease_until_us < self.clock.us]
        assert self.run(self.store.expire_leases()) == tuple(sorted({row.route for row in lost}))
        for row in lost:
            self.model.interrupt(row, self.clock.us)

    @rule(picks=st.lists(PICKS, max_size=4))
    def replay(self, picks: list[int]) -> None:
        rows = self._picked(picks)
        ended = [row for row in rows if row.state not in {State.PENDING, State.SENDING}]
        assert self.run(self.store.replay([row.id for row in rows])) == tuple(row.id for row in ended)
        for row in ended:
            row.state, row.fresh, row.attempts, row.first_us = State.PENDING, False, 0, 0
            row.due_us = self.clock.us

    @rule(picks=st.lists(PICKS, max_size=2))
    def cancel(self, picks: list[int]) -> None:
        rows = self._picked(picks)
        changed = [row for row in rows if row.state in {State.PENDING, State.PARKED}]
        assert self.run(self.store.cancel([row.id for row in rows])) == tuple(row.id for row in changed)
        for row in changed:
            row.state = State.CANCELLED

    def _picked(self, picks: list[int]) -> list[Row]:
        rows = self.model.rows
        return list(dict.fromkeys(rows[pick % len(rows)] for pick in picks)) if rows else []

    @rule(seconds=st.sampled_from([1, 30, 61, 3600, -1, -3600]))
    def jump(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def kill(self) -> None:
        self.store = self.run(self.engine.crash())
        for row in [row for row in self.model.rows if row.state is State.SENDING]:
            self.model.interrupt(row, self.clock.us)

    @invariant()
    def every_delivery_is_in_its_state(self) -> None:
        page = self.run(self.store.deliveries(Selection(), stopped=(), limit=1000))
        found = {row.id: (row.state, row.attempts) for row in page.deliveries}
        assert found == {row.id: (row.state, row.attempts) for row in self.model.rows}

    @invariant()
    def what_is_due_is_seen_to_be_due(self) -> None:
        due = self.run(self.store.next_due(["a", "b"]))
        for route in ("a", "b"):
            assert (due.get(route) == 0) == any(self.model.claimable(route, self.clock.us))


class PostgresStoreMachine(StoreMachine):
    make = PostgresEngine


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPostgresStoreMachine = PostgresStoreMachine.TestCase
TestPostgresStoreMachine.settings = TestStoreMachine.settings
