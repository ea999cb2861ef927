from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.destinations import Context
from gateway.destinations.elasticsearch import ElasticsearchSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.domain.outcome import OutcomeClass

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
AlertOf = Callable[..., Alert]


def sent(alert: Alert, *, at: datetime = NOW, **more: Any) -> HttpRequest:
    made = ElasticsearchSettings.model_validate({"url": "https://elastic.example:9200/", **more})
    return format_message(alert, Context("dlv-1", "r", b"", at), made)


def lines(alert: Alert, **more: Any) -> list[Any]:
    body = sent(alert, **more).body
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body.splitlines()]


def answered(status: int, item: object, *, errors: bool = True) -> HttpAnswer:
    return HttpAnswer(status, {}, json.dumps({"took": 3, "errors": errors, "items": [{"create": item}]}).encode())


def test_one_document_is_created_under_the_id_of_the_delivery(alert_of: AlertOf) -> None:
    action, document = lines(alert_of())
    assert action == {"create": {"_index": "logs-sophos.optix-default", "_id": "dlv-1"}}
    assert document["event"]["id"] == "dlv-1"
    assert sent(alert_of()).url == "https://elastic.example:9200/_bulk"
    assert ("Content-Type", "application/x-ndjson") in sent(alert_of()).headers


@pytest.mark.parametrize("form", ["alert", "ocsf", "ecs"])
def test_every_document_has_the_field_that_a_data_stream_needs(alert_of: AlertOf, form: str) -> None:
    seen = alert_of(seen_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert lines(seen, format=form)[1]["@timestamp"][:23] == "2026-01-01T00:00:00.000"
    assert lines(alert_of(), format=form)[1]["@timestamp"][:23] == "2026-05-04T03:02:01.000"


def test_another_attempt_sends_the_same_document(alert_of: AlertOf) -> None:
    alert = alert_of(seen_at=NOW)
    assert sent(alert, at=NOW) == sent(alert, at=datetime(2026, 6, 1, tzinfo=UTC))


def test_names_with_line_ends_make_no_further_action(alert_of: AlertOf) -> None:
    hostile = '\n{"delete":{"_index":"x","_id":"y"}}\n\u2028\x85'
    body = sent(alert_of(summary=hostile, resources=(Resource(hostile, "OPEN"),))).body
    assert body.count(b"\n") == 2


def test_a_huge_alert_stays_below_five_megabytes(alert_of: AlertOf) -> None:
    body = sent(alert_of(resources=tuple(Resource(f"{n:05}" * 200, "OPEN") for n in range(9000)))).body
    assert 4_500_000 < len(body) < 5_000_200


@pytest.mark.parametrize(
    ("signed", "header"),
    [
        ({"api_key": "a2V5"}, "ApiKey a2V5"),
        ({"token": "abc"}, "Bearer abc"),
        ({"username": "u", "password": "p"}, f"Basic {b64encode(b'u:p').decode()}"),
        ({}, None),
    ],
)
def test_there_are_three_ways_to_sign_in(alert_of: AlertOf, signed: dict[str, Any], header: str | None) -> None:
    assert dict(sent(alert_of(), **signed).headers).get("Authorization") == header
    made = ElasticsearchSettings.model_validate({"url": "https://e.example", **signed})
    assert header is None or header.split()[1] in made.secrets()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, OutcomeClass.OK),
        (201, OutcomeClass.OK),
        (409, OutcomeClass.OK),
        (400, OutcomeClass.REJECTED),
        (403, OutcomeClass.AUTH),
        (404, OutcomeClass.GONE),
        (429, OutcomeClass.RATE_LIMITED),
        (500, OutcomeClass.RETRY),
        (503, OutcomeClass.RETRY),
    ],
)
def test_the_status_of_the_item_counts_and_not_that_of_the_request(status: int, kind: OutcomeClass) -> None:
    error = {"type": "mapper_parsing_exception", "reason": "failed to parse", "caused_by": {"reason": "a date"}}
    item = {"_id": "dlv-1", "status": status, **({"error": error} if status > 201 else {})}
    outcome = read(answered(200, item, errors=status > 201), NOW)
    assert outcome.kind is kind
    if kind is OutcomeClass.REJECTED:
        assert outcome.reason == "400 Bad Request: mapper_parsing_exception: failed to parse: a date"


@pytest.mark.parametrize("item", [None, {}, {"status": "201"}, {"status": True}, {"status": []}, {"status": 0}, "x"])
def test_a_success_without_a_result_is_none(item: object) -> None:
    assert read(answered(200, item), NOW).kind is OutcomeClass.RETRY
    assert read(HttpAnswer(200, {}, b"<html>"), NOW).kind is OutcomeClass.RETRY
    assert read(HttpAnswer(200, {}, b'{"items":[]}'), NOW).kind is OutcomeClass.RETRY


def test_a_request_that_failed_as_a_whole_says_why() -> None:
    body = b'{"error":{"type":"security_exception","reason":"missing authentication credentials"},"status":401}'
    outcome = read(HttpAnswer(401, {}, body), NOW)
    assert (outcome.kind, outcome.status) == (OutcomeClass.AUTH, 401)
    assert outcome.reason == "401 Unauthorized: security_exception: missing authentication credentials"
    assert read(HttpAnswer(429, {"retry-after": "7"}, b""), NOW).hint_s == 7


@pytest.mark.parametrize(
    "wrong",
    [
        {"index": "Upper"},
        {"index": "_hidden"},
        {"index": "a b"},
        {"index": 'a"b'},
        {"index": "x" * 256},
        {"index": ""},
        {"api_key": "a b"},
        {"api_key": "a", "token": "b"},
        {"api_key": "a", "username": "u", "password": "p"},
        {"username": "u"},
        {"url": "https://u:p@elastic.example"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ElasticsearchSettings.model_validate({"url": "https://elastic.example"} | wrong)


def test_the_longest_name_of_an_index_is_taken() -> None:
    assert ElasticsearchSettings.model_validate({"url": "https://e.example", "index": "x" * 255}).index == "x" * 255
