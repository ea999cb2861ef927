from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.alert import Alert, Resource
from gateway.domain.grouping import (
    GROUP_FIELDS,
    Grouping,
    bypasses,
    first_resource,
    flush_at_us,
    group_key,
    group_keys,
    parse_by,
    parse_bypass,
)
from gateway.domain.severity import Severity

ALERT = Alert(
    source="optix",
    event_type="ALERT",
    environment="44412345678075",
    alert_id="A-1",
    key="optix-1",
    severity=Severity.HIGH,
    score=85,
    alert_type="S3 Malware",
    rule="AR-251",
    resources=(Resource("Zeta", "OPEN"), Resource("alpha", "SUPPRESS"), Resource("Beta", "open")),
)
ALL = Grouping(GROUP_FIELDS)
TIMES = st.integers(0, 10**15)
SPANS = st.integers(0, 10**12)


def test_every_field_of_group_by_names_a_part_of_the_group() -> None:
    assert group_keys(ALL, ALERT) == (
        "source=optix", "environment=44412345678075", "resource=beta", "rule=ar-251", "type=s3malware", "severity=high",
    )  # fmt: skip
    assert group_key(Grouping(("environment", "rule")), ALERT) == "environment=44412345678075|rule=ar-251"


@pytest.mark.parametrize(
    ("field", "same", "other"),
    [
        ("environment", {"environment": " 44412345678075"}, {"environment": "044412345678075"}),
        ("rule", {"rule": "ar-251"}, {"rule": "AR-252"}),
        ("type", {"alert_type": "s3malware"}, {"alert_type": "S3"}),
        ("severity", {"severity": Severity.HIGH}, {"severity": Severity.UNKNOWN}),
        ("source", {"source": "OPTIX"}, {"source": "tenant-b"}),
        ("resource", {"resources": (Resource("BETA", "OPEN"),)}, {"resources": (Resource("Zeta", "OPEN"),)}),
    ],
)
def test_alerts_share_a_group_where_the_field_is_equal_as_filters_compare(
    field: str, same: dict[str, object], other: dict[str, object]
) -> None:
    grouping = Grouping((field,))
    assert group_key(grouping, replace(ALERT, **same)) == group_key(grouping, ALERT)  # type: ignore[arg-type]  # a field
    assert group_key(grouping, replace(ALERT, **other)) != group_key(grouping, ALERT)  # type: ignore[arg-type]  # a field


@pytest.mark.parametrize(
    ("resources", "first"),
    [
        ((), ""),
        ((Resource("b", "OPEN"), Resource("a", "OPEN")), "a"),
        ((Resource("b", "OPEN"), Resource("a", "SUPPRESS")), "b"),
        ((Resource("b", "SUPPRESS"), Resource("a", "SUPPRESS")), "a"),
    ],
)
def test_an_alert_with_several_resources_belongs_to_its_first_open_one(
    resources: tuple[Resource, ...], first: str
) -> None:
    assert first_resource(replace(ALERT, resources=resources)) == first
    assert first_resource(replace(ALERT, resources=resources[::-1])) == first


def test_the_only_resource_being_suppressed_leaves_the_alert_in_its_group() -> None:
    grouping = Grouping(("resource",))
    opened = replace(ALERT, resources=(Resource("bucket", "OPEN"),))
    closed = replace(ALERT, resources=(Resource("bucket", "SUPPRESS"),))
    assert group_key(grouping, opened) == group_key(grouping, closed)


@given(st.text(max_size=200) | st.sampled_from(["x" * 64, "x" * 65, "a|rule=b", "~" + "0" * 32, "\ud800", "a b", " "]))
def test_a_key_is_short_and_tame_whatever_the_sender_writes(text: str) -> None:
    for key in group_keys(ALL, replace(ALERT, environment=text, rule=text, resources=(Resource(text, "OPEN"),))):
        assert re.fullmatch(r"[a-z]+=[a-z0-9 ._:/@~-]*", key)
        assert len(key) <= 76


@given(st.lists(st.text(alphabet="a1|~= \u0130é", max_size=80), min_size=4, max_size=4))
def test_different_values_never_share_a_key(texts: list[str]) -> None:
    grouping = Grouping(("environment", "rule"))
    one, other = (replace(ALERT, environment=texts[at], rule=texts[at + 1]) for at in (0, 2))
    same = [text.strip().casefold() for text in texts[:2]] == [text.strip().casefold() for text in texts[2:]]
    assert (group_key(grouping, one) == group_key(grouping, other)) is same


def test_the_order_of_the_fields_in_the_file_makes_no_other_grouping() -> None:
    assert parse_by(["Rule", " environment ", "rule"]) == parse_by(["environment", "rule"]) == ("environment", "rule")


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        (["enviroment"], '"enviroment" is not a field that alerts are grouped by; did you mean "environment"? One of '),
        (["rule", "RESOURCES"], '"RESOURCES" is not a field that alerts are grouped by; did you mean "resource"?'),
        (["alert_type"], 'did you mean "type"?'),
        ([""], '"" is not a field that alerts are grouped by. One of source, environment, resource, rule, type, '),
        ([], "no field is given. Write one or several of source, environment"),
        (["https://hooks.example.com/s3cret"], "the URL given is not a field"),
    ],
)
def test_a_wrong_field_is_answered_with_the_nearest_and_all_there_are(items: list[str], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        parse_by(items)


@pytest.mark.parametrize(
    ("text", "severity"), [("critical", Severity.CRITICAL), (" High ", Severity.HIGH), ("off", None)]
)
def test_a_bypass_is_a_severity_or_off(text: str, severity: Severity | None) -> None:
    assert parse_bypass(text) is severity


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("critcal", '"critcal" is not a severity; did you mean "critical"? One of critical, high, medium, low, off.'),
        ("unknown", '"unknown" is not a severity. One of critical'),
        ("x" * 999 + "\x1b[2J", '"' + "x" * 59 + '…" is not a severity.'),
    ],
)
def test_a_wrong_bypass_is_answered_with_what_may_stand_there(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        parse_bypass(text)


@pytest.mark.parametrize(
    ("bypass", "alone"),
    [
        (Severity.CRITICAL, ["critical"]),
        (Severity.HIGH, ["critical", "high"]),
        (Severity.LOW, ["critical", "high", "medium", "low"]),
        (None, []),
    ],
)
def test_the_named_severity_and_above_go_alone_and_an_unknown_one_waits(
    bypass: Severity | None, alone: list[str]
) -> None:
    grouping = Grouping(("rule",), bypass=bypass)
    assert [severity for severity in Severity if bypasses(grouping, replace(ALERT, severity=severity))] == alone


def test_a_closed_alert_goes_alone_as_it_did_when_it_was_open() -> None:
    closed = replace(ALERT, severity=Severity.CRITICAL, resources=(Resource("a", "SUPPRESS"),))
    assert bypasses(Grouping(("rule",)), closed)


@pytest.mark.parametrize(
    ("first_s", "last_s", "count", "due_s"),
    [
        (1000, None, 1, 1030),
        (1000, 100, 1, 1030),
        (1000, 900, 99, 1200),
        (1000, 730, 1, 1030),
        (1000, 900, 100, 1000),
        (1000, None, 101, 1000),
    ],
)
def test_a_group_goes_out_after_its_wait_and_no_sooner_than_the_interval_unless_it_is_full(
    first_s: int, last_s: int | None, count: int, due_s: int
) -> None:
    last_us = None if last_s is None else last_s * 1_000_000
    assert flush_at_us(Grouping(("rule",)), first_s * 1_000_000, last_us, count) == due_s * 1_000_000


@given(first_us=TIMES, last_us=st.none() | TIMES, wait_us=SPANS, interval_us=SPANS, count=st.integers(1, 300))
def test_no_group_is_told_too_early_or_too_late(
    first_us: int, last_us: int | None, wait_us: int, interval_us: int, count: int
) -> None:
    due_us = flush_at_us(Grouping(("rule",), wait_us, interval_us, most=200), first_us, last_us, count)
    earliest = [first_us + wait_us] + ([] if last_us is None else [last_us + interval_us])
    if count >= 200:
        assert due_us <= first_us
    else:
        assert all(due_us >= moment for moment in earliest)
        assert due_us in earliest
