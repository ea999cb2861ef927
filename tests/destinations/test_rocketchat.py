from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from gateway.destinations import Context, SecretAddress
from gateway.destinations.rocketchat import RocketChatSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.message import HttpAnswer
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units

NOW = datetime(2026, 5, 4, tzinfo=UTC)
HOOK = RocketChatSettings(url=SecretAddress("https://c.example/hooks/1/secret"))
API = RocketChatSettings(token=SecretStr("secret"), user_id="u1", room_id="GENERAL", server_url="https://c.example/")
FIRST = "dlv-first01"
STARRED = b'{"success":false,"error":"Cannot read properties of undefined (reading \'starred\')"}'
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


def context(*, shrink: bool = False, before: bytes | None = None, reference: str = "", progress: str = "") -> Context:
    return Context("dlv-this01", "r", b"", NOW, shrink=shrink, before=before, reference=reference, progress=progress)


def sent(alert: Alert, said: Context | None = None, made: RocketChatSettings = HOOK) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(format_message(alert, said or context(), made).body)
    return loaded


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_message_over_the_limit(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    for shrink in (False, True):
        made = sent(alert, context(before=before, shrink=shrink))
        assert 0 < utf16_units(made["text"]) <= 500
        assert 0 < utf16_units(made["attachments"][0]["text"]) <= 4500


@pytest.mark.parametrize("sign", ["x", "🪣", "@", "\n", "`"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known, sign: str) -> None:
    huge = sign * 3000
    alert = alert_of(
        summary=huge, environment=huge, alert_type=huge, provider=huge, rule=huge, details=huge + "x", last_seen=huge,
        policy_labels=(huge,) * 50, resources=(Resource(huge, huge),) * 60, alert_id=huge,
    )  # fmt: skip
    made = sent(alert, context(before=known(None, *(f"{n}{huge[:400]}" for n in range(2000)))))
    assert utf16_units(made["text"]) <= 500
    assert utf16_units(made["attachments"][0]["text"]) <= 4500


def test_the_resources_fill_the_message_and_the_rest_is_counted(alert_of: AlertOf) -> None:
    made = sent(alert_of(resources=tuple(Resource(f"bucket-{n:04}", "OPEN") for n in range(2000))))
    text = made["attachments"][0]["text"]
    assert 4500 - 30 < utf16_units(text) <= 4500
    assert f"+{2000 - text.count('bucket-')} more" in text


@pytest.mark.parametrize("hostile", ["@all", "@here", "#general", "[bank](http://evil)", "http://evil", "```"])
def test_hostile_text_loses_its_meaning(alert_of: AlertOf, hostile: str) -> None:
    alert = alert_of(summary=hostile, details=hostile, rule=hostile, resources=(Resource("``` @all", "OPEN"),))
    made = sent(alert)
    text = re.sub(r"```.*?```|\[Open in Cloud Optix\]\([^)]*\)", "", made["attachments"][0]["text"], flags=re.DOTALL)
    assert re.search(r"[@#](?!\u200b)|\]\(|://", made["text"] + text) is None
    assert "`" not in text
    assert made["parseUrls"] is False


@pytest.mark.parametrize(
    ("score", "colour"),
    [(49, "#1976D2"), (50, "#FBC02D"), (79, "#FBC02D"), (80, "#F57C00"), (90, "#D32F2F"), (None, "#9E9E9E")],
)  # fmt: skip
def test_the_colour_follows_the_score(alert_of: AlertOf, score: int | None, colour: str) -> None:
    assert sent(alert_of(score=score, severity=severity_of(score)))["attachments"][0]["color"] == colour


def test_a_closed_alert_is_quiet_and_says_so(alert_of: AlertOf) -> None:
    made = sent(alert_of(resources=(Resource("b", "SUPPRESS"),)))
    assert (made["attachments"][0]["color"], "[SUPPRESSED]" in made["text"]) == ("#607D8B", True)


def test_through_the_api_the_message_has_the_deliverys_id(alert_of: AlertOf) -> None:
    said = format_message(alert_of(), context(), API)
    message = sent(alert_of(), made=API)["message"]
    assert said.url == "https://c.example/api/v1/chat.sendMessage"
    assert {("X-Auth-Token", "secret"), ("X-User-Id", "u1")} <= set(said.headers)
    assert (message["_id"], message["rid"], "tmid" in message) == ("dlv-this01", "GENERAL", False)


def test_a_follow_up_is_a_reply_and_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    message = sent(alert_of(), context(before=known(80, "bucket-0"), reference=FIRST), API)["message"]
    assert (message["tmid"], message["tshow"]) == (FIRST, True)
    assert message["msg"].endswith("; 1 new of 1 open, 1 gone")
    assert message["attachments"][0]["text"].startswith("**Changed:** 1 new of 1 open, 1 gone\n```diff\n+ bucket-1")


@pytest.mark.parametrize("reference", ["", "7", "<dlv-first@example.com>", "spaces/A/messages/B"])
def test_what_is_no_message_of_ours_is_no_thread(alert_of: AlertOf, reference: str) -> None:
    assert "tmid" not in sent(alert_of(), context(before=b"", reference=reference), API)["message"]


def test_a_digest_and_a_webhook_reply_to_nothing(alert_of: AlertOf) -> None:
    said = context(before=b"", reference=FIRST)
    assert "tmid" not in sent(alert_of(event_type=DIGEST), said, API)["message"]
    assert "tmid" not in json.dumps(sent(alert_of(), said))


@pytest.mark.parametrize(
    ("made", "status", "body", "kind"),
    [
        (HOOK, 200, b'{"success":true}', OutcomeClass.OK),
        (HOOK, 200, b'{"success":false,"error":"x"}', OutcomeClass.REJECTED),
        (HOOK, 200, b"<html>", OutcomeClass.RETRY),
        (HOOK, 400, b'{"success":false,"error":"invalid-channel"}', OutcomeClass.GONE),
        (HOOK, 400, STARRED, OutcomeClass.REJECTED),
        (API, 400, STARRED, OutcomeClass.OK),
        (API, 400, b'{"success":false,"error":"x [error-message-size-exceeded]"}', OutcomeClass.TOO_LARGE),
        (API, 400, b'{"success":false,"error":"x [error-too-many-requests]"}', OutcomeClass.RATE_LIMITED),
        (API, 400, b'{"success":false,"error":"x"}', OutcomeClass.REJECTED),
        (API, 401, b'{"status":"error","message":"You must be logged in"}', OutcomeClass.AUTH),
        (API, 429, b"", OutcomeClass.RATE_LIMITED),
        (API, 503, b"", OutcomeClass.RETRY),
    ],
)
def test_what_rocketchat_answers_is_understood(
    made: RocketChatSettings, status: int, body: bytes, kind: OutcomeClass
) -> None:
    assert read(HttpAnswer(status, {}, body), NOW, context(), made).kind is kind


def test_the_longest_of_all_waits_that_are_asked_for_counts() -> None:
    body = b'{"success":false,"error":"You must wait 12 seconds before trying [error-too-many-requests]"}'
    reset = {"x-ratelimit-reset": str(int((NOW.timestamp() + 30) * 1000))}
    assert read(HttpAnswer(400, {}, body), NOW, context(), API).hint_s == 12
    assert read(HttpAnswer(429, reset, body), NOW, context(), API).hint_s == 30
    assert read(HttpAnswer(429, {"retry-after": "99"}, b""), NOW, context(), API).hint_s == 99


def test_the_first_message_is_remembered_and_stays_the_one() -> None:
    answer = HttpAnswer(200, {}, b'{"success":true}')
    assert read(answer, NOW, context(), API).reference == "dlv-this01"
    assert read(answer, NOW, context(reference=FIRST), API).reference == FIRST
    assert read(answer, NOW, context(), HOOK).reference == ""


def test_where_threads_are_switched_off_it_is_no_reply(alert_of: AlertOf) -> None:
    refused = HttpAnswer(400, {}, b'{"success":false,"error":"not-allowed [error-not-allowed]"}')
    off = read(refused, NOW, context(reference=FIRST), API)
    again = context(before=b"", reference=FIRST, progress=off.progress)
    assert off.kind is OutcomeClass.RETRY
    assert "tmid" not in sent(alert_of(), again, API)["message"]
    assert read(refused, NOW, again, API).kind is OutcomeClass.GONE


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"url": "c.example"},
        {"token": "t", "user_id": "u", "room_id": "r"},
        {"url": "https://c.example/hooks/1", "user_id": "u"},
        {"url": "https://c.example/h", "token": "t", "user_id": "u", "room_id": "r", "server_url": "https://c.example"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        RocketChatSettings.model_validate(wrong)
