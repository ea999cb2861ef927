from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.destinations import Context
from gateway.destinations.splunk_hec import SplunkHecSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.domain.outcome import OutcomeClass

NOW = datetime(2026, 5, 4, 3, 2, 1, 500_000, tzinfo=UTC)
AlertOf = Callable[..., Alert]


def sent(alert: Alert, **more: Any) -> HttpRequest:
    made = SplunkHecSettings.model_validate({"url": "https://splunk.example:8088", "token": "abc", **more})
    return format_message(alert, Context("dlv-1", "r", b"", NOW), made)


def payload(alert: Alert, **more: Any) -> Any:
    return json.loads(sent(alert, **more).body)


def test_the_token_goes_into_the_header_and_nowhere_else(alert_of: AlertOf) -> None:
    message = sent(alert_of(), channel="11111111-2222-3333-4444-555555555555")
    assert message.url == "https://splunk.example:8088/services/collector/event"
    assert ("Authorization", "Splunk abc") in message.headers
    assert ("X-Splunk-Request-Channel", "11111111-2222-3333-4444-555555555555") in message.headers
    assert b"abc" not in message.body


def test_time_is_when_it_was_seen_in_seconds_and_else_when_it_was_sent(alert_of: AlertOf) -> None:
    assert payload(alert_of(seen_at=datetime(2026, 1, 1, tzinfo=UTC)))["time"] == 1767225600.0
    assert payload(alert_of())["time"] == 1777863721.5


def test_a_repeat_can_be_told_by_its_indexed_fields(alert_of: AlertOf) -> None:
    said = payload(alert_of())
    assert said["fields"] == {"incident": alert_of().key, "delivery": "dlv-1", "severity": "high"}


def test_without_an_index_the_tokens_own_is_meant(alert_of: AlertOf) -> None:
    assert "index" not in payload(alert_of())
    assert payload(alert_of(), index="main")["index"] == "main"


@pytest.mark.parametrize(("form", "key"), [("alert", "console_url"), ("ocsf", "finding_info"), ("ecs", "@timestamp")])
def test_the_event_is_in_the_chosen_schema(alert_of: AlertOf, form: str, key: str) -> None:
    assert key in payload(alert_of(), format=form)["event"]


def test_a_huge_alert_stays_below_the_megabyte(alert_of: AlertOf) -> None:
    said = sent(alert_of(resources=tuple(Resource(f"{n}" * 50, "OPEN") for n in range(9000))))
    assert 800_000 < len(said.body) < 1_000_000
    assert json.loads(said.body)["event"]["left_out"]["resources"] > 0


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"text":"Success","code":0}', OutcomeClass.OK),
        (200, b'{"text":"Success","code":0,"ackId":7}', OutcomeClass.OK),
        (200, b"<html>please sign in</html>", OutcomeClass.RETRY),
        (200, b'{"text":"odd","code":[]}', OutcomeClass.RETRY),
        (200, b'{"text":"odd","code":false}', OutcomeClass.RETRY),
        (403, b'{"text":"Token disabled","code":1}', OutcomeClass.AUTH),
        (401, b'{"text":"Token is required","code":2}', OutcomeClass.AUTH),
        (401, b'{"text":"Invalid authorization","code":3}', OutcomeClass.AUTH),
        (403, b'{"text":"Invalid token","code":4}', OutcomeClass.AUTH),
        (400, b'{"text":"No data","code":5}', OutcomeClass.REJECTED),
        (400, b'{"text":"Invalid data format","code":6}', OutcomeClass.REJECTED),
        (400, b'{"text":"Incorrect index","code":7}', OutcomeClass.GONE),
        (500, b'{"text":"Internal server error","code":8}', OutcomeClass.RETRY),
        (503, b'{"text":"Server is busy","code":9}', OutcomeClass.RETRY),
        (400, b'{"text":"Data channel is missing","code":10}', OutcomeClass.GONE),
        (400, b'{"text":"Invalid data channel","code":11}', OutcomeClass.GONE),
        (413, b"", OutcomeClass.TOO_LARGE),
        (429, b"", OutcomeClass.RATE_LIMITED),
    ],
)
def test_what_splunk_answers_is_understood(status: int, body: bytes, kind: OutcomeClass) -> None:
    outcome = read(HttpAnswer(status, {}, body), NOW)
    assert outcome.kind is kind
    if b'"text":"Inc' in body:
        assert outcome.reason == "400 Bad Request: Incorrect index"


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "a b"},
        {"token": ""},
        {"token": "ä"},
        {"url": "splunk:8088"},
        {"url": "https://u:p@splunk"},
        {"channel": "1"},
        {"format": "cef"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SplunkHecSettings.model_validate({"url": "https://splunk.example", "token": "abc"} | wrong)
