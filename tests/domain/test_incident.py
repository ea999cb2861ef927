from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.alert import Alert
from gateway.domain.change import Change, Reason, compare
from gateway.domain.incident import MOST_GONE, Gone, History, Incident, decode, encode, remember
from gateway.domain.snapshot import snapshot_of
from tests.domain.states import alert, alerts


def after(*seen: tuple[int, Alert]) -> tuple[Incident, Change]:
    """What is remembered after alerts that arrived at these times."""
    (first_us, first), *rest = seen
    incident, change = remember(None, first, first_us, snapshot_of(first))
    for seen_us, one in rest:
        incident, change = remember(incident, one, seen_us, snapshot_of(one))
    return incident, change


def test_the_first_alert_begins_an_incident() -> None:
    first = alert(80, ("b", "OPEN"), ("a", "SUPPRESS"))
    incident, change = after((100, first))
    assert incident == Incident(
        key="optix-0",
        source="optix",
        environment="444",
        alert_id="A-1",
        first_seen_us=100,
        last_seen_us=100,
        changed_us=100,
        history=History(snapshot_of(first), (100, 100)),
    )
    assert change == compare(None, snapshot_of(first))


@pytest.mark.parametrize(
    "repeat",
    [
        alert(80, ("a", "OPEN"), ("b", "SUPPRESS")),
        alert(80, ("b", "SUPPRESS"), ("a", "OPEN")),
        alert(80, ("b", "SUPPRESS"), ("a", "OPEN"), ("a", "OPEN")),
        replace(alert(80, ("a", "OPEN"), ("b", "SUPPRESS")), last_seen="Nov 3, 2020 9:00:00 AM", summary="another"),
    ],
)
def test_a_repeat_moves_last_seen_and_nothing_else(repeat: Alert) -> None:
    first, _ = after((100, alert(80, ("a", "OPEN"), ("b", "SUPPRESS"))))
    incident, change = remember(first, repeat, 200, snapshot_of(repeat))
    assert change.is_unchanged
    assert incident == first._replace(last_seen_us=200)
    assert incident.history is first.history


def test_a_resource_that_vanished_is_remembered_as_it_last_was() -> None:
    both, only = alert(80, ("a", "OPEN"), ("b", "SUPPRESS")), alert(80, ("a", "OPEN"))
    incident, change = after((100, both), (200, both), (300, only))
    assert change.reasons == (Reason.SHRANK,)
    assert incident.history == History(snapshot_of(only), (100,), (Gone("b", "suppressed", 100, 200),))
    assert (incident.first_seen_us, incident.last_seen_us, incident.changed_us) == (100, 300, 300)


def test_a_resource_that_comes_back_was_first_seen_when_it_was() -> None:
    both, only = alert(80, ("a", "OPEN"), ("b", "OPEN")), alert(80, ("a", "OPEN"))
    incident, change = after((100, only), (200, both), (300, only), (400, both))
    assert change.came == (("b", "open"),)
    assert incident.history == History(snapshot_of(both), (100, 200))


def test_a_resource_keeps_its_first_time_through_other_states() -> None:
    incident, _ = after((100, alert(80, ("a", "OPEN"))), (200, alert(95, ("a", "SUPPRESS"), ("0", "OPEN"))))
    assert incident.history == History(incident.snapshot, (200, 100))
    assert incident.snapshot.resources == (("0", "open"), ("a", "suppressed"))


def test_an_older_state_that_arrives_late_is_the_state() -> None:
    new = replace(alert(95, ("a", "OPEN")), seen_at=datetime(2026, 5, 4, 12, tzinfo=UTC))
    old = replace(alert(80, ("a", "OPEN")), seen_at=datetime(2026, 5, 4, 9, tzinfo=UTC))
    incident, change = after((100, new), (200, old))
    assert change.reasons == (Reason.LOWERED,)
    assert (incident.snapshot.score, incident.last_seen_us) == (80, 200)


@pytest.mark.parametrize("second", [alert(80, ("a", "OPEN")), alert(95, ("a", "OPEN"))])
def test_a_clock_that_is_set_back_takes_no_time_back(second: Alert) -> None:
    incident, _ = after((100, alert(80, ("a", "OPEN"))), (50, second))
    assert (incident.first_seen_us, incident.last_seen_us, incident.changed_us) == (100, 100, 100)


def test_only_the_latest_of_many_that_went_are_remembered() -> None:
    many = alert(80, *((f"{i:05}", "OPEN") for i in range(MOST_GONE + 1)))
    incident, _ = after((100, many), (200, alert(80, ("last", "OPEN"))), (300, alert(80)))
    assert len(incident.history.gone) == MOST_GONE
    assert incident.history.gone[0].info == "00002"
    assert incident.history.gone[-1] == Gone("last", "open", 200, 200)


def test_a_snapshot_at_hand_is_not_made_again() -> None:
    made = snapshot_of(alert(80, ("a", "OPEN")))
    incident, _ = remember(None, alert(80, ("a", "OPEN")), 100, made)
    assert incident.snapshot is made


@given(seen=st.lists(alerts, min_size=1, max_size=8))
def test_the_memory_holds_the_last_state_and_when_each_resource_was_first_and_last_listed(seen: list[Alert]) -> None:
    incident, _ = after(*enumerate(seen))
    states = [snapshot_of(one) for one in seen]
    listings = [dict(state.resources) for state in states]
    first_us = {info: i for i, listed in reversed(list(enumerate(listings))) for info in listed}
    last_us = {info: i for i, listed in enumerate(listings) for info in listed}
    assert incident.snapshot == states[-1]
    assert incident.changed_us == max((i for i in range(1, len(seen)) if states[i] != states[i - 1]), default=0)
    assert dict(zip(listings[-1], incident.history.since_us, strict=True)) == {i: first_us[i] for i in listings[-1]}
    assert sorted(incident.history.gone) == sorted(
        Gone(info, listings[at][info], first_us[info], at) for info, at in last_us.items() if at < len(seen) - 1
    )


@given(seen=st.lists(alerts, min_size=1, max_size=4))
def test_what_was_encoded_is_read_back(seen: list[Alert]) -> None:
    history = after(*enumerate(seen))[0].history
    assert decode(encode(history)) == history


def test_a_history_of_thousands_is_compressed() -> None:
    many = [alert(80, *((f"main.tf branch: {half}-{i}", "OPEN") for i in range(1000))) for half in ("old", "new")]
    history = after(*((1_700_000_000_000_000 + i, one) for i, one in enumerate(many)))[0].history
    assert len(encode(history)) < 20_000
    assert decode(encode(history)) == history
