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
from gateway.destinations.webex import WebexSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.message import HttpAnswer
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of
from gateway.domain.text import utf8_bytes

NOW = datetime(2026, 5, 4, tzinfo=UTC)
BOT = WebexSettings(token=SecretStr("secret"), room_id="Y2lzY29zcGFyazovL3VzL1JPT00vMQ")
HOOK = WebexSettings(url=SecretAddress("https://webexapis.com/v1/webhooks/incoming/secret"))
FIRST = "Y2lzY29zcGFyazovL3VzL01FU1NBR0UvMQ"
MOST_BYTES = 7000
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


def context(*, shrink: bool = False, before: bytes | None = None, reference: str = "", progress: str = "") -> Context:
    return Context("d", "r", b"", NOW, shrink=shrink, before=before, reference=reference, progress=progress)


def sent(alert: Alert, said: Context | None = None, made: WebexSettings = BOT) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(format_message(alert, said or context(), made).body)
    return loaded


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_message_over_the_limit(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    for shrink in (False, True):
        text = sent(alert, context(before=before, shrink=shrink))["markdown"]
        assert utf8_bytes(text) <= MOST_BYTES
        assert text.count("```") % 2 == 0


@pytest.mark.parametrize("sign", ["x", "🪣", "@", "\n", "<"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known, sign: str) -> None:
    huge = sign * 3000
    alert = alert_of(
        summary=huge, environment=huge, alert_type=huge, provider=huge, rule=huge, details=huge + "x", last_seen=huge,
        policy_labels=(huge,) * 50, resources=(Resource(huge, huge),) * 60, alert_id=huge,
    )  # fmt: skip
    before = known(None, *(f"{n}{huge[:400]}" for n in range(2000)))
    assert utf8_bytes(sent(alert, context(before=before))["markdown"]) <= MOST_BYTES


def test_the_resources_fill_the_message_and_the_rest_is_counted(alert_of: AlertOf) -> None:
    text = sent(alert_of(resources=tuple(Resource(f"bücket-{n:04}", "OPEN") for n in range(2000))))["markdown"]
    assert MOST_BYTES - 40 < utf8_bytes(text) <= MOST_BYTES
    assert f"+{2000 - text.count('bücket-')} more" in text


@pytest.mark.parametrize("hostile", ["<@all>", "<@personEmail:a@b.example>", "<b>", "[bank](http://evil)", "```"])
def test_hostile_text_loses_its_meaning(alert_of: AlertOf, hostile: str) -> None:
    alert = alert_of(summary=hostile, details=hostile, rule=hostile, resources=(Resource("``` <@all>", "OPEN"),))
    text = sent(alert)["markdown"]
    outside = re.sub(r"```.*?```|\[Open in Cloud Optix\]\([^)]*\)", "", text, flags=re.DOTALL)
    assert re.search(r"[@<](?!\u200b)|\]\(|://|`", outside) is None
    assert text.count("```") == 2


@pytest.mark.parametrize(
    ("score", "icon"), [(49, "🔵"), (50, "🟡"), (79, "🟡"), (80, "🟠"), (89, "🟠"), (90, "🔴"), (None, "⚪")]
)
def test_the_colour_follows_the_score(alert_of: AlertOf, score: int | None, icon: str) -> None:
    assert sent(alert_of(score=score, severity=severity_of(score)))["markdown"].startswith(f"{icon} **")


def test_a_bots_follow_up_is_a_reply_and_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    made = sent(alert_of(), context(before=known(80, "bucket-0"), reference=FIRST))
    assert made["parentId"] == FIRST
    assert made["markdown"].split("  \n")[1] == "**Changed:** 1 new of 1 open, 1 gone"


@pytest.mark.parametrize("reference", ["", "7", "<a@b>", "1700000000.000100", FIRST + " x"])
def test_what_is_no_message_of_webex_is_no_thread(alert_of: AlertOf, reference: str) -> None:
    assert "parentId" not in sent(alert_of(), context(before=b"", reference=reference))


def test_a_digest_and_a_webhook_reply_to_nothing(alert_of: AlertOf) -> None:
    said = context(before=b"", reference=FIRST)
    assert "parentId" not in sent(alert_of(event_type=DIGEST), said)
    assert sent(alert_of(), said, HOOK).keys() == {"markdown"}


def test_a_bot_speaks_with_its_token_to_a_space_or_a_person(alert_of: AlertOf) -> None:
    person = WebexSettings(token=SecretStr("secret"), person_email="soc@example.com")
    message = format_message(alert_of(), context(), BOT)
    assert message.url == "https://webexapis.com/v1/messages"
    assert ("Authorization", "Bearer secret") in message.headers
    assert sent(alert_of())["roomId"] == BOT.room_id
    assert sent(alert_of(), made=person)["toPersonEmail"] == "soc@example.com"


@pytest.mark.parametrize(
    ("made", "status", "body", "kind"),
    [
        (BOT, 200, b'{"id":"Y2lz"}', OutcomeClass.OK),
        (BOT, 200, b"<html>", OutcomeClass.RETRY),
        (HOOK, 204, b"", OutcomeClass.OK),
        (HOOK, 200, b"<html>", OutcomeClass.RETRY),
        (BOT, 400, b'{"message":"The request could not be understood"}', OutcomeClass.REJECTED),
        (BOT, 401, b"", OutcomeClass.AUTH),
        (BOT, 404, b'{"message":"Could not find a room with provided ID."}', OutcomeClass.GONE),
        (BOT, 413, b"", OutcomeClass.TOO_LARGE),
        (BOT, 429, b"", OutcomeClass.RATE_LIMITED),
        (BOT, 502, b"", OutcomeClass.RETRY),
    ],
)
def test_what_webex_answers_is_understood(made: WebexSettings, status: int, body: bytes, kind: OutcomeClass) -> None:
    assert read(HttpAnswer(status, {}, body), NOW, context(), made).kind is kind


def test_the_first_message_is_remembered_and_stays_the_one_until_it_is_gone(alert_of: AlertOf) -> None:
    stored, lost = (
        HttpAnswer(200, {}, b'{"id":"Y2lzc2Vjb25k"}'),
        HttpAnswer(404, {}, b'{"message":"Unable to find parent"}'),
    )
    assert read(stored, NOW, context(), BOT).reference == "Y2lzc2Vjb25k"
    assert read(stored, NOW, context(reference=FIRST), BOT).reference == FIRST
    gone = read(lost, NOW, context(reference=FIRST), BOT)
    again = context(before=b"", reference=FIRST, progress=gone.progress)
    assert gone.kind is OutcomeClass.RETRY
    assert "parentId" not in sent(alert_of(), again)
    assert read(stored, NOW, again, BOT).reference == "Y2lzc2Vjb25k"
    assert read(lost, NOW, again, BOT).kind is OutcomeClass.GONE


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"token": "t"},
        {"room_id": "Y2lzY29z"},
        {"token": "t", "room_id": "Y2lzY29z", "person_email": "a@b"},
        {"token": "t", "room_id": "Y2lzY29z", "url": "https://webexapis.com/v1/webhooks/incoming/x"},
        {"url": "webexapis.com"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        WebexSettings.model_validate(wrong)
