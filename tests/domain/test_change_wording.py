from __future__ import annotations

import pytest
from hypothesis import given

from gateway.domain.change import compare
from gateway.domain.change_wording import lines, words
from gateway.domain.snapshot import Snapshot, snapshot_of
from gateway.domain.text import one_line
from tests.domain.states import alert, snapshot, snapshots

FOUR = {"a": "OPEN", "b": "OPEN", "c": "OPEN", "d": "OPEN"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, snapshot(**FOUR), "new: 4 open"),
        (None, snapshot(a="OPEN", b="SUPPRESS", c="FOO"), "new: 1 open, 1 suppressed, 1 in another state"),
        (None, snapshot(), "new: no resources listed"),
        (snapshot(**FOUR), snapshot(**FOUR), "nothing changed"),
        (snapshot(a="OPEN"), snapshot(**FOUR), "3 new of 4 open"),
        (snapshot(a="OPEN", x="OPEN", y="OPEN"), snapshot(**FOUR), "3 new of 4 open, 2 gone"),
        (snapshot(**FOUR), snapshot(a="OPEN"), "3 gone, 1 still open"),
        (snapshot(**FOUR), snapshot(a="OPEN", x="OPEN"), "1 new of 2 open, 3 gone"),
        (snapshot(a="OPEN"), snapshot(), "1 gone, none left open"),
        (snapshot(a="SUPPRESS"), snapshot(), "1 gone"),
        (snapshot(a="OPEN", b="OPEN"), snapshot(a="OPEN", b="SUPPRESS"), "1 suppressed, 1 still open"),
        (snapshot(a="OPEN", b="OPEN"), snapshot(a="SUPPRESS", b="SUPPRESS"), "2 suppressed, none left open"),
        (snapshot(a="OPEN"), snapshot(a="OPEN", b="SUPPRESS"), "1 suppressed"),
        (snapshot(a="OPEN", b="SUPPRESS"), snapshot(a="OPEN", b="OPEN"), "1 open again"),
        (snapshot(a="SUPPRESS"), snapshot(a="OPEN"), "reopened, 1 open again"),
        (snapshot(), snapshot(a="OPEN"), "reopened, 1 new of 1 open"),
        (snapshot(a="OPEN"), snapshot(a="OPEN", b="FOO"), "1 in another state"),
        (snapshot(a="FOO"), snapshot(a="BAR"), "1 in another state"),
        (snapshot(80), snapshot(95), "score 80 -> 95 (high -> critical)"),
        (snapshot(80), snapshot(85.5), "score 80 -> 85.5 (high)"),
        (snapshot(80), snapshot(None), "score 80 (high) -> unknown"),
        (snapshot(None), snapshot(80), "score unknown -> 80 (high)"),
        (snapshot(80, a="OPEN"), snapshot(95, **FOUR), "3 new of 4 open, score 80 -> 95 (high -> critical)"),
    ],
)
def test_a_change_is_said_in_one_line(before: Snapshot | None, after: Snapshot, said: str) -> None:
    assert words(compare(before, after)) == said


def test_each_difference_has_its_line() -> None:
    before = snapshot(80, a="OPEN", b="OPEN", c="SUPPRESS", d="FOO", e="OPEN")
    after = snapshot(95, b="SUPPRESS", c="OPEN", d="", e="OPEN", f="SUPPRESS", g="OPEN")
    assert lines(compare(before, after)) == (
        "score 80 -> 95 (high -> critical)",
        "+ f [suppressed]",
        "+ g",
        "~ c: open again",
        "~ b: suppressed",
        "~ d: foo -> in no stated state",
        "- a",
    )


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, snapshot(80, a="OPEN", b="SUPPRESS"), ("+ a", "+ b [suppressed]")),
        (snapshot(80, a="OPEN"), snapshot(80, a="OPEN"), ()),
    ],
)
def test_what_is_new_is_listed_in_full_and_a_repeat_not_at_all(
    before: Snapshot | None, after: Snapshot, said: tuple[str, ...]
) -> None:
    assert lines(compare(before, after)) == said


def test_a_name_chosen_by_an_attacker_makes_no_lines_and_hides_nothing() -> None:
    came = compare(snapshot(), snapshot_of(alert(80, ("x\n- y\u202e", "FO\nO"), ("\u200b", "OPEN"))))
    assert lines(came) == ("+ x - y [fo o]", "+ (unnamed resource)")


@given(before=snapshots, after=snapshots)
def test_everything_said_is_one_plain_line_and_every_difference_is_said(before: Snapshot, after: Snapshot) -> None:
    change = compare(before, after)
    said = lines(change)
    assert all(line == one_line(line) and line for line in (words(change), *said))
    assert (words(change) == "nothing changed") is change.is_unchanged
    assert bool(said) is not change.is_unchanged
