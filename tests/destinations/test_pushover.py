from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations import Context
from gateway.destinations.pushover import PushoverSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import HttpAnswer
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of

NOW = datetime(2026, 5, 4, tzinfo=UTC)
RIGHT = {"token": "a1", "user": "u1"}
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


def sent(alert: Alert, *, before: bytes | None = None, **more: Any) -> dict[str, str]:
    made = PushoverSettings.model_validate(RIGHT | more)
    message = format_message(alert, Context("d", "r", b"", NOW, before=before), made)
    assert message.url == "https://api.pushover.net/1/messages.json"
    return {name: value for name, (value,) in parse_qs(message.body.decode(), strict_parsing=True).items()}


def overruns(made: dict[str, str]) -> list[str]:
    limits = {"title": 250, "message": 1024, "url": 512, "url_title": 100}
    broken = [name for name, most in limits.items() if len(made.get(name, "")) > most]
    return broken + ["empty"] * (not made["message"].strip())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_message_that_pushover_refuses(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    assert overruns(sent(alert, before=before)) == []


@pytest.mark.parametrize("sign", ["x", "🪣"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known, sign: str) -> None:
    huge = sign * 3000
    alert = alert_of(
        summary=huge, environment=huge, alert_type=huge, provider=huge, rule=huge, details=huge + "x", last_seen=huge,
        policy_labels=(huge,) * 50, resources=(Resource(huge, huge),) * 60, alert_id=huge,
    )  # fmt: skip
    assert overruns(sent(alert, before=known(None, *(f"{n}{huge[:400]}" for n in range(2000))))) == []


def test_the_resources_fill_the_message_and_the_rest_is_counted(alert_of: AlertOf) -> None:
    text = sent(alert_of(resources=tuple(Resource(f"bucket-{n:04}", "OPEN") for n in range(900))))["message"]
    assert 1024 - 20 < len(text) <= 1024
    assert f"+{900 - text.count('bucket-')} more" in text


@pytest.mark.parametrize(("length", "is_cut"), [(242, False), (243, True)])
def test_a_title_holds_250_characters_and_no_more(alert_of: AlertOf, length: int, *, is_cut: bool) -> None:
    title = sent(alert_of(summary="🪣" * length))["title"]  # after an icon, `High:` and two blanks
    assert (len(title), title.endswith("…")) == (250, is_cut)


@pytest.mark.parametrize(("length", "is_there"), [(400, True), (401, False)])
def test_a_link_of_512_characters_is_sent_and_a_longer_one_is_not(
    alert_of: AlertOf, length: int, *, is_there: bool
) -> None:
    whole = len(sent(alert_of(alert_id="x"))["url"])
    made = sent(alert_of(alert_id="x" * (512 - whole + 1 + length - 400)))
    assert ("url" in made) is is_there


@pytest.mark.parametrize(("score", "priority"), [(49, -1), (50, 0), (79, 0), (80, 1), (89, 1), (90, 1), (None, 0)])
def test_the_priority_follows_the_score(alert_of: AlertOf, score: int | None, priority: int) -> None:
    made = sent(alert_of(score=score, severity=severity_of(score)))
    assert (made["priority"], "retry" in made) == (str(priority), False)


@pytest.mark.parametrize(("score", "priority"), [(89, "1"), (90, "2")])
def test_only_what_is_critical_is_an_emergency_and_only_by_choice(alert_of: AlertOf, score: int, priority: str) -> None:
    made = sent(alert_of(score=score, severity=severity_of(score)), emergency=True, emergency_retry_s=30)
    assert made["priority"] == priority
    assert (made.get("retry"), made.get("expire")) == (("30", "3600") if priority == "2" else (None, None))


def test_what_is_closed_and_relief_are_quiet(alert_of: AlertOf, known: Known) -> None:
    critical = {"score": 95, "severity": severity_of(95)}
    closed = sent(alert_of(**critical, resources=(Resource("b", "SUPPRESS"),)), emergency=True)
    assert (closed["priority"], "[SUPPRESSED]" in closed["title"]) == ("-1", True)
    assert sent(alert_of(**critical), before=known(95, "bucket-0", "bucket-1"), emergency=True)["priority"] == "-1"


def test_a_follow_up_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    text = sent(alert_of(), before=known(80, "bucket-0"))["message"]
    assert text.startswith("Changed: 1 new of 1 open, 1 gone\n+ bucket-1\n- bucket-0\nSeverity: ")


def test_keys_devices_and_the_time_are_sent(alert_of: AlertOf) -> None:
    made = sent(alert_of(seen_at=NOW), device="phone,pad", sound="siren")
    assert {name: made[name] for name in ("token", "user", "device", "sound", "timestamp")} == RIGHT | {
        "device": "phone,pad",
        "sound": "siren",
        "timestamp": str(int(NOW.timestamp())),
    }
    assert "html" not in made


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"status":1,"request":"647d2300"}', OutcomeClass.OK),
        (200, b'{"status":0,"errors":["x"]}', OutcomeClass.REJECTED),
        (200, b"<html>", OutcomeClass.RETRY),
        (400, b'{"token":"invalid","errors":["application token is invalid"],"status":0}', OutcomeClass.AUTH),
        (400, b'{"user":"invalid","errors":["user identifier is invalid"],"status":0}', OutcomeClass.AUTH),
        (400, b'{"message":"cannot be blank","status":0}', OutcomeClass.REJECTED),
        (413, b"", OutcomeClass.TOO_LARGE),
        (429, b"", OutcomeClass.RATE_LIMITED),
        (500, b"", OutcomeClass.RETRY),
    ],
)
def test_what_pushover_answers_is_understood(status: int, body: bytes, kind: OutcomeClass) -> None:
    assert read(HttpAnswer(status, {}, body), NOW).kind is kind


def test_spent_messages_come_back_when_the_header_says() -> None:
    headers = {"x-limit-app-reset": str(int(NOW.timestamp()) + 3600), "x-limit-app-remaining": "0"}
    assert read(HttpAnswer(429, headers), NOW).hint_s == 3600
    assert read(HttpAnswer(429, headers | {"retry-after": "5"}), NOW).hint_s == 5


def test_the_receipt_of_an_emergency_is_remembered_else_the_request() -> None:
    assert read(HttpAnswer(200, {}, b'{"status":1,"request":"r1"}'), NOW).reference == "r1"
    assert read(HttpAnswer(200, {}, b'{"status":1,"request":"r1","receipt":"c1"}'), NOW).reference == "c1"
    said = read(HttpAnswer(400, {}, b'{"status":0,"errors":["message cannot be blank"]}'), NOW)
    assert said.reason == "400 Bad Request: message cannot be blank"


@pytest.mark.parametrize(
    "wrong",
    [{"token": ""}, {"emergency_retry_s": 29}, {"emergency_expire_s": 10_801}, {"device": "a b"}, {"sound": ""}],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PushoverSettings.model_validate(RIGHT | wrong)
