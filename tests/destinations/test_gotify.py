from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from gateway.destinations import Context
from gateway.destinations.gotify import GotifySettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of

NOW = datetime(2026, 5, 4, tzinfo=UTC)
MOST = 10_000
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


def message(alert: Alert, *, shrink: bool = False, before: bytes | None = None) -> HttpRequest:
    made = GotifySettings(url="https://g.example/push/", token=SecretStr("Asecret"))
    return format_message(alert, Context("d", "r", b"", NOW, shrink=shrink, before=before), made)


def sent(alert: Alert, *, shrink: bool = False, before: bytes | None = None) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(message(alert, shrink=shrink, before=before).body)
    return loaded


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_message_over_our_limit_or_an_empty_one(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    for shrink in (False, True):
        made = sent(alert, before=before, shrink=shrink)
        assert 0 < len(made["message"].strip()) <= len(made["message"]) <= MOST
        assert 0 < len(made["title"]) <= 400


def test_the_resources_fill_the_message_and_the_rest_is_counted(alert_of: AlertOf) -> None:
    text = sent(alert_of(resources=tuple(Resource(f"bucket-{n:04}", "OPEN") for n in range(2000))))["message"]
    assert MOST - 30 < len(text) <= MOST
    assert f"+{2000 - text.count('bucket-')} more" in text


@pytest.mark.parametrize(("length", "is_cut"), [(392, False), (393, True)])
def test_a_title_holds_four_hundred_characters_and_no_more(alert_of: AlertOf, length: int, *, is_cut: bool) -> None:
    title = sent(alert_of(summary="🪣" * length))["title"]  # after an icon, `High:` and two blanks
    assert (len(title), title.endswith("…")) == (400, is_cut)


def test_it_is_plain_text_which_gotify_shows_as_it_is(alert_of: AlertOf) -> None:
    made = sent(alert_of(details="**x** [a](http://b)"))
    assert "client::display" not in made["extras"]
    assert "**x** [a](http://b)" in made["message"]


@pytest.mark.parametrize(("score", "priority"), [(49, 2), (50, 4), (79, 4), (80, 6), (89, 6), (90, 8), (None, 4)])
def test_the_priority_follows_the_score(alert_of: AlertOf, score: int | None, priority: int) -> None:
    assert sent(alert_of(score=score, severity=severity_of(score)))["priority"] == priority


def test_what_is_closed_and_relief_are_quiet(alert_of: AlertOf, known: Known) -> None:
    closed = sent(alert_of(resources=(Resource("b", "SUPPRESS"),)))
    assert (closed["priority"], "[SUPPRESSED]" in closed["title"]) == (1, True)
    assert sent(alert_of(), before=known(80, "bucket-0", "bucket-1"))["priority"] == 1
    assert sent(alert_of(), before=known(80, "bucket-0"))["priority"] == 6


def test_a_follow_up_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    text = sent(alert_of(), before=known(80, "bucket-0"))["message"]
    assert text.startswith("Changed: 1 new of 1 open, 1 gone\n+ bucket-1\n- bucket-0\nSeverity: ")


def test_a_tap_opens_the_console_and_the_token_is_a_header(alert_of: AlertOf) -> None:
    said = message(alert_of())
    assert said.url == "https://g.example/push/message"
    assert ("X-Gotify-Key", "Asecret") in said.headers
    click = sent(alert_of())["extras"]["client::notification"]["click"]["url"]
    assert click.startswith("https://optix.sophos.com/")
    assert "extras" not in sent(alert_of(alert_id="x" * 3000))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"id":25,"appid":5}', OutcomeClass.OK),
        (200, b"<html>", OutcomeClass.RETRY),
        (400, b'{"error":"Bad Request","errorCode":400,"errorDescription":"x"}', OutcomeClass.REJECTED),
        (401, b'{"errorDescription":"you need to provide a valid access token"}', OutcomeClass.AUTH),
        (404, b"", OutcomeClass.GONE),
        (413, b"", OutcomeClass.TOO_LARGE),
        (429, b"", OutcomeClass.RATE_LIMITED),
        (500, b"", OutcomeClass.RETRY),
    ],
)
def test_what_gotify_answers_is_understood(status: int, body: bytes, kind: OutcomeClass) -> None:
    assert read(HttpAnswer(status, {}, body), NOW).kind is kind


def test_the_message_is_remembered_and_an_error_is_told() -> None:
    assert read(HttpAnswer(200, {}, b'{"id":25}'), NOW).reference == "25"
    assert read(HttpAnswer(400, {}, b'{"errorDescription":"no title"}'), NOW).reason == "400 Bad Request: no title"


@pytest.mark.parametrize("wrong", [{"url": "g.example"}, {"url": "https://g.example?token=x"}, {"token": ""}])
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        GotifySettings.model_validate({"url": "https://g.example", "token": "A"} | wrong)
