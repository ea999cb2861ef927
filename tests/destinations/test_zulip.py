from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations import Context
from gateway.destinations.zulip import ZulipSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of

NOW = datetime(2026, 5, 4, tzinfo=UTC)
RIGHT = {"url": "https://z.example/", "email": "bot@z.example", "api_key": "secret", "channel": "soc"}
MOST = 9500
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


def message(alert: Alert, *, shrink: bool = False, before: bytes | None = None, **more: str) -> HttpRequest:
    made = ZulipSettings.model_validate(RIGHT | more)
    return format_message(alert, Context("d", "r", b"", NOW, shrink=shrink, before=before), made)


def sent(alert: Alert, *, shrink: bool = False, before: bytes | None = None, **more: str) -> dict[str, str]:
    body = message(alert, shrink=shrink, before=before, **more).body.decode("ascii")
    return {name: value for name, (value,) in parse_qs(body, strict_parsing=True).items()}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_message_that_zulip_cuts(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    for shrink in (False, True):
        made = sent(alert, before=before, shrink=shrink)
        assert len(made["content"]) <= MOST
        assert 0 < len(made["topic"]) <= 60
        assert made["content"].count("```") % 2 == 0


@pytest.mark.parametrize("sign", ["x", "🪣", "@", "\n", "`"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known, sign: str) -> None:
    huge = sign * 3000
    alert = alert_of(
        summary=huge, environment=huge, alert_type=huge, provider=huge, rule=huge, details=huge + "x", last_seen=huge,
        policy_labels=(huge,) * 50, resources=(Resource(huge, huge),) * 60, alert_id=huge,
    )  # fmt: skip
    made = sent(alert, before=known(None, *(f"{n}{huge[:400]}" for n in range(2000))))
    assert (len(made["content"]) <= MOST, len(made["topic"]) <= 60) == (True, True)


def test_the_resources_fill_the_message_and_the_rest_is_counted(alert_of: AlertOf) -> None:
    content = sent(alert_of(resources=tuple(Resource(f"bucket-{n:04}", "OPEN") for n in range(2000))))["content"]
    assert MOST - 30 < len(content) <= MOST
    assert f"+{2000 - content.count('bucket-')} more" in content


@pytest.mark.parametrize(("length", "is_cut"), [(49, False), (50, True)])
def test_a_topic_holds_sixty_characters_and_no_more(alert_of: AlertOf, length: int, *, is_cut: bool) -> None:
    topic = sent(alert_of(summary="🪣" * length))["topic"]
    assert (len(topic), "…" in topic) == (60, is_cut)


def test_every_message_of_one_incident_has_the_same_topic_and_no_other_has_it(alert_of: AlertOf) -> None:
    first = sent(alert_of(key="optix-1" + "0" * 31))["topic"]
    assert first == "A bucket is public · 00000000"
    later = alert_of(
        key="optix-1" + "0" * 31, score=95, severity=severity_of(95), resources=(Resource("b", "SUPPRESS"),)
    )
    assert sent(later, before=b"")["topic"] == first
    assert sent(alert_of(key="optix-" + "1" * 32))["topic"] != first
    assert sent(alert_of(summary="✔ A bucket is public", key="optix-1" + "0" * 31))["topic"] == first


def test_digests_of_one_group_have_one_topic_and_an_operators_topic_holds_all(alert_of: AlertOf) -> None:
    two, three = (alert_of(event_type=DIGEST, summary=f"{n} alerts") for n in (2, 3))
    assert sent(two)["topic"] == sent(three)["topic"] == "Several alerts · 00000000"
    assert sent(two, topic="optix")["topic"] == "optix"


@pytest.mark.parametrize(
    "hostile", ["@**all**", "@*soc*", "#**general**", "[bank](http://evil)", "evil.example", "```"]
)
def test_hostile_text_loses_its_meaning(alert_of: AlertOf, hostile: str) -> None:
    alert = alert_of(summary=hostile, details=hostile, rule=hostile, resources=(Resource("```quote @x", "OPEN"),))
    content = sent(alert)["content"]
    outside = re.sub(r"```.*?```|\[Open in Cloud Optix\]\([^)]*\)", "", content, flags=re.DOTALL)
    assert re.search(r"[@#](?!\u200b)|\]\(|://|evil\.e|`", outside) is None
    assert content.count("```") == 2


@pytest.mark.parametrize(
    ("score", "icon"), [(49, "🔵"), (50, "🟡"), (79, "🟡"), (80, "🟠"), (89, "🟠"), (90, "🔴"), (None, "⚪")]
)
def test_the_colour_follows_the_score(alert_of: AlertOf, score: int | None, icon: str) -> None:
    assert sent(alert_of(score=score, severity=severity_of(score)))["content"].startswith(f"{icon} **")


def test_a_follow_up_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    lines = sent(alert_of(), before=known(80, "bucket-0"))["content"].split("\n")
    assert lines[1:6] == ["**Changed:** 1 new of 1 open, 1 gone", "```diff", "+ bucket-1", "- bucket-0", "```"]


def test_the_bot_signs_in_and_its_credentials_are_secret(alert_of: AlertOf) -> None:
    pair = b64encode(b"bot@z.example:secret").decode()
    said = message(alert_of())
    assert said.url == "https://z.example/api/v1/messages"
    assert ("Authorization", f"Basic {pair}") in said.headers
    assert ZulipSettings.model_validate(RIGHT).secrets() == (pair, "secret")
    assert (sent(alert_of())["type"], sent(alert_of())["to"]) == ("stream", "soc")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"result":"success","msg":"","id":42}', OutcomeClass.OK),
        (200, b'{"result":"error","code":"BAD_REQUEST","msg":"no"}', OutcomeClass.REJECTED),
        (200, b"<html>", OutcomeClass.RETRY),
        (400, b'{"result":"error","code":"STREAM_DOES_NOT_EXIST","msg":"x"}', OutcomeClass.GONE),
        (400, b'{"result":"error","code":"BAD_REQUEST","msg":"x"}', OutcomeClass.REJECTED),
        (401, b'{"result":"error","code":"UNAUTHORIZED","msg":"x"}', OutcomeClass.AUTH),
        (403, b'{"result":"error","code":"USER_DEACTIVATED","msg":"x"}', OutcomeClass.AUTH),
        (429, b'{"result":"error","code":"RATE_LIMIT_HIT","msg":"x","retry-after":28.7}', OutcomeClass.RATE_LIMITED),
        (500, b"", OutcomeClass.RETRY),
    ],
)
def test_what_zulip_answers_is_understood(status: int, body: bytes, kind: OutcomeClass) -> None:
    assert read(HttpAnswer(status, {}, body), NOW).kind is kind


def test_zulip_says_how_long_to_wait_and_which_message_it_stored() -> None:
    body = b'{"result":"error","code":"RATE_LIMIT_HIT","msg":"slow","retry-after":28.7}'
    said = read(HttpAnswer(429, {"retry-after": "3"}, body), NOW)
    assert (said.hint_s, said.reason) == (28.7, "429 Too Many Requests: RATE_LIMIT_HIT: slow")
    assert read(HttpAnswer(200, {}, b'{"result":"success","id":42}'), NOW).reference == "42"


@pytest.mark.parametrize(
    "wrong", [{"email": "bot"}, {"email": "a:b@z"}, {"channel": ""}, {"topic": "x" * 61}, {"url": "z"}]
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ZulipSettings.model_validate(RIGHT | wrong)
