"""Which changes of an incident one receiver is told of, and when it is reminded."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple, TypeAlias

from gateway.domain.change import Change, Reason, compare
from gateway.domain.snapshot import Snapshot
from gateway.domain.text import cut, one_line

Notify: TypeAlias = frozenset[Reason]
"""The reasons that are worth a message. With `unchanged` in it: every alert, as it comes."""

EVERYTHING: Notify = frozenset(Reason)
CHANGES: Notify = EVERYTHING - {Reason.LOWERED, Reason.UNCHANGED}
"""The default for chat, on-call and tickets: whatever asks somebody to act or to stop acting.

`shrank` and `suppressed` pass, so that a ticket does not stay open when its cause is gone or muted; `changed`, because
nothing may vanish because a word was odd. A lower score alone asks for nothing: it is seen with the next message.
"""

_ALL = "all"
_LISTED = tuple(reason.value for reason in Reason if reason is not Reason.UNCHANGED)
_SHOWN_CHARACTERS = 60


class Known(NamedTuple):
    """What one receiver knows of one incident. `told_us`: when it was last told (microseconds since the epoch). None:
    it never was, and `snapshot` is the state that was first passed over, from which later changes are measured.
    """

    snapshot: Snapshot
    told_us: int | None


class Verdict(NamedTuple):
    """`because` decided whether it is worth a message. `shown` is what the message says: since the receiver was last
    told, so that its view is complete. They differ only for a receiver that was never told and left `new` out.
    """

    worth: bool
    because: Change
    shown: Change


def parse_notify(text: str) -> Notify:
    """`all`, or reasons separated by commas, without case. ValueError says everything that is wrong, in sentences."""
    written = [item.strip() for item in text.split(",") if item.strip()]
    folded = [item.lower() for item in written]
    if folded == [_ALL]:
        return EVERYTHING
    if mistakes := list(_mistakes(written)):
        raise ValueError(" ".join(mistakes))
    return frozenset(map(Reason, folded))


def written(notify: Notify) -> str:
    """As an operator would write it: `all`, or the reasons in their order."""
    return _ALL if Reason.UNCHANGED in notify else ", ".join(reason for reason in Reason if reason in notify)


def is_worth(notify: Notify, change: Change) -> bool:
    return not notify.isdisjoint(change.reasons)


def judge(notify: Notify, known: Known | None, now: Snapshot) -> Verdict:
    """`known` None: this receiver has not met the incident. A route may leave `new` out and still hear of what happens
    later: it is measured from what was passed over, and told in full.
    """
    told = known.snapshot if known and known.told_us is not None else None
    shown = compare(told, now)
    because = compare(known.snapshot, now) if known and told is None else shown
    return Verdict(is_worth(notify, because), because, shown)


def is_due(remind_after_us: int | None, told_us: int | None, now_us: int) -> bool:
    """Whether a repeat that changes nothing is told again. `remind_after_us` None: never. `told_us` None: the receiver
    never heard of it, and there is nothing to remind of. A clock that was set back reminds later, not at once.
    """
    return remind_after_us is not None and told_us is not None and now_us - told_us >= remind_after_us


def _mistakes(items: list[str]) -> Iterator[str]:
    known = f"One of {', '.join(_LISTED)}, or {_ALL} alone."
    if not items:
        yield f"no reason is given. {known}"
    for item in items:
        word = item.lower()
        if word == _ALL:
            yield f"{_ALL} includes every reason: write it alone, or leave it out."
        elif word == Reason.UNCHANGED:
            yield f"unchanged is no change to choose: write {_ALL} to be sent every repeat."
        elif word not in _LISTED:
            yield f"{_unknown(item)} {known}"


def _unknown(item: str) -> str:
    sentence = f"{_quoted(item)} is not a reason"
    close = get_close_matches(item.lower(), (*_LISTED, _ALL), n=1, cutoff=0.6)
    return f'{sentence}; did you mean "{close[0]}"?' if close else f"{sentence}."


def _quoted(item: str) -> str:
    """A wrong value as it may be shown: short, on one line, and never a URL, because those carry secrets."""
    return "the URL given" if "://" in item else f'"{cut(one_line(item), _SHOWN_CHARACTERS)}"'
