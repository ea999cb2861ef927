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
from gateway.destinations.slack import SlackSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units

NOW = datetime(2026, 5, 4, tzinfo=UTC)
HOOK = SlackSettings(url=SecretAddress("https://hooks.slack.com/services/T/B/secret"))
BOT = SlackSettings(token=SecretStr("xoxb-secret"), channel="C0123")
TS = "1700000000.000100"
MOST_IN_BLOCKS = 13_000
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


def context(*, shrink: bool = False, before: bytes | None = None, reference: str = "", progress: str = "") -> Context:
    return Context("d", "r", b"", NOW, shrink=shrink, before=before, reference=reference, progress=progress)


def payload(message: HttpRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(message.body)
    return loaded


def sent(alert: Alert, said: Context | None = None, made: SlackSettings = HOOK) -> dict[str, Any]:
    return payload(format_message(alert, said or context(), made))


def texts(made: dict[str, Any]) -> list[str]:
    found = [block["text"]["text"] for block in made["blocks"] if "text" in block]
    for block in made["blocks"]:
        found += [part["text"] for part in (*block.get("fields", ()), *block.get("elements", ()))]
    return found


def sections(made: dict[str, Any]) -> list[str]:
    return [block["text"]["text"] for block in made["blocks"] if "text" in block]


def overruns(made: dict[str, Any]) -> list[str]:
    broken = ["blocks"] * (len(made["blocks"]) > 50) + ["text"] * (utf16_units(made["text"]) > 4000)
    broken += ["all"] * (sum(map(utf16_units, texts(made))) > MOST_IN_BLOCKS)
    for block in made["blocks"]:
        broken += ["section"] * ("text" in block and not 0 < utf16_units(block["text"]["text"]) <= 3000)
        fields = block.get("fields", [])
        broken += ["fields"] * (len(fields) > 10) + ["field"] * any(utf16_units(f["text"]) > 2000 for f in fields)
    return broken


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_block_that_slack_refuses(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    for shrink in (False, True):
        assert overruns(sent(alert, context(before=before, shrink=shrink))) == []


@pytest.mark.parametrize("sign", ["x", "🪣", "&", "<", "`"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known, sign: str) -> None:
    huge = sign * 3000
    alert = alert_of(
        summary=huge, environment=huge, alert_type=huge, provider=huge, rule=huge, details=huge, last_seen=huge,
        policy_labels=(huge,) * 50, resources=(Resource(huge, huge),) * 60, alert_id=huge,
    )  # fmt: skip
    made = sent(alert, context(before=known(None, *(f"{n}{huge[:400]}" for n in range(2000)))))
    assert overruns(made) == []
    assert made["blocks"][-1]["type"] == "section"  # the link is too long for a click


@pytest.mark.parametrize(
    "hostile", ["<!channel>", "<@U1>", "<http://evil|bank>", "<!date^1^{date}|x>", "&lt;!here&gt;"]
)
def test_hostile_text_loses_its_meaning(alert_of: AlertOf, hostile: str) -> None:
    made = sent(alert_of(summary=hostile, details=hostile, environment=hostile, resources=(Resource(hostile, "OPEN"),)))
    for text in (made["text"], *texts(made)[:-1]):
        assert re.search(r"[<>]|&(?!amp;|lt;|gt;)", text) is None
    assert all(part["verbatim"] for block in made["blocks"] for part in block.get("fields", ()))


def test_no_escape_is_cut_in_two(alert_of: AlertOf) -> None:
    for extra in range(6):
        text = sections(sent(alert_of(details="x" * extra + "&" * 4000)))[-2]
        assert re.fullmatch(r"x*(&amp;)+…", text)


def test_a_resource_name_cannot_end_the_block_it_stands_in(alert_of: AlertOf) -> None:
    assert json.dumps(sent(alert_of(resources=(Resource("``` *x* `", "OPEN"),)))).count("`") == 6


def test_the_resource_list_is_cut_with_a_true_count(alert_of: AlertOf) -> None:
    listed = sections(sent(alert_of(resources=tuple(Resource(f"bucket-{n:04}", "OPEN") for n in range(900)))))[-1]
    assert f"+{900 - listed.count('bucket-')} more" in listed


def test_a_resource_list_that_just_fits_is_whole_and_one_more_is_counted(alert_of: AlertOf) -> None:
    names = [
        f"{n:09}" for n in range(290)
    ]  # ten characters each with its line end; 2900 hold 289 and the signs of the block
    assert "more" not in sections(sent(alert_of(resources=tuple(Resource(name, "OPEN") for name in names[:-1]))))[-1]
    assert "more" in sections(sent(alert_of(resources=tuple(Resource(name, "OPEN") for name in names))))[-1]


@pytest.mark.parametrize(
    ("score", "icon"), [(49, "🔵"), (50, "🟡"), (79, "🟡"), (80, "🟠"), (89, "🟠"), (90, "🔴"), (None, "⚪")]
)
def test_the_colour_follows_the_score(alert_of: AlertOf, score: int | None, icon: str) -> None:
    made = sent(alert_of(score=score, severity=severity_of(score)))
    assert made["text"].startswith(icon)
    assert texts(made)[0].startswith(icon)


def test_a_follow_up_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    made = sent(alert_of(), context(before=known(80, "bucket-0")))
    assert sections(made)[0].endswith("\n*Changed:* 1 new of 1 open, 1 gone")
    assert sections(made)[1] == "```\n+ bucket-1\n- bucket-0\n```"
    assert "1 new of 1 open" in made["text"]


def test_a_bot_speaks_to_its_channel_with_its_token(alert_of: AlertOf) -> None:
    message = format_message(alert_of(), context(), BOT)
    assert message.url == "https://slack.com/api/chat.postMessage"
    assert ("Authorization", "Bearer xoxb-secret") in message.headers
    assert payload(message)["channel"] == "C0123"
    assert "thread_ts" not in payload(message)


@pytest.mark.parametrize(("before", "shown"), [(("bucket-0",), True), (("bucket-0", "bucket-1"), False), (None, False)])
def test_a_bots_follow_up_is_a_reply_and_shown_to_all_when_things_got_worse(
    alert_of: AlertOf, known: Known, before: tuple[str, ...] | None, *, shown: bool
) -> None:
    state = b"" if before is None else known(80, *before)
    made = sent(alert_of(), context(before=state, reference=TS), BOT)
    assert (made["thread_ts"], made["reply_broadcast"]) == (TS, shown)


@pytest.mark.parametrize("reference", ["", "7", "<a@b>", "spaces/A", f"{TS}x"])
def test_what_is_no_message_of_slack_is_no_thread(alert_of: AlertOf, known: Known, reference: str) -> None:
    assert "thread_ts" not in sent(alert_of(), context(before=known(80), reference=reference), BOT)


def test_a_digest_and_a_webhook_reply_to_nothing(alert_of: AlertOf, known: Known) -> None:
    said = context(before=known(80), reference=TS)
    assert "thread_ts" not in sent(alert_of(event_type=DIGEST), said, BOT)
    assert "thread_ts" not in sent(alert_of(), said, HOOK)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"ok", OutcomeClass.OK),
        (200, b"<html>sign in</html>", OutcomeClass.RETRY),
        (400, b"invalid_payload", OutcomeClass.REJECTED),
        (400, b"invalid_blocks", OutcomeClass.REJECTED),
        (400, b"msg_blocks_too_long", OutcomeClass.TOO_LARGE),
        (403, b"action_prohibited", OutcomeClass.AUTH),
        (404, b"channel_not_found", OutcomeClass.GONE),
        (404, b"no_service", OutcomeClass.GONE),
        (410, b"channel_is_archived", OutcomeClass.GONE),
        (429, b"", OutcomeClass.RATE_LIMITED),
        (500, b"rollup_error", OutcomeClass.RETRY),
    ],
)
def test_what_a_webhook_answers_is_understood(status: int, body: bytes, kind: OutcomeClass) -> None:
    outcome = read(HttpAnswer(status, {}, body), NOW, context(), HOOK)
    assert outcome.kind is kind
    assert "<" not in outcome.reason


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("ratelimited", OutcomeClass.RATE_LIMITED),
        ("internal_error", OutcomeClass.RETRY),
        ("fatal_error", OutcomeClass.RETRY),
        ("service_unavailable", OutcomeClass.RETRY),
        ("invalid_auth", OutcomeClass.AUTH),
        ("not_in_channel", OutcomeClass.AUTH),
        ("channel_not_found", OutcomeClass.GONE),
        ("is_archived", OutcomeClass.GONE),
        ("msg_too_long", OutcomeClass.TOO_LARGE),
        ("invalid_blocks", OutcomeClass.REJECTED),
        ("something_new", OutcomeClass.REJECTED),
        ("thread_not_found", OutcomeClass.REJECTED),
    ],
)
def test_an_answer_of_200_that_is_not_ok_is_a_failure(error: str, kind: OutcomeClass) -> None:
    outcome = read(HttpAnswer(200, {}, json.dumps({"ok": False, "error": error}).encode()), NOW, context(), BOT)
    assert (outcome.kind, outcome.reason) == (kind, f"200 OK: {error}")


def test_the_first_message_of_an_incident_is_remembered_and_stays_the_one() -> None:
    answer = HttpAnswer(200, {}, b'{"ok":true,"channel":"C0123","ts":"1800000000.000001"}')
    assert read(answer, NOW, context(), BOT).reference == "1800000000.000001"
    assert read(answer, NOW, context(reference=TS), BOT).reference == TS


def test_a_thread_that_is_gone_is_left_for_a_new_one(alert_of: AlertOf, known: Known) -> None:
    lost = read(HttpAnswer(200, {}, b'{"ok":false,"error":"thread_not_found"}'), NOW, context(reference=TS), BOT)
    assert lost.kind is OutcomeClass.RETRY
    again = context(before=known(80), reference=TS, progress=lost.progress)
    assert "thread_ts" not in sent(alert_of(), again, BOT)
    answer = HttpAnswer(200, {}, b'{"ok":true,"ts":"1800000000.000001"}')
    assert read(answer, NOW, again, BOT).reference == "1800000000.000001"


def test_slack_says_how_long_to_wait() -> None:
    assert read(HttpAnswer(429, {"retry-after": "30"}), NOW, context(), BOT).hint_s == 30


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"url": "hooks.slack.com/x"},
        {"token": "x"},
        {"channel": "C1"},
        {"url": "https://hooks.slack.com/x", "token": "x", "channel": "C1"},
        {"token": "x", "channel": "C1", "api_url": "https://u:p@slack.com/api"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SlackSettings.model_validate(wrong)
