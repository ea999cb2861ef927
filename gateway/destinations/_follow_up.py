"""What a message says where its receiver was told of the incident before: first of all, what changed since."""

from __future__ import annotations

from typing import NamedTuple

from gateway.destinations import Context
from gateway.domain.alert import Alert
from gateway.domain.change import Change, Reason
from gateway.domain.change_wording import lines
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.wording import Fact

_RELIEF = frozenset({Reason.LOWERED, Reason.SHRANK, Reason.SUPPRESSED})


class FollowUp(NamedTuple):
    """`change`: what this receiver does not know yet; None for a digest, whose lines say it, each for its own alert.
    `news`: the same in one line of our own words; "" where nothing was told before, and then nothing is said of it.
    """

    change: Change | None
    news: str

    @property
    def facts(self) -> tuple[Fact, ...]:
        """`Changed`, to be said before the facts; none where there is no news."""
        if not self.news:
            return ()
        return (("Changed", "nothing" if self.change and self.change.is_unchanged else self.news),)

    @property
    def lines(self) -> tuple[str, ...]:
        """One for each resource that came, went or changed; perhaps thousands. They hold inbound names: escape them.

        The score is not among them, because the news has it.
        """
        if not self.news or self.change is None:
            return ()
        return lines(self.change._replace(score_before=self.change.score_after))

    @property
    def reasons(self) -> str:
        """`grew,shrank` for programs; "" for a digest."""
        return ",".join(self.change.reasons) if self.change else ""

    @property
    def is_relief(self) -> bool:
        """Something changed, and nothing for the worse: nobody needs to be woken for it."""
        return bool(self.news) and self.change is not None and _RELIEF.issuperset(self.change.reasons)


def follow_up(alert: Alert, context: Context) -> FollowUp:
    change = None if alert.event_type == DIGEST else context.change(alert)
    return FollowUp(change, context.news(alert))
