from __future__ import annotations

import pytest

from gateway.domain.cef import extension_escaped, header_escaped

HEADER = [
    ("plain", "plain"),
    ("a|b", "a\\|b"),
    ("a\\b", "a\\\\b"),
    ("a\\|b", "a\\\\\\|b"),
    ("a=b", "a=b"),
    ("a\r\nb\tc", "a b c"),
]
EXTENSION = [
    ("plain", "plain"),
    ("a|b", "a|b"),
    ("a\\b", "a\\\\b"),
    ("a=b", "a\\=b"),
    ("a\r\nb\rc\nd", "a\\nb\\nc\\nd"),
    ("ends with \\", "ends with \\\\"),
    ("\\n", "\\\\n"),
    (" blanks around ", "blanks around"),
    ("nul\x00", "nul"),
]


@pytest.mark.parametrize(("text", "escaped"), HEADER)
def test_bars_and_backslashes_are_escaped_in_the_header(text: str, escaped: str) -> None:
    assert header_escaped(text) == escaped


@pytest.mark.parametrize(("text", "escaped"), EXTENSION)
def test_equals_signs_backslashes_and_line_ends_are_escaped_in_the_extension(text: str, escaped: str) -> None:
    assert extension_escaped(text) == escaped
