"""Taking resources out of an event as it was received."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.alert import JSON, Alert
from gateway.domain.optix import NotNarrowed, keep_resources, parse
from tests.domain.bodies import JSON_VALUES, PAYLOADS, body, read

LISTED: list[JSON] = [{"resourceInfo": name, "state": "OPEN", "new": {"x": [1.5]}} for name in ("one", "two")]


def test_all_else_stays_as_it_was_sent() -> None:
    raw = body(score="83", affectedResources=LISTED, new={"deep": [None]})
    assert json.loads(keep_resources(raw, (False, True))) == json.loads(
        body(score="83", affectedResources=LISTED[1:], new={"deep": [None]})
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-le"])
def test_whatever_the_encoding_the_rest_goes_out_in_utf_8(encoding: str) -> None:
    raw = body(affectedResources=LISTED).decode().encode(encoding)
    assert keep_resources(raw, (True, False)).decode() == json.dumps(json.loads(body(affectedResources=LISTED[:1])))


@pytest.mark.parametrize("odd", [b"caf\xe9", b"\\ud800", b"\x00", b"a\nb"])
def test_what_the_parser_reads_can_be_narrowed(odd: bytes) -> None:
    raw = body(alertSummary="%", affectedResources=LISTED).replace(b"%", odd)
    assert parse("optix", keep_resources(raw, (True, False))) == replace(read(raw), resources=read(raw).resources[:1])


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 5000])
def test_what_is_no_number_to_the_parser_is_none_that_counts(number: str) -> None:
    raw = body(affectedResources=["%", *LISTED]).replace(b'"%"', number.encode())
    assert [r.info for r in read(keep_resources(raw, [r.info == "two" for r in read(raw).resources])).resources] == [
        "two"
    ]


@given(st.fixed_dictionaries({"alertId": st.just("A"), "affectedResources": JSON_VALUES}), PAYLOADS, st.data())
@settings(max_examples=200)
def test_of_any_alert_those_are_kept_that_shall_be_kept(payload: JSON, more: JSON, data: st.DataObject) -> None:
    assert isinstance(payload, dict)
    event = {"eventType": "ALERT", "payloadData": (more if isinstance(more, dict) else {}) | payload, "x": more}
    raw = json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass")
    alert = parse("optix", raw)
    assert isinstance(alert, Alert)
    kept = data.draw(st.lists(st.booleans(), min_size=len(alert.resources), max_size=len(alert.resources)))
    read_again = parse("optix", keep_resources(raw, kept))
    assert isinstance(read_again, Alert)
    left = tuple(resource for resource, is_kept in zip(alert.resources, kept, strict=True) if is_kept)
    assert read_again == replace(alert, resources=left)


def test_what_is_nested_too_deeply_to_be_read_again_says_so() -> None:
    with pytest.raises(NotNarrowed, match="nested too deeply"):
        keep_resources(b'{"a":' + b"[" * 100_000, ())
