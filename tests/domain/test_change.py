from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.change import Change, Reason, apply, compare
from gateway.domain.snapshot import Snapshot, digest_of, snapshot_of
from tests.domain.states import alert, snapshot, snapshots


def between(before: Snapshot | None, after: Snapshot) -> str:
    """The reasons as one text."""
    return " ".join(compare(before, after).reasons)


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        (None, snapshot(a="OPEN"), "new"),
        (None, snapshot(a="SUPPRESS"), "new"),
        (None, snapshot(None), "new"),
        (snapshot(a="OPEN"), snapshot(a="OPEN"), "unchanged"),
        (snapshot(None), snapshot(None), "unchanged"),
        (snapshot(a="OPEN"), snapshot(a="OPEN", b="OPEN"), "grew"),
        (snapshot(a="OPEN"), snapshot(a="OPEN", b="FOO"), "grew"),
        (snapshot(a="OPEN"), snapshot(a="OPEN", b="SUPPRESS"), "suppressed"),
        (snapshot(a="OPEN", b="OPEN"), snapshot(a="OPEN"), "shrank"),
        (snapshot(a="OPEN", b="SUPPRESS"), snapshot(a="OPEN"), "shrank"),
        (snapshot(a="OPEN"), snapshot(), "shrank"),
        (snapshot(80), snapshot(81), "raised"),
        (snapshot(80), snapshot(79.5), "lowered"),
        (snapshot(None), snapshot(0), "raised"),
        (snapshot(0), snapshot(None), "changed"),
        (snapshot(a="OPEN"), snapshot(a="SUPPRESS"), "suppressed"),
        (snapshot(a="FOO"), snapshot(a="SUPPRESS"), "suppressed"),
        (snapshot(a="SUPPRESS", b="OPEN"), snapshot(a="OPEN", b="OPEN"), "reopened"),
        (snapshot(a="SUPPRESS"), snapshot(a="OPEN"), "reopened"),
        (snapshot(a="RESOLVED"), snapshot(a="OPEN"), "reopened"),
        (snapshot(), snapshot(a="OPEN"), "grew reopened"),
        (snapshot(a="SUPPRESS"), snapshot(a="SUPPRESS", b="OPEN"), "grew reopened"),
        (snapshot(), snapshot(a="FOO"), "grew"),
        (snapshot(a="OPEN"), snapshot(a="RESOLVED"), "changed"),
        (snapshot(a="FOO"), snapshot(a="BAR"), "changed"),
        (snapshot(a=""), snapshot(a="FOO"), "changed"),
        (snapshot(a="SUPPRESS"), snapshot(a="FOO"), "changed"),
    ],
)
def test_each_difference_has_its_reason(before: Snapshot | None, after: Snapshot, reasons: str) -> None:
    assert between(before, after) == reasons


PARTS = {
    Reason.GREW: ({}, {"new": "OPEN"}),
    Reason.SHRANK: ({"went": "OPEN"}, {}),
    Reason.SUPPRESSED: ({"muted": "OPEN"}, {"muted": "SUPPRESS"}),
    Reason.REOPENED: ({"back": "SUPPRESS"}, {"back": "OPEN"}),
    Reason.CHANGED: ({"odd": "FOO"}, {"odd": "BAR"}),
}
SCORES = {(): (80, 80), (Reason.RAISED,): (80, 95), (Reason.LOWERED,): (95, 80)}


@pytest.mark.parametrize("score", list(SCORES))
@given(chosen=st.sets(st.sampled_from(list(PARTS))))
def test_every_combination_of_reasons_is_told_at_once_and_in_order(
    score: tuple[Reason, ...], chosen: set[Reason]
) -> None:
    before, after = {"always": "OPEN"}, {"always": "OPEN"}
    for reason in chosen:
        before |= PARTS[reason][0]
        after |= PARTS[reason][1]
    found = compare(snapshot(SCORES[score][0], **before), snapshot(SCORES[score][1], **after))
    expected = chosen | set(score) or {Reason.UNCHANGED}
    assert found.reasons == tuple(reason for reason in Reason if reason in expected)


def test_it_names_what_came_went_and_moved_and_counts_what_there_is() -> None:
    before = snapshot(80, a="OPEN", b="OPEN", c="SUPPRESS", d="FOO", e="OPEN", z="SUPPRESS")
    after = snapshot(95, b="SUPPRESS", c="OPEN", d="BAR", e="RESOLVED", g="OPEN", f="SUPPRESS", z="SUPPRESS")
    assert compare(before, after) == Change(
        reasons=(
            Reason.GREW,
            Reason.SHRANK,
            Reason.RAISED,
            Reason.SUPPRESSED,
            Reason.REOPENED,
            Reason.CHANGED,
        ),
        came=(("f", "suppressed"), ("g", "open")),
        went=("a",),
        suppressed=("b",),
        reopened=("c",),
        restated=(("d", "foo", "bar"), ("e", "open", "resolved")),
        score_before=80,
        score_after=95,
        open_before=3,
        open_now=2,
        suppressed_now=3,
        listed_now=7,
    )


def test_with_nothing_to_compare_with_everything_came() -> None:
    found = compare(None, snapshot(80, b="OPEN", a="SUPPRESS"))
    assert found.came == (("a", "suppressed"), ("b", "open"))
    assert (found.score_before, found.score_after, found.open_before, found.open_now) == (None, 80, 0, 1)
    assert found.is_new


def test_a_list_in_another_order_and_with_copies_is_unchanged() -> None:
    before = snapshot_of(alert(80, ("a", "OPEN"), ("b", "SUPPRESS")))
    after = snapshot_of(alert(80, ("b", "SUPPRESS"), ("a", "OPEN"), ("b", "SUPPRESS"), ("a", "SUPPRESS")))
    assert compare(before, after).is_unchanged


@pytest.mark.parametrize(
    ("after", "closed"),
    [
        (snapshot(a="SUPPRESS", b="SUPPRESS"), True),
        (snapshot(a="SUPPRESS", b="OPEN"), False),
        (snapshot(a="SUPPRESS", b="FOO"), False),
        (snapshot(), False),
    ],
)
@pytest.mark.parametrize("before", [None, snapshot(a="OPEN")])
def test_it_is_closed_when_all_that_is_left_is_suppressed(
    before: Snapshot | None,
    after: Snapshot,
    closed: bool,  # noqa: FBT001
) -> None:
    assert compare(before, after).is_closed is closed


@given(before=snapshots, after=snapshots)
def test_it_is_unchanged_exactly_when_the_digests_are_equal(before: Snapshot, after: Snapshot) -> None:
    found = compare(before, after)
    assert found.is_unchanged is (digest_of(before) == digest_of(after))
    assert found.is_unchanged is (Reason.UNCHANGED in found.reasons)
    assert found.reasons == tuple(reason for reason in Reason if reason in found.reasons)
    assert not found.is_new


@given(before=snapshots, after=snapshots)
def test_the_lists_are_sorted_and_no_resource_is_in_two(before: Snapshot, after: Snapshot) -> None:
    found = compare(before, after)
    lists = [[info for info, _ in found.came], found.went, found.suppressed, found.reopened]
    lists.append([info for info, _, _ in found.restated])
    assert all(list(infos) == sorted(infos) for infos in lists)
    assert sum(map(len, lists)) == len(set().union(*lists))


@given(states=st.lists(snapshots, max_size=8))
def test_a_receiver_that_applies_every_change_has_the_same_view_as_the_memory(states: list[Snapshot]) -> None:
    view: Snapshot | None = None
    memory: Snapshot | None = None
    for state in states:
        view = apply(view, compare(memory, state))
        memory = state
        assert view == memory
        assert digest_of(view) == digest_of(memory)
