"""What a change says to people: plain text without control characters, *not* escaped, as everything in `wording`."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.domain.change import Change, Score
from gateway.domain.severity import severity_of
from gateway.domain.snapshot import OPEN, SUPPRESSED
from gateway.domain.text import is_visible, one_line


def words(change: Change) -> str:
    """One line, made of our own words and numbers only: `3 new of 14 open, 2 gone, score 80 -> 95 (high -> critical)`.

    `new: 14 open, 2 suppressed` when there is nothing to compare with, `nothing changed` for a repeat.
    """
    if change.is_new:
        return f"new: {_state(change)}"
    return ", ".join(_parts(change)) or "nothing changed"


def lines(change: Change) -> tuple[str, ...]:
    """One line for each difference: the score, then `+ name`, `~ name: suppressed`, `- name`. There may be
    thousands, and a name may be long: cut them with `text.fit_lines`. () for a repeat; for `new`, all that is listed.
    """
    return tuple(_lines(change))


def _state(change: Change) -> str:
    other = change.listed_now - change.open_now - change.suppressed_now
    counted = ((change.open_now, "open"), (change.suppressed_now, "suppressed"), (other, "in another state"))
    return ", ".join(f"{count} {word}" for count, word in counted if count) or "no resources listed"


def _parts(change: Change) -> Iterator[str]:
    came = [state for _, state in change.came]
    came_open, came_suppressed = came.count(OPEN), came.count(SUPPRESSED)
    if change.open_now > 0 == change.open_before:
        yield "reopened"
    if came_open:
        yield f"{came_open} new of {change.open_now} open"
    counted = (
        (len(change.reopened), "open again"),
        (len(change.suppressed) + came_suppressed, "suppressed"),
        (len(change.went), "gone"),
        (len(change.restated) + len(came) - came_open - came_suppressed, "in another state"),
    )
    yield from (f"{count} {word}" for count, word in counted if count)
    if change.open_before > 0 == change.open_now:
        yield "none left open"
    elif change.open_before > change.open_now and not came_open:
        yield f"{change.open_now} still open"
    if change.score_before != change.score_after:
        yield _score(change)


def _score(change: Change) -> str:
    """`score 80 -> 95 (high -> critical)`, `score 80 -> 85 (high)`, `score 80 (high) -> unknown`."""
    before, after = severity_of(change.score_before).value, severity_of(change.score_after).value
    if change.score_after is None:
        return f"score {_number(change.score_before)} ({before}) -> unknown"
    bands = after if before == after or change.score_before is None else f"{before} -> {after}"
    return f"score {_number(change.score_before)} -> {_number(change.score_after)} ({bands})"


def _number(score: Score) -> str:
    return "unknown" if score is None else f"{score:g}"


def _lines(change: Change) -> Iterator[str]:
    if not change.is_new and change.score_before != change.score_after:
        yield _score(change)
    yield from (f"+ {_name(info)}{_mark(state)}" for info, state in change.came)
    yield from (f"~ {_name(info)}: open again" for info in change.reopened)
    yield from (f"~ {_name(info)}: suppressed" for info in change.suppressed)
    yield from (f"~ {_name(info)}: {_word(before)} -> {_word(now)}" for info, before, now in change.restated)
    yield from (f"- {_name(info)}" for info in change.went)


def _name(info: str) -> str:
    name = one_line(info)
    return name if is_visible(name) else "(unnamed resource)"


def _mark(state: str) -> str:
    return "" if state == OPEN else f" [{_word(state)}]"


def _word(state: str) -> str:
    return one_line(state) or "in no stated state"
