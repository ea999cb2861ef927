"""Bodies that nobody would wish for: what is no alert says why, and all else is read without harm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.alert import JSON, Resource
from gateway.domain.document import document
from gateway.domain.optix import Problem, Unreadable, parse
from tests.domain.bodies import ENVELOPES, JSON_VALUES, PAYLOADS, body, read


def refused(raw: bytes) -> Unreadable:
    problem = parse("optix", raw)
    assert isinstance(problem, Unreadable), problem
    return problem


def texts_in(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts_in(part)]
    return [text for item in value for text in texts_in(item)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    ("raw", "problem", "reason"),
    [
        (b"", Problem.EMPTY, "the body is empty"),
        (b" \r\n\t", Problem.EMPTY, "the body is empty"),
        (b"not json", Problem.NOT_JSON, "not JSON: Expecting value at line 1, column 1"),
        (b'{"a":1', Problem.NOT_JSON, "not JSON: Expecting ',' delimiter at line 1, column 7"),
        (b'{"a":1} {}', Problem.NOT_JSON, "not JSON: Extra data at line 1, column 9"),
        (b"\xff\xfe", Problem.NOT_JSON, "not JSON: Expecting value at line 1, column 1"),
        (b"[]", Problem.NOT_OBJECT, "the body is a list, not a JSON object"),
        (b'"text"', Problem.NOT_OBJECT, "the body is a text, not a JSON object"),
        (b"null", Problem.NOT_OBJECT, "the body is null, not a JSON object"),
        (b"17", Problem.NOT_OBJECT, "the body is a number, not a JSON object"),
        (b"true", Problem.NOT_OBJECT, "the body is true or false, not a JSON object"),
        (b"{}", Problem.NOT_AN_ALERT, "eventType is missing"),
        (b'{"eventType":7}', Problem.NOT_AN_ALERT, "eventType is a number, not a text"),
        (b'{"eventType":" "}', Problem.NOT_AN_ALERT, "eventType is empty"),
        (b'{"eventType":"ALERT"}', Problem.NOT_AN_ALERT, "payloadData is missing"),
        (b'{"eventType":"ALERT","payloadData":[]}', Problem.NOT_AN_ALERT, "payloadData is a list, not an object"),
        (b'{"eventType":"ALERT","payloadData":"{}"}', Problem.NOT_AN_ALERT, "payloadData is a text, not an object"),
        (b'{"eventType":"ALERT","payloadData":{}}', Problem.NOT_AN_ALERT, "payloadData.alertId is missing"),
        (body(alertId=""), Problem.NOT_AN_ALERT, "payloadData.alertId is empty"),
        (body(alertId="  "), Problem.NOT_AN_ALERT, "payloadData.alertId is empty"),
        (body(alertId={}), Problem.NOT_AN_ALERT, "payloadData.alertId is an object, not a text"),
        (body(alertId=True), Problem.NOT_AN_ALERT, "payloadData.alertId is true or false, not a text"),
    ],
)
def test_what_is_no_alert_says_why(raw: bytes, problem: Problem, reason: str) -> None:
    assert refused(raw) == Unreadable(problem, reason)


@pytest.mark.parametrize(
    ("opening", "problem"),
    [(b"[", Problem.NOT_JSON), (b'{"a":', Problem.NOT_AN_ALERT), (b' {"a":[', Problem.NOT_AN_ALERT)],
)
def test_a_body_nested_beyond_reading_is_held_when_it_is_an_object(opening: bytes, problem: Problem) -> None:
    assert refused(opening * 1_000_000) == Unreadable(problem, "the body is nested too deeply to be read")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_encoding_of_json_is_read(encoding: str) -> None:
    text = json.dumps({"eventType": "ALERT", "payloadData": {"alertId": "A-1", "alertSummary": "café 🪣"}})
    assert read(text.encode(encoding)).summary == "café 🪣"
    raw = text.encode().decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16").encode(encoding)
    assert read(raw).summary == "café 🪣"


def test_a_wrong_byte_in_a_name_loses_the_byte_and_not_the_alert() -> None:
    raw = b'{"eventType":"ALERT","payloadData":{"alertId":"A-1","alertSummary":"caf\xe9"}}'
    assert read(raw).summary == "caf\ufffd"


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"\ud800", "\ufffd"),
        (r"\udc00\ud800", "\ufffd\ufffd"),
        (r"a\ud83db", "a\ufffdb"),
        (r"\ud83e\udea3", "🪣"),
        (r"\uD83E\uDEA3", "🪣"),
        (r"a\u0000b", "a\ufffdb"),
        ("a\x00b", "a\ufffdb"),
        (r"\\ud800", r"\ud800"),
    ],
)
def test_halves_of_characters_and_nul_are_replaced_everywhere(escaped: str, text: str) -> None:
    raw = (
        '{"eventType":"ALERT","k%":"%","payloadData":{"alertId":"%","alertSummary":"%","policyLabel":"%",'
        '"new":{"k%":["%"]},"affectedResources":[{"resourceInfo":"%","state":"%","k%":"%"}]}}'
    ).replace("%", escaped)
    alert = read(raw.encode())
    assert (alert.alert_id, alert.summary, alert.policy_labels) == (text, text, (text,))
    assert alert.envelope_extra == {f"k{text}": text}
    assert alert.extra == {"new": {f"k{text}": [text]}}
    assert alert.resources == (Resource(text, text, None, {f"k{text}": text}),)


@pytest.mark.parametrize("depth", [10, 63, 64, 65, 200, 400, 900, 5000])
def test_deep_nesting_under_an_unknown_key_is_kept_as_text_or_held(depth: int) -> None:
    nested = b'{"eventType":"ALERT","payloadData":{"alertId":"A","new":' + b"[" * depth + b'"x"' + b"]" * depth + b"}}"
    alert = parse("optix", nested)
    if isinstance(alert, Unreadable):
        assert (alert.problem, depth > 400) == (Problem.NOT_AN_ALERT, True)
    else:
        assert "x" in json.dumps(document(alert))


def nesting_of(value: object) -> int:
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if items is None else 1 + max(map(nesting_of, items), default=0)


def test_what_is_kept_is_never_nested_deeper_than_others_can_follow() -> None:
    deep = json.loads("[" * 200 + '{"end":true}' + "]" * 200)
    resource: JSON = {"resourceInfo": "b", "state": "OPEN", "affectedResourceJSON": json.dumps(deep), "x": deep}
    alert = read(body(new=deep, affectedResources=[resource]))
    kept = [alert.extra["new"], alert.resources[0].extra["x"], alert.resources[0].details]
    assert [nesting_of(value) for value in kept] == [64, 64, 64]
    assert "end" in json.dumps(kept[0])


def test_a_large_alert_is_read() -> None:
    resources: list[JSON] = [{"resourceInfo": f"file {i} branch: é{i}", "state": "OPEN"} for i in range(20_000)]
    raw = body(affectedResources=resources)
    assert len(raw) > 1024 * 1024
    assert read(raw).open_count == 20_000


def assert_harmless(raw: bytes) -> None:
    read_ = parse("optix", raw)
    if isinstance(read_, Unreadable):
        assert "\n" not in read_.reason
        assert len(read_.reason) < 120
        read_.reason.encode()
        return
    shown = document(read_)
    for text in texts_in(shown):
        text.encode()
        assert "\x00" not in text
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


@given(st.fixed_dictionaries({"eventType": st.just("ALERT"), "payloadData": PAYLOADS}) | ENVELOPES | JSON_VALUES)
@settings(max_examples=300)
def test_any_json_is_read_or_refused_and_every_text_is_utf_8(value: JSON) -> None:
    assert_harmless(json.dumps(value).encode())
    assert_harmless(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    assert_harmless(raw)
    assert_harmless(b'{"eventType":"ALERT","payloadData":{"alertId":"' + raw + b'"}}')
