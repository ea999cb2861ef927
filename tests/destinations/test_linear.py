from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units
from tests.destinations.on_call import NOW, SUPPRESSED, by_score, huge
from tests.destinations.ticketing import answered, asked, payload_of, settings_of

KIND = "linear"
AlertOf = Callable[..., Alert]
ISSUE = "11111111-2222-4333-8444-555555555555"
CREATED = {"data": {"issueCreate": {"success": True, "issue": {"id": ISSUE, "identifier": "SEC-7"}}}}
CHANGED = {"data": {"issueUpdate": {"success": True}, "commentCreate": {"success": True}}}


def input_of(alert: Alert, **said: Any) -> dict[str, Any]:
    made = payload_of(asked(KIND, alert, **said))["variables"]["input"]
    assert isinstance(made, dict)
    return made


def variables_of(alert: Alert, **said: Any) -> dict[str, Any]:
    asking = payload_of(asked(KIND, alert, **said))
    assert "issueUpdate" in asking["query"]
    assert "commentCreate" in asking["query"]
    made = asking["variables"]
    assert isinstance(made, dict)
    return made


def fault(message: str, code: str = "") -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_an_issue_that_is_too_long(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    made = input_of(data.draw(alerts))
    assert 0 < utf16_units(made["title"]) <= 255
    assert 0 < utf16_units(made["description"]) <= 60_000


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "漢", "\n", "@"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, sign: str) -> None:
    made = variables_of(alert_of(**huge(sign)), before=alert_of(), reference=ISSUE)
    assert utf16_units(made["change"]["title"]) <= 255
    assert utf16_units(made["comment"]["body"]) <= 60_000


@pytest.mark.parametrize(("length", "whole"), [(255, True), (256, False)])
def test_a_title_is_cut_only_beyond_255(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    title = input_of(alert_of(summary="x" * (length - len("High: "))))["title"]
    assert title.endswith("x") is whole
    assert len(title) == 255


def test_what_is_left_out_is_counted(alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"resource-{number}", "OPEN") for number in range(9000)))
    text = input_of(alert)["description"]
    assert text.endswith(f"\n+{9000 - text.count('- resource-')} more")


@pytest.mark.parametrize(("score", "expected"), by_score("4", "3", "2", "1", "0"))
def test_priority_follows_the_score(alert_of: AlertOf, score: int | None, expected: str) -> None:
    assert input_of(alert_of(score=score, severity=severity_of(score)))["priority"] == int(expected)


def test_an_issues_id_is_the_same_for_the_same_alert_and_a_uuid_of_version_4(alert_of: AlertOf) -> None:
    first, again, other = (input_of(alert_of(key=key))["id"] for key in ("optix-1", "optix-1", "optix-2"))
    assert first == again != other
    assert UUID(first).version == 4


def test_a_follow_up_is_a_comment_and_an_update_in_one_request(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket-1", "OPEN"), Resource("bucket-2", "OPEN")))
    made = variables_of(now, before=alert_of(), reference=ISSUE)
    assert made["id"] == made["comment"]["issueId"] == ISSUE
    assert "Changed: 1 new of 2 open" in made["comment"]["body"]
    assert made["change"] == {"title": "High: A bucket is public", "priority": 2}


def test_a_follow_up_finds_the_issue_without_an_answer_to_the_first(alert_of: AlertOf) -> None:
    assert variables_of(alert_of(), before=alert_of())["id"] == input_of(alert_of())["id"]


def test_a_suppressed_alert_takes_the_state_for_it(alert_of: AlertOf) -> None:
    closed = alert_of(resources=SUPPRESSED)
    made = variables_of(closed, before=alert_of(), reference=ISSUE)
    assert made["change"]["stateId"] == "00000000-0000-4000-8000-000000000002"
    without = settings_of(KIND, CLOSED_STATE_ID=None)
    assert "stateId" not in variables_of(closed, before=alert_of(), reference=ISSUE, made=without)["change"]
    opens = settings_of(KIND, OPEN_STATE_ID=ISSUE)
    assert variables_of(alert_of(), before=closed, reference=ISSUE, made=opens)["change"]["stateId"] == ISSUE


def test_an_issue_that_is_gone_is_replaced_by_one_with_another_id(alert_of: AlertOf) -> None:
    gone = answered(KIND, 200, fault("Entity not found: Issue"), reference=ISSUE)
    assert gone.kind is Class.RETRY
    again = input_of(alert_of(), before=alert_of(), reference=ISSUE, progress=gone.progress)
    assert again["id"] not in (ISSUE, input_of(alert_of())["id"])
    unknown_team = answered(KIND, 200, fault("Entity not found: Team"), reference=ISSUE, progress=gone.progress)
    assert unknown_team.kind is Class.REJECTED


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, CREATED, Class.OK),
        (200, "<html>", Class.RETRY),
        (200, {"data": {}}, Class.RETRY),
        (200, {"data": {"issueCreate": {"success": False}}}, Class.REJECTED),
        (200, fault("Argument Validation Error", "INVALID_INPUT"), Class.REJECTED),
        (200, fault("Entity not found: Team"), Class.REJECTED),
        (200, fault("An issue with this id already exists"), Class.OK),
        (200, fault("Rate limit exceeded", "RATELIMITED"), Class.RATE_LIMITED),
        (400, fault("Rate limit exceeded", "RATELIMITED"), Class.RATE_LIMITED),
        (400, fault("Cannot query field"), Class.REJECTED),
        (400, fault("Authentication required", "AUTHENTICATION_ERROR"), Class.AUTH),
        (200, fault("boom", "INTERNAL_SERVER_ERROR"), Class.RETRY),
        (401, "", Class.AUTH),
        (429, "", Class.RATE_LIMITED),
        (503, "", Class.RETRY),
    ],
)
def test_what_linear_answers_is_understood(status: int, body: object, kind: Class) -> None:
    found = answered(KIND, status, body)
    assert found.kind is kind
    assert found.reference == (ISSUE if body is CREATED else "")
    if isinstance(body, dict) and "errors" in body:
        assert body["errors"][0]["message"] in found.reason


def test_a_change_is_done_when_both_parts_are() -> None:
    assert answered(KIND, 200, CHANGED, reference=ISSUE).kind is Class.OK
    half = {"data": {"issueUpdate": {"success": True}, "commentCreate": {"success": False}}}
    assert answered(KIND, 200, half, reference=ISSUE).kind is Class.REJECTED


def test_the_wait_lasts_until_the_limit_that_is_used_up_is_full_again() -> None:
    limited = fault("Rate limit exceeded", "RATELIMITED")
    reset = str(int(NOW.timestamp() * 1000) + 30_000)
    headers = {"x-ratelimit-complexity-remaining": "0", "x-ratelimit-complexity-reset": reset}
    assert answered(KIND, 400, limited, headers).hint_s == 30
    assert answered(KIND, 400, limited).hint_s == 60


@pytest.mark.parametrize(("token", "sent"), [("lin_api_x", "lin_api_x"), ("lin_oauth_x", "Bearer lin_oauth_x")])
def test_a_key_is_sent_bare_and_a_token_of_oauth_as_a_bearer(alert_of: AlertOf, token: str, sent: str) -> None:
    assert ("Authorization", sent) in asked(KIND, alert_of(), made=settings_of(KIND, TOKEN=token)).headers


@pytest.mark.parametrize(
    "wrong", [{"TEAM_ID": "SEC"}, {"LABEL_IDS": "bug"}, {"TOKEN": ""}, {"CLOSED_STATE_ID": "Done"}]
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str | None]) -> None:
    with pytest.raises(ValidationError):
        settings_of(KIND, **wrong)
