"""Deliveries that wait for their time, and the messages they become when every receiver takes each one at once.

The store does the same with rows; here nothing leaves, and only counts stay.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

from gateway.domain.alert import Alert
from gateway.domain.delivery import NewDelivery
from gateway.domain.grouping import MOST_BYTES, MOST_MEMBERS, flush_at_us
from gateway.domain.silence import LATEST_US, LONGEST_US
from gateway.domain.telling import Told
from gateway.pipeline.ledger import Incident, Ledger
from gateway.pipeline.waiting import Wait

Asked: TypeAlias = Callable[[str, Alert, int], Wait | None]
"""Whether a route may be sent an alert at a time, as `wait_of` says."""

_LATEST_US = 2**62


@dataclass(slots=True)
class Post:
    """What one route sent. `alerts`: told in all `messages` together. `grouped`: of them, those in a message with
    others. `replaced`: deliveries that gave way to a later state of their incident. `moot`: those that said only that
    something is over of which the receiver never heard. `parked`: those that WHEN had no answer for.
    """

    messages: int = 0
    alerts: int = 0
    grouped: int = 0
    replaced: int = 0
    moot: int = 0
    parked: int = 0


@dataclass(slots=True, eq=False)
class _Waiting:
    """`since_us`: since when its incident waits. `group`: the name of its group, "" for none. `held`: a silence or the
    route's hours hold it, whatever its group does. `told`: what its receiver knows then. `interval_us`: of its group,
    between messages. `gone`: sent, or replaced.
    """

    incident: Incident
    alert: Alert
    size: int
    group: str
    since_us: int
    due_us: int
    remembers: bool
    held: bool
    told: Told | None
    interval_us: int = 0
    gone: bool = False


@dataclass(slots=True)
class _Group:
    """`members`: those that wait, also what is held. `flushed_us`: when it was last told."""

    members: list[_Waiting] = field(default_factory=list)
    flushed_us: int | None = None


class Outbox:
    """`posts`: route -> what it sent so far. Silences and hours are asked once more of what waited for a time or its
    group: `asked`.
    """

    def __init__(self, ledger: Ledger, asked: Asked) -> None:
        self._ledger, self._asked = ledger, asked
        self.posts: dict[str, Post] = defaultdict(Post)
        self._queues: dict[Incident, deque[_Waiting]] = {}
        self._groups: dict[Incident, _Group] = defaultdict(_Group)
        self._agenda: list[tuple[int, int, _Waiting]] = []
        self._numbers = count()
        self._heard: set[Incident] = set()
        self._gave_way_us: dict[Incident, int | None] = {}  # when what just gave way would have gone with its group

    def assume(self, incident: Incident) -> None:
        """The receiver heard of it before anything was entered."""
        self._heard.add(incident)

    def put(self, delivery: NewDelivery, alert: Alert, size: int, now_us: int) -> int:
        """When it is due, as far as that is known now. `size`: bytes of the alert's body."""
        incident = (delivery.route, alert.key)
        if delivery.parked:
            self.posts[delivery.route].parked += 1
            return _LATEST_US
        gave_way_us = self._gave_way_us.pop(incident, None)
        with_group_us, due_us = self._make_room(incident, delivery, now_us) or gave_way_us, delivery.due_us
        remembers, held = delivery.terms is not None, bool(delivery.hold)
        told = self._ledger.expected(incident)
        waiting = _Waiting(incident, alert, size, delivery.group, now_us, due_us, remembers, held, told)
        if incident not in self._queues and not delivery.group and due_us <= now_us:
            self._tell([waiting])
            return now_us
        waiting.due_us = max(due_us, now_us, self._join(delivery, waiting, with_group_us))
        self._queues.setdefault(incident, deque()).append(waiting)
        self._note(waiting)
        return waiting.due_us

    def until(self, now_us: int) -> None:
        """Everything goes out that is due by then, each at its own time."""
        while self._agenda and self._agenda[0][0] <= now_us:
            at_us, _, waiting = heappop(self._agenda)
            if not waiting.gone and at_us == waiting.due_us and self._is_first(waiting):
                self._go(waiting, at_us)

    def finish(self, now_us: int) -> None:
        """Whatever still waits goes out, each at its time. What would wait for longer than any silence goes too: of a
        route whose hours never come.
        """
        self.until(now_us + LATEST_US + LONGEST_US)
        self._asked = lambda *_: None
        self.until(_LATEST_US)

    def give_way(self, delivery: NewDelivery, key: str, now_us: int) -> bool:
        """Whether all that waited gave way to a newer state; nothing does when something would stay."""
        queue = self._queues.get((delivery.route, key), ())
        if not queue or not all(delivery.supersede or waiting.held for waiting in queue):
            return False
        self._gave_way_us[delivery.route, key] = self._make_room((delivery.route, key), delivery, now_us)
        return True

    def leave_room(self, route: str, key: str) -> None:
        """Nothing takes the place of what gave way."""
        self._gave_way_us.pop((route, key), None)

    def end_held(self, key: str, taking: Collection[str], now_us: int) -> None:
        """What waits for a time or a group is over on routes that are not `taking` the newer state."""
        for incident in [found for found in self._queues if found[1] == key and found[0] not in taking]:
            queue = self._queues[incident]
            held = [waiting for waiting in queue if waiting.held or waiting.group]
            for waiting in held:
                waiting.gone = True
                queue.remove(waiting)
            self.posts[incident[0]].replaced += len(held)
            if not queue:
                del self._queues[incident]
                self._ledger.take_back(incident)
            elif held:
                self._note(queue[0], now_us)

    def _make_room(self, incident: Incident, delivery: NewDelivery, now_us: int) -> int | None:
        """What waits and gives way goes; what is held does even where every state is wanted. When the first of these
        would have gone with its group, None when none would.
        """
        queue = self._queues.get(incident)
        if queue is None:
            return None
        gone = [waiting for waiting in queue if delivery.supersede or waiting.held]
        for waiting in gone:
            waiting.gone = True
            queue.remove(waiting)
        self.posts[delivery.route].replaced += len(gone)
        if not queue:
            del self._queues[incident]
        elif gone:
            self._note(queue[0], now_us)
        return min((waiting.due_us for waiting in gone if waiting.group and not waiting.held), default=None)

    def _join(self, delivery: NewDelivery, waiting: _Waiting, with_group_us: int | None) -> int:
        """Enter a member of a group, if it is one; when the group is due: at once, if that fills it."""
        if not delivery.group or not delivery.terms or not delivery.terms.grouping:
            return 0
        group = self._groups[delivery.route, delivery.group]
        group.members = [member for member in group.members if not member.gone]
        group.members.append(waiting)
        if waiting.held:
            return 0
        grouping = delivery.terms.grouping
        waiting.interval_us = grouping.interval_us
        if with_group_us is not None:
            waiting.since_us = min(waiting.since_us, with_group_us - grouping.wait_us)
        firsts = [member for member in group.members if not member.held and self._comes_first(member)]
        since_us = min([waiting.since_us, *(member.since_us for member in firsts)])
        return flush_at_us(grouping, since_us, group.flushed_us, len(firsts))

    def _note(self, waiting: _Waiting, now_us: int = 0) -> None:
        """`now_us`: when it came to be the first of its incident; nothing goes out before that."""
        waiting.due_us = max(waiting.due_us, now_us)
        heappush(self._agenda, (waiting.due_us, next(self._numbers), waiting))

    def _is_first(self, waiting: _Waiting) -> bool:
        return self._queues[waiting.incident][0] is waiting

    def _comes_first(self, waiting: _Waiting) -> bool:
        """Also when it is not in its queue yet."""
        return waiting.incident not in self._queues or self._is_first(waiting)

    def _go(self, first: _Waiting, at_us: int) -> None:
        """With all of its group that goes now; what must not be sent at this hour waits on."""
        together = self._flushed(first, at_us) if first.group else [first]
        ready = [waiting for waiting in together if not self._put_off(waiting, at_us)]
        for waiting in ready:
            self._leave(waiting, at_us)
        for message in _messages(ready):
            self._tell(message)

    def _flushed(self, first: _Waiting, at_us: int) -> list[_Waiting]:
        """With it, whatever of its group is not held; one state of each incident, the oldest."""
        group = self._groups[first.incident[0], first.group]
        group.members = [member for member in group.members if not member.gone]
        group.flushed_us = at_us
        others = [member for member in group.members if member is not first]
        for later in [member for member in others if not member.held and not self._is_first(member)]:
            later.due_us = max(later.due_us, at_us + later.interval_us)
        ready = [member for member in others if member.due_us <= at_us or not member.held]
        return [first, *(member for member in ready if self._is_first(member))]

    def _put_off(self, waiting: _Waiting, at_us: int) -> bool:
        """Whether it has to wait on. It came when it was to be told, so nothing is dropped."""
        wait = self._asked(waiting.incident[0], waiting.alert, at_us) if waiting.group or waiting.held else None
        if wait is None:
            return False
        waiting.due_us, waiting.held = wait.until_us, True
        self._note(waiting)
        return True

    def _leave(self, waiting: _Waiting, at_us: int) -> None:
        """What comes after it in its incident may go now."""
        waiting.gone = True
        queue = self._queues[waiting.incident]
        queue.popleft()
        if not queue:
            del self._queues[waiting.incident]
            return
        self._note(queue[0], at_us)

    def _tell(self, together: list[_Waiting]) -> None:
        post = self.posts[together[0].incident[0]]
        moot = [w for w in together if w.remembers and w.incident not in self._heard and w.alert.is_closed]
        post.moot += len(moot)
        for waiting in moot:
            if waiting.incident not in self._queues:
                self._ledger.take_back(waiting.incident)
        told = [waiting for waiting in together if waiting not in moot]
        post.messages += 1 if told else 0
        post.alerts += len(told)
        post.grouped += len(told) if len(told) > 1 else 0
        for waiting in told:
            if waiting.remembers:
                self._heard.add(waiting.incident)
                if waiting.told:
                    self._ledger.hear(waiting.incident, waiting.told)


def _messages(together: list[_Waiting]) -> Iterator[list[_Waiting]]:
    """As many in each as it may carry."""
    message: list[_Waiting] = []
    left_bytes = MOST_BYTES
    for waiting in together:
        if message and (len(message) > MOST_MEMBERS or waiting.size > left_bytes):
            yield message
            message, left_bytes = [], MOST_BYTES
        message.append(waiting)
        left_bytes -= waiting.size
    if message:
        yield message
