from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from gateway.destinations import Context, SecretAddress
from gateway.destinations.ntfy import NtfySettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import Severity
from gateway.domain.text import utf8_bytes

NOW = datetime(2026, 5, 4, tzinfo=UTC)
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


def sent(alert: Alert, *, shrink: bool = False, before: bytes | None = None, **more: Any) -> HttpRequest:
    made = NtfySettings(topic=SecretAddress("optix"), **more)
    return format_message(alert, Context("d", "r", b"", NOW, shrink=shrink, before=before), made)


def payload(alert: Alert, *, shrink: bool = False, before: bytes | None = None) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(sent(alert, shrink=shrink, before=before).body)
    return loaded


def overruns(message: HttpRequest) -> list[str]:
    said = json.loads(message.body)
    broken = ["message"] * (utf8_bytes(said["message"]) > 4096) + ["title"] * (utf8_bytes(said["title"]) > 250)
    return broken + ["body"] * (len(message.body) > 2 * 4096) + ["empty"] * (not said["message"].strip())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_becomes_an_attachment(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    assert overruns(sent(alert, before=before)) == []
    assert overruns(sent(alert, before=before, shrink=True)) == []


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "\\", "\n"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known, sign: str) -> None:
    huge = sign * 3000
    alert = alert_of(
        summary=huge, environment=huge, alert_type=huge, provider=huge, rule=huge, details=huge, last_seen=huge,
        policy_labels=(huge,) * 50, resources=(Resource(huge, huge),) * 60, alert_id=huge,
    )  # fmt: skip
    before = known(None, *(f"{n}{huge[:400]}" for n in range(2000)))
    assert overruns(sent(alert, before=before)) == []


def test_a_follow_up_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    message = payload(alert_of(), before=known(70, "bucket-0"))["message"]
    assert message.startswith(
        "Changed: 1 new of 1 open, 1 gone, score 70 -> 80 (medium -> high)\n+ bucket-1\n- bucket-0\n\nSeverity: High"
    )
    assert message.endswith("\n\n- bucket-1")


def test_the_changes_are_cut_with_a_true_count_and_leave_room_for_the_resources(
    alert_of: AlertOf, known: Known
) -> None:
    before = known(80, *(f"old-{number:04}" for number in range(3000)))
    message = payload(alert_of(details="why " * 900), before=before)["message"]
    assert f"+{3000 - message.count('- old-')} more\n\n" in message
    assert message.endswith("- bucket-1")


def test_a_follow_up_takes_the_place_of_the_notification_before(alert_of: AlertOf, known: Known) -> None:
    first, second = payload(alert_of()), payload(alert_of(), before=known(70, "bucket-0"))
    assert first["sequence_id"] == second["sequence_id"] == alert_of().key
    assert "sequence_id" not in json.loads(sent(alert_of(), replace=False).body)


@pytest.mark.parametrize(("before", "priority"), [(("a", "bucket-1"), 2), (("bucket-1",), 5), (("a",), 5)])
def test_relief_is_quiet(alert_of: AlertOf, known: Known, before: tuple[str, ...], priority: int) -> None:
    alert = alert_of(severity=Severity.CRITICAL)
    assert payload(alert, before=known(80, *before))["priority"] == priority


def test_resources_fill_what_is_left_and_the_rest_is_counted(alert_of: AlertOf) -> None:
    message = payload(alert_of(resources=tuple(Resource(f"bucket-{n:04}", "OPEN") for n in range(900))))["message"]
    shown = message.count("- bucket-")
    assert f"+{900 - shown} more" in message
    assert utf8_bytes(message) > 3700  # line ends count twice


def test_a_smaller_message_leaves_out_resources_and_details_and_says_so(alert_of: AlertOf) -> None:
    message = payload(alert_of(details="why"), shrink=True)["message"]
    assert "left out" in message
    assert "bucket-1" not in message


@pytest.mark.parametrize(
    ("severity", "priority", "tag"),
    [
        (Severity.CRITICAL, 5, "rotating_light"),
        (Severity.HIGH, 4, "warning"),
        (Severity.MEDIUM, 3, "yellow_circle"),
        (Severity.LOW, 2, "large_blue_circle"),
        (Severity.UNKNOWN, 3, "white_circle"),
    ],
)
def test_priority_and_emoji_follow_the_severity(alert_of: AlertOf, severity: Severity, priority: int, tag: str) -> None:
    said = payload(alert_of(severity=severity))
    assert (said["priority"], said["tags"]) == (priority, [tag])


def test_a_closed_alert_is_quiet(alert_of: AlertOf) -> None:
    said = payload(alert_of(severity=Severity.CRITICAL, resources=(Resource("b", "SUPPRESS"),)))
    assert (said["priority"], said["tags"]) == (2, ["no_bell"])
    assert said["title"].startswith("[SUPPRESSED]")


def test_a_tap_opens_the_console(alert_of: AlertOf) -> None:
    said = payload(alert_of())
    assert said["click"] == said["actions"][0]["url"]
    assert said["click"].startswith("https://optix.sophos.com/")


def test_credentials_go_in_the_header(alert_of: AlertOf) -> None:
    pair = b64encode("sœc:pässword".encode()).decode()
    by_token = sent(alert_of(), token=SecretStr("tk_1"))
    by_name = sent(alert_of(), username="sœc", password=SecretStr("pässword"))
    assert ("Authorization", "Bearer tk_1") in by_token.headers
    assert ("Authorization", f"Basic {pair}") in by_name.headers
    assert pair in NtfySettings(topic=SecretAddress("t"), username="sœc", password=SecretStr("pässword")).secrets()
    assert "Authorization" not in dict(sent(alert_of()).headers)


@pytest.mark.parametrize(
    ("url", "sent_to"), [("https://n.example", "https://n.example/"), ("http://n/a/", "http://n/a/")]
)
def test_it_is_posted_to_the_servers_own_address(alert_of: AlertOf, url: str, sent_to: str) -> None:
    assert sent(alert_of(), url=url).url == sent_to


@pytest.mark.parametrize(
    "wrong",
    [
        {"topic": "a/b"},
        {"topic": ""},
        {"topic": "x" * 65},
        {"topic": "ok", "url": "https://user:pw@host"},
        {"topic": "ok", "url": "ntfy.sh"},
        {"topic": "ok", "username": "me"},
        {"topic": "ok", "token": "t", "username": "me", "password": "pw"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        NtfySettings.model_validate(wrong)


def test_what_ntfy_answers_is_understood() -> None:
    assert read(HttpAnswer(200, {}, b'{"id":"sPs71M8A2T"}'), NOW).reference == "sPs71M8A2T"
    limited = read(HttpAnswer(429, {}, b'{"code":42901,"http":429,"error":"limit reached"}'), NOW)
    assert (limited.kind, limited.reason) == (OutcomeClass.RATE_LIMITED, "429 Too Many Requests: limit reached")
