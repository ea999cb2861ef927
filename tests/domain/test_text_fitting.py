from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.text import (
    Measure,
    code_points,
    cut,
    fit_lines,
    fit_list,
    is_visible,
    plain,
    utf8_bytes,
    utf16_units,
)

measures = st.sampled_from([code_points, utf16_units, utf8_bytes])


@pytest.mark.parametrize(
    ("items", "limit", "shown"),
    [
        (["GDPR", "PCI"], 9, "GDPR, PCI"),
        (["GDPR", "PCI", "SOC2"], 14, "GDPR, +2 more"),
        (["GDPR", "PCI", "SOC2"], 15, "GDPR, PCI, SOC2"),
        (["x" * 40, "PCI"], 20, "xxxxxxxxxx…, +1 more"),
        ([], 5, ""),
        (["GDPR", "PCI"], 2, ""),
    ],
)
def test_items_are_kept_whole_on_one_line_and_the_rest_is_counted(items: list[str], limit: int, shown: str) -> None:
    assert fit_list(items, limit) == shown


@given(items=st.lists(st.text(max_size=20), max_size=30), limit=st.integers(0, 120), measure=measures)
def test_a_list_never_exceeds_the_limit(items: list[str], limit: int, measure: Measure) -> None:
    assert measure(fit_list(items, limit, measure)) <= limit


def test_line_ends_cost_what_the_receiver_says_they_cost() -> None:
    def measure(text: str) -> int:
        return len(text) + 3 * text.count("\n")

    assert fit_lines(["a", "b", "c", "d" * 90], 21, measure) == "a\nb\n+2 more"


@given(text=st.text(max_size=300), limit=st.integers(0, 40), measure=measures)
def test_what_lies_beyond_the_limit_is_not_measured(text: str, limit: int, measure: Measure) -> None:
    seen: list[int] = []

    def watched(part: str) -> int:
        seen.append(len(part))
        return measure(part)

    assert cut(text, limit, watched) == cut(text, limit, measure)
    assert max(seen) <= limit + 1


def test_every_control_character_of_unicode_goes() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    left = {unicodedata.category(character) for character in plain(everything) if character not in "\n\t\u200c\u200d"}
    assert left.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})


@pytest.mark.parametrize(("text", "visible"), [("a", True), ("🪣", True), ("", False), (" \u200d\u3164", False)])
def test_a_text_without_anything_to_see_is_known(text: str, visible: bool) -> None:  # noqa: FBT001
    assert is_visible(text) is visible
