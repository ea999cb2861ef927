"""Any order of works, their steps and ends, locks, kills and leases that run out: one holder of a resource at a time,
what was replaced is never forgotten, and an hour counts each entry once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from gateway.domain.remediation import HOUR_US, Begun, Step, StepWord, Work
from tests.queue.machine import EngineMachine
from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import LEASE_US

HOURLY = 2
FINAL = {"ok", "rejected", "ours", "interrupted"}
DELIVERIES = st.sampled_from(["d-1.fix", "d-2.fix", "d-3.fix", "d-4.fix", "d-1.other"])
RESOURCES = st.sampled_from(["x", "x", "y", "z"])
SOME = st.lists(RESOURCES, min_size=1, max_size=2).map(tuple)
OUTCOMES = st.sampled_from(["ok", "ok", "retry", "rejected", "ours", ""])
BEFORE = st.sampled_from([None, None, "", "<one/>", "<two/>"])
PEOPLE = st.sampled_from(["ann", "ann", "ann", "bob"])
HOLDERS = st.sampled_from(["undo 1", "undo 2"])
PICKS = st.sampled_from([-1, -1, -1, 0, 1])
"""Mostly the youngest."""


@dataclass
class Note:
    """What is kept of one resource of an entry."""

    word: StepWord
    before: str
    after: str
    undone_by: str = ""


@dataclass(eq=False)
class Entry:
    id: int
    delivery: str
    dry: bool
    agreed: str
    asked_us: int
    tries: int = 1
    outcome: str = ""
    ended_us: int | None = None
    steps: dict[str, Note] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """There is no such delivery, so nothing will end what has no end."""
        return "interrupted" if self.ended_us is None else self.outcome


class Model:
    """`locks`: resource -> who has it, until when."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.locks: dict[str, tuple[str, int]] = {}

    def lock(self, names: tuple[str, ...], holder: str, now_us: int, *, own: bool) -> str:
        """Who is in the way: with `own` also the holder under its own name."""
        self.locks = {name: lock for name, lock in self.locks.items() if lock[1] > now_us}
        busy = [self.locks[name][0] for name in names if name in self.locks]
        for other in busy:
            if own or other != holder:
                return other
        self.locks |= dict.fromkeys(names, (holder, now_us + LEASE_US))
        return ""

    def unlock(self, holder: str) -> None:
        self.locks = {name: lock for name, lock in self.locks.items() if lock[0] != holder}

    def begin(self, work: Work, now_us: int) -> tuple[Entry | None, Begun]:
        """The entry that goes on, if any; and the answer, in which a new entry's id is 0."""
        entry = self.goes_on(work, now_us)
        last_hour = [e for e in self.entries if e.delivery.endswith(f".{work.route}") and e.asked_us > now_us - HOUR_US]
        spent = sum(not e.dry for e in last_hour)
        if entry is None and not work.dry_run and spent >= HOURLY:
            return None, Begun(None, spent=spent)
        if busy := self.lock(work.locks, work.delivery, now_us, own=False):
            return None, Begun(None, busy=busy)
        if entry is None:
            return None, Begun(0)
        entry.tries, entry.outcome, entry.ended_us = entry.tries + 1, "", None
        return entry, Begun(entry.id)

    def goes_on(self, work: Work, now_us: int) -> Entry | None:
        """What was cut off a moment ago, or is tried again in the same run of attempts; as the same person approved."""
        same = [
            e for e in self.entries if (e.delivery, e.dry, e.outcome in FINAL) == (work.delivery, work.dry_run, False)
        ]
        cut_off_us = now_us - HOUR_US
        left = [e for e in same if e.asked_us >= work.first_us or (e.ended_us is None and e.asked_us > cut_off_us)]
        return left[-1] if left and left[-1].agreed == work.agreed else None

    def add(self, entry: Entry) -> None:
        """What is gone on with no more has ended."""
        for other in self.entries:
            if other.delivery == entry.delivery and other.ended_us is None:
                other.outcome, other.ended_us = "interrupted", entry.asked_us
        self.entries.append(entry)


class WorkMachine(EngineMachine):
    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.holding: list[tuple[str, str, int]] = []  # what the store said: resource, who has it, until when

    @rule(
        delivery=DELIVERIES,
        locks=SOME,
        dry=st.sampled_from([False, False, False, True]),
        agreed=PEOPLE,
        replayed=st.sampled_from([False, False, True]),
    )
    def begin(self, delivery: str, locks: tuple[str, ...], agreed: str, *, dry: bool, replayed: bool) -> None:
        route, first_us = delivery.partition(".")[2], self.clock.us if replayed else 0
        about = (delivery, "d-1", route, "s3-public-acl", "k", "123456789012", "AR-251", locks, "close", dry, agreed)
        work = Work(*about, hourly=HOURLY, lease_us=LEASE_US, first_us=first_us)
        begun = self.run(self.store.begin_work(work))
        found, expected = self.model.begin(work, self.clock.us)
        if begun.id is not None:
            self.holds(locks, delivery)
        if expected.id == 0 and begun.id is not None:
            assert begun.id > max((entry.id for entry in self.model.entries), default=0)
            found = Entry(begun.id, delivery, dry, agreed, self.clock.us)
            self.model.add(found)
            expected = Begun(begun.id)
        assert begun == expected

    @rule(names=SOME, holder=HOLDERS)
    def lock(self, names: tuple[str, ...], holder: str) -> None:
        busy = self.run(self.store.lock(names, holder, LEASE_US))
        if not busy:
            self.holds(names, holder)
        assert busy == self.model.lock(names, holder, self.clock.us, own=True)

    def holds(self, names: tuple[str, ...], holder: str) -> None:
        self.holding = [one for one in self.holding if one[2] > self.clock.us]
        others = {name for name, who, _ in self.holding if who != holder}
        assert others.isdisjoint(names), "two hold one resource"
        self.holding += [(name, holder, self.clock.us + LEASE_US) for name in names]

    @rule(holder=HOLDERS)
    def give_back(self, holder: str) -> None:
        self.run(self.store.end_work(None, holder))
        self._gave_back(holder)

    def _gave_back(self, holder: str) -> None:
        self.model.unlock(holder)
        self.holding = [one for one in self.holding if one[1] != holder]

    @precondition(lambda self: self.model.entries)
    @rule(pick=PICKS, outcome=OUTCOMES)
    def end(self, pick: int, outcome: str) -> None:
        entry = self._picked(pick)
        self.run(self.store.end_work(entry.id, entry.delivery, outcome, "1 changed"))
        self._gave_back(entry.delivery)
        entry.outcome, entry.ended_us = outcome, self.clock.us

    @precondition(lambda self: self.model.entries)
    @rule(pick=PICKS, resource=RESOURCES, word=st.sampled_from(list(StepWord)), before=BEFORE, undo=st.booleans())
    def put_step(self, pick: int, resource: str, word: StepWord, before: str | None, *, undo: bool) -> None:
        """What was replaced and that it was put back is kept, unless a later step says otherwise."""
        entry, after = self._picked(pick), f"after {before}" if before else before
        self.run(self.store.put_step(entry.id, Step(resource, word, "said", before, after)))
        note = entry.steps.setdefault(resource, Note(word, "", ""))
        note.word = word
        if before is not None and after is not None:
            note.before, note.after = before, after
        if undo:
            self.run(self.store.put_undone(entry.id, resource, "ann"))
            note.undone_by = "ann"

    def _picked(self, pick: int) -> Entry:
        return self.model.entries[pick % len(self.model.entries)]

    @rule(seconds=st.sampled_from([1, 59, 60, 1800, 3600]))
    def jump(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def kill(self) -> None:
        """Neither locks nor entries end with the process: its changes may be under way."""
        self.store = self.run(self.engine.crash())

    @invariant()
    def the_audit_trail_says_what_was_done(self) -> None:
        rows = self.run(self.store.remediations(limit=1000))
        found = [(row.id, row.delivery, row.agreed, row.asked_us, row.tries, row.outcome, row.ended_us) for row in rows]
        entries = self.model.entries[::-1]
        assert found == [(e.id, e.delivery, e.agreed, e.asked_us, e.tries, e.said, e.ended_us) for e in entries]
        for row, entry in zip(rows, entries, strict=True):
            notes = {step.resource: Note(step.word, step.before, step.after, step.undone_by) for step in row.steps}
            assert notes == entry.steps


class PostgresWorkMachine(WorkMachine):
    make = PostgresEngine


TestWorkMachine = WorkMachine.TestCase
TestWorkMachine.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPostgresWorkMachine = PostgresWorkMachine.TestCase
TestPostgresWorkMachine.settings = settings(TestWorkMachine.settings, max_examples=8)
