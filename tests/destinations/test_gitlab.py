from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units
from tests.destinations.on_call import NOW, SUPPRESSED, by_score, huge
from tests.destinations.ticketing import answered, asked, line_of, payload_of, settings_of

KIND = "gitlab"
AlertOf = Callable[..., Alert]
ISSUES = "/api/v4/projects/example-group%2Fcloud-findings/issues"
ENDPOINT = "https://gitlab.example.com/g/p/alerts/notify/optix/0123456789abcdef.json"
ALERTS = settings_of(KIND, MODE="alert", PROJECT=None, LABELS=None, URL=ENDPOINT)


def breaks(alert: Alert, **said: Any) -> list[str]:
    """GitLab's rules that a new issue and an alert break."""
    issue = payload_of(asked(KIND, alert, **said))
    request = asked(KIND, alert, made=ALERTS, **said)
    made = payload_of(request)
    lengths = [("issue", issue["title"], 255), ("title", made["title"], 200), ("text", made["description"], 1000)]
    lengths += [("service", made.get("service", "x"), 100), ("hosts", "".join(made.get("hosts", "x")), 255)]
    broken = [name for name, text, most in lengths if not 0 < utf16_units(text) <= most]
    return (
        broken + ["description"] * (len(issue["description"]) > 100_000) + ["payload"] * (len(request.body) > 200_000)
    )


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_an_issue_or_alert_that_gitlab_refuses(
    alerts: st.SearchStrategy[Alert], data: st.DataObject
) -> None:
    assert breaks(data.draw(alerts)) == []


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "漢", "\n", "@", "/close\n"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, sign: str) -> None:
    assert breaks(alert_of(**huge(sign))) == []
    assert breaks(alert_of(**huge(sign)), before=alert_of()) == []


@pytest.mark.parametrize(("length", "whole"), [(255, True), (256, False)])
def test_a_title_is_cut_only_beyond_255(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    title = payload_of(asked(KIND, alert_of(summary="x" * (length - len("High: ")))))["title"]
    assert title.endswith("x") is whole
    assert len(title) == 255


def test_what_is_left_out_is_counted(alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"resource-{number}", "OPEN") for number in range(9000)))
    text = payload_of(asked(KIND, alert))["description"]
    assert f"\n+{9000 - text.count('- resource-')} more" in text
    listed = payload_of(asked(KIND, alert, made=ALERTS))["affected_resources"]
    assert listed.endswith(f"\n+{9000 - listed.count('resource-')} more")


def test_hostile_text_gives_no_command_and_refers_to_nothing(alert_of: AlertOf) -> None:
    hostile = "/close\n  /assign @root\n@all #1 !2 $3 %4 &5 ~bug"
    issue = payload_of(asked(KIND, alert_of(details=hostile, summary="@all #1 !2 ~bug")))
    assert not re.search(r"^\s*/\w", issue["description"], re.MULTILINE)
    for sign in ("@all", "@root", "#1", "!2", "$3", "%4", "&5", "~bug"):
        assert sign not in issue["description"].replace("&a=", "")
        assert sign not in issue["title"]


@pytest.mark.parametrize(("score", "expected"), by_score("low", "medium", "high", "critical", "unknown"))
def test_an_alerts_severity_follows_the_score(alert_of: AlertOf, score: int | None, expected: str) -> None:
    alert = alert_of(score=score, severity=severity_of(score))
    assert payload_of(asked(KIND, alert, made=ALERTS))["severity"] == expected


def test_a_new_alert_opens_a_confidential_issue_that_holds_its_key(alert_of: AlertOf) -> None:
    request = asked(KIND, alert_of())
    issue = payload_of(request)
    assert line_of(request) == f"POST {ISSUES}"
    assert issue["description"].endswith(f"<!-- {alert_of().key} -->")
    assert (issue["confidential"], issue["labels"]) == (True, "security,cloud-optix")
    assert ("PRIVATE-TOKEN", "glpat-example-not-a-real-one") in request.headers


def test_a_follow_up_is_a_note_that_says_what_changed(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket-1", "OPEN"), Resource("bucket-2", "OPEN")))
    request = asked(KIND, now, before=alert_of(), reference="7")
    assert line_of(request) == f"POST {ISSUES}/7/notes"
    assert "Changed: 1 new of 2 open" in payload_of(request)["body"]


def test_a_suppressed_alert_closes_its_issue_and_what_comes_back_opens_it(alert_of: AlertOf) -> None:
    closed = alert_of(resources=SUPPRESSED)
    request = asked(KIND, closed, before=alert_of(), reference="7")
    assert line_of(request) == f"PUT {ISSUES}/7"
    assert payload_of(request) == {"state_event": "close", "title": "[SUPPRESSED] High: A bucket is public"}
    again = asked(KIND, alert_of(), before=closed, reference="7")
    assert line_of(again) == f"PUT {ISSUES}/7"
    assert payload_of(again)["state_event"] == "reopen"
    assert "Changed: reopened" in payload_of(again)["description"]


def test_an_alert_and_its_end_have_the_same_fingerprint(alert_of: AlertOf) -> None:
    request = asked(KIND, alert_of(), made=ALERTS, reference="7")
    opened, closed = payload_of(request), payload_of(asked(KIND, alert_of(resources=SUPPRESSED), made=ALERTS))
    assert request.url == ENDPOINT
    assert ("Authorization", "Bearer glpat-example-not-a-real-one") in request.headers
    assert opened["fingerprint"] == closed["fingerprint"] == alert_of().key
    assert "end_time" not in opened
    assert closed["end_time"] == NOW.isoformat()
    assert "https://optix.sophos.com/" in opened["description"]


@pytest.mark.parametrize("reference", ["", "../x", "0", "7/notes", "<a@b>"])
def test_what_is_no_issue_number_never_gets_into_an_address(alert_of: AlertOf, reference: str) -> None:
    assert line_of(asked(KIND, alert_of(), before=alert_of(), reference=reference)) == f"POST {ISSUES}"


def test_an_issue_that_is_gone_is_replaced_by_a_new_one(alert_of: AlertOf) -> None:
    gone = answered(KIND, 404, {"message": "404 Not found"}, reference="7")
    assert gone.kind is Class.RETRY
    again = asked(KIND, alert_of(), before=alert_of(), reference="7", progress=gone.progress)
    assert line_of(again) == f"POST {ISSUES}"
    assert answered(KIND, 404, reference="7", progress=gone.progress).kind is Class.GONE
    assert answered(KIND, 404, reference="7", made=ALERTS).kind is Class.GONE


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (201, {"iid": 8, "id": 99}, Class.OK, "201 Created"),
        (201, "", Class.OK, "201 Created"),
        (200, "<html>", Class.RETRY, "200 OK, but GitLab did not say which ticket"),
        (400, {"message": {"title": ["is too long"]}}, Class.REJECTED, "400 Bad Request: title is too long"),
        (400, {"error": "title is missing"}, Class.REJECTED, "400 Bad Request: title is missing"),
        (401, {"message": "401 Unauthorized"}, Class.AUTH, "401 Unauthorized: 401"),
        (403, "", Class.AUTH, "403"),
        (404, "", Class.GONE, "404"),
        (413, "", Class.TOO_LARGE, "413"),
        (429, "", Class.RATE_LIMITED, "429"),
        (502, "", Class.RETRY, "502"),
    ],
)
def test_what_gitlab_answers_is_understood(status: int, body: object, kind: Class, reason: str) -> None:
    found = answered(KIND, status, body)
    assert found.kind is kind
    assert found.reason.startswith(reason)
    assert found.reference == ("8" if isinstance(body, dict) and "iid" in body else "")


def test_notes_updates_and_alerts_are_proved_by_anything_but_a_page() -> None:
    assert answered(KIND, 201, {"id": 1}, reference="7").kind is Class.OK
    assert answered(KIND, 200, {"iid": 7}, reference="7").reference == "7"
    assert answered(KIND, 200, "<html>", reference="7").kind is Class.RETRY
    assert answered(KIND, 200, '[{"iid":1}]', made=ALERTS).kind is Class.OK
    assert answered(KIND, 200, "<html>", made=ALERTS).kind is Class.RETRY


def test_the_wait_comes_from_either_header() -> None:
    reset = str(int(NOW.timestamp()) + 40)
    assert answered(KIND, 429, "", {"ratelimit-reset": reset}).hint_s == 40
    assert answered(KIND, 429, "", {"ratelimit-reset": reset, "retry-after": "9"}).hint_s == 9


@pytest.mark.parametrize(
    "wrong", [{"PROJECT": None}, {"MODE": "alert"}, {"MODE": "alert", "URL": ENDPOINT}, {"TOKEN": ""}, {"URL": "x"}]
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str | None]) -> None:
    with pytest.raises(ValidationError):
        settings_of(KIND, **wrong)
