from __future__ import annotations

from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.chain import (
    CHAIN_KEYS,
    FALLBACK_AFTER_US,
    Chain,
    fallback_of,
    mistakes_of,
    select,
)

ALL, STOP = Chain(catch_all=True), Chain(stop=True)


@pytest.mark.parametrize(
    ("taking", "rules", "taken"),
    [
        ("a b c", {}, "a b c"),
        ("a b c", {"a": Chain(order=3), "b": Chain(fallback="c")}, "a b c"),
        ("a b", {"b": ALL}, "a"),
        ("b", {"b": ALL}, "b"),
        ("b c", {"b": ALL, "c": ALL}, "b c"),
        ("b c", {"b": Chain(catch_all=True, stop=True), "c": ALL}, "b"),
        ("b c", {"b": Chain(catch_all=True, stop=True)}, "c"),
        ("a b c", {"b": STOP}, "a b"),
        ("c b a", {"b": STOP}, "b a"),
        ("a b c", {"c": STOP, "b": STOP}, "a b"),
        ("a b c", {"c": Chain(stop=True, order=1)}, "c"),
        ("a b c", {"c": Chain(stop=True, order=1), "b": Chain(order=1)}, "b c"),
        ("a b c", {"c": Chain(stop=True, order=2), "b": Chain(order=1)}, "b c"),
        ("a b c", {"a": Chain(order=-1, stop=True), "b": Chain(order=0)}, "a"),
        ("a b c", {"a": STOP, "c": Chain(order=9)}, "a c"),
        ("a b c", {"a": Chain(stop=True, fallback_only=True)}, "b c"),
        ("a b", {"a": Chain(fallback="b")}, "a b"),
        ("a b", {"a": Chain(fallback="b"), "b": Chain(fallback_only=True)}, "a"),
        ("b c", {"b": Chain(fallback_only=True), "c": ALL}, "c"),
        ("a c z", {"a": STOP, "z": ALL}, "a"),
        ("", {"a": STOP}, ""),
    ],
)
def test_who_gets_an_alert_of_those_whose_filters_take_it(taking: str, rules: dict[str, Chain], taken: str) -> None:
    found, out = select(tuple(taking.split()), rules)
    assert found == tuple(taken.split())
    assert out.keys() == set(taking.split()) - set(found)


def test_every_route_left_out_is_told_why() -> None:
    rules = {"a": Chain(stop=True, order=10), "b": Chain(fallback_only=True), "z": ALL}
    assert select(("a", "b", "c", "z"), rules)[1] == {
        "b": "FALLBACK_ONLY=true: it gets only what another route hands over",
        "c": "STOP=true of a (ORDER=10): that route took it and comes earlier",
        "z": "CATCH_ALL=true: a took it",
    }
    assert select(("a", "c"), {"a": STOP})[1] == {"c": "STOP=true of a: that route took it and comes earlier"}


def test_a_reason_stays_short_however_many_routes_took_it() -> None:
    names = [f"route-{number}" for number in range(500)]
    reason = select((*names, "rest"), {"rest": ALL})[1]["rest"]
    assert reason.endswith("more took it")
    assert len(reason) < 200


def test_routes_without_such_keys_cost_nothing() -> None:
    taking = tuple(f"route-{number}" for number in range(50))
    rules = {name: Chain(order=1, fallback="other") for name in taking}
    assert select(taking, {})[0] is taking
    assert select(taking, rules)[0] is taking
    assert min(repeat(lambda: select(taking, {}), number=100, repeat=5)) / 100 < 0.0001


NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
CHAINS = st.builds(
    Chain, st.booleans(), st.booleans(), st.none() | st.integers(0, 2), st.just(""), st.none(), st.booleans()
)


@given(st.lists(NAMES, unique=True).map(tuple), st.dictionaries(NAMES, CHAINS))
def test_an_alert_is_lost_only_where_every_route_takes_as_a_fallback(
    taking: tuple[str, ...], rules: dict[str, Chain]
) -> None:
    taken, out = select(taking, rules)
    assert {*taken, *out} == set(taking)
    assert not set(taken) & out.keys()
    assert [name for name in taking if name in taken] == list(taken)
    able = [name for name in taking if not rules.get(name, Chain()).fallback_only]
    assert bool(taken) == bool(able)
    assert len({rules.get(name, Chain()).catch_all for name in taken}) <= 1


def test_an_undelivered_alert_goes_to_the_fallback_unless_that_one_has_it() -> None:
    rules = {"a": Chain(fallback="b"), "b": Chain(fallback="c")}
    assert fallback_of("a", ["a"], rules) == "b"
    assert fallback_of("a", ["a", "b"], rules) == ""
    assert fallback_of("b", ["a", "b"], rules) == "c"
    assert fallback_of("c", ["c"], rules) == fallback_of("z", ["z"], rules) == ""


def test_a_fallback_has_its_time() -> None:
    assert Chain(fallback="b", fallback_after_us=5).late_us == 5
    assert Chain(fallback="b", fallback_after_us=0).late_us == 0
    assert Chain(fallback="b").late_us == FALLBACK_AFTER_US


@pytest.mark.parametrize(
    ("rules", "names", "mistakes"),
    [
        ({}, ["a"], []),
        ({"a": Chain(fallback="b"), "c": Chain(catch_all=True, stop=True, order=3)}, ["a", "b", "c"], []),
        ({"a": Chain(fallback="b"), "b": Chain(fallback="c"), "c": Chain(fallback_only=True)}, [], []),
        (
            {"soc": Chain(fallback="emial")},
            ["email", "soc"],
            [("soc", "FALLBACK", '"emial" is not a route; did you mean "email"?')],
        ),
        (
            {"soc": Chain(fallback="xyz")},
            ["pager", "mail"],
            [("soc", "FALLBACK", '"xyz" is not a route. One of mail, pager.')],
        ),
        ({"soc": Chain(fallback="xyz")}, [], [("soc", "FALLBACK", '"xyz" is not a route. There is no other route.')]),
        (
            {"soc": Chain(fallback="https://h.example/s3cret")},
            ["b"],
            [("soc", "FALLBACK", "the URL given is not a route. One of b.")],
        ),
        (
            {"a": Chain(fallback="a")},
            [],
            [("a", "FALLBACK", "a route cannot be its own fallback. Name another route, or leave it out.")],
        ),
        (
            {"x": Chain(fallback="c"), "c": Chain(fallback="b"), "b": Chain(fallback="c"), "a": Chain(fallback="x")},
            [],
            [("b", "FALLBACK", "the fallbacks go round in a circle: b > c > b. Leave one of them out.")],
        ),
        (
            {"a": Chain(fallback_after_us=5)},
            [],
            [
                (
                    "a",
                    "FALLBACK_AFTER",
                    "there is no FALLBACK that it would be about. Name a route there, or leave it out.",
                )
            ],
        ),
        (
            {"a": Chain(fallback_only=True)},
            ["b"],
            [("a", "FALLBACK_ONLY", "no route has FALLBACK=a: nothing would ever get here.")],
        ),
        (
            {"a": Chain(catch_all=True, fallback_only=True), "b": Chain(fallback="a")},
            [],
            [
                (
                    "a",
                    "CATCH_ALL",
                    "CATCH_ALL does not go with FALLBACK_ONLY, which takes nothing by itself. Leave one of them out.",
                )
            ],
        ),
    ],
)
def test_mistakes_across_routes_are_told_of_the_route_and_key_that_has_them(
    rules: dict[str, Chain], names: list[str], mistakes: list[tuple[str, str, str]]
) -> None:
    assert mistakes_of(rules, names) == mistakes
    assert all(key in CHAIN_KEYS for _, key, _ in mistakes)


@given(st.dictionaries(NAMES, NAMES))
def test_a_circle_is_found_exactly_where_following_the_fallbacks_never_ends(fallbacks: dict[str, str]) -> None:
    rules = {name: Chain(fallback=to) for name, to in fallbacks.items()}
    found = {name for name, _, said in mistakes_of(rules, "abcde") if "circle" in said or "its own" in said}

    def circle_of(name: str) -> frozenset[str]:
        path: list[str] = []
        while name in fallbacks and name not in path:
            path.append(name)
            name = fallbacks[name]
        return frozenset(path[path.index(name) :]) if name in path else frozenset()

    circles = {circle_of(name) for name in fallbacks} - {frozenset()}
    assert found == {min(circle) for circle in circles}
