"""The record of an alert and of its deliveries: what the store is given, and what it gives back.

Named tuples, because several are made for every alert and a frozen dataclass takes four times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple

from gateway.domain.outcome import OutcomeClass
from gateway.domain.telling import Decision, Terms
from gateway.domain.telling import State as IncidentState


class State(StrEnum):
    """`parked`: a fault of ours, a limit or guard of its route, or nobody approved it yet; it also reads a pending
    delivery whose route is paused, disabled or unknown, or whose breaker is open.
    """

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"
    PARKED = "parked"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


FINISHED = frozenset({State.DELIVERED, State.DEAD, State.SUPERSEDED, State.CANCELLED})


class Primary(NamedTuple):
    """A route that is to deliver before another one stands in for it. `late_us`: that is so long after its own time, in
    microseconds.
    """

    route: str
    late_us: int


class NewDelivery(NamedTuple):
    """One route that takes the alert. `supersede`: older waiting states of the same incident on this route give way.
    `claim`: if the route has a lease to give, hand the delivery out in the same transaction if nothing older of the
    incident is unfinished: it saves a second commit and its latency.
    `terms`: what its receiver wants to be told, decided in the transaction (of what is parked for a fault or stands in
    for another, nothing is decided, only what it tells is remembered); None when it is sent everything. `group`:
    the name of the group it waits in, "" for none. `due_us`: not before then; 0 for at once. `hold`: what it waits for,
    WINDOW_HOLD, APPROVAL_HOLD or a `silence_hold`. `parked`: why it must not be sent as things are. `stands_in_for`:
    the routes that are to deliver first, all of them earlier among the alert's deliveries. It is due when the first of
    these is late or can deliver no more, and is given up when all of them have delivered or need not. `approve_by_us`:
    until when a person may approve it, 0 where nobody has to.
    """

    route: str
    supersede: bool = False
    claim: bool = False
    terms: Terms | None = None
    group: str = ""
    due_us: int = 0
    hold: str = ""
    parked: str = ""
    stands_in_for: tuple[Primary, ...] = ()
    approve_by_us: int = 0

    @property
    def is_decided(self) -> bool:
        """Whether its terms decide if there is to be a message."""
        return self.terms is not None and not self.stands_in_for and (not self.parked or bool(self.approve_by_us))


WINDOW_HOLD = "window"
"""What a delivery waits for that came outside its route's hours."""


def silence_hold(silence_id: str) -> str:
    """What a delivery waits for that a silence holds."""
    return f"silence:{silence_id}"


class NewAlert(NamedTuple):
    """One webhook body to be stored with its deliveries, all or nothing.

    `digest`: 32 bytes that are equal only for an exact repeat (source and body); a unique index decides. `held`: why it
    could not be read as an alert; None when it could. `received_us`: microseconds since the epoch.
    `revision`: of the configuration that decided. `state`: None only when it is held. `decisions`: of the routes whose
    filter took it and that nevertheless get no delivery, or get one that waits.
    """

    source: str
    digest: bytes
    body: bytes
    received_us: int
    revision: str
    key: str = ""
    environment: str = ""
    alert_id: str = ""
    alert_type: str = ""
    severity: str = ""
    score: float | None = None
    rule: str = ""
    summary: str = ""
    held: str | None = None
    deliveries: tuple[NewDelivery, ...] = ()
    state: IncidentState | None = None
    decisions: tuple[Decision, ...] = ()


class Member(NamedTuple):
    """A further delivery that goes out in the message of the one it stands in. `before` as in `Claim`."""

    row: int
    token: int
    delivery_id: str
    alert_id: str
    source: str
    body: bytes
    before: bytes | None


class Claim(NamedTuple):
    """A delivery handed out for one attempt. Only the holder of `token` may record its result.

    `row` and `token` are the store's own. `attempt` counts from 1 and is what the retry rule sees; `try_number` counts
    every hand-out, also those that were not charged. `first_us`: when the first attempt was claimed. `delivery_id` is
    stable over attempts. `fresh` False: it was handed out as a retry, be it that an operator replays it.
    `before`: the incident's state that this receiver was told last (of a route that is told everything: the state
    before this alert), encoded; b"" for the very state of this alert; None when there was none. `reference`: what the
    receiver gave us when it was told. `remembers`: what it is told is to be remembered. `members`: others of its group.
    `beyond`: so many more of its group had no room and follow. `asks`: it waited - for an hour, its group or another
    route - and was never tried, so it has to be asked once more whether its route may send it now.
    """

    row: int
    token: int
    delivery_id: str
    alert_id: str
    route: str
    source: str
    body: bytes
    received_us: int
    due_us: int
    claimed_us: int
    first_us: int
    attempt: int
    try_number: int
    shrink: bool = False
    progress: str = ""
    fresh: bool = True
    before: bytes | None = None
    reference: str = ""
    remembers: bool = False
    members: tuple[Member, ...] = ()
    beyond: int = 0
    asks: bool = False


class PutOff(NamedTuple):
    """A delivery that was handed out and is not to be sent before `until_us`. `row`: of the claim or a member. `hold`:
    what it waits for, as in `NewDelivery`; `reason`: the same for people.
    """

    row: int
    until_us: int
    hold: str
    reason: str


class Stored(NamedTuple):
    """What became of a `NewAlert`. `alert_id` is the gateway's id (of the first one for a duplicate). `routes`: those
    that took it; those in reserve are not among them. `claims`: the deliveries handed out at once. `waiting`: routes
    whose delivery is due now but was not handed out, and those on which something gave way before another. `later`:
    (route, microseconds until it is due) of those that wait for their time. `decided`: what was decided for routes
    whose receiver is not sent everything.
    """

    alert_id: str
    duplicate: bool = False
    held: bool = False
    routes: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    waiting: tuple[str, ...] = ()
    later: tuple[tuple[str, int], ...] = ()
    decided: tuple[Decision, ...] = ()


class Claims(NamedTuple):
    """`more`: something of either kind is due beyond what was handed out. `next_us`: microseconds until the route's
    next retry is due, None when none waits.
    """

    claims: tuple[Claim, ...] = ()
    more: bool = False
    next_us: int | None = None


class AttemptRecord(NamedTuple):
    """What is kept of one attempt. Times are microseconds since the epoch. `headers` are allow-listed, `excerpt` is the
    first 4 KiB of the response as text with secrets masked.
    """

    due_us: int
    claimed_us: int
    started_us: int
    ended_us: int
    outcome: OutcomeClass | Literal["interrupted"]
    reason: str
    status: int | None = None
    hint_s: float | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    excerpt: str = ""
    reference: str = ""
    revision: str = ""


class Result(NamedTuple):
    """The end of one attempt and the delivery's next state, written in one transaction if `token` still holds.

    `delay_us`: wait before the next attempt, for `pending` only. `charged` False: the attempt does not count.
    `given_up`: a short fixed word why the delivery is dead or parked, for metrics; "" otherwise.
    `told`: the state that the receiver knows now, encoded, with its digest; None when that is not remembered or did not
    change. `remembers` as in `Claim`. `apart`: it goes alone from now on, out of its group. `together`: it went in the
    message of a group, so what the receiver gave us for that is no reference of its own. `members`: the end of the
    others of its group.
    """

    row: int
    token: int
    state: State
    record: AttemptRecord
    delay_us: int = 0
    charged: bool = True
    shrink: bool = False
    progress: str = ""
    given_up: str = ""
    told: tuple[bytes, bytes] | None = None
    remembers: bool = False
    apart: bool = False
    together: bool = False
    members: tuple[MemberResult, ...] = ()


class MemberResult(NamedTuple):
    """`state` None: as the one it went with."""

    row: int
    token: int
    told: tuple[bytes, bytes] | None = None
    state: State | None = None


class Recorded(NamedTuple):
    """`applied` False: the lease was lost and nothing was written. `promoted`: a younger delivery of the same incident
    became due on this route. `later`: (route, microseconds until then) of stand-ins that are due earlier now.
    """

    applied: bool
    promoted: bool = False
    later: tuple[tuple[str, int], ...] = ()


class RouteStatus(StrEnum):
    """`open`: the breaker stopped it; one real delivery probes from time to time. `paused`: by an operator, or because
    the hook is gone; nothing probes.
    """

    RUNNING = "running"
    OPEN = "open"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class RouteState:
    """What outlives a restart of a route's health. Times in microseconds since the epoch, 0 for never.

    `reason`: one line for people. `cause`: "failing", "auth", "gone" or "operator"; "disabled" of a running route that
    its file switches off, else "". `hold_until_us`: the receiver asked for silence until then. `probe_at_us`,
    `probe_wait_s`: when the next probe may go, the wait after it.
    `recovered_us`: when the breaker last closed; retry windows start no earlier.
    """

    route: str
    status: RouteStatus = RouteStatus.RUNNING
    cause: str = ""
    reason: str = ""
    since_us: int = 0
    failures: int = 0
    failing_since_us: int = 0
    hold_until_us: int = 0
    probe_at_us: int = 0
    probe_wait_s: float = 0.0
    recovered_us: int = 0
