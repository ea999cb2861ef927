from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations._http import as_json
from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.text import utf16_units
from tests.destinations.on_call import NOW, SUPPRESSED, huge
from tests.destinations.ticketing import answered, asked, line_of, payload_of, settings_of

KIND = "github"
AlertOf = Callable[..., Alert]
REPOSITORY = "/repos/example-org/cloud-findings"
DISPATCH = settings_of(KIND, MODE="dispatch")


def breaks(alert: Alert, **said: Any) -> list[str]:
    """GitHub's rules that a new issue and an event break."""
    issue = payload_of(asked(KIND, alert, **said))
    event = payload_of(asked(KIND, alert, made=DISPATCH, **said))["client_payload"]
    return (
        ["title"] * (not 0 < utf16_units(issue["title"]) <= 256)
        + ["body"] * (utf16_units(issue["body"]) > 65_536)
        + ["payload"] * (len(as_json(event)) > 65_535 or len(event) > 10)
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_an_issue_or_event_that_github_refuses(
    alerts: st.SearchStrategy[Alert], data: st.DataObject
) -> None:
    assert breaks(data.draw(alerts)) == []


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "\\", "漢", "\n", "@", "`"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, sign: str) -> None:
    assert breaks(alert_of(**huge(sign))) == []
    assert breaks(alert_of(**huge(sign)), before=alert_of()) == []


@pytest.mark.parametrize(("length", "whole"), [(256, True), (257, False)])
def test_a_title_is_cut_only_beyond_256(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    title = payload_of(asked(KIND, alert_of(summary="x" * (length - len("High: ")))))["title"]
    assert title.endswith("x") is whole
    assert len(title) == 256


def test_what_is_left_out_is_counted(alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"resource-{number}", "OPEN") for number in range(9000)))
    text = payload_of(asked(KIND, alert))["body"]
    listed = text.count("\n- resource-")
    assert 0 < listed < 9000
    assert f"\n+{9000 - listed} more" in text


def test_nobody_is_mentioned_and_nothing_referred_to(alert_of: AlertOf) -> None:
    hostile = "@octocat #12 org/repo#1 https://evil.example <img src=x> <!-- x -->"
    issue = payload_of(asked(KIND, alert_of(summary=hostile, details=hostile, rule=hostile)))
    text = issue["body"].removesuffix(f"<!-- {alert_of().key} -->")
    for sign in ("@octocat", "#12", "repo#1", "https://evil", "<img", "<!--"):
        assert sign not in text
        assert sign not in issue["title"] or sign in ("<img", "<!--")


def test_a_new_alert_opens_an_issue_that_holds_its_key(alert_of: AlertOf) -> None:
    request = asked(KIND, alert_of())
    issue = payload_of(request)
    assert line_of(request) == f"POST {REPOSITORY}/issues"
    assert issue["body"].endswith(f"<!-- {alert_of().key} -->")
    assert issue["labels"] == ["security", "cloud-optix"]
    assert "assignees" not in issue
    assert ("X-GitHub-Api-Version", "2022-11-28") in request.headers


def test_a_follow_up_is_a_comment_that_says_what_changed(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket-1", "OPEN"), Resource("bucket-2", "OPEN")))
    request = asked(KIND, now, before=alert_of(), reference="7")
    assert line_of(request) == f"POST {REPOSITORY}/issues/7/comments"
    assert "Changed: 1 new of 2 open" in payload_of(request)["body"]


def test_a_suppressed_alert_closes_its_issue(alert_of: AlertOf) -> None:
    request = asked(KIND, alert_of(resources=SUPPRESSED), before=alert_of(), reference="7")
    assert line_of(request) == f"PATCH {REPOSITORY}/issues/7"
    assert payload_of(request) == {
        "state": "closed",
        "state_reason": "completed",
        "title": "[SUPPRESSED] High: A bucket is public",
    }


def test_what_comes_back_is_opened_again_and_says_so(alert_of: AlertOf) -> None:
    request = asked(KIND, alert_of(), before=alert_of(resources=SUPPRESSED), reference="7")
    assert line_of(request) == f"PATCH {REPOSITORY}/issues/7"
    assert payload_of(request)["state"] == "open"
    assert "Changed: reopened" in payload_of(request)["body"]


@pytest.mark.parametrize("reference", ["", "../x", "0", "7/comments", "<a@b>"])
def test_what_is_no_issue_number_never_gets_into_an_address(alert_of: AlertOf, reference: str) -> None:
    assert line_of(asked(KIND, alert_of(), before=alert_of(), reference=reference)) == f"POST {REPOSITORY}/issues"


@pytest.mark.parametrize("status", [404, 410, 403])
def test_an_issue_that_is_gone_or_locked_is_replaced_by_a_new_one(alert_of: AlertOf, status: int) -> None:
    gone = answered(KIND, status, {"message": "This issue was deleted or is locked"}, reference="7")
    assert gone.kind is Class.RETRY
    again = asked(KIND, alert_of(), before=alert_of(), reference="7", progress=gone.progress)
    assert line_of(again) == f"POST {REPOSITORY}/issues"
    assert answered(KIND, status, reference="7", progress=gone.progress).kind is not Class.RETRY
    assert answered(KIND, 403, {"message": "Resource not accessible"}, reference="7").kind is Class.AUTH


def test_an_event_says_what_a_workflow_needs(alert_of: AlertOf) -> None:
    request = asked(KIND, alert_of(), made=DISPATCH, before=alert_of(), reference="7")
    event = payload_of(request)
    assert line_of(request) == f"POST {REPOSITORY}/dispatches"
    assert event["event_type"] == "cloud-optix-alert"
    assert event["client_payload"]["action"] == "opened"
    assert event["client_payload"]["alert"]["rule"] == "AR-251"
    closed = payload_of(asked(KIND, alert_of(resources=SUPPRESSED), made=DISPATCH))
    assert closed["client_payload"]["action"] == "closed"


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (201, {"number": 8}, Class.OK, "201 Created"),
        (201, "", Class.OK, "201 Created"),
        (200, "<html>", Class.RETRY, "200 OK, but GitHub did not say which ticket"),
        (401, {"message": "Bad credentials"}, Class.AUTH, "401 Unauthorized: Bad credentials"),
        (403, {"message": "Resource not accessible"}, Class.AUTH, "403 Forbidden: Resource not accessible"),
        (403, {"message": "You have exceeded a secondary rate limit"}, Class.RATE_LIMITED, "403 Forbidden: You have"),
        (404, {"message": "Not Found"}, Class.GONE, "404 Not Found"),
        (410, {"message": "Issues has been disabled"}, Class.GONE, "410 Gone: Issues"),
        (
            422,
            {"message": "Validation Failed", "errors": [{"field": "labels", "code": "invalid"}]},
            Class.REJECTED,
            "422 Unprocessable Entity: Validation Failed: labels: invalid",
        ),
        (422, {"message": "client_payload is too large."}, Class.TOO_LARGE, "422"),
        (429, "", Class.RATE_LIMITED, "429"),
        (502, "", Class.RETRY, "502"),
    ],
)
def test_what_github_answers_is_understood(status: int, body: object, kind: Class, reason: str) -> None:
    found = answered(KIND, status, body)
    assert found.kind is kind
    assert found.reason.replace("Content", "Entity").startswith(reason)
    assert found.reference == ("8" if isinstance(body, dict) and "number" in body else "")


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("headers", "hint_s"),
    [
        ({"retry-after": "30"}, 30),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 90)}, 90),
        ({"x-ratelimit-remaining": "0"}, 60),
    ],
)
def test_a_limit_is_told_in_three_ways(status: int, headers: dict[str, str], hint_s: float) -> None:
    found = answered(KIND, status, {"message": "API rate limit exceeded"}, headers)
    assert (found.kind, found.hint_s) == (Class.RATE_LIMITED, hint_s)


def test_a_comment_or_an_update_keeps_the_number_of_the_issue() -> None:
    assert answered(KIND, 201, {"id": 99}, reference="7").reference == ""
    assert answered(KIND, 200, {"number": 7}, reference="7").reference == "7"
    assert answered(KIND, 200, "<html>", reference="7").kind is Class.RETRY
    assert answered(KIND, 204, made=DISPATCH).kind is Class.OK
    assert answered(KIND, 200, "<html>", made=DISPATCH).kind is Class.RETRY


@pytest.mark.parametrize(
    "wrong", [{"REPOSITORY": "name"}, {"REPOSITORY": "a/b/c"}, {"TOKEN": ""}, {"EVENT_TYPE": "x" * 101}, {"MODE": "pr"}]
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str | None]) -> None:
    with pytest.raises(ValidationError):
        settings_of(KIND, **wrong)
