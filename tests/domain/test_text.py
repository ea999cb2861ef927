from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.text import (
    ELLIPSIS,
    Measure,
    code_points,
    cut,
    delimited,
    fit_lines,
    one_line,
    plain,
    utf8_bytes,
    utf16_units,
)

MEASURES = st.sampled_from([code_points, utf16_units, utf8_bytes])
TEXTS = st.text(st.sampled_from("ab é€🪣\n\u202e") | st.characters(), max_size=40)
LINES = st.lists(st.text(st.sampled_from("abé🪣 "), min_size=1, max_size=12), max_size=30)


@pytest.mark.parametrize(
    ("text", "points", "units", "octets"), [("", 0, 0, 0), ("abc", 3, 3, 3), ("é", 1, 1, 2), ("🪣", 1, 2, 4)]
)
def test_each_measure_counts_its_own_unit(text: str, points: int, units: int, octets: int) -> None:
    assert (code_points(text), utf16_units(text), utf8_bytes(text)) == (points, units, octets)


@given(TEXTS, st.integers(-2, 60), MEASURES)
def test_a_cut_text_is_never_over_the_limit_and_is_a_beginning(text: str, limit: int, measure: Measure) -> None:
    shown = cut(text, limit, measure)
    assert measure(shown) <= max(limit, 0)
    if measure(text) <= limit:
        assert shown == text
    elif shown:
        assert shown.endswith(ELLIPSIS)
        assert text.startswith(shown.removesuffix(ELLIPSIS))


@given(TEXTS, st.integers(4, 60), MEASURES)
def test_a_cut_text_is_the_longest_beginning_that_fits(text: str, limit: int, measure: Measure) -> None:
    shown = cut(text, limit, measure)
    if shown == text:
        return
    longer = [text[:n].rstrip() + ELLIPSIS for n in range(len(text))]
    assert measure(shown) == max(measure(candidate) for candidate in longer if measure(candidate) <= limit)


@given(LINES, st.integers(-2, 120), MEASURES, st.none() | st.integers(-1, 40))
def test_fitted_lines_are_never_over_the_limit_and_count_truly(
    lines: list[str], limit: int, measure: Measure, most: int | None
) -> None:
    text = fit_lines(lines, limit, measure, most=most)
    assert measure(text) <= max(limit, 0)
    if not text:
        return
    *shown, last = text.split("\n")
    count = re.fullmatch(r"\+(\d+) more", last)
    shown += [] if count else [last]
    assert len(shown) + (int(count[1]) if count else 0) == len(lines)
    assert most is None or len(shown) <= max(most, 0)
    assert all(a == b for a, b in zip(shown, lines, strict=False)) or (len(shown) == 1 and shown[0].endswith(ELLIPSIS))


@pytest.mark.parametrize(
    ("lines", "limit", "most", "text"),
    [
        (["one", "two"], 100, None, "one\ntwo"),
        (["one", "two", "three"], 100, 2, "one\ntwo\n+1 more"),
        (["one", "two", "three"], 100, 0, "+3 more"),
        (["one", "two", "three"], 12, None, "one\n+2 more"),
        (["one", "two", "three"], 3, None, ""),
        (["a long line alone"], 16, None, "a long…"),
        (["a long line", "two"], 14, None, "a lon…\n+1 more"),
        ([], 10, None, ""),
        ([], -1, None, ""),
    ],
)
def test_lines_that_do_not_fit_are_counted(lines: list[str], limit: int, most: int | None, text: str) -> None:
    assert fit_lines(lines, limit, most=most) == text


@pytest.mark.parametrize(
    ("hostile", "inert"),
    [
        ("plain", "plain"),
        ("a\r\nb\rc\u2028d\u2029e", "a\nb\nc\nd\ne"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("tab\tkept", "tab\tkept"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("half \ud83d", "half "),
        ("емкость", "емкость"),
    ],
)
def test_plain_text_has_no_teeth(hostile: str, inert: str) -> None:
    assert plain(hostile) == inert


@given(st.text(st.characters(), max_size=60))
def test_plain_text_can_be_encoded_and_is_plain_already(text: str) -> None:
    once = plain(text)
    once.encode()
    assert plain(once) == once
    assert not set(once) & set("\r\x00\x1b\u202e\u2028")


@given(st.text(st.characters(), max_size=60))
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert "  " not in line


@pytest.mark.parametrize("name", ["bucket", "arn:aws:s3:::logs-1", "i-0a.b_c/d"])
def test_a_usual_name_stands_in_a_sentence_as_it_is(name: str) -> None:
    assert delimited(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", '""'),
        ("a b", '"a b"'),
        ("a, b", '"a, b"'),
        ("+9", '"+9"'),
        ('say "x"', r'"say \"x\""'),
        ("x\nBy command: rm", r'"x\nBy command: rm"'),
        ("bücket 🪣", '"bücket 🪣"'),
        ("a\u202eb\u200b\u2028\u00a0\u3164", r'"a\u202eb\u200b\u2028\u00a0\u3164"'),
        ("\U000e0001", r'"\udb40\udc01"'),
    ],
)
def test_any_other_name_is_one_line_in_quotation_marks_with_all_that_is_in_it(name: str, shown: str) -> None:
    assert delimited(name) == shown


@given(TEXTS)
def test_from_a_delimited_name_the_name_can_be_told(name: str) -> None:
    shown = delimited(name)
    assert shown.isprintable()
    assert name == (json.loads(shown) if shown.startswith('"') else shown)
