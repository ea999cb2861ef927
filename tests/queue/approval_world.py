"""What a route that asks first does with its deliveries, as the design describes it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.approval import Verdict
from gateway.domain.delivery import FINISHED, State
from tests.queue.store_world import SECOND_US

HOUR_US = 3600 * SECOND_US
LATEST = {"a": True, "b": False}
"""Route -> whether it wants the newest state only."""

UNDER_WAY = {State.PENDING, State.SENDING}


@dataclass(eq=False)
class Request:
    asked_us: int
    expires_us: int
    verdict: Verdict = Verdict.WAITING
    plan: str = ""
    who: str = ""

    def stands(self, now_us: int) -> bool:
        return self.verdict is Verdict.WAITING and self.expires_us > now_us


@dataclass(eq=False)
class Row:
    """A delivery; `number` is its age, `held` that it waits or waited for approval, and nobody sent it since."""

    id: str
    number: int
    route: str
    key: str
    state: State
    held: bool = False
    tried: bool = False
    request: Request | None = None

    @property
    def verdict(self) -> Verdict | None:
        """None where nobody ever was asked."""
        if self.request is None:
            return None
        ended = self.request.verdict is Verdict.WAITING and self.state in FINISHED
        return Verdict.WITHDRAWN if ended else self.request.verdict

    @property
    def waits(self) -> bool:
        return self.verdict is Verdict.WAITING


class Model:
    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def siblings(self, row: Row, state: State) -> list[Row]:
        same = [each for each in self.rows.values() if (each.route, each.key) == (row.route, row.key)]
        return [each for each in same if row.key and each is not row and each.state is state]

    def outdate(self, key: str, taking: set[str], *, over: bool) -> None:
        """The incident became another: what waits for a person is over on routes that do not take that."""
        for row in self.rows.values():
            asked = row.state is State.PARKED and row.waits and (over or row.route not in taking)
            held = row.state is State.PENDING and row.held and not row.tried and row.route not in taking
            if row.key == key and (asked or held):
                row.state = State.SUPERSEDED

    def add(self, row: Row) -> None:
        """A newer request takes the place of an older one, and what goes out at once of what waits for that."""
        if row.state is State.PARKED:
            gone = [each for each in self.siblings(row, State.PARKED) if each.waits]
        else:
            gone = self.siblings(row, State.PENDING)
            gone = [each for each in gone if LATEST[row.route] or (each.held and not each.tried)]
        for each in gone:
            each.state = State.SUPERSEDED
        self.rows[row.id] = row

    def ask(self, row: Row, plan: str, now_us: int) -> bool:
        """Whether it passes; where not, a person is asked."""
        request = row.request
        if request and request.verdict is Verdict.APPROVED and request.plan == plan:
            return True
        if request is None or (row.state not in FINISHED and not request.stands(now_us)):
            row.request, row.held = Request(now_us, now_us + HOUR_US), True
        return False

    def decide(self, row: Row, verdict: Verdict, plan: str, who: str, now_us: int) -> bool:
        request = row.request
        if row.state is not State.PARKED or request is None or not request.stands(now_us):
            return False
        request.verdict, request.plan, request.who = verdict, plan, who
        if verdict is Verdict.APPROVED:
            row.state, row.held, row.tried = State.PENDING, False, False
        else:
            row.state = State.CANCELLED
        return True

    def expire(self, row: Row, now_us: int) -> bool:
        """Under way it may be parked any moment; then it has to have a request that can end."""
        request = row.request
        if request is None or request.verdict is not Verdict.WAITING or request.expires_us > now_us:
            return False
        if row.state is State.SENDING:
            return False
        request.verdict = Verdict.WITHDRAWN if row.state in FINISHED else Verdict.EXPIRED
        if row.state is State.PARKED:
            row.state = State.CANCELLED
            return True
        return False

    def wait_again(self, row: Row) -> None:
        row.state = State.PENDING
        waiting = self.siblings(row, State.PENDING)
        youngest = max(waiting, key=lambda each: each.number, default=row)
        if youngest.number > row.number and LATEST[youngest.route]:
            for each in [row, *waiting]:
                each.state = State.SUPERSEDED if each is not youngest else State.PENDING
