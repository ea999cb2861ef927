from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.alert import JSON
from gateway.domain.clip import Counts, Document, fitted, smallest


def noted(made: Document, left_out: Counts) -> Document:
    return made | {"left_out": left_out}


def cost(made: Document) -> int:
    return len(json.dumps(made))


def many(made: Document) -> list[JSON]:
    found = made["many"]
    assert isinstance(found, list)
    return found


def test_lists_give_way_with_a_true_count_for_each() -> None:
    document: Document = {"many": list(range(1000)), "few": [1, 2], "deep": {"er": ["x"] * 500}}
    made = fitted(document, 400, cost, noted)
    deep = made["deep"]
    assert isinstance(deep, dict)
    assert isinstance(deep["er"], list)
    assert made["left_out"] == {"many": 1000 - len(many(made)), "deep.er": 500 - len(deep["er"])}
    assert made["few"] == [1, 2]


def test_a_list_inside_a_list_goes_or_stays_with_its_entry() -> None:
    made = fitted({"all": [{"some": ["x" * 300, 2, 3]}]}, 10**6, cost, noted)
    assert made == {"all": [{"some": ["x" * 300, 2, 3]}], "left_out": {}}
    assert smallest(made, noted)["left_out"] == {"all": 1}


@given(count=st.integers(0, 3000), limit=st.integers(200, 9000))
def test_nearly_as_many_entries_stay_as_fit(count: int, limit: int) -> None:
    document: Document = {"many": [f"{n:06}" for n in range(count)]}
    made = fitted(document, limit, cost, noted)
    assert cost(made) <= limit
    assert len(many(made)) == count or cost(made) > limit * 14 // 16 - 20
    assert made["left_out"] == ({"many": count - len(many(made))} if len(many(made)) < count else {})


@given(lengths=st.lists(st.integers(0, 2000), max_size=300), limit=st.integers(200, 9000))
def test_entries_may_be_of_very_different_lengths(lengths: list[int], limit: int) -> None:
    made = fitted({"many": ["x" * length for length in lengths]}, limit, cost, noted)
    kept = len(many(made))
    assert cost(made) <= limit
    assert kept == len(lengths) or cost(made) + sum(lengths[kept : kept + 1 + kept // 16]) > limit * 15 // 16 - 100


@pytest.mark.parametrize(("limit", "longest"), [(5000, 4000), (3999, 200)])
def test_texts_become_short_only_where_no_list_is_left_to_give_way(limit: int, longest: int) -> None:
    made = fitted({"text": "x" * 9000, "many": [1] * 5000}, limit, cost, noted)
    assert made["text"] == "x" * (longest - 1) + "…"


def test_an_address_is_never_cut() -> None:
    made = smallest({"url": "https://a.example/" + "x" * 200, "short": "https://a.example/"}, noted)
    assert (made["url"], made["short"]) == ("", "https://a.example/")


def test_the_smallest_has_no_entries_whatever_would_fit() -> None:
    assert smallest({"many": [1, 2], "text": "x"}, noted) == {"many": [], "text": "x", "left_out": {"many": 2}}
