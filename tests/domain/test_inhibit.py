from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.alert import Alert, Resource
from gateway.domain.inhibit import Inhibition, Inhibitor
from gateway.domain.pattern import glob
from gateway.domain.severity import Severity

PORTS = "AR-1045>AR-1044>AR-651; AR-251 > AR-252"


def alert(rule: str, *opened: str, suppressed: tuple[str, ...] = ()) -> Alert:
    resources = (*(Resource(info, "OPEN") for info in opened), *(Resource(info, "SUPPRESS") for info in suppressed))
    return Alert("optix", "ALERT", "444", "A-1", "optix-1", Severity.HIGH, rule=rule, resources=resources)


def decide(rule: str, *opened: str, others: Mapping[str, set[str]], chains: str = PORTS) -> Inhibition:
    return Inhibitor.parse(chains).decide(alert(rule, *opened), others)


@pytest.mark.parametrize(
    ("rule", "wider", "narrower"),
    [
        ("AR-1045", set(), {"ar-1044", "ar-651"}),
        ("ar-1044 ", {"ar-1045"}, {"ar-651"}),
        ("AR-651", {"ar-1045", "ar-1044"}, set()),
        ("AR-252", {"ar-251"}, set()),
        ("AR-9", set(), set()),
        ("", set(), set()),
    ],
)
def test_a_chain_says_of_each_rule_which_are_wider_and_which_narrower(
    rule: str, wider: set[str], narrower: set[str]
) -> None:
    inhibitor = Inhibitor.parse(PORTS)
    assert inhibitor.dominated_by(rule) == wider
    named = {"ar-1045", "ar-1044", "ar-651", "ar-251", "ar-252"}
    assert {other for other in named if inhibitor.mutes(rule, other)} == narrower


def test_an_alert_whose_resources_all_have_a_wider_finding_is_inhibited() -> None:
    found = decide("AR-651", "sg-1", "sg-2", others={"AR-1044": {"sg-1"}, "AR-1045": {"sg-2"}})
    assert found.inhibited
    assert found.muted == {"sg-1": "AR-1044", "sg-2": "AR-1045"}
    assert found.reason == "all 2 open resources are told by AR-1044 (1), AR-1045 (1)"
    assert decide("AR-651", "sg-1", others={"AR-1045": {"sg-1"}}).reason == "its open resource is told by AR-1045"


def test_an_alert_with_a_resource_of_its_own_passes_and_says_what_is_muted() -> None:
    found = decide("AR-651", "sg-1", "sg-2", "sg-3", others={"AR-1044": {"sg-1", "sg-9"}})
    assert (found.inhibited, found.muted, found.left) == (False, {"sg-1": "AR-1044"}, 2)
    assert found.reason == "1 of 3 open resources are told by AR-1044"


@pytest.mark.parametrize("chains", [PORTS, "AR-1044>AR-651; AR-1045>AR-1044", "AR-1045>AR-651; AR-1045>AR-1044>AR-651"])
def test_the_widest_finding_is_named_for_it_is_the_one_that_is_told(chains: str) -> None:
    others = {"AR-1044": {"sg-1"}, "AR-1045": {"sg-1"}}
    assert decide("AR-651", "sg-1", others=others, chains=chains).muted == {"sg-1": "AR-1045"}
    assert not decide("AR-1045", "sg-1", others=others, chains=chains).muted


@pytest.mark.parametrize(
    ("rule", "others"),
    [
        ("AR-651", {}),
        ("AR-651", {"AR-1044": {"sg-2"}}),
        ("AR-651", {"AR-1044": {"SG-1"}}),
        ("AR-651", {"AR-651": {"sg-1"}}),
        ("AR-651", {"AR-251": {"sg-1"}}),
        ("AR-1045", {"AR-1044": {"sg-1"}, "AR-651": {"sg-1"}}),
        ("", {"": {"sg-1"}, "AR-1044": {"sg-1"}}),
    ],
)
def test_nothing_else_mutes(rule: str, others: dict[str, set[str]]) -> None:
    found = decide(rule, "sg-1", others=others)
    assert (found.inhibited, found.muted, found.reason) == (False, {}, "")


def test_an_alert_with_nothing_open_passes() -> None:
    closed = alert("AR-651", suppressed=("sg-1",))
    assert not Inhibitor.parse(PORTS).decide(closed, {"AR-1044": {"sg-1"}}).inhibited
    assert not Inhibitor.parse(PORTS).decide(alert("AR-651"), {"AR-1044": {"sg-1"}}).inhibited


def test_a_suppressed_resource_is_no_reason_to_pass() -> None:
    mixed = alert("AR-651", "sg-1", suppressed=("sg-2",))
    assert Inhibitor.parse(PORTS).decide(mixed, {"AR-1044": {"sg-1"}}).inhibited


def test_a_pattern_stands_for_many_rules_and_no_rule_mutes_itself() -> None:
    chains = "AR-1001>AR-*"
    assert decide("AR-651", "h", others={"ar-1001": {"h"}}, chains=chains).muted == {"h": "ar-1001"}
    assert not decide("AR-1001", "h", others={"ar-1001": {"h"}}, chains=chains).muted
    assert decide("AR-651", "h", others={"AR-1044": {"h"}}, chains="AR-104?>AR-651").inhibited
    assert decide("AR-651", "h", others={"AR-7": {"h"}}, chains="AR-*>AR-651").inhibited
    assert not decide("AR-651", "h", others={"AR-651": {"h"}}, chains="AR-*>AR-651").inhibited


def test_wildcards_in_a_rule_that_came_with_an_alert_are_no_pattern() -> None:
    assert Inhibitor.parse(PORTS).dominated_by("AR-*") == frozenset()
    assert not decide("*" * 100_000, "h", others={"AR-1045": {"h"}}).muted


def test_no_chain_at_all_mutes_nothing() -> None:
    assert not Inhibitor.parse(" ; ")
    assert Inhibitor.parse(PORTS)
    assert not decide("AR-651", "h", others={"AR-1045": {"h"}}, chains="").muted


def test_in_a_file_chains_may_stand_on_lines_of_their_own() -> None:
    assert Inhibitor.parse("AR-1>AR-2\r\nAR-3>AR-4;\n").dominated_by("AR-4") == {"ar-3"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("AR-1", '"AR-1" names one rule and nothing that it mutes. Write the wider rule first, as in AR-1045>AR-1044'),
        ("AR-1>AR-2; AR-3>", '"AR-3>" has a gap beside a >.'),
        ("AR-1>>AR-2", '"AR-1>>AR-2" has a gap'),
        ("AR-1>AR-2, AR-3>AR-4", "has a blank or a comma in a rule; chains are separated by semicolons."),
        ("AR-1>AR-2 AR-3>AR-4", "has a blank or a comma"),
        ("AR-1>" + "x" * 65, "has a rule of more than 64 characters."),
        ("https://h.example/s3cret", "the URL given names one rule"),
        (";".join(f"A-{n}>B-{n}" for n in range(101)), "there are 101 pairs of rules, and 100 at most."),
        ("AR-1>AR-1", "the chains go round in a circle: AR-1 > AR-1. No rule can be wider than itself."),
        ("AR-1>AR-2>ar-1", "AR-1 > AR-2 > AR-1"),
        ("AR-1>AR-2; AR-2>AR-3; AR-3>AR-1", "AR-2 > AR-3"),
        ("AR-1*>AR-1?", "AR-1* > AR-1*"),
        ("AR-*>AR-651>AR-7", "AR-* > AR-651 > AR-*"),
    ],
)
def test_a_mistake_is_said_with_what_to_write_instead(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        Inhibitor.parse(text)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


NAMES = ["".join(letters) for size in (1, 2, 3) for letters in product("ab", repeat=size)]
PATTERNS = st.sampled_from(["a", "b", "ab", "ba", "aab", "a*", "*a", "?b", "b?", "*", "a?b", "a*b", "??", "bb*"])
CHAINS = st.lists(st.lists(PATTERNS, min_size=2, max_size=3).map(">".join), min_size=1, max_size=4).map(";".join)


def muting(chains: str) -> set[tuple[str, str]]:
    """The plain meaning, over all names: (wider, narrower), directly or through others."""
    pairs = {
        (wide, narrow)
        for chain in chains.split(";")
        for first, second in zip(chain.split(">"), chain.split(">")[1:], strict=False)
        for wide, narrow in product(NAMES, NAMES)
        if wide != narrow and glob(first).matches(wide) and glob(second).matches(narrow)
    }
    while True:
        more = {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs
        if not more:
            return pairs
        pairs |= more


@given(CHAINS)
def test_what_is_accepted_means_the_same_as_the_plain_reading_and_has_no_circle(chains: str) -> None:
    expected = muting(chains)
    try:
        inhibitor = Inhibitor.parse(chains)
    except ValueError:
        itself = re.search(r"(?:^|[>;])([^>;]+)>\1(?:$|[>;])", chains)
        assert any(a == b for a, b in expected) or itself or "*" in chains or "?" in chains
        return
    assert not any(a == b for a, b in expected)
    for narrow in NAMES:
        found = {wide for wide in NAMES if inhibitor.decide(alert(narrow, "r"), {wide: {"r"}}).inhibited}
        assert found == {wide for wide, other in expected if other == narrow}


def test_an_alert_that_no_chain_names_costs_microseconds() -> None:
    inhibitor = Inhibitor.parse(";".join(f"A-{n}>B-{n}" for n in range(100)))
    asked = alert("AR-1", *(f"r{n}" for n in range(1000)))
    others = {f"A-{n}": {"r1"} for n in range(100)}
    assert min(repeat(lambda: inhibitor.decide(asked, others), number=10, repeat=5)) / 10 < 0.001
