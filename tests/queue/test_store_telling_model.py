"""Any order of states, results, kills and operators: what a receiver is told next is measured from what it was truly
told, and in the end it knows what it was to know.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from gateway.domain.change import apply, compare
from gateway.domain.delivery import Claim, MemberResult, NewDelivery, State
from gateway.domain.notify import is_worth
from gateway.domain.query import Selection
from gateway.domain.snapshot import Snapshot, decode, digest_of, encode
from tests.queue.incident_world import a_state, snapshot
from tests.queue.machine import EngineMachine
from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import LEASE_US, LEASES, SECOND_US, a_result
from tests.queue.telling_routes import ENDS, KEYS, NIGHT_S, PICKS, ROUTES, STATES, UNFINISHED, WAITING, Incident, Row


class TellingMachine(EngineMachine):
    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        self.rows: dict[str, Row] = {}
        self.claims: list[Claim] = []
        self.known: dict[Incident, tuple[int, Snapshot]] = {}  # what the receiver was told: by which alert, what
        self.awaited: dict[Incident, Snapshot] = {}  # what it will know when all that waits is delivered
        self.stand: dict[str, Snapshot] = {}
        self.tried: set[str] = set()
        self.again: set[str] = set()
        self.failed = False

    def states(self) -> dict[str, State]:
        page = self.run(self.store.deliveries(Selection(), stopped=(), limit=1000))
        return {row.id: row.state for row in page.deliveries}

    def view(self, incident: Incident) -> Snapshot | None:
        found = self.known.get(incident)
        return found[1] if found else None

    @rule(key=KEYS, listed=STATES, routes=st.sets(st.sampled_from(sorted(ROUTES)), min_size=1))
    def send(self, key: str, listed: tuple[str, ...], routes: set[str]) -> None:
        names, now = sorted(routes), snapshot(*listed)
        moved, self.stand[key] = self.stand.get(key, now) != now, now
        over = self._over(key, WAITING - routes) if moved else set()
        busy = self._busy(over)
        to = tuple(self._delivery(name, now) for name in names)
        stored = self.run(self.store.put(a_state(key, *listed, to=to), LEASES))
        self.sent += 1
        wanted = [name for name in names if self._is_news((name, key), now, busy)]
        assert list(stored.routes) == wanted
        for name in wanted:
            held = bool(ROUTES[name].hold) and not now.is_closed
            row = Row(f"{stored.alert_id}.{name}", self.sent, (name, key), now, held)
            self.rows[row.id] = row
        self.hold(stored.claims)

    def _delivery(self, route: str, now: Snapshot) -> NewDelivery:
        """A closing passes a mute, also where every state is wanted."""
        delivery = ROUTES[route]
        if not delivery.hold:
            return delivery
        if now.is_closed:
            return delivery._replace(hold="", supersede=False)
        return delivery._replace(due_us=self.clock.us + NIGHT_S * SECOND_US)

    def _over(self, key: str, routes: set[str]) -> set[str]:
        """What waits for a time and was never tried, on routes that do not take the new state."""
        found = self.states()
        return {
            row.id
            for row in self.rows.values()
            if row.incident[1] == key
            and row.incident[0] in routes
            and (row.held or row.incident[0] == "g")
            and row.id not in self.tried
            and found[row.id] is State.PENDING
        }

    def _busy(self, over: set[str]) -> dict[Incident, bool]:
        """The incidents of which something waits, and whether something of that was tried. Where only what is over
        waited, the receiver is to know what it knows.
        """
        found, busy = self.states(), dict[Incident, bool]()
        for row in self.rows.values():
            if row.id not in over and found[row.id] in UNFINISHED:
                busy[row.incident] = busy.get(row.incident, False) or row.id in self.tried
        for incident in {self.rows[name].incident for name in over} - busy.keys():
            self._look(incident)
        return busy

    def _is_news(self, incident: Incident, now: Snapshot, busy: dict[Incident, bool]) -> bool:
        if self.awaited.get(incident) == now:
            return False
        told = self._is_worth(incident, now)
        if incident in busy and not self._waits(incident) and (not told or not busy[incident]):
            self._look(incident)
            told = self.awaited.get(incident) != now and self._is_worth(incident, now)
        if told:
            self.awaited[incident] = now
        return told

    def _is_worth(self, incident: Incident, now: Snapshot) -> bool:
        awaited, terms = self.awaited.get(incident), ROUTES[incident[0]].terms
        assert terms is not None
        if awaited is None and now.is_closed:
            return False
        return is_worth(terms.notify, compare(awaited, now))

    def _waits(self, incident: Incident) -> bool:
        found = self.states()
        return any(found[row.id] in UNFINISHED for row in self.rows.values() if row.incident == incident)

    def hold(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            self.claims.append(claim)
            parts = [(claim.delivery_id, claim.before), *((one.delivery_id, one.before) for one in claim.members)]
            assert len({self.rows[name].incident for name, _ in parts}) == len(parts), "one state of each incident"
            for name, before in parts:
                row = self.rows[name]
                if row.incident[0] in WAITING and name not in self.tried | self.again:
                    assert row.says == self.stand[row.incident[1]], "what waited is true when it is told"
                self.tried.add(name)
                was = decode(before) if before else None
                assert was == self.view(row.incident), "news are since what was truly told"
                assert apply(was, compare(was, row.says)) == row.says

    @rule(route=st.sampled_from(sorted(ROUTES)), retries=st.integers(1, 3))
    def claim(self, route: str, retries: int) -> None:
        self.hold(self.run(self.store.claim(route, fresh=3, retries=retries, limit=6, lease_us=LEASE_US)).claims)

    @rule(route=st.sampled_from(sorted(ROUTES)), ends=st.lists(ENDS, min_size=1, max_size=3))
    def work(self, route: str, ends: list[State]) -> None:
        """Attempts of what is due within the minute, one after another."""
        self.clock.advance(60)
        for state in ends:
            self.claim(route, 1)
            if self.claims:
                self.record(-1, state)

    @precondition(lambda self: self.claims)
    @rule(pick=PICKS, state=ENDS)
    def record(self, pick: int, state: State) -> None:
        claim = self.claims.pop(pick % len(self.claims))
        rows = [self.rows[name] for name in (claim.delivery_id, *(member.delivery_id for member in claim.members))]
        moot = len(rows) == 1 and claim.before is None and rows[0].says.is_closed
        if moot and state is State.DELIVERED:
            state = State.SUPERSEDED
        knows = [(encode(row.says), digest_of(row.says)) if state is State.DELIVERED else None for row in rows]
        members = tuple(
            MemberResult(member.row, member.token, known)
            for member, known in zip(claim.members, knows[1:], strict=True)
        )
        result = a_result(claim, state, delay_s=5, told=knows[0], remembers=True, members=members)
        if self.run(self.store.record(result)).applied:
            self._ended(rows, state)

    def _ended(self, rows: Sequence[Row], state: State) -> None:
        self.failed |= state in {State.DEAD, State.PENDING}
        for row in rows:
            before = self.view(row.incident)
            if state is State.DELIVERED:
                assert before != row.says or self.failed, "nothing is told twice when nothing failed"
                self.known[row.incident] = (row.number, row.says)
            if state is not State.PENDING:
                self._settle(row.incident)

    def _settle(self, incident: Incident) -> None:
        """When nothing waits any more, the receiver is to know what it knows."""
        if not self._waits(incident):
            self._look(incident)

    def _look(self, incident: Incident) -> None:
        self.awaited.pop(incident, None)
        if (view := self.view(incident)) is not None:
            self.awaited[incident] = view

    @rule(picks=st.lists(PICKS, max_size=2))
    def cancel(self, picks: list[int]) -> None:
        names = self._picked(picks)
        for name in self.run(self.store.cancel(names)):
            self.failed = True
            self._settle(self.rows[name].incident)

    @rule(picks=st.lists(PICKS, max_size=2))
    def replay(self, picks: list[int]) -> None:
        again = self.run(self.store.replay(self._picked(picks)))
        self.failed |= bool(again)
        self.tried.difference_update(again)
        self.again.update(again)

    def _picked(self, picks: list[int]) -> list[str]:
        names = list(self.rows)
        return list(dict.fromkeys(names[pick % len(names)] for pick in picks)) if names else []

    @precondition(lambda self: self.claims)
    @rule(pick=PICKS)
    def release(self, pick: int) -> None:
        claim = self.claims.pop(pick % len(self.claims))
        sending = self.states()[claim.delivery_id] is State.SENDING
        self.run(self.store.release([claim]))
        applied = sending and self.states()[claim.delivery_id] is State.PENDING
        if applied and claim.first_us == claim.claimed_us:
            self.tried.difference_update([claim.delivery_id, *(member.delivery_id for member in claim.members)])

    @rule()
    def kill(self) -> None:
        """Who was told in the moment of the kill may be told again, and only that."""
        self.failed |= bool(self.claims)
        self.store = self.run(self.engine.crash())

    @rule(seconds=st.sampled_from([1, 10, 61, 400, -30]))
    def jump(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.failed |= bool(self.run(self.store.expire_leases()))

    @invariant()
    def one_state_of_an_incident_is_out_at_a_time(self) -> None:
        found = self.states()
        out = [row.incident for row in self.rows.values() if found[row.id] is State.SENDING]
        assert len(out) == len(set(out))

    def drain(self) -> None:
        """Everything is delivered at last: each receiver knows what it was to know, and nothing waits."""
        self.store = self.run(self.engine.crash())
        self.claims.clear()
        self.failed = True
        for _ in range(100):
            self.clock.advance(1000)
            for route in ROUTES:
                self.claim(route, 3)
            if not self.claims:
                break
            while self.claims:
                self.record(0, State.DELIVERED)
        assert not UNFINISHED.intersection(self.states().values())
        for incident, awaited in self.awaited.items():
            assert awaited == self.view(incident)


class PostgresTellingMachine(TellingMachine):
    make = PostgresEngine


TestTellingMachine = TellingMachine.TestCase
TestTellingMachine.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPostgresTellingMachine = PostgresTellingMachine.TestCase
TestPostgresTellingMachine.settings = TestTellingMachine.settings
