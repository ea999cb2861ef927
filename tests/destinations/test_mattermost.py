from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.destinations import Context, SecretAddress
from gateway.destinations.mattermost import MattermostSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import HttpAnswer
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import Severity
from gateway.domain.text import utf16_units

NOW = datetime(2026, 5, 4, tzinfo=UTC)
MOST_CHARACTERS = 16_383
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


def sent(alert: Alert, *, shrink: bool = False, before: bytes | None = None, **more: Any) -> dict[str, Any]:
    made = MattermostSettings(url=SecretAddress("https://chat.example/hooks/abc"), **more)
    message = format_message(alert, Context("d", "r", b"", NOW, shrink=shrink, before=before), made)
    assert message.url == "https://chat.example/hooks/abc"
    loaded: dict[str, Any] = json.loads(message.body)
    return loaded


def attachment(alert: Alert, *, shrink: bool = False, before: bytes | None = None) -> dict[str, Any]:
    found: dict[str, Any] = sent(alert, shrink=shrink, before=before)["attachments"][0]
    return found


def characters(made: dict[str, Any]) -> int:
    texts = [value for value in made.values() if isinstance(value, str)]
    texts += [field[part] for field in made["fields"] for part in ("title", "value")]
    return sum(map(utf16_units, texts))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_message_over_16383_characters(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    assert characters(attachment(alert, before=before)) <= MOST_CHARACTERS
    assert characters(attachment(alert, before=before, shrink=True)) <= MOST_CHARACTERS


@pytest.mark.parametrize("sign", ["x", "🪣", "@", "[", "\n- "])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known, sign: str) -> None:
    huge = sign * 3000
    alert = alert_of(
        summary=huge, environment=huge, alert_type=huge, provider=huge, rule=huge, details=huge, last_seen=huge,
        policy_labels=(huge,) * 50, resources=(Resource(huge, huge),) * 60, alert_id=huge,
    )  # fmt: skip
    before = known(None, *(f"{n}{huge[:400]}" for n in range(2000)))
    assert characters(attachment(alert, before=before)) <= MOST_CHARACTERS


def test_a_follow_up_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    made = attachment(alert_of(details="why"), before=known(80, "bucket-0"))
    assert made["text"].split("\n\n") == [
        "**Changed:** 1 new of 1 open, 1 gone",
        "```diff\n+ bucket-1\n- bucket-0\n```",
        "why",
        "```\nbucket-1\n```",
    ]
    assert made["fallback"].endswith("1 open); 1 new of 1 open, 1 gone")


def test_the_changes_are_cut_with_a_true_count(alert_of: AlertOf, known: Known) -> None:
    text = attachment(alert_of(), before=known(80, *(f"old-{number:04}" for number in range(3000))))["text"]
    assert f"+{3000 - text.count('- old-')} more\n```" in text


def test_a_name_in_a_change_mentions_nobody_and_cannot_end_the_block_it_stands_in(
    alert_of: AlertOf, known: Known
) -> None:
    text = attachment(alert_of(resources=()), before=known(80, "``` <!channel> `"))["text"]
    assert text.count("`") == 6
    assert "<!" not in text


@pytest.mark.parametrize(
    "hostile", ["@channel", "@all", "<!channel>", "<!here>", "~town-square", "[bank](http://evil)", "`x`", "#tag"]
)
def test_hostile_text_loses_its_meaning(alert_of: AlertOf, hostile: str) -> None:
    made = attachment(alert_of(details=hostile, environment=hostile, resources=()))
    for text in (made["text"], made["fields"][1]["value"]):
        assert hostile not in text
        assert re.search(r"[@<~#](?!\u200b)|(?<!\\)[\[\]`]|://", text) is None


def test_slack_style_mentions_are_broken_in_titles_and_code_as_well(alert_of: AlertOf) -> None:
    alert = alert_of(summary="<!channel>", resources=(Resource("<!here>", "OPEN"),))
    assert "<!" not in json.dumps(sent(alert), ensure_ascii=False)


def test_a_title_without_its_link_is_escaped_because_it_is_read_as_markdown(alert_of: AlertOf) -> None:
    made = attachment(alert_of(summary="[bank](http://evil)", alert_id="x" * 5000))
    assert "title_link" not in made
    assert "[bank](" not in made["title"]


def test_a_resource_name_cannot_end_the_block_it_stands_in(alert_of: AlertOf) -> None:
    text = attachment(alert_of(resources=(Resource("``` @channel `", "OPEN"),)))["text"]
    assert text.count("`") == 6


def test_the_resource_list_is_cut_with_a_true_count(alert_of: AlertOf) -> None:
    resources = tuple(Resource(f"bucket-{number:04}", "OPEN") for number in range(900))
    text = attachment(alert_of(resources=resources))["text"]
    assert f"+{900 - text.count('bucket-')} more" in text


def test_a_smaller_message_leaves_out_resources_and_details_and_says_so(alert_of: AlertOf) -> None:
    text = attachment(alert_of(details="why"), shrink=True)["text"]
    assert "left out" in text
    assert "bucket-1" not in text


@pytest.mark.parametrize(
    ("choice", "severity", "label"),
    [
        ("none", Severity.CRITICAL, None),
        ("auto", Severity.CRITICAL, "urgent"),
        ("auto", Severity.HIGH, "important"),
        ("auto", Severity.MEDIUM, None),
        ("urgent", Severity.LOW, "urgent"),
    ],
)
def test_the_priority_label_follows_the_setting(
    alert_of: AlertOf, choice: str, severity: Severity, label: str | None
) -> None:
    payload = sent(alert_of(severity=severity), priority=choice)
    assert payload.get("priority", {}).get("priority") == label


def test_relief_has_no_label_unless_every_post_has_one(alert_of: AlertOf, known: Known) -> None:
    alert, before = alert_of(severity=Severity.CRITICAL), known(80, "bucket-0", "bucket-1")
    assert "priority" not in sent(alert, before=before, priority="auto")
    assert sent(alert, before=before, priority="urgent")["priority"] == {"priority": "urgent"}
    assert sent(alert, before=known(80, "bucket-0"), priority="auto")["priority"] == {"priority": "urgent"}


def test_channel_name_and_picture_are_sent_when_set(alert_of: AlertOf) -> None:
    payload = sent(alert_of(), channel="soc", username="Optix", icon_url="https://x.example/i.png")
    assert (payload["channel"], payload["username"], payload["icon_url"]) == ("soc", "Optix", "https://x.example/i.png")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"ok", OutcomeClass.OK),
        (200, b"ok\n", OutcomeClass.OK),
        (200, b"<html>sign in</html>", OutcomeClass.RETRY),
        (400, b'{"id":"web.incoming_webhook.invalid.app_error","message":"Invalid webhook."}', OutcomeClass.GONE),
        (400, b'{"id":"api.post.create_post","message":"Bad"}', OutcomeClass.REJECTED),
        (429, b"limit exceeded", OutcomeClass.RATE_LIMITED),
    ],
)
def test_what_mattermost_answers_is_understood(status: int, body: bytes, kind: OutcomeClass) -> None:
    assert read(HttpAnswer(status, {}, body), NOW).kind is kind
