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

from gateway.destinations import Context
from gateway.destinations.matrix import MatrixSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of

NOW = datetime(2026, 5, 4, tzinfo=UTC)
ROOM = MatrixSettings(url="https://m.example/", token=SecretStr("syt_1"), room_id="!a/b:m.example")
EVENT = "$ShoTpnTn1Y-x_0"
MOST_BYTES = 60_000
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


def context(*, shrink: bool = False, before: bytes | None = None, reference: str = "") -> Context:
    return Context("dlv-1/2", "r", b"", NOW, shrink=shrink, before=before, reference=reference)


def sent(alert: Alert, said: Context | None = None) -> HttpRequest:
    return format_message(alert, said or context(), ROOM)


def content(alert: Alert, said: Context | None = None) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(sent(alert, said).body)
    return loaded


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_an_event_that_is_too_large(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    for shrink in (False, True):
        assert len(sent(alert, context(before=before, shrink=shrink)).body) <= MOST_BYTES


@pytest.mark.parametrize("sign", ["x", "🪣", "&", '"', "\n"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known, sign: str) -> None:
    huge = sign * 20_000
    alert = alert_of(
        summary=huge, environment=huge, alert_type=huge, provider=huge, rule=huge, details=huge + "x", last_seen=huge,
        policy_labels=(huge,) * 50, resources=(Resource(huge, huge),) * 600, alert_id=huge,
    )  # fmt: skip
    before = known(None, *(f"{n}{huge[:400]}" for n in range(2000)))
    assert len(sent(alert, context(before=before)).body) <= MOST_BYTES


def test_the_resources_fill_the_html_and_the_rest_is_counted(alert_of: AlertOf) -> None:
    made = content(alert_of(resources=tuple(Resource(f"bucket-{n:05}", "OPEN") for n in range(9000))))
    for text, limit in ((made["formatted_body"], 40_000), (made["body"], 15_000)):
        assert limit - 60 < len(json.dumps(text, ensure_ascii=False).encode()) - 2 <= limit
        assert f"+{9000 - text.count('bucket-')} more" in text


def test_it_is_put_under_the_deliverys_id(alert_of: AlertOf) -> None:
    message = sent(alert_of())
    assert message.method == "PUT"
    assert message.url == "https://m.example/_matrix/client/v3/rooms/%21a%2Fb%3Am.example/send/m.room.message/dlv-1%2F2"
    assert ("Authorization", "Bearer syt_1") in message.headers


@pytest.mark.parametrize("hostile", ["@room", "@a:m.example", "<script>", "http://evil", "</code></pre><b>", "&amp;<"])
def test_hostile_text_loses_its_meaning(alert_of: AlertOf, hostile: str) -> None:
    made = content(alert_of(summary=hostile, details=hostile, rule=hostile, resources=(Resource(hostile, "OPEN"),)))
    assert made["m.mentions"] == {}
    assert re.search(r"@(?!\u200b)", made["body"]) is None
    marked = re.sub(r"</?(strong|br|pre|code)>|<a href=\"[^\"<>]*\">|</a>", "", made["formatted_body"])
    assert re.search(r"[<>]|&(?!amp;|lt;|gt;)", marked) is None


@pytest.mark.parametrize(
    ("score", "icon"), [(49, "🔵"), (50, "🟡"), (79, "🟡"), (80, "🟠"), (89, "🟠"), (90, "🔴"), (None, "⚪")]
)
def test_the_colour_follows_the_score(alert_of: AlertOf, score: int | None, icon: str) -> None:
    made = content(alert_of(score=score, severity=severity_of(score)))
    assert {made["body"][0], made["formatted_body"][0]} == {icon}


def test_a_follow_up_is_in_the_thread_and_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    made = content(alert_of(), context(before=known(80, "bucket-0"), reference=EVENT))
    assert made["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": EVENT,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": EVENT},
    }
    assert made["body"].split("\n")[1] == "Changed: 1 new of 1 open, 1 gone"
    assert "<br><strong>Changed:</strong> 1 new of 1 open, 1 gone<br><pre><code" in made["formatted_body"]


@pytest.mark.parametrize("reference", ["", "7", "<a@b>", "$", "$a b"])
def test_what_is_no_event_is_no_thread(alert_of: AlertOf, reference: str) -> None:
    assert "m.relates_to" not in content(alert_of(), context(before=b"", reference=reference))


def test_a_digest_is_in_no_thread(alert_of: AlertOf) -> None:
    assert "m.relates_to" not in content(alert_of(event_type=DIGEST), context(before=b"", reference=EVENT))


@pytest.mark.parametrize(
    ("before", "state", "kind"),
    [
        (("bucket-0",), "OPEN", "m.text"),
        (("bucket-0", "bucket-1"), "OPEN", "m.notice"),
        (("bucket-1",), "SUPPRESS", "m.notice"),
    ],
)
def test_relief_is_a_notice(alert_of: AlertOf, known: Known, before: tuple[str, ...], state: str, kind: str) -> None:
    alert = alert_of(resources=(Resource("bucket-1", state),))
    assert content(alert, context(before=known(80, *before)))["msgtype"] == kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"event_id":"$1"}', OutcomeClass.OK),
        (200, b"<html>", OutcomeClass.RETRY),
        (401, b'{"errcode":"M_UNKNOWN_TOKEN","error":"x"}', OutcomeClass.AUTH),
        (403, b'{"errcode":"M_FORBIDDEN","error":"not in room"}', OutcomeClass.AUTH),
        (404, b"", OutcomeClass.GONE),
        (413, b'{"errcode":"M_TOO_LARGE"}', OutcomeClass.TOO_LARGE),
        (429, b'{"errcode":"M_LIMIT_EXCEEDED"}', OutcomeClass.RATE_LIMITED),
        (400, b'{"errcode":"M_BAD_JSON"}', OutcomeClass.REJECTED),
        (502, b"", OutcomeClass.RETRY),
    ],
)
def test_what_a_homeserver_answers_is_understood(status: int, body: bytes, kind: OutcomeClass) -> None:
    assert read(HttpAnswer(status, {}, body), NOW, context(), ROOM).kind is kind


def test_both_ways_to_say_how_long_to_wait_are_understood() -> None:
    body = b'{"errcode":"M_LIMIT_EXCEEDED","error":"slow down","retry_after_ms":2500}'
    said = read(HttpAnswer(429, {}, body), NOW, context(), ROOM)
    assert (said.hint_s, said.reason) == (2.5, "429 Too Many Requests: M_LIMIT_EXCEEDED: slow down")
    assert read(HttpAnswer(429, {"retry-after": "9"}, body), NOW, context(), ROOM).hint_s == 9


def test_the_first_event_is_remembered_and_stays_the_one() -> None:
    answer = HttpAnswer(200, {}, b'{"event_id":"$second"}')
    assert read(answer, NOW, context(), ROOM).reference == "$second"
    assert read(answer, NOW, context(reference=EVENT), ROOM).reference == EVENT


@pytest.mark.parametrize("wrong", [{"room_id": "#alias:m.example"}, {"token": ""}, {"url": "m.example"}])
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    right = {"url": "https://m.example", "token": "t", "room_id": "!a:m.example"}
    with pytest.raises(ValidationError):
        MatrixSettings.model_validate(right | wrong)
