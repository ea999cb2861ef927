from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.alert import Alert
from gateway.domain.condition import Reading
from gateway.domain.severity import Severity
from gateway.domain.silence import Silence, SilenceMistakes, from_json, matching, parse_silence, to_json
from gateway.domain.window import WhenMuted

ALERT = Alert("optix", "ALERT", "44412345678075", "A-1", "optix-1", Severity.HIGH, 85, rule="AR-251", provider="AWS")
MINUTE_US, DAY_US = 60_000_000, 86_400_000_000
NOW_US = 1_790_000_000_000_000
GIVEN = {"RULES": ["AR-2*"], "reason": "load test until noon", "author": "kim", "lasts_us": 60 * MINUTE_US}

WORDS = st.text(min_size=1, max_size=20).filter(lambda text: text.strip() != "" and text.isprintable())
VALID = st.fixed_dictionaries(
    {"reason": WORDS.map(lambda text: f"because {text}"), "author": WORDS.map(lambda text: f"kim {text}")},
    optional={"then": st.sampled_from(["hold", "drop"]), "ROUTES": st.lists(WORDS, min_size=1, max_size=3)},
)
CHOICES = st.just({"all": True}) | st.dictionaries(
    st.sampled_from(["RULES", "ENVIRONMENTS", "RESOURCES", "NOT_SOURCES"]), st.lists(WORDS, min_size=1), min_size=1
)


def made(changed: Mapping[str, Any] | None = None, *, silence_id: str = "s1", now_us: int = NOW_US) -> Silence:
    """A valid silence with some values changed; None takes one away."""
    values = {key: value for key, value in {**GIVEN, **(changed or {})}.items() if value is not None}
    return parse_silence(values, silence_id=silence_id, now_us=now_us)


def mistakes_of(changed: Mapping[str, Any]) -> dict[str, str]:
    with pytest.raises(SilenceMistakes) as caught:
        made(changed)
    return dict(caught.value.mistakes)


def test_a_silence_is_what_was_written_from_now_on_and_holds() -> None:
    silence = made({"ROUTES": [" soc-* "], "reason": " load \n test\x1b "})
    assert silence.texts == (("RULES", ("AR-2*",)),)
    assert silence.routes == ("soc-*",)
    assert (silence.id, silence.reason, silence.author, silence.then) == ("s1", "load test", "kim", WhenMuted.HOLD)
    assert (silence.created_us, silence.starts_us) == (NOW_US, NOW_US)
    assert silence.expires_us == NOW_US + 60 * MINUTE_US
    assert silence.describe() == "rule is like AR-2*; event type is ALERT; on routes soc-*"


@pytest.mark.parametrize(
    ("changed", "starts_after_us", "expires_after_us"),
    [
        ({"starts_us": NOW_US + DAY_US}, DAY_US, DAY_US + 60 * MINUTE_US),
        ({"starts_us": NOW_US - 10 * MINUTE_US}, 0, 50 * MINUTE_US),
        ({"lasts_us": None, "expires_us": NOW_US + 1}, 0, 1),
        ({"lasts_us": 90 * DAY_US}, 0, 90 * DAY_US),
        ({"starts_us": NOW_US + 365 * DAY_US}, 365 * DAY_US, 365 * DAY_US + 60 * MINUTE_US),
    ],
)
def test_it_lasts_from_its_start_and_a_start_that_is_past_is_now(
    changed: dict[str, Any], starts_after_us: int, expires_after_us: int
) -> None:
    silence = made(changed)
    assert (silence.starts_us - NOW_US, silence.expires_us - NOW_US) == (starts_after_us, expires_after_us)


@pytest.mark.parametrize(
    ("changed", "key", "words"),
    [
        ({"reason": None}, "reason", "missing"),
        ({"reason": "\u200d \x1b"}, "reason", "missing"),
        ({"reason": "x" * 501}, "reason", "has 501 characters. At most 500"),
        ({"author": " "}, "author", "missing"),
        ({"author": ["kim"]}, "author", "write a text"),
        ({"author": "x" * 101}, "author", "At most 100"),
        ({"lasts_us": None}, "expires_us", "has to end"),
        ({"expires_us": NOW_US + 1}, "expires_us", "either expires_us or lasts_us"),
        ({"lasts_us": True}, "lasts_us", "whole number"),
        ({"lasts_us": 1e6}, "lasts_us", "whole number"),
        ({"lasts_us": 0}, "lasts_us", "over when it begins"),
        ({"lasts_us": 90 * DAY_US + 1}, "lasts_us", "longer than 90 days"),
        ({"lasts_us": None, "expires_us": NOW_US}, "expires_us", "over when it begins"),
        ({"starts_us": NOW_US + 365 * DAY_US + 1}, "starts_us", "more than 365 days from now"),
        ({"starts_us": NOW_US - 60 * MINUTE_US}, "lasts_us", "over when it begins"),
        ({"starts_us": "now"}, "starts_us", "whole number"),
        ({"then": "delete"}, "then", "hold"),
        ({"then": ["hold"]}, "then", "hold"),
        ({"RULES": None}, "all", "every alert would be silenced"),
        ({"RULES": None, "EVENT_TYPES": ["ALERT"]}, "all", "every alert would be silenced"),
        ({"RULES": None, "ROUTES": ["soc"]}, "all", "every alert would be silenced"),
        ({"RULES": None, "all": False}, "all", "every alert would be silenced"),
        ({"RULES": None, "all": "true"}, "all", "write true"),
        ({"all": True}, "all", "RULES chooses"),
        ({"RULES": "AR-1,AR-2"}, "RULES", "list of texts"),
        ({"RULES": [1]}, "RULES", "list of texts"),
        ({"RULES": []}, "RULES", "no value is given"),
        ({"RULES": ["x"] * 101}, "RULES", "at most 100 values"),
        ({"RULES": ["x" * 1001]}, "RULES", "at most 1000 characters"),
        ({"SEVERITIES": ["hgih"]}, "SEVERITIES", "Did you mean high?"),
        ({"RULES": ["AR-1"], "NOT_RULES": ["AR-*"]}, "NOT_RULES", "no alert could ever be taken"),
        ({"ROUTES": []}, "ROUTES", "a name is empty"),
        ({"ROUTES": ["soc", " "]}, "ROUTES", "a name is empty"),
        ({"rulse": ["AR-1"]}, "rulse", "Did you mean RULES?"),
        ({"id": "s2"}, "id", "no such key"),
        ({"created_us": 0}, "created_us", "no such key"),
        ({"\x1b[2J" + "x" * 99: 1}, "[2J" + "x" * 56 + "…", "no such key"),
    ],
)
def test_a_mistake_is_told_at_its_key(changed: dict[str, Any], key: str, words: str) -> None:
    found = mistakes_of(changed)
    assert list(found) == [key]
    assert words in found[key]


def test_all_mistakes_are_told_at_once() -> None:
    changed = {"reason": "", "author": 7, "lasts_us": -1, "then": "no", "RULES": ["*", ""], "ROUTES": "soc", "x": 1}
    assert set(mistakes_of(changed)) == {"reason", "author", "lasts_us", "then", "RULES", "ROUTES", "x"}


@pytest.mark.parametrize(
    ("changed", "alert", "route", "taken"),
    [
        ({}, {}, "soc", True),
        ({}, {"rule": "ar-299"}, "soc", True),
        ({}, {"rule": "AR-151"}, "soc", False),
        ({}, {"event_type": "RESOLVED"}, "soc", False),
        ({"MIN_SEVERITY": ["critical"]}, {}, "soc", False),
        ({"ROUTES": ["SOC-*", "mail"]}, {}, "soc-night", True),
        ({"ROUTES": ["soc-*", "Mail"]}, {}, "mail", True),
        ({"ROUTES": ["soc-*", "mail"]}, {}, "mail2", False),
        ({"RULES": None, "all": True}, {"rule": "", "event_type": "RESOLVED"}, "soc", True),
        ({"RULES": None, "all": True, "ROUTES": ["mail"]}, {}, "soc", False),
    ],
)
def test_a_silence_takes_what_its_filter_takes_on_the_routes_it_names(
    changed: dict[str, Any], alert: dict[str, str], route: str, *, taken: bool
) -> None:
    silence = made(changed)
    found = matching([silence], Reading(replace(ALERT, **alert)), route, NOW_US)  # type: ignore[arg-type] # texts only
    assert found is (silence if taken else None)


@pytest.mark.parametrize(("after_us", "active"), [(-1, False), (0, True), (59, True), (60, False)])
def test_a_silence_is_active_from_its_start_up_to_its_end(after_us: int, *, active: bool) -> None:
    silence = made({"starts_us": NOW_US + 100, "lasts_us": 60})
    assert silence.is_active(NOW_US + 100 + after_us) is active
    assert (matching([silence], Reading(ALERT), "soc", NOW_US + 100 + after_us) is silence) is active


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5), st.booleans()), max_size=6))
def test_of_several_the_one_that_lasts_longest_is_found(drawn: list[tuple[int, int, bool]]) -> None:
    silences = [
        made(
            {"starts_us": NOW_US + start, "lasts_us": lasts, "RULES": ["AR-2*" if fits else "AZ-*"]},
            silence_id=f"s{n}",
        )
        for n, (start, lasts, fits) in enumerate(drawn)
    ]
    now_us = NOW_US + 2
    ends = {s.id: s.expires_us for s, (start, lasts, fits) in zip(silences, drawn, strict=True)
            if fits and start <= 2 < start + lasts}  # fmt: skip
    found = matching(silences, Reading(ALERT), "soc", now_us)
    longest = max(ends.values(), default=0)
    assert (found.id if found else None) == min((name for name, end in ends.items() if end == longest), default=None)


@given(values=VALID, choice=CHOICES, start_us=st.integers(0, DAY_US), lasts_us=st.integers(1, DAY_US))
def test_a_stored_silence_is_read_back_as_the_same(
    values: dict[str, Any], choice: dict[str, Any], start_us: int, lasts_us: int
) -> None:
    times = {"starts_us": NOW_US + start_us, "lasts_us": lasts_us}
    silence = parse_silence({**values, **choice, **times}, silence_id="s1", now_us=NOW_US)
    text = to_json(silence)
    assert text.isascii()
    assert from_json(text) == silence
    assert from_json(json.dumps(dict(reversed(json.loads(text).items())), indent=2)) == silence
    assert from_json(text).describe() == silence.describe()


@pytest.mark.parametrize(
    "changed",
    [
        {"id": 1}, {"id": None}, {"created_us": None}, {"created_us": "1"}, {"created_us": True}, {"x": 1},
        {"reason": None}, {"reason": "two  blanks"}, {"author": ""}, {"then": "HOLD"}, {"then": None},
        {"starts_us": None}, {"starts_us": NOW_US - 1}, {"starts_us": float(NOW_US)}, {"expires_us": NOW_US},
        {"expires_us": None, "lasts_us": 60}, {"RULES": None}, {"RULES": "AR-1"}, {"RULES": ["AR-1", None]},
        {"all": False}, {"all": True}, {"ROUTES": []}, {"ROUTES": [" soc"]}, {"SEVERITIES": ["hgih"]},
    ],
)  # fmt: skip
def test_a_stored_silence_that_was_changed_is_refused(changed: dict[str, Any]) -> None:
    stored = {**json.loads(to_json(made())), **changed}
    text = json.dumps({key: value for key, value in stored.items() if value is not None})
    with pytest.raises(ValueError, match="a stored silence is damaged"):
        from_json(text)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '[["id", "s1"]]', "[" * 100_000, '{"id": NaN}'])
def test_what_is_no_stored_silence_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a stored silence is damaged"):
        from_json(text)


def test_a_key_that_stands_twice_is_refused() -> None:
    text = to_json(made())
    with pytest.raises(ValueError, match="a key twice"):
        from_json(text[:-1] + ',"then":"hold"}')


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSONS = SCALARS | st.lists(SCALARS, max_size=3) | st.lists(st.text(max_size=5), max_size=3)


@given(
    st.dictionaries(st.sampled_from([*GIVEN, "starts_us", "expires_us", "then", "all", "ROUTES", "NOT_RULES"]), JSONS)
)
def test_any_values_make_a_silence_or_mistakes_in_words(changed: dict[str, Any]) -> None:
    try:
        silence = made(changed)
    except SilenceMistakes as found:
        assert all(message for _, message in found.mistakes)  # noqa: PT017 - most values are wrong, and some are not
    else:
        assert from_json(to_json(silence)) == silence


def test_a_hundred_silences_are_looked_through_in_a_moment() -> None:
    silences = [made({"RULES": [f"AZ-{n}*"], "ROUTES": ["soc-*"]}, silence_id=f"s{n}") for n in range(100)]
    took_s = []
    for _ in range(20):
        began_s = perf_counter()
        assert matching(silences, Reading(ALERT), "soc-night", NOW_US) is None
        took_s.append(perf_counter() - began_s)
    assert min(took_s) < 0.005
