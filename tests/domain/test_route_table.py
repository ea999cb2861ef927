from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from timeit import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import samples
from gateway.domain.alert import Alert, Resource
from gateway.domain.filter import FilterMistakes, parse_filter
from gateway.domain.optix import parse
from gateway.domain.route import RouteTable, Verdict
from gateway.domain.severity import Severity, severity_of

WORDS = st.sampled_from(["a", "A", "ab", "aB c", "b", "ba", "", "AR-1", "AR-12", "Dev", "iac"])
PATTERNS = st.sampled_from(["a", "ab*", "a*", "*", "?", "b", "AR-1?", "*2", "aB c", "IaC", "ar-1"])
PLAIN = st.sampled_from(["a", "ab", "b", "AR-1", "aB c", "IaC", "ALERT"])
BANDS = st.sampled_from(list(Severity))


def lists(items: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(items, min_size=1, max_size=3)


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        f"{prefix}{key}": lists(values)
        for prefix in ("", "NOT_")
        for key, values in {
            "SOURCES": PLAIN, "ENVIRONMENTS": PATTERNS, "ALERT_TYPES": PLAIN, "SEVERITIES": BANDS, "PROVIDERS": PLAIN,
            "RULES": PATTERNS, "POLICY_LABELS": PLAIN, "STATES": PLAIN, "RESOURCES": PATTERNS, "EVENT_TYPES": PATTERNS,
        }.items()
    }
    | {"MIN_SEVERITY": st.lists(st.sampled_from(["low", "medium", "high", "critical"]), min_size=1, max_size=1)},
)  # fmt: skip


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    score = draw(st.none() | st.integers(0, 100))
    resources = draw(st.lists(st.builds(Resource, WORDS, WORDS), max_size=3))
    return Alert(
        source=draw(WORDS),
        event_type=draw(st.sampled_from(["ALERT", "alert", "a", "ab"])),
        environment=draw(WORDS),
        alert_id="A-1",
        key="optix-0",
        severity=severity_of(score),
        score=score,
        alert_type=draw(WORDS),
        provider=draw(WORDS),
        rule=draw(WORDS),
        policy_labels=tuple(draw(st.lists(WORDS, max_size=2))),
        resources=tuple(resources),
    )


def table_of(filters: list[dict[str, list[str]]]) -> RouteTable:
    routes = []
    for number, values in enumerate(filters):
        try:
            routes.append((f"r{number}", parse_filter(values)))
        except FilterMistakes:
            continue
    return RouteTable(routes)


@given(st.lists(FILTERS, max_size=12), alerts())
@settings(max_examples=250)
def test_the_index_finds_exactly_the_routes_that_say_they_take_the_alert(
    filters: list[dict[str, list[str]]], alert: Alert
) -> None:
    table = table_of(filters)
    assert table.taking(alert) == tuple(verdict.route for verdict in table.explain(alert) if verdict.taken)


def documented() -> Alert:
    alert = parse("optix", samples.load(samples.DOCUMENTED))
    assert isinstance(alert, Alert)
    return alert


def test_every_route_says_why() -> None:
    table = RouteTable(
        [
            ("everything", parse_filter({})),
            ("severe", parse_filter({"MIN_SEVERITY": ["critical"]})),
            ("buckets", parse_filter({"RULES": ["AR-25?"]})),
        ]
    )
    assert table.explain(documented()) == (
        Verdict("everything", taken=True, key="", reason="event type is ALERT"),
        Verdict("severe", taken=False, key="MIN_SEVERITY", reason="MIN_SEVERITY=critical: severity is high (score 80)"),
        Verdict("buckets", taken=True, key="", reason="rule is like AR-25?; event type is ALERT"),
    )
    assert table.taking(documented()) == ("everything", "buckets")


def test_a_table_without_routes_takes_nothing() -> None:
    table = RouteTable([])
    assert (table.taking(documented()), table.explain(documented())) == ((), ())


def test_routes_are_named_in_the_order_of_the_table() -> None:
    taking = {1, 8, 9, 64, 99}
    table = table_of([{"RULES": ["AR-*" if n in taking else "AZ-*"]} for n in range(100)])
    assert table.taking(documented()) == tuple(f"r{n}" for n in sorted(taking))


def test_a_route_found_by_several_resources_is_named_once() -> None:
    alert = replace(documented(), resources=(Resource("x-1", "OPEN"), Resource("x-2", "OPEN")))
    assert RouteTable([("r", parse_filter({"RESOURCES": ["x-1", "x-*"]}))]).taking(alert) == ("r",)


MANY: dict[str, Callable[[int], dict[str, list[str]]]] = {
    "accounts": lambda n: {"ENVIRONMENTS": [str(44412345678075 + n)]},
    "teams": lambda n: {"ENVIRONMENTS": [f"https://github.com/team-{n}/*"]},
    "rules": lambda n: {"RULES": [f"AR-{251 + n}"]},
    "sources": lambda n: {"SOURCES": ["optix" if n == 0 else f"tenant-{n}"]},
    "types": lambda n: {"ALERT_TYPES": ["Policy" if n == 0 else f"type {n}"]},
    "rules of one account": lambda n: {"ENVIRONMENTS": ["44412345678075"], "RULES": [f"AR-{251 + n}"]},
}


@pytest.mark.parametrize("kind", MANY)
def test_a_thousand_routes_cost_little_more_than_one(kind: str) -> None:
    alert = replace(documented(), environment="https://github.com/team-0/infra") if kind == "teams" else documented()
    one = table_of([MANY[kind](0)])
    many = table_of([MANY[kind](n) for n in range(1000)])
    assert many.taking(alert) == one.taking(alert) == ("r0",)
    one_s = min(repeat(lambda: one.taking(alert), number=200, repeat=7))
    many_s = min(repeat(lambda: many.taking(alert), number=200, repeat=7))
    assert many_s < 5 * one_s, f"{many_s / one_s:.1f} times the cost of one route"
