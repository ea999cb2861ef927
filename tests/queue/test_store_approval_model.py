"""Any order of alerts, rulings, attempts, changed plans, expiries, operators and kills: nothing passes the gate but
what a person approved, just that plan, and nothing waits that nobody can decide.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from gateway.domain.approval import APPROVAL_HOLD, Ruling, Verdict
from gateway.domain.delivery import FINISHED, Claim, NewDelivery, State
from gateway.domain.query import Selection
from tests.queue.approval_world import HOUR_US, LATEST, UNDER_WAY, Model, Request, Row
from tests.queue.incident_world import a_state
from tests.queue.machine import EngineMachine
from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import LEASE_US, SECOND_US, a_result

KEYS = st.sampled_from(["k", "k", "l", ""])
KINDS = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["asked", "asked", "now"]), min_size=1)
PLANS = st.sampled_from(["p1", "p1", "p2"])
AGREED = st.sampled_from(["p1", "p1", "p1", "p2", ""])
RULINGS = st.sampled_from([Verdict.APPROVED, Verdict.APPROVED, Verdict.REJECTED])
ENDS = st.sampled_from([State.DELIVERED, State.PENDING, State.PENDING, State.DEAD])
PICKS = st.integers(0, 1000)


class ApprovalMachine(EngineMachine):
    def __init__(self) -> None:
        super().__init__()
        self.model, self.sent = Model(), 0
        self.claims: list[tuple[Claim, Row]] = []
        self.answered: list[tuple[Claim, Row, bool]] = []

    @initialize(kinds=KINDS)
    def begin(self, kinds: dict[str, str]) -> None:
        self.put("k", kinds, closed=False)

    @rule(key=KEYS, kinds=KINDS, closed=st.sampled_from([False, False, True]))
    def put(self, key: str, kinds: dict[str, str], *, closed: bool) -> None:
        """A state that differs from the one before."""
        self.sent += 1
        known = any(row.key == key for row in self.model.rows.values())
        to = tuple(self._delivery(route, kinds[route]) for route in sorted(kinds))
        stored = self.run(self.store.put(a_state(key, f"{'-' * closed}bucket{self.sent}", to=to), {}))
        if key and known:
            self.model.outdate(key, set(kinds), over=closed)
        for route in sorted(kinds):
            row = Row(f"{stored.alert_id}.{route}", self.sent, route, key, State.PENDING)
            if kinds[route] == "asked":
                row.state, row.held = State.PARKED, True
                row.request = Request(self.clock.us, self.clock.us + HOUR_US)
            self.model.add(row)

    @rule(closed=st.booleans())
    def put_to_nobody(self, *, closed: bool) -> None:
        self.put("k", {}, closed=closed)

    def _delivery(self, route: str, kind: str) -> NewDelivery:
        """`now`: from before the route asked anybody."""
        if kind == "now":
            return NewDelivery(route, LATEST[route])
        until_us = self.clock.us + HOUR_US
        return NewDelivery(route, LATEST[route], parked="waits", hold=APPROVAL_HOLD, approve_by_us=until_us)

    @rule(picks=st.lists(PICKS, min_size=1, max_size=3), verdict=RULINGS, plan=AGREED)
    def decide(self, picks: list[int], verdict: Verdict, plan: str) -> None:
        """Whatever is named, most of it not to be decided (any more)."""
        self._rule(self._picked(picks), verdict, plan)

    @rule(pick=PICKS, verdict=RULINGS, plan=AGREED, again=st.booleans())
    def decide_one_that_waits(self, pick: int, verdict: Verdict, plan: str, *, again: bool) -> None:
        waiting = [row for row in self.model.rows.values() if row.waits]
        if waiting:
            row = waiting[pick % len(waiting)]
            self._rule([row], verdict, plan)
            self._rule([row] * again, Verdict.REJECTED if verdict is Verdict.APPROVED else Verdict.APPROVED, plan)

    def _rule(self, rows: list[Row], verdict: Verdict, plan: str) -> None:
        ids = tuple(row.id for row in rows)
        plans = dict.fromkeys(ids, plan) if plan and verdict is Verdict.APPROVED else {}
        who = f"who{self.clock.us}"
        changed = self.run(self.store.rule(Ruling(ids, verdict, who, plan_ids=plans)))
        given = {row.id: plans.get(row.id, "") for row in rows}
        expected = [row.id for row in rows if self.model.decide(row, verdict, given[row.id], who, self.clock.us)]
        assert list(changed) == expected

    @rule(route=st.sampled_from(["a", "b"]))
    def claim(self, route: str) -> None:
        claims = self.run(self.store.claim(route, fresh=9, retries=9, limit=9, lease_us=LEASE_US)).claims
        for claim in claims:
            row = self.model.rows[claim.delivery_id]
            assert row.state is State.PENDING, "nothing is handed out that is parked"
            row.state, row.tried = State.SENDING, True
            self.claims.append((claim, row))

    @precondition(lambda self: self.claims)
    @rule(pick=PICKS, plan=PLANS)
    def gate(self, pick: int, plan: str) -> None:
        """Also of one whose lease ran out, and who does not know."""
        claim, row = self.claims.pop(pick % len(self.claims))
        asked = self.run(self.store.ask_approval(claim.delivery_id, self.clock.us + HOUR_US, plan))
        assert asked is not None
        passes = self.model.ask(row, plan, self.clock.us)
        assert (asked.verdict is Verdict.APPROVED) == passes, "what passes is what was approved, and nothing else"
        assert asked.verdict is row.verdict
        self.answered.append((claim, row, passes))

    @precondition(lambda self: self.answered)
    @rule(pick=PICKS, end=ENDS)
    def record(self, pick: int, end: State) -> None:
        claim, row, passes = self.answered.pop(pick % len(self.answered))
        state = end if passes else State.PARKED
        if self.run(self.store.record(a_result(claim, state, charged=passes))).applied:
            assert row.state is State.SENDING
            if state is State.PENDING:
                self.model.wait_again(row)
            else:
                row.state = state

    @rule(route=st.sampled_from(["a", "b"]), plan=PLANS, end=ENDS)
    def work(self, route: str, plan: str, end: State) -> None:
        self.claim(route)
        if self.claims:
            self.gate(-1, plan)
            self.record(-1, end)

    @rule(route=st.sampled_from(["a", "b"]), agreed=AGREED, plan=PLANS, end=ENDS)
    def approve_and_work(self, route: str, agreed: str, plan: str, end: State) -> None:
        waiting = [row for row in self.model.rows.values() if row.waits and row.route == route]
        self._rule(waiting, Verdict.APPROVED, agreed)
        self.work(route, plan, end)

    @rule()
    def expire(self) -> None:
        expired = self.run(self.store.expire_approvals())
        assert set(expired) == {row.id for row in self.model.rows.values() if self.model.expire(row, self.clock.us)}

    @rule(picks=st.lists(PICKS, max_size=3))
    def replay(self, picks: list[int]) -> None:
        rows = self._picked(picks)
        again = [row for row in rows if row.state not in UNDER_WAY and not (row.state is State.PARKED and row.waits)]
        assert self.run(self.store.replay([row.id for row in rows])) == tuple(row.id for row in again)
        for row in again:
            row.state, row.tried = State.PENDING, False

    @rule(picks=st.lists(PICKS, max_size=2))
    def cancel(self, picks: list[int]) -> None:
        rows = self._picked(picks)
        changed = [row for row in rows if row.state in {State.PENDING, State.PARKED}]
        assert self.run(self.store.cancel([row.id for row in rows])) == tuple(row.id for row in changed)
        for row in changed:
            row.state = State.CANCELLED

    def _picked(self, picks: list[int]) -> list[Row]:
        rows = list(self.model.rows.values())
        return list(dict.fromkeys(rows[pick % len(rows)] for pick in picks)) if rows else []

    @rule(seconds=st.sampled_from([1, 61, 1800, 3600]))
    def jump(self, seconds: int) -> None:
        """Leases run out; whoever had them goes on all the same."""
        self.clock.advance(seconds)
        self.run(self.store.expire_leases())
        if seconds * SECOND_US > LEASE_US:
            self._interrupt()

    @rule()
    def kill(self) -> None:
        self.store = self.run(self.engine.crash())
        self.claims.clear()
        self.answered.clear()
        self._interrupt()

    def _interrupt(self) -> None:
        for row in [row for row in self.model.rows.values() if row.state is State.SENDING]:
            self.model.wait_again(row)

    @invariant()
    def every_delivery_is_in_its_state(self) -> None:
        page = self.run(self.store.deliveries(Selection(), stopped=(), limit=1000))
        assert {row.id: row.state for row in page.deliveries} == {row.id: row.state for row in self.model.rows.values()}

    @invariant()
    def what_waits_is_listed_and_nothing_else(self) -> None:
        waiting = [row for row in self.model.rows.values() if row.waits]
        found = [(row.delivery, row.asked_us, row.expires_us) for row in self.run(self.store.approvals())]
        assert sorted(found) == sorted(self._asked(row) for row in waiting)
        assert [until_us for *_, until_us in found] == sorted(until_us for *_, until_us in found)
        of_one = self.run(self.store.approvals(key="k"))
        assert {row.delivery for row in of_one} == {row.id for row in waiting if row.key == "k"}

    @invariant()
    def every_decision_stays_as_it_was_made(self) -> None:
        found = self.run(self.store.approvals(decided=True))
        asked = [(row, row.request) for row in self.model.rows.values() if row.request]
        assert {row.delivery: (row.verdict, row.plan_id, row.who) for row in found} == {
            row.id: (row.verdict, request.plan, request.who) for row, request in asked
        }

    def _asked(self, row: Row) -> tuple[str, int, int]:
        assert row.request is not None
        return row.id, row.request.asked_us, row.request.expires_us

    def drain(self) -> None:
        """In the end all is sent or asked for, and what nobody decides is over with its time."""
        self.kill()
        for _ in range(100):
            self.claim("a")
            self.claim("b")
            if not self.claims:
                break
            while self.claims:
                self.gate(0, "p1")
                self.record(0, State.DELIVERED)
        self.every_delivery_is_in_its_state()
        self.what_waits_is_listed_and_nothing_else()
        self.clock.advance(3600)
        self.expire()
        assert self.run(self.store.approvals()) == ()
        page = self.run(self.store.deliveries(Selection(), stopped=(), limit=1000))
        assert {row.id for row in page.deliveries if row.state not in FINISHED} == set()


class PostgresApprovalMachine(ApprovalMachine):
    make = PostgresEngine


TestApprovalMachine = ApprovalMachine.TestCase
TestApprovalMachine.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPostgresApprovalMachine = PostgresApprovalMachine.TestCase
TestPostgresApprovalMachine.settings = settings(TestApprovalMachine.settings, max_examples=8)
