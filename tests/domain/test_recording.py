from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.recording import Recording, as_json, from_json
from gateway.domain.silence import parse_silence
from gateway.domain.snapshot import Snapshot

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
SNAPSHOTS = st.builds(Snapshot, st.none() | st.integers(0, 100), st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple))
RECORDINGS = st.builds(
    Recording,
    id=TEXT,
    source=TEXT,
    received_us=st.integers(0, 2**60),
    body=st.binary(max_size=20),
    routes=st.lists(TEXT, max_size=3).map(tuple),
    decisions=st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=3).map(tuple),
    stood=st.booleans(),
    before=st.none() | SNAPSHOTS,
)
SILENCE = parse_silence(
    {"reason": "work", "author": "me", "lasts_us": 5, "RULES": ["AR-2*"], "ROUTES": ["soc"]}, silence_id="1", now_us=7
)
WHOLE = as_json(
    Recording("a-1", "optix", 5, b"{}", ("soc",), (("b", "muted", ""),), stood=True, before=Snapshot(1, ()))
)


@given(RECORDINGS)
def test_a_recording_comes_back_from_a_file_as_it_was(recording: Recording) -> None:
    assert from_json(json.loads(json.dumps(as_json(recording)))) == recording


@given(st.none() | st.integers(0, 2**60))
def test_a_silence_comes_back_from_a_file_as_it_was(ended_us: int | None) -> None:
    silence = replace(SILENCE, ended_us=ended_us)
    assert from_json(json.loads(json.dumps(as_json(silence)))) == silence


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ended_us": "soon"}, "ended_us is not a time"),
        ({"silence": None}, "a stored silence is damaged"),
        ({"silence": {"id": "1"}}, "a stored silence is damaged"),
        ({"silence": {"id": "1", "created_us": 5, "reason": "r", "LATER": 1}}, "LATER: a silence has no such key"),
    ],
)
def test_what_is_no_silence_is_refused_with_its_key(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_json({**as_json(SILENCE), **change})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": 7}, "id is not a text"),
        ({"received_us": "soon"}, "received_us is not a time"),
        ({"received_us": True}, "received_us is not a time"),
        ({"received_us": -1}, "received_us is not a time"),
        ({"body": "###"}, "body is not base64"),
        ({"body": None}, "body is not a text"),
        ({"routes": "soc"}, "routes is not a list"),
        ({"routes": [1]}, "routes is not a list"),
        ({"decisions": [["soc", "muted"]]}, "decisions is not"),
        ({"before": {"score": "high", "resources": []}}, "before is not"),
        ({"before": {"score": 1, "resources": [["one"]]}}, "before is not"),
        ({"before": 5}, "before is not"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_key(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_json({**WHOLE, **change})


@pytest.mark.parametrize("found", [None, [], "x", 1])
def test_only_an_object_is_a_recording(found: Any) -> None:
    with pytest.raises(ValueError, match="not an object"):
        from_json(found)


def test_keys_of_a_later_version_do_no_harm() -> None:
    assert from_json({**WHOLE, "later": 1}).id == "a-1"
