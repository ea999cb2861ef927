from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.domain.rfc5424 import VALUE_BYTES, element, escaped, header_field, timestamp


@pytest.mark.parametrize(
    ("text", "limit", "field"),
    [("Policy", 32, "Policy"), ("S3 Malware", 32, "S3_Malware"), ("é\x00\n", 32, "_"), ("", 32, "-"), ("abc", 2, "ab")],
)
def test_header_fields_are_printable_ascii_without_blanks(text: str, limit: int, field: str) -> None:
    assert header_field(text, limit) == field


@pytest.mark.parametrize(
    ("value", "said"), [('"', '\\"'), ("\\", "\\\\"), ("]", "\\]"), ("[", "["), ("a\nb", "a b"), ("é🪣", "é🪣")]
)
def test_three_characters_are_escaped_in_values(value: str, said: str) -> None:
    assert escaped(value) == said


def test_times_are_told_in_utc_with_six_digits() -> None:
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000000Z"
    east = timezone(timedelta(hours=2))
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5, 67, tzinfo=east)) == "2026-01-02T01:04:05.000067Z"


def test_an_element_takes_what_fits_and_is_nil_when_nothing_does() -> None:
    params = (("a", "1"), ("none", ""), ("b", "2"))
    whole = '[x@1 a="1" b="2"]'
    assert element("x@1", params, max_bytes=len(whole)) == whole
    assert element("x@1", params, max_bytes=len(whole) - 1) == '[x@1 a="1"]'
    assert element("x@1", params, max_bytes=10) == "-"
    assert element("x@1", (), max_bytes=100) == "-"


def test_a_value_is_cut_at_its_limit_escapes_included() -> None:
    assert element("x@1", (("a", "v" * VALUE_BYTES),), max_bytes=1000) == f'[x@1 a="{"v" * VALUE_BYTES}"]'
    assert element("x@1", (("a", "v" * (VALUE_BYTES + 1)),), max_bytes=1000).endswith('v…"]')
    assert element("x@1", (("a", "]" * 128),), max_bytes=1000).count("\\]") == (VALUE_BYTES - 3) // 2
