"""The memory of an incident: how it stands, what is listed and what was, since when."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gateway.domain.change import Change, compare
from gateway.domain.snapshot import Snapshot, pack, unpack

MOST_GONE = 1000
"""How many resources that went are remembered, the latest ones: a repository's branches come and go for ever."""


class Named(Protocol):
    """What names an incident: an alert, or what is stored of one."""

    @property
    def key(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def environment(self) -> str: ...

    @property
    def alert_id(self) -> str: ...


class Gone(NamedTuple):
    """A resource that is no longer listed. `state`: its last. `last_seen_us`: of the last alert that listed it."""

    info: str
    state: str
    first_seen_us: int
    last_seen_us: int


class History(NamedTuple):
    """What changes only when the state does. `since_us`: when each resource of the snapshot was first seen, in its
    order; all of them were last seen when the incident was. `gone`: the latest last, no info twice and none listed.
    """

    snapshot: Snapshot
    since_us: tuple[int, ...]
    gone: tuple[Gone, ...] = ()


class Incident(NamedTuple):
    """One (source, accountId, alertId), whose `key` is the alert's. Times are of arrival, by the gateway's clock, in
    microseconds since the epoch. `changed_us`: when the state last became another, at first the same as
    `first_seen_us`. While nothing changes, only `last_seen_us` does.
    """

    key: str
    source: str
    environment: str
    alert_id: str
    first_seen_us: int
    last_seen_us: int
    changed_us: int
    history: History

    @property
    def snapshot(self) -> Snapshot:
        return self.history.snapshot


def remember(incident: Incident | None, alert: Named, seen_us: int, snapshot: Snapshot) -> tuple[Incident, Change]:
    """The incident after an alert of its key and with this state arrived at `seen_us`, and what that changed.
    `incident` None: the first.

    The state goes by the order of arrival, not by the alert's own `lastSeen`: that has whole seconds, no zone, may be
    missing or unreadable, and nothing says that the vendor sends in its order. To refuse a newer state by mistake could
    hide a critical one; an older one that comes late is put right by the next repeat, an hour later at the most.
    """
    if incident is None:
        return begin(alert, seen_us, snapshot), compare(None, snapshot)
    change = compare(incident.snapshot, snapshot)
    seen_us = max(seen_us, incident.last_seen_us)  # a clock may be set back
    if change.is_unchanged:
        return incident._replace(last_seen_us=seen_us), change
    history = _moved(incident, change, snapshot, seen_us)
    return incident._replace(last_seen_us=seen_us, changed_us=seen_us, history=history), change


def encode(history: History) -> bytes:
    return pack(history)


def decode(packed: bytes) -> History:
    """Of `encode`'s own bytes only."""
    (score, resources), since_us, gone = unpack(packed)
    snapshot = Snapshot(score, tuple((info, state) for info, state in resources))
    return History(snapshot, tuple(since_us), tuple(Gone(*one) for one in gone))


def begin(alert: Named, seen_us: int, snapshot: Snapshot) -> Incident:
    """The incident after its first alert: `remember` without the change, which would say only that it is new."""
    return Incident(
        key=alert.key,
        source=alert.source,
        environment=alert.environment,
        alert_id=alert.alert_id,
        first_seen_us=seen_us,
        last_seen_us=seen_us,
        changed_us=seen_us,
        history=History(snapshot, (seen_us,) * len(snapshot.resources)),
    )


def _moved(incident: Incident, change: Change, snapshot: Snapshot, seen_us: int) -> History:
    """A resource that comes back while it is remembered was first seen when it was."""
    before = incident.history
    states = dict(before.snapshot.resources)
    since_us = dict(zip(states, before.since_us, strict=True))
    back_us = {one.info: one.first_seen_us for one in before.gone}
    since_us.update((info, back_us.get(info, seen_us)) for info, _ in change.came)
    went = [Gone(info, states[info], since_us[info], incident.last_seen_us) for info in change.went]
    gone = [one for one in before.gone if one.info not in since_us] + went
    return History(snapshot, tuple(since_us[info] for info, _ in snapshot.resources), tuple(gone[-MOST_GONE:]))
