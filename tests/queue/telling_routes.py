"""Routes that want to be told in every way, and what can become of the incidents that they hear of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from hypothesis import strategies as st

from gateway.domain.delivery import State
from gateway.domain.notify import parse_notify
from gateway.domain.snapshot import Snapshot
from gateway.domain.telling import Terms
from tests.queue.incident_world import GROUPED, told

Incident: TypeAlias = tuple[str, str]

WANTED = parse_notify("new,grew")
ROUTES = {
    "a": told("a")[0],
    "b": told("b", supersede=False)[0],
    "g": told("g", GROUPED, group="all")[0],
    "h": told("h", hold="window")[0],
    "n": told("n", Terms(notify=WANTED), hold="window")[0],
    "m": told("m", Terms(notify=WANTED))[0],
}
"""One that wants the newest state, one that wants all, one in groups, and one that is silent now; one of these and one
of the first kind that want to hear of few changes.
"""

WAITING = {name for name, delivery in ROUTES.items() if delivery.hold or delivery.group}

NIGHT_S = 200
KEYS = st.sampled_from(["k", "k", "k", "l"])
ENDS = st.sampled_from([State.DELIVERED, State.DELIVERED, State.PENDING, State.DEAD])
STATES = st.sampled_from([("b1",), ("b1", "b2"), ("b2",), ("-b1",), ("-b1", "b2")])
PICKS = st.integers(0, 1000)
UNFINISHED = {State.PENDING, State.SENDING}


@dataclass(frozen=True)
class Row:
    """A delivery: what it tells to whom. `number`: of its alert."""

    id: str
    number: int
    incident: Incident
    says: Snapshot
    held: bool = False
