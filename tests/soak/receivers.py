"""What the receivers wrote down: enough to say afterwards what was lost, invented, repeated or out of order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from tests.load import alerts
from tests.load.receiver import OK, How, Reply

State = tuple[str, int]
"""Alert id and number: one state of one alert."""


@dataclass(slots=True)
class Ledger:
    """`first`: the states in the order of their first arrival. `answered`: how often each was answered with 200."""

    first: dict[State, None] = field(default_factory=dict)
    arrivals: Counter[State] = field(default_factory=Counter)
    answered: Counter[State] = field(default_factory=Counter)
    foreign: list[bytes] = field(default_factory=list)

    def arrive(self, body: bytes) -> None:
        state = _state(body)
        if state is None:
            self.foreign.append(body)
            return
        self.first.setdefault(state)
        self.arrivals[state] += 1

    def answer(self, body: bytes) -> None:
        state = _state(body)
        if state is not None:
            self.answered[state] += 1

    @property
    def repeated(self) -> int:
        """Arrivals that came after a success had been answered, or beside one: the sender must have forgotten it."""
        return sum(count - 1 for count in self.answered.values() if count > 1)

    @property
    def unanswered(self) -> int:
        """Arrivals that were read but not answered with success: each of them is rightly tried again."""
        return self.arrivals.total() - self.answered.total()

    def out_of_order(self) -> list[State]:
        """States that arrived first after a later state of their alert had."""
        latest: dict[str, int] = {}
        late = []
        for name, number in self.first:
            if number < latest.get(name, -1):
                late.append((name, number))
            latest[name] = max(number, latest.get(name, -1))
        return late


def _state(body: bytes) -> State | None:
    """None unless this is, byte for byte, a body as we send them."""
    try:
        name, number = alerts.read(body)
    except ValueError:
        return None
    return (name, number) if alerts.body(name, number) == body else None


class Moody:
    """A receiver that mostly works. `calm` makes it well."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self.calm = False

    def reply(self) -> Reply:
        roll = self._dice.random()
        if self.calm or roll < 0.80:
            return OK
        if roll < 0.90:
            return Reply(503)
        if roll < 0.94:
            return Reply(how=How.RESET)
        if roll < 0.98:
            return Reply(wait_s=self._dice.uniform(0.02, 0.2))
        return Reply(429, b"Retry-After: %d\r\n" % (self._dice.random() < 0.02))
