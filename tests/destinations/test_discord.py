from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations import Context, SecretAddress
from gateway.destinations.discord import DiscordSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import HttpAnswer
from gateway.domain.outcome import OutcomeClass
from gateway.domain.text import utf16_units

NOW = datetime(2026, 5, 4, tzinfo=UTC)
HOOK = "https://discord.com/api/webhooks/1/secret%2Ftoken"
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


def settings_with(url: str = HOOK, **more: Any) -> DiscordSettings:
    return DiscordSettings(url=SecretAddress(url), **more)


def payload(alert: Alert, *, shrink: bool = False, before: bytes | None = None) -> dict[str, Any]:
    message = format_message(alert, Context("d", "r", b"", NOW, shrink=shrink, before=before), settings_with())
    loaded: dict[str, Any] = json.loads(message.body)
    return loaded


def embed(alert: Alert, *, shrink: bool = False, before: bytes | None = None) -> dict[str, Any]:
    found: dict[str, Any] = payload(alert, shrink=shrink, before=before)["embeds"][0]
    return found


def overruns(sent: dict[str, Any]) -> list[str]:
    """Discord's rules that a message breaks, counted in UTF-16 units."""
    texts: list[tuple[str, str, int]] = [("title", sent["title"], 256), ("footer", sent["footer"]["text"], 2048)]
    texts += [("description", sent["description"], 4096)] if "description" in sent else []
    texts += [("name", field["name"], 256) for field in sent["fields"]]
    texts += [("value", field["value"], 1024) for field in sent["fields"]]
    broken = [name for name, text, limit in texts if not 0 < utf16_units(text.strip()) <= limit]
    broken += ["sum"] * (sum(utf16_units(text) for _, text, _ in texts) > 6000)
    return broken + ["fields"] * (len(sent["fields"]) > 25) + ["url"] * (len(sent.get("url", "")) > 2048)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_message_that_discord_refuses(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    assert overruns(embed(alert, before=before)) == []
    assert overruns(embed(alert, before=before, shrink=True)) == []


def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known) -> None:
    huge = "`*🪣" * 3000
    alert = alert_of(
        summary=huge, environment=huge, alert_type=huge, provider=huge, rule=huge, details=huge, last_seen=huge,
        policy_labels=(huge,) * 50, resources=(Resource(huge, huge),) * 60, alert_id=huge,
    )  # fmt: skip
    assert overruns(embed(alert)) == []
    assert overruns(embed(alert, before=known(None, *(f"{n}{huge[:400]}" for n in range(3000))))) == []


def test_a_follow_up_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    described = embed(alert_of(details="why"), before=known(80, "bucket-0"))["description"]
    assert described.splitlines() == [
        "**Changed:** 1 new of 1 open, 1 gone",
        *("```diff", "+ bucket-1", "- bucket-0", "```", "why", "```", "bucket-1", "```"),
    ]


def test_the_changes_are_cut_with_a_true_count(alert_of: AlertOf, known: Known) -> None:
    described = embed(alert_of(), before=known(80, *(f"old-{number:04}" for number in range(3000))))["description"]
    assert f"+{3001 - 1 - described.count('- old-')} more\n```" in described


def test_a_smaller_follow_up_still_says_in_a_line_what_changed(alert_of: AlertOf, known: Known) -> None:
    described = embed(alert_of(), before=known(70, "bucket-0"), shrink=True)["description"]
    assert described.startswith("**Changed:** 1 new of 1 open, 1 gone, score 70 -\\> 80 (medium -\\> high)\n*Discord")
    assert "bucket-0" not in described


def test_a_name_in_a_change_cannot_end_the_block_it_stands_in(alert_of: AlertOf, known: Known) -> None:
    described = embed(alert_of(resources=()), before=known(80, "``` @everyone `"))["description"]
    assert described.count("`") == 6
    assert described.endswith("\n```")


SUPPRESSED = (Resource("bucket-1", "SUPPRESS"),)
BOTH = (Resource("bucket-1", "OPEN"), Resource("bucket-2", "OPEN"))


@pytest.mark.parametrize(
    ("before", "resources", "silent"),
    [
        (None, BOTH, False),
        ("bucket-1", BOTH, False),
        ("bucket-1 bucket-2", BOTH, False),
        ("bucket-0 bucket-1 bucket-2", BOTH, True),
        ("bucket-0 bucket-1", BOTH, False),
        ("bucket-1", SUPPRESSED, True),
        (None, SUPPRESSED, True),
    ],
)
def test_what_needs_nobodys_attention_makes_no_sound(
    alert_of: AlertOf,
    known: Known,
    before: str | None,
    resources: tuple[Resource, ...],
    silent: bool,  # noqa: FBT001
) -> None:
    sent = payload(alert_of(resources=resources), before=None if before is None else known(80, *before.split()))
    assert sent.get("flags") == (4096 if silent else None)


@pytest.mark.parametrize(("score", "silent"), [(90, True), (70, False)])
def test_a_lower_score_makes_no_sound_and_a_higher_one_does(
    alert_of: AlertOf,
    known: Known,
    score: int,
    silent: bool,  # noqa: FBT001
) -> None:
    assert ("flags" in payload(alert_of(), before=known(score, "bucket-1"))) is silent


@pytest.mark.parametrize(("length", "whole"), [(256, True), (257, False)])
def test_a_title_is_cut_only_beyond_256(alert_of: AlertOf, length: int, whole: bool) -> None:  # noqa: FBT001
    before = utf16_units("🟠 High: ")
    title = embed(alert_of(summary="x" * (length - before)))["title"]
    assert title.endswith("x") is whole
    assert utf16_units(title) == 256


def test_the_resource_list_is_cut_with_a_true_count(alert_of: AlertOf) -> None:
    resources = tuple(Resource(f"bucket-{number:04}", "OPEN") for number in range(500))
    described = embed(alert_of(resources=resources))["description"]
    shown = described.count("bucket-")
    assert shown > 50
    assert f"+{500 - shown} more" in described


def test_a_smaller_message_leaves_out_resources_and_details_and_says_so(alert_of: AlertOf) -> None:
    described = embed(alert_of(details="why"), shrink=True)["description"]
    assert "bucket-1" not in described
    assert "why" not in described
    assert "left out" in described


def test_nobody_is_ever_mentioned(alert_of: AlertOf) -> None:
    assert payload(alert_of())["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize("hostile", ["@everyone", "<@123>", "[bank](http://evil)", "`x`", "||x||", "~~x~~", "# big"])
def test_hostile_text_loses_its_meaning_outside_code(alert_of: AlertOf, hostile: str) -> None:
    sent = embed(alert_of(summary=hostile, details=hostile, environment=hostile, resources=()))
    for text in (sent["title"], sent["description"], sent["fields"][1]["value"]):
        assert re.search(r"(?<!\\)[\[\]`|~<>@#]", text) is None


def test_a_resource_name_cannot_end_the_block_it_stands_in(alert_of: AlertOf) -> None:
    described = embed(alert_of(resources=(Resource("``` @everyone `", "OPEN"),)))["description"]
    assert described.count("`") == 6
    assert described.startswith("```\n")
    assert described.endswith("\n```")


@pytest.mark.parametrize(
    ("url", "sent_to"),
    [
        (HOOK, f"{HOOK}?wait=true"),
        (f"{HOOK}?x=%2F+a", f"{HOOK}?x=%2F+a&wait=true"),
        (f"{HOOK}?wait=false", f"{HOOK}?wait=false"),
    ],
)
def test_the_hook_is_kept_byte_for_byte_and_asks_for_an_answer(alert_of: AlertOf, url: str, sent_to: str) -> None:
    assert format_message(alert_of(), Context("d", "r", b"", NOW), settings_with(url)).url == sent_to


def test_thread_name_and_picture_are_sent_when_set(alert_of: AlertOf) -> None:
    made = settings_with(thread_id="42", username="Optix", avatar_url="https://x.example/a.png")
    message = format_message(alert_of(), Context("d", "r", b"", NOW), made)
    sent = json.loads(message.body)
    assert message.url.endswith("?wait=true&thread_id=42")
    assert (sent["username"], sent["avatar_url"]) == ("Optix", "https://x.example/a.png")


@pytest.mark.parametrize("wrong", ["", "discord.com/api", "ftp://x/y", "https://?secret", "https://a b"])
def test_a_url_that_cannot_be_one_is_a_mistake_that_does_not_print_it(wrong: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings_with(wrong)
    assert wrong == "" or wrong not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "hint_s"),
    [
        (200, {}, b'{"id":"7"}', OutcomeClass.OK, None),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1.5"}, b"{}", OutcomeClass.OK, 1.5),
        (200, {"x-ratelimit-remaining": "3", "x-ratelimit-reset-after": "1.5"}, b"{}", OutcomeClass.OK, None),
        (429, {}, b'{"retry_after":64.57,"global":false}', OutcomeClass.RATE_LIMITED, 64.57),
        (429, {"retry-after": "65"}, b'{"retry_after":64.57}', OutcomeClass.RATE_LIMITED, 65),
        (429, {"retry-after": "600"}, b"<html>", OutcomeClass.RATE_LIMITED, 600),
        (404, {}, b'{"message":"Unknown Webhook","code":10015}', OutcomeClass.GONE, None),
        (401, {}, b'{"message":"Invalid Webhook Token"}', OutcomeClass.AUTH, None),
        (400, {}, b'{"embeds":["0"]}', OutcomeClass.REJECTED, None),
    ],
)
def test_what_discord_answers_is_understood(
    status: int, headers: dict[str, str], body: bytes, kind: OutcomeClass, hint_s: float | None
) -> None:
    outcome = read(HttpAnswer(status, headers, body), NOW)
    assert (outcome.kind, outcome.hint_s) == (kind, hint_s)


def test_the_message_id_is_kept_and_a_refusal_says_why() -> None:
    assert read(HttpAnswer(200, {}, b'{"id":"7"}'), NOW).reference == "7"
    assert read(HttpAnswer(404, {}, b'{"message":"Unknown Webhook"}'), NOW).reason == "404 Not Found: Unknown Webhook"
