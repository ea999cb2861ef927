from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.alert import Alert, Resource
from gateway.domain.severity import Severity
from gateway.domain.snapshot import OPEN, SUPPRESSED, Snapshot, decode, digest_of, encode, snapshot_of
from tests.domain.states import alert, alerts, snapshots


def test_it_holds_the_score_and_each_resource_with_its_state_sorted_by_name() -> None:
    found = snapshot_of(alert(80, ("b", "SUPPRESS"), ("a", "OPEN"), ("c", "RESOLVED")))
    assert found == Snapshot(80, (("a", OPEN), ("b", SUPPRESSED), ("c", "resolved")))
    assert (found.open_count, found.suppressed_count, found.severity) == (1, 1, Severity.HIGH)


@given(alert=alerts, data=st.data())
def test_the_order_of_the_resources_and_whatever_is_no_state_do_not_matter(alert: Alert, data: st.DataObject) -> None:
    again = replace(
        alert,
        resources=tuple(data.draw(st.permutations(alert.resources))),
        last_seen="Nov 2, 2020 3:56:18 PM",
        seen_at=datetime(2020, 11, 2, 15, 56, 18, tzinfo=UTC),
        summary="another",
        details="another",
    )
    assert snapshot_of(again) == snapshot_of(alert)
    assert digest_of(snapshot_of(again)) == digest_of(snapshot_of(alert))


def test_what_more_is_said_of_a_resource_is_no_state() -> None:
    said = replace(alert(), resources=(Resource("a", "OPEN", {"version": 3}, {"cve": "CVE-2026-1"}),))
    assert snapshot_of(said) == snapshot_of(alert(80, ("a", "OPEN")))


@pytest.mark.parametrize(
    ("states", "kept"),
    [
        (["OPEN", "OPEN"], OPEN),
        (["SUPPRESS", "SUPPRESSED"], SUPPRESSED),
        (["SUPPRESS", "OPEN"], OPEN),
        (["SUPPRESS", "FOO"], "foo"),
        (["FOO", "OPEN"], OPEN),
        (["FOO", "BAR"], "bar"),
        (["", "SUPPRESS"], ""),
        (["SUPPRESS", "FOO", "OPEN"], OPEN),
    ],
)
def test_of_a_resource_listed_twice_the_most_urgent_state_counts(states: list[str], kept: str) -> None:
    for ordered in permutations(states):
        assert snapshot_of(alert(80, *(("a", state) for state in ordered))).resources == (("a", kept),)


@pytest.mark.parametrize(
    ("state", "word"),
    [("OPEN", OPEN), ("Open", OPEN), ("SUPPRESS", SUPPRESSED), ("suppressed", SUPPRESSED), ("FOO", "foo"), ("", "")],
)
def test_states_are_compared_without_case(state: str, word: str) -> None:
    assert snapshot_of(alert(80, ("a", state))).resources == (("a", word),)
    assert snapshot_of(alert(80, ("a", state), ("b", state))).resources == (("a", word), ("b", word))


@given(alert=alerts)
def test_it_is_closed_exactly_when_the_alert_is(alert: Alert) -> None:
    assert snapshot_of(alert).is_closed is alert.is_closed
    assert (snapshot_of(alert).open_count > 0) is (alert.open_count > 0)


@pytest.mark.parametrize(("score", "same"), [(80.0, 80), (0.0, 0), (-0.0, 0)])
def test_a_whole_score_is_the_same_however_it_is_written(score: float, same: int) -> None:
    assert digest_of(snapshot_of(alert(score))) == digest_of(snapshot_of(alert(same)))


@given(before=snapshots, after=snapshots)
def test_digests_are_equal_exactly_when_the_states_are(before: Snapshot, after: Snapshot) -> None:
    assert (digest_of(before) == digest_of(after)) is (before == after)


def test_the_digest_and_the_encoding_stay_the_same_over_releases() -> None:
    found = snapshot_of(alert(79.5, ("🪣", "SUPPRESS"), ("main.tf", "OPEN")))
    assert digest_of(found).hex() == "cfe47bb66ca4709749629df84ddf5585"
    assert encode(found) == b'[79.5,[["main.tf","open"],["\\ud83e\\udea3","suppressed"]]]'


@given(found=snapshots)
def test_what_was_encoded_is_read_back(found: Snapshot) -> None:
    back = decode(encode(found))
    assert back == found
    assert digest_of(back) == digest_of(found)


def test_thousands_of_resources_are_compressed() -> None:
    found = snapshot_of(alert(80, *((f"main.tf branch: feature-{i}", "OPEN") for i in range(5000))))
    assert len(encode(found)) < 40_000
    assert decode(encode(found)) == found
