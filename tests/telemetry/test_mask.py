from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from gateway.telemetry.mask import masker

HOOK = "https://hooks.example.com/services/T000/B000/XXXXyyyyZZZZ11112222?sig=abcdefghijklmnopqrs%3D"


@pytest.mark.parametrize(
    "shown",
    [
        f"POST {HOOK} failed",
        "path /services/T000/B000/XXXXyyyyZZZZ11112222 was gone",
        "token XXXXyyyyZZZZ11112222",
        "sig abcdefghijklmnopqrs%3D",
        "sig abcdefghijklmnopqrs=",
        json.dumps({"url": HOOK}),
        quote(HOOK, safe=""),
    ],
)
def test_a_secret_url_and_its_telling_parts_are_masked(shown: str) -> None:
    masked = masker([HOOK])(shown)
    assert "XXXXyyyyZZZZ11112222" not in masked
    assert "abcdefghijklmnopqrs" not in masked
    assert "***" in masked


def test_a_secret_is_masked_also_where_json_escapes_it() -> None:
    secret = 'pass"word\\é🔑'
    masked = masker([secret])(json.dumps(secret) + secret + repr(secret))
    assert "word" not in masked


def test_a_secret_inside_a_longer_one_leaves_no_rest() -> None:
    assert masker(["abcdef", "abcdef-and-more"])("x abcdef-and-more y") == "x *** y"


def test_words_too_short_to_be_secrets_are_left_alone() -> None:
    assert masker(["ok", ""])("200 ok") == "200 ok"


@pytest.mark.parametrize("broken", ["http://[::1/secret-secret-secret", "://", "https://"])
def test_what_is_no_url_is_masked_as_it_stands(broken: str) -> None:
    assert broken not in masker([broken])(f"could not reach {broken}!") or len(broken) < 6


def test_long_texts_are_masked_too() -> None:
    masked = masker(["hunter2hunter2"])("x" * 1000 + "hunter2hunter2")
    assert masked == "x" * 1000 + "***"
