"""Rows for Microsoft Sentinel: columns as declared, limits of the Logs Ingestion API, and its answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations import load
from gateway.destinations.sentinel import COLUMNS
from gateway.domain.alert import Alert, Resource
from gateway.domain.grant import EntraGrant
from gateway.domain.message import GrantedRequest
from gateway.domain.outcome import OutcomeClass as Class
from tests.destinations.examples import few_examples
from tests.destinations.on_call import NOW, huge, outcome, payload, sent
from tests.outbound.clouds import cloud

AlertOf = Callable[..., Alert]
PAGE = Path(__file__).parents[2] / "docs" / "sentinel.md"
URL = "https://optix-abcd.westeurope-1.ingest.monitor.azure.com"
RULE = "dcr-0123456789abcdef0123456789abcdef"
VALUES: dict[str, type | tuple[type, ...]] = {
    "datetime": str,
    "string": str,
    "real": float,
    "int": int,
    "boolean": bool,
    "dynamic": dict,
}


def made(**values: object) -> Any:
    own = {"url": URL, "dcr": RULE, "identity": "managed"} | values
    return load("sentinel").settings.model_validate(own)


def row(alert: Alert, **said: Any) -> Any:
    [found] = payload("sentinel", alert, **said)
    return found


def stored_bytes(value: object) -> int:
    return len((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode("utf-8", "replace"))


def test_a_row_goes_to_the_stream_of_the_rule(alert_of: AlertOf) -> None:
    message = sent("sentinel", alert_of(), made=made(stream="Custom-Other_CL", url=f"{URL}/"))
    assert isinstance(message, GrantedRequest)
    assert message.url == f"{URL}/dataCollectionRules/{RULE}/streams/Custom-Other_CL?api-version=2023-01-01"
    assert (message.method, message.headers) == ("POST", (("Content-Type", "application/json"),))
    login = "https://login.microsoftonline.com"
    assert message.grant == EntraGrant("https://monitor.azure.com/.default", "managed", login)


async def test_an_endpoint_that_looks_at_everything_takes_the_row(alert_of: AlertOf) -> None:
    async def take(request: web.Request) -> web.Response:
        rows = await request.json()
        stands = (request.path, dict(request.query), request.content_type, request.headers["Authorization"])
        path = f"/dataCollectionRules/{RULE}/streams/Custom-SophosOptix_CL"
        assert stands == (path, {"api-version": "2023-01-01"}, "application/json", "Bearer eyJ.first.token")
        assert [set(row) <= set(COLUMNS) for row in rows] == [True]
        return web.Response(status=204)

    async with cloud() as azure:
        azure.take = take
        app = {"authority": azure.base, "tenant": "contoso", "client_id": "a", "client_secret": "s", "identity": None}
        message = sent("sentinel", alert_of(), made=made(url=azure.base, **app))
        assert isinstance(message, GrantedRequest)
        answer = await azure.transport().send(message, 5)
    assert load("sentinel").read(answer, NOW).kind is Class.OK
    assert [form["scope"] for form in azure.forms] == ["https://monitor.azure.com/.default"]


def test_a_row_says_what_one_searches_for(alert_of: AlertOf) -> None:
    found = row(alert_of(key="optix-0123", score=80), before=alert_of(score=70), test=True)
    inner = found.pop("Alert")
    assert (inner["alert_id"], inner["delivery_id"], inner["test"]) == ("A-1", "d-1", True)
    expected = {
        "TimeGenerated": "2026-05-04T03:02:01Z",
        "Incident": "optix-0123",
        "Delivery": "d-1",
        "AlertId": "A-1",
        "AlertSource": "optix",
        "Severity": "high",
        "Rule": "AR-251",
        "Change": "raised",
        "Score": 80.0,
        "OpenCount": inner["open_count"],
        "Test": True,
    }
    assert {name: found[name] for name in expected} == expected
    assert "TEST" in found["Summary"]
    assert found["Changed"] in found["Summary"]
    assert "Score" not in row(alert_of(score=None))


@pytest.mark.parametrize(
    ("age", "kept"),
    [
        (timedelta(), True),
        (timedelta(hours=47), True),
        (timedelta(hours=48), False),
        (timedelta(seconds=-1), False),
        (None, False),
    ],
)
def test_a_time_that_azure_would_replace_is_not_sent(age: timedelta | None, *, kept: bool, alert_of: AlertOf) -> None:
    seen_at = None if age is None else NOW - age
    found = row(alert_of(seen_at=seen_at))
    assert datetime.fromisoformat(found["TimeGenerated"]) == (seen_at if kept else NOW)
    assert seen_at is None or datetime.fromisoformat(found["LastSeen"]) == seen_at


@few_examples
@given(data=st.data())
def test_every_row_fits_the_stream_and_its_limits(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    message = sent("sentinel", data.draw(alerts), shrink=data.draw(st.booleans()))
    assert len(message.body) < 1_000_000
    [found] = json.loads(message.body)
    for name, value in found.items():
        assert type(value) is VALUES[COLUMNS[name]], name
        assert stored_bytes(value) <= 65_536


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "\\", "\x01"])
def test_a_huge_alert_stays_within_a_megabyte_and_says_what_is_left_out(sign: str, alert_of: AlertOf) -> None:
    endless = dict.fromkeys(("summary", "environment", "alert_type", "provider", "rule", "details"), sign * 100_000)
    message = sent("sentinel", alert_of(**(huge(sign) | endless)))
    assert 100_000 < len(message.body) < 1_000_000
    many = row(alert_of(resources=(Resource(sign * 100, "OPEN"),) * 9000))
    inner = many["Alert"]
    assert 50_000 < len(json.dumps(inner, ensure_ascii=False, separators=(",", ":")).encode()) <= 60_000
    assert inner["left_out"]["resources"] + len(inner["resources"]) == 9000
    assert (many["ResourceCount"], many["OpenCount"]) == (9000, 9000)
    assert len(sent("sentinel", alert_of(**huge(sign)), shrink=True).body) < len(message.body) / 2


def test_the_rule_in_the_docs_declares_every_column() -> None:
    [block] = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    rule = json.loads(block)["properties"]
    usual = made().stream
    declared = rule["streamDeclarations"][usual]["columns"]
    assert {column["name"]: column["type"] for column in declared} == COLUMNS
    [flow] = rule["dataFlows"]
    assert (flow["streams"], flow["outputStream"]) == ([usual], usual)
    assert flow["destinations"] == [rule["destinations"]["logAnalytics"][0]["name"]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"dcr": "westeurope"},
        {"dcr": "dcr-1/../x"},
        {"stream": "a/b"},
        {"stream": ""},
        {"url": "h"},
        {"url": f"{URL}?x=1"},
        {"identity": None},
        {"client_secret": "s"},
    ],
)
def test_what_cannot_work_is_a_mistake(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        made(**wrong)


def error(code: str, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (204, b"", Class.OK),
        (200, b"<html>", Class.RETRY),
        (400, error("InvalidRequestContent", "not an array"), Class.REJECTED),
        (400, error("InvalidStream", "Custom-X is not there"), Class.GONE),
        (400, error("BadRequest", "Stream Custom-X is not configured"), Class.GONE),
        (401, error("Unauthorized", "no"), Class.AUTH),
        (403, error("OperationFailed", "The token does not have access to ingest data"), Class.AUTH),
        (404, error("NotFound", "Data collection rule with immutable Id 'dcr-1' not found."), Class.GONE),
        (413, error("ContentLengthLimitExceeded", "too large"), Class.TOO_LARGE),
        (429, error("RateLimitExceeded", "later"), Class.RATE_LIMITED),
        (503, b"", Class.RETRY),
    ],
)
def test_what_azure_monitor_answers_is_understood(status: int, body: bytes, expected: Class) -> None:
    assert outcome("sentinel", status, body).kind is expected


def test_the_words_of_a_refusal_are_shown() -> None:
    reason = outcome("sentinel", 403, error("OperationFailed", "no access to ingest data")).reason
    assert reason == "403 Forbidden: OperationFailed: no access to ingest data"
