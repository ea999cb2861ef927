from __future__ import annotations

import re
from time import perf_counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.pattern import covers, fold, fold_type, glob

SMALL = st.text("ab?*[]\n", max_size=8)
TEXT = st.text("ab?*[]\n", max_size=14)


def by_regular_expression(pattern: str, text: str) -> bool:
    translated = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(translated, text, re.DOTALL) is not None


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("*", "", True),
        ("*", "anything\nat all", True),
        ("?", "", False),
        ("?", "\n", True),
        ("ar-*", "ar-251", True),
        ("ar-*", "ar-", True),
        ("ar-*", "az-251", False),
        ("*-251", "ar-251", True),
        ("*-251", "ar-2510", False),
        ("ar-2?1", "ar-251", True),
        ("ar-2?1", "ar-21", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*ab*ba*", "aba", False),
        ("*ab*ba*", "abba", True),
        ("a*b?c*d", "axbbcxbzcd", True),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a.c", "abc", False),
        ("https://github.com/acme/*", "https://github.com/acme/infra", True),
        ("https://github.com/acme/*", "https://github.com/acme-evil/infra", False),
    ],
)
def test_only_star_and_question_mark_are_special(pattern: str, text: str, matches: bool) -> None:  # noqa: FBT001
    assert glob(pattern).matches(text) is matches


@given(SMALL, TEXT)
@example("a*a", "a")
def test_a_glob_matches_what_the_equivalent_regular_expression_matches(pattern: str, text: str) -> None:
    assert glob(pattern).matches(text) is by_regular_expression(pattern, text)


@given(SMALL, TEXT)
def test_a_match_begins_with_the_prefix(pattern: str, text: str) -> None:
    compiled = glob(pattern)
    assert not compiled.matches(text) or text.startswith(compiled.prefix)


@given(SMALL, SMALL, TEXT)
@example("a?c", "a*c", "abbc")
def test_a_pattern_that_covers_another_matches_all_that_it_matches(wide: str, narrow: str, text: str) -> None:
    if covers(wide, narrow) and glob(narrow).matches(text):
        assert glob(wide).matches(text)


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ("ar-*", "ar-251", True),
        ("ar-*", "ar-2*", True),
        ("*", "ar-?", True),
        ("ar-?", "ar-?", True),
        ("ar-251", "ar-*", False),
        ("ar-2*", "ar-*", False),
        ("a?c", "a*c", False),
    ],
)
def test_a_wider_pattern_covers_a_narrower_one(wide: str, narrow: str, covered: bool) -> None:  # noqa: FBT001
    assert covers(wide, narrow) is covered


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 30 + "*b", "a" * 1_000_000),
        ("a*" * 30 + "b", "a" * 1_000_000),
        ("*a?" * 20 + "*b", "a" * 1_000_000),
        ("*aaaaaaaaaaaaaaaab*", "a" * 1_000_000),
        ("*?*?*?*?*?*?*?*?*b", "a" * 1_000_000),
    ],
    ids=["stars", "stars behind", "stars and question marks", "near miss", "alternating"],
)
def test_no_text_makes_a_glob_slow(pattern: str, text: str) -> None:
    compiled, started = glob(pattern), perf_counter()
    assert not compiled.matches(text)
    assert perf_counter() - started < 2


def test_folding_forgets_case_and_blanks_around() -> None:
    assert fold("  Straße ") == fold("STRASSE")


@pytest.mark.parametrize("name", ["IaC", "iac", "I a C", "Dev", "DEV", " dev "])
def test_dev_is_another_name_of_iac(name: str) -> None:
    assert fold_type(name) == "iac"


def test_white_space_inside_an_alert_type_never_counts() -> None:
    assert fold_type("Serverless  Storage\u00a0Protection") == fold_type("serverlessstorageprotection")
