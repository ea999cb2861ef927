from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from gateway.destinations import Context
from gateway.destinations.telegram import TelegramSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units

NOW = datetime(2026, 5, 4, tzinfo=UTC)
CHAT = TelegramSettings(token=SecretStr("12:secret"), chat_id="-100123")
MOST = 4096
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


class Reader(HTMLParser):
    """What Telegram reads: its few tags, opened and closed in order; and the text that people see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen = ""
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.faults += [tag] * (tag not in {"b", "pre", "a"} or [name for name, _ in attrs] != ["href"] * (tag == "a"))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.faults += [f"/{tag}"] * (not self.open or self.open.pop() != tag)

    def handle_data(self, data: str) -> None:
        self.seen += data


def context(*, shrink: bool = False, before: bytes | None = None, reference: str = "", progress: str = "") -> Context:
    return Context("d", "r", b"", NOW, shrink=shrink, before=before, reference=reference, progress=progress)


def sent(alert: Alert, said: Context | None = None, made: TelegramSettings = CHAT) -> dict[str, Any]:
    message: HttpRequest = format_message(alert, said or context(), made)
    loaded: dict[str, Any] = json.loads(message.body)
    return loaded


def faults(text: str) -> list[str]:
    reader = Reader()
    reader.feed(text)
    reader.close()
    found = (
        reader.faults + reader.open + ["too long"] * (utf16_units(text) > MOST) + ["empty"] * (not reader.seen.strip())
    )
    return found + re.findall(r"&(?!amp;|lt;|gt;)", text)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_text_that_telegram_cannot_read(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    for shrink in (False, True):
        assert faults(sent(alert, context(before=before, shrink=shrink))["text"]) == []


@pytest.mark.parametrize("sign", ["x", "🪣", "&", "<", "@", "\n"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known, sign: str) -> None:
    huge = sign * 3000
    alert = alert_of(
        summary=huge, environment=huge, alert_type=huge, provider=huge, rule=huge, details=huge + "x", last_seen=huge,
        policy_labels=(huge,) * 50, resources=(Resource(huge, huge),) * 60, alert_id=huge,
    )  # fmt: skip
    before = known(None, *(f"{n}{huge[:400]}" for n in range(2000)))
    assert faults(sent(alert, context(before=before))["text"]) == []
    assert utf16_units(sent(alert, context(before=before, progress="plain"))["text"]) <= MOST


def test_the_text_fills_the_limit_and_counts_what_it_leaves_out(alert_of: AlertOf) -> None:
    text = sent(alert_of(resources=tuple(Resource(f"bucket-{n:04}", "OPEN") for n in range(900))))["text"]
    assert MOST - 40 < utf16_units(text) <= MOST
    assert f"+{900 - text.count('bucket-')} more" in text


def test_a_text_that_just_fits_is_whole_and_one_sign_more_is_cut(alert_of: AlertOf) -> None:
    lengths = range(1000, 1050)
    whole = [n for n in lengths if "x" * n in sent(alert_of(details="x" * n))["text"]]
    assert whole == list(range(1000, 1025))


@pytest.mark.parametrize(
    "hostile", ["<i>", "</pre>", "@everyone", "#tag", "$USD", "http://evil", "evil.example", "/stop"]
)
def test_hostile_text_loses_its_meaning(alert_of: AlertOf, hostile: str) -> None:
    text = sent(alert_of(summary=hostile, details=hostile, environment=hostile, resources=(Resource(hostile, "OPEN"),)))
    outside = re.sub(r"<pre>.*?</pre>|<a href.*</a>", "", text["text"], flags=re.DOTALL)
    assert hostile not in outside
    assert faults(text["text"]) == []
    assert text["link_preview_options"] == {"is_disabled": True}


@pytest.mark.parametrize(
    ("score", "icon"), [(49, "🔵"), (50, "🟡"), (79, "🟡"), (80, "🟠"), (89, "🟠"), (90, "🔴"), (None, "⚪")]
)
def test_the_colour_follows_the_score(alert_of: AlertOf, score: int | None, icon: str) -> None:
    assert sent(alert_of(score=score, severity=severity_of(score)))["text"].startswith(f"{icon} <b>")


def test_a_follow_up_replies_and_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    made = sent(alert_of(), context(before=known(80, "bucket-0"), reference="77"))
    assert made["reply_parameters"] == {"message_id": 77, "allow_sending_without_reply": True}
    assert made["text"].split("\n")[1:3] == ["<b>Changed:</b> 1 new of 1 open, 1 gone", "<pre>+ bucket-1"]


@pytest.mark.parametrize("reference", ["", "0", "x", "-5", "1.5", "9" * 40])
def test_what_is_no_message_of_telegram_is_replied_to_by_nothing(alert_of: AlertOf, reference: str) -> None:
    assert "reply_parameters" not in sent(alert_of(), context(before=b"", reference=reference))


def test_a_digest_replies_to_nothing(alert_of: AlertOf) -> None:
    assert "reply_parameters" not in sent(alert_of(event_type=DIGEST), context(before=b"", reference="77"))


@pytest.mark.parametrize(("before", "silent"), [(("bucket-0", "bucket-1"), True), (("bucket-0",), False)])
def test_relief_makes_no_sound(alert_of: AlertOf, known: Known, before: tuple[str, ...], *, silent: bool) -> None:
    assert ("disable_notification" in sent(alert_of(), context(before=known(80, *before)))) is silent


def test_the_topic_and_the_token_are_used(alert_of: AlertOf) -> None:
    made = TelegramSettings(token=SecretStr("12:se/cret"), chat_id="@soc_alerts", thread_id=5)
    assert sent(alert_of(), made=made)["message_thread_id"] == 5
    assert format_message(alert_of(), context(), made).url == "https://api.telegram.org/bot12:se%2Fcret/sendMessage"
    assert made.secrets() == ("12:se%2Fcret", "12:se/cret")


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, "Bad Request: chat not found", OutcomeClass.GONE),
        (400, "Bad Request: message thread not found", OutcomeClass.GONE),
        (400, "Bad Request: message is too long", OutcomeClass.TOO_LARGE),
        (400, "Bad Request: can't parse entities: unclosed", OutcomeClass.RETRY),
        (400, "Bad Request: something else", OutcomeClass.REJECTED),
        (401, "Unauthorized", OutcomeClass.AUTH),
        (403, "Forbidden: bot was kicked from the group chat", OutcomeClass.GONE),
        (429, "Too Many Requests: retry after 7", OutcomeClass.RATE_LIMITED),
        (502, "Bad Gateway", OutcomeClass.RETRY),
        (200, "it says so", OutcomeClass.REJECTED),
    ],
)
def test_what_telegram_answers_is_understood(status: int, error: str, kind: OutcomeClass) -> None:
    body = json.dumps({"ok": False, "description": error}).encode()
    outcome = read(HttpAnswer(status, {}, body), NOW, context(), CHAT)
    assert (outcome.kind, error in outcome.reason) == (kind, True)


def test_an_answer_that_is_not_telegrams_proves_nothing() -> None:
    assert read(HttpAnswer(200, {}, b"<html>"), NOW, context(), CHAT).kind is OutcomeClass.RETRY


def test_the_first_message_is_remembered_and_stays_the_one() -> None:
    answer = HttpAnswer(200, {}, b'{"ok":true,"result":{"message_id":99}}')
    assert read(answer, NOW, context(), CHAT).reference == "99"
    assert read(answer, NOW, context(reference="77"), CHAT).reference == "77"


def test_telegram_says_how_long_to_wait() -> None:
    body = b'{"ok":false,"description":"Too Many Requests","parameters":{"retry_after":7}}'
    assert read(HttpAnswer(429, {}, body), NOW, context(), CHAT).hint_s == 7
    assert read(HttpAnswer(429, {"retry-after": "9"}, body), NOW, context(), CHAT).hint_s == 9


def test_after_markup_that_cannot_be_read_comes_plain_text_and_only_once(alert_of: AlertOf) -> None:
    answer = HttpAnswer(400, {}, b'{"ok":false,"description":"Bad Request: can\'t parse entities"}')
    again = context(progress=read(answer, NOW, context(), CHAT).progress)
    made = sent(alert_of(details="a < b"), again)
    assert "parse_mode" not in made
    assert "<b>" not in made["text"]
    assert read(answer, NOW, again, CHAT).kind is OutcomeClass.REJECTED


def test_a_group_that_moved_is_followed_and_said(alert_of: AlertOf) -> None:
    body = b'{"ok":false,"description":"group upgraded","parameters":{"migrate_to_chat_id":-1009}}'
    moved = read(HttpAnswer(400, {}, body), NOW, context(progress="plain"), CHAT)
    assert (moved.kind, moved.progress) == (OutcomeClass.RETRY, "to=-1009 plain")
    assert moved.reason.endswith("CHAT_ID is now -1009")
    assert sent(alert_of(), context(progress=moved.progress))["chat_id"] == "-1009"
    assert read(HttpAnswer(400, {}, body), NOW, context(progress=moved.progress), CHAT).kind is OutcomeClass.REJECTED


@pytest.mark.parametrize(
    "wrong",
    [
        {"chat_id": "1"},
        {"token": "", "chat_id": "1"},
        {"token": "t", "chat_id": "soc"},
        {"token": "t", "chat_id": "1", "thread_id": 0},
        {"token": "t", "chat_id": "1", "api_url": "api.telegram.org"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TelegramSettings.model_validate(wrong)
