from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.change import Reason, apply, compare
from gateway.domain.notify import (
    CHANGES,
    EVERYTHING,
    Known,
    Notify,
    is_due,
    is_worth,
    judge,
    parse_notify,
    written,
)
from gateway.domain.snapshot import Snapshot
from tests.domain.states import snapshot, snapshots

RAISED: Notify = frozenset({Reason.RAISED})
LISTED = "One of new, grew, shrank, raised, lowered, suppressed, reopened, changed, or all alone."

lists = st.sets(st.sampled_from([reason for reason in Reason if reason is not Reason.UNCHANGED])).map(frozenset)
notifies = st.just(EVERYTHING) | lists


def known_after(known: Known | None, now: Snapshot, told_us: int | None) -> Known:
    """`told_us`: when the receiver was told of `now`; None when it was passed over, which leaves what it knows."""
    if told_us is None and known is not None:
        return known
    return Known(now, told_us)


@pytest.mark.parametrize(
    ("text", "notify"),
    [
        ("all", EVERYTHING),
        (" ALL ", EVERYTHING),
        ("raised", RAISED),
        ("Raised, RAISED,", RAISED),
        ("new, grew,reopened", frozenset({Reason.NEW, Reason.GREW, Reason.REOPENED})),
    ],
)
def test_reasons_are_read_without_case(text: str, notify: Notify) -> None:
    assert parse_notify(text) == notify


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"no reason is given. {LISTED}"),
        (" , ", f"no reason is given. {LISTED}"),
        ("Grow", f'"Grow" is not a reason; did you mean "grew"? {LISTED}'),
        ("supressed", f'"supressed" is not a reason; did you mean "suppressed"? {LISTED}'),
        ("xyzzy", f'"xyzzy" is not a reason. {LISTED}'),
        ("new\nraised", f'"new raised" is not a reason; did you mean "raised"? {LISTED}'),
        ("https://user:pass@host/", f"the URL given is not a reason. {LISTED}"),
        ("new, all", "all includes every reason: write it alone, or leave it out."),
        ("unchanged", "unchanged is no change to choose: write all to be sent every repeat."),
        ("rised, xyzzy", f'"rised" is not a reason; did you mean "raised"? {LISTED} "xyzzy" is not a reason. {LISTED}'),
    ],
)
def test_every_mistake_is_said_in_a_sentence(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as caught:
        parse_notify(text)
    assert str(caught.value) == message


@given(notify=notifies.filter(bool))
def test_what_is_written_is_read_back(notify: Notify) -> None:
    assert parse_notify(written(notify)) == notify


def test_reasons_are_written_in_their_order() -> None:
    assert written(CHANGES) == "new, grew, shrank, raised, suppressed, reopened, changed"
    assert written(EVERYTHING) == "all"


@pytest.mark.parametrize("reason", list(Reason))
def test_a_route_is_told_for_its_own_reasons_only(reason: Reason) -> None:
    change = compare(snapshot(), snapshot())._replace(reasons=(reason,))
    assert is_worth(EVERYTHING, change)
    assert is_worth(frozenset({reason}), change)
    assert not is_worth(EVERYTHING - {reason}, change)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (snapshot(80, a="OPEN"), snapshot(80, a="OPEN"), False),
        (snapshot(80, a="OPEN"), snapshot(70, a="OPEN"), False),
        (snapshot(80, a="OPEN"), snapshot(80, a="SUPPRESS"), True),
        (snapshot(80, a="OPEN"), snapshot(80), True),
        (snapshot(80, a="OPEN"), snapshot(None, a="OPEN"), True),
        (snapshot(80, a="OPEN"), snapshot(80, a="FOO"), True),
        (snapshot(80, a="OPEN"), snapshot(70, a="OPEN", b="OPEN"), True),
    ],
)
def test_by_default_all_is_told_but_repeats_and_a_lower_score_alone(
    before: Snapshot,
    after: Snapshot,
    told: bool,  # noqa: FBT001
) -> None:
    assert judge(CHANGES, Known(before, 1), after).worth is told


def test_a_change_is_measured_from_what_the_receiver_was_last_told() -> None:
    known = Known(snapshot(80, a="OPEN"), 1)
    known = known_after(known, snapshot(80, a="OPEN", b="OPEN"), None)
    verdict = judge(RAISED, known, snapshot(95, a="OPEN", b="OPEN", c="OPEN"))
    assert verdict.worth
    assert verdict.shown.came == (("b", "open"), ("c", "open"))


def test_a_route_that_leaves_new_out_hears_of_what_happens_later_and_then_in_full() -> None:
    first, later = snapshot(80, a="OPEN"), snapshot(95, a="OPEN")
    assert not judge(RAISED, None, first).worth
    known = known_after(None, first, None)
    assert not judge(RAISED, known, first).worth
    verdict = judge(RAISED, known, later)
    assert verdict.worth
    assert verdict.because.reasons == (Reason.RAISED,)
    assert verdict.shown.is_new
    assert not judge(RAISED, known_after(known, later, 5), later).worth


@given(states=st.lists(snapshots, max_size=8), notify=notifies)
def test_whenever_a_receiver_is_told_its_view_is_the_memory(states: list[Snapshot], notify: Notify) -> None:
    view: Snapshot | None = None
    known: Known | None = None
    for now_us, state in enumerate(states):
        verdict = judge(notify, known, state)
        known = known_after(known, state, now_us if verdict.worth else None)
        if verdict.worth:
            view = apply(view, verdict.shown)
            assert view == state
        assert known.told_us is None or known.snapshot == view
        assert verdict.worth or notify != EVERYTHING


@given(states=st.lists(snapshots, max_size=8), notify=lists)
def test_a_receiver_is_behind_by_nothing_but_what_it_left_out(states: list[Snapshot], notify: Notify) -> None:
    view: Snapshot | None = None
    for state in states:
        change = compare(view, state)
        view = apply(view, change) if is_worth(notify, change) else view
        assert notify.isdisjoint(compare(view, state).reasons)


@given(states=st.lists(snapshots, max_size=8))
def test_a_receiver_that_hears_of_every_change_is_never_behind(states: list[Snapshot]) -> None:
    notify = EVERYTHING - {Reason.UNCHANGED}
    view: Snapshot | None = None
    known: Known | None = None
    for now_us, state in enumerate(states):
        verdict = judge(notify, known, state)
        view = apply(view, verdict.shown) if verdict.worth else view
        known = known_after(known, state, now_us if verdict.worth else None)
        assert view == state


@pytest.mark.parametrize(
    ("remind_after_us", "told_us", "now_us", "due"),
    [
        (100, 1000, 1099, False),
        (100, 1000, 1100, True),
        (100, 1000, 5000, True),
        (100, 1000, 900, False),
        (None, 1000, 5000, False),
        (100, None, 5000, False),
    ],
)
def test_a_reminder_is_due_so_long_after_the_receiver_was_last_told(
    remind_after_us: int | None,
    told_us: int | None,
    now_us: int,
    due: bool,  # noqa: FBT001
) -> None:
    assert is_due(remind_after_us, told_us, now_us) is due
