from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.destinations import Context, SecretAddress
from gateway.destinations.googlechat import GoogleChatSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.domain.outcome import OutcomeClass

NOW = datetime(2026, 5, 4, tzinfo=UTC)
HOOK = "https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t%3D"
MOST_BYTES = 32_000
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


def sent(alert: Alert, *, shrink: bool = False, threads: bool = True, before: bytes | None = None) -> HttpRequest:
    made = GoogleChatSettings(url=SecretAddress(HOOK), threads=threads)
    return format_message(alert, Context("d", "r", b"", NOW, shrink=shrink, before=before), made)


def payload(alert: Alert, *, shrink: bool = False, before: bytes | None = None) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(sent(alert, shrink=shrink, before=before).body)
    return loaded


def card(alert: Alert, *, shrink: bool = False, before: bytes | None = None) -> dict[str, Any]:
    found: dict[str, Any] = payload(alert, shrink=shrink, before=before)["cardsV2"][0]["card"]
    return found


def texts(made: dict[str, Any]) -> list[str]:
    """What the card reads as HTML."""
    widgets = [widget for section in made["sections"] for widget in section["widgets"]]
    shown = [next(iter(widget.values())) for widget in widgets if "buttonList" not in widget]
    return [widget["text"] for widget in shown]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_message_over_32000_bytes(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    for shrink in (False, True):
        assert len(sent(alert, shrink=shrink, before=before).body) <= MOST_BYTES
        assert all(text.strip() for text in texts(card(alert, shrink=shrink, before=before)))


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "<", "\\", "\n"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known, sign: str) -> None:
    huge = sign * 3000
    alert = alert_of(
        summary=huge, environment=huge, alert_type=huge, provider=huge, rule=huge, details=huge, last_seen=huge,
        policy_labels=(huge,) * 50, resources=(Resource(huge, huge),) * 60, alert_id=huge,
    )  # fmt: skip
    before = known(None, *(f"{n}{huge[:400]}" for n in range(2000)))
    assert len(sent(alert, before=before).body) <= MOST_BYTES


def test_a_follow_up_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    before = known(80, "bucket-0", "<b>")
    made = card(alert_of(), before=before)
    assert texts(made)[:2] == ["<b>A bucket is public</b>", "1 new of 1 open, 2 gone"]
    assert made["sections"][0]["widgets"][1]["decoratedText"]["topLabel"] == "Changed"
    assert made["sections"][1]["header"] == "Changes (3)"
    assert made["sections"][1]["widgets"][0]["textParagraph"]["text"] == "+ bucket-1<br>- &lt;b&gt;<br>- bucket-0"
    assert payload(alert_of(), before=before)["fallbackText"].endswith("public · 1 new of 1 open, 2 gone")


def test_the_changes_are_cut_with_a_true_count(alert_of: AlertOf, known: Known) -> None:
    made = card(alert_of(), before=known(80, *(f"old-{number:04}" for number in range(3000))))
    text = made["sections"][1]["widgets"][0]["textParagraph"]["text"]
    assert text.endswith(f"<br>+{3000 - text.count('- old-')} more")


def test_what_concerns_one_alert_comes_in_one_thread(alert_of: AlertOf) -> None:
    message = sent(alert_of())
    assert message.url == f"{HOOK}&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"
    assert json.loads(message.body)["thread"] == {"threadKey": "optix-" + "0" * 32}


def test_threads_can_be_switched_off(alert_of: AlertOf) -> None:
    message = sent(alert_of(), threads=False)
    assert message.url == HOOK
    assert "thread" not in json.loads(message.body)


def test_hostile_text_is_no_tag_and_no_mention(alert_of: AlertOf) -> None:
    hostile = "<users/all> <a href='http://evil'>bank</a> &lt;b&gt;"
    alert = alert_of(summary=hostile, details=hostile, rule=hostile, resources=(Resource(hostile, "OPEN"),))
    made = card(alert)
    for text in texts(made):
        ours = text.removeprefix("<b>").removesuffix("</b>").replace("<br>", "")
        assert "<" not in ours
    assert "&lt;users/all&gt;" in texts(made)[0]
    assert "&amp;lt;b&amp;gt;" in texts(made)[0]
    assert "<users" not in payload(alert)["fallbackText"]
    assert "<users" not in made["header"]["subtitle"]


def test_the_card_says_what_where_and_how_bad(alert_of: AlertOf) -> None:
    made = card(alert_of())
    assert made["header"] == {"title": "🟠 High · Policy alert", "subtitle": "AWS · 444123456789 · AR-251"}
    assert texts(made)[0] == "<b>A bucket is public</b>"
    assert made["sections"][-1]["widgets"][0]["buttonList"]["buttons"][0]["onClick"]["openLink"]["url"].startswith(
        "https://optix.sophos.com/"
    )


@pytest.mark.parametrize(("count", "last"), [(50, "r-49"), (51, "+1 more"), (248, "+198 more")])
def test_the_resource_list_is_cut_after_fifty_lines_with_a_true_count(alert_of: AlertOf, count: int, last: str) -> None:
    made = card(alert_of(resources=tuple(Resource(f"r-{number}", "OPEN") for number in range(count))))
    section = next(s for s in made["sections"] if s.get("header") == f"Affected resources ({count})")
    assert section["widgets"][0]["textParagraph"]["text"].split("<br>")[-1] == last


def test_a_smaller_message_leaves_out_resources_and_details_and_says_so(alert_of: AlertOf) -> None:
    said = " ".join(texts(card(alert_of(details="why so"), shrink=True)))
    assert "left out" in said
    assert "why so" not in said
    assert "bucket-1" not in said


def test_what_google_chat_answers_is_understood() -> None:
    done = read(HttpAnswer(200, {}, b'{"name":"spaces/A/messages/B"}'), NOW)
    assert (done.kind, done.reference) == (OutcomeClass.OK, "spaces/A/messages/B")
    refused = read(HttpAnswer(400, {}, b'{"error":{"code":400,"message":"Invalid card","status":"INVALID"}}'), NOW)
    assert (refused.kind, refused.reason) == (OutcomeClass.REJECTED, "400 Bad Request: Invalid card")
    assert read(HttpAnswer(429), NOW).kind is OutcomeClass.RATE_LIMITED
