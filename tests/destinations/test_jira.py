from __future__ import annotations

import json
from base64 import b64encode
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
from tests.destinations.on_call import SUPPRESSED, by_score, huge, texts
from tests.destinations.ticketing import answered, asked, line_of, payload_of, settings_of

KIND = "jira"
AlertOf = Callable[..., Alert]
MOST = 32_767
CLOSED = {"transition": {"id": "31"}}


def server(**changed: str | None) -> Any:
    return settings_of(KIND, DEPLOYMENT="data-center", EMAIL=None, **changed)


def nodes(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [node for inner in value for node in nodes(inner)]
    return [value, *nodes(value.get("content", []))] if isinstance(value, dict) else []


def breaks(alert: Alert, **said: Any) -> list[str]:
    """Jira's rules that a new issue breaks."""
    fields = payload_of(asked(KIND, alert, **said))["fields"]
    text = json.dumps(fields["description"], ensure_ascii=False, separators=(",", ":"))
    summary = fields["summary"]
    empty = [node for node in nodes(fields["description"]) if node["type"] == "text" and not node["text"]]
    return (
        ["summary"] * (not 0 < utf16_units(summary) <= 255 or "\n" in summary)
        + ["description"] * (utf16_units(text) > MOST)
        + ["empty text"] * bool(empty)
    )


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_an_issue_that_jira_refuses(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    alert = data.draw(alerts)
    assert breaks(alert) == []
    assert breaks(alert, shrink=True) == []


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "\\", "漢", "\n", "{", "a\n"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, sign: str) -> None:
    worst = alert_of(**huge(sign))
    assert breaks(worst) == []
    assert breaks(worst, before=alert_of()) == []
    comment = payload_of(asked(KIND, worst, before=alert_of(), reference="SEC-7"))["body"]
    assert utf16_units(json.dumps(comment, ensure_ascii=False, separators=(",", ":"))) <= MOST
    on_server = payload_of(asked(KIND, worst, made=server()))["fields"]["description"]
    assert utf16_units(on_server) <= MOST


@pytest.mark.parametrize(("length", "whole"), [(255, True), (256, False)])
def test_a_summary_is_cut_only_beyond_255(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    summary = payload_of(asked(KIND, alert_of(summary="x" * (length - len("High: ")))))["fields"]["summary"]
    assert summary.endswith("x") is whole
    assert len(summary) == 255


def test_what_is_left_out_is_counted(alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"resource-{number}", "OPEN") for number in range(4000)))
    said = texts(payload_of(asked(KIND, alert)))
    listed = next(text for text in said if text.endswith(" more")).split("\n")
    assert listed[-1] == f"+{4000 - len(listed) + 1} more"


@pytest.mark.parametrize(("score", "expected"), by_score("Low", "Medium", "High", "Highest", "Medium"))
def test_priority_follows_the_score(alert_of: AlertOf, score: int | None, expected: str) -> None:
    alert = alert_of(score=score, severity=severity_of(score))
    assert payload_of(asked(KIND, alert))["fields"]["priority"] == {"name": expected}
    assert "priority" not in payload_of(asked(KIND, alert, made=settings_of(KIND, PRIORITIES="")))["fields"]


def test_a_new_alert_opens_an_issue_that_its_label_finds(alert_of: AlertOf) -> None:
    request = asked(KIND, alert_of())
    fields = payload_of(request)["fields"]
    assert line_of(request) == "POST /rest/api/3/issue"
    assert fields["labels"] == [alert_of().key, "cloud-optix"]
    assert (fields["project"], fields["issuetype"]) == ({"key": "SEC"}, {"name": "Task"})
    assert fields["description"]["type"] == "doc"


def test_a_follow_up_is_a_comment_that_says_what_changed(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket-1", "OPEN"), Resource("bucket-2", "OPEN")))
    request = asked(KIND, now, before=alert_of(), reference="SEC-7")
    assert line_of(request) == "POST /rest/api/3/issue/SEC-7/comment"
    assert "1 new of 2 open" in list(texts(payload_of(request)))


def test_a_suppressed_alert_closes_its_issue_by_the_transition_and_says_why(alert_of: AlertOf) -> None:
    closed = alert_of(resources=SUPPRESSED)
    request = asked(KIND, closed, before=alert_of(), reference="SEC-7")
    assert line_of(request) == "POST /rest/api/3/issue/SEC-7/transitions"
    assert payload_of(request)["transition"] == {"id": "31"}
    assert "1 suppressed, none left open" in list(texts(payload_of(request)["update"]["comment"]))
    bare = asked(KIND, closed, before=alert_of(), reference="SEC-7", progress="bare")
    assert payload_of(bare) == CLOSED


def test_without_a_transition_a_comment_says_that_it_is_over(alert_of: AlertOf) -> None:
    made = settings_of(KIND, CLOSE_TRANSITION=None)
    request = asked(KIND, alert_of(resources=SUPPRESSED), made=made, before=alert_of(), reference="SEC-7")
    assert line_of(request).endswith("/SEC-7/comment")
    assert "[SUPPRESSED]" in " ".join(texts(payload_of(request)))


def test_a_resolution_is_set_where_one_is_asked_for(alert_of: AlertOf) -> None:
    made = settings_of(KIND, RESOLUTION="Done")
    request = asked(KIND, alert_of(resources=SUPPRESSED), made=made, before=alert_of(), reference="SEC-7")
    assert payload_of(request)["fields"] == {"resolution": {"name": "Done"}}


def test_what_comes_back_is_opened_again_where_there_is_a_transition_for_it(alert_of: AlertOf) -> None:
    before = alert_of(resources=SUPPRESSED)
    made = settings_of(KIND, REOPEN_TRANSITION="11")
    assert payload_of(asked(KIND, alert_of(), made=made, before=before, reference="SEC-7"))["transition"]["id"] == "11"
    assert line_of(asked(KIND, alert_of(), before=before, reference="SEC-7")).endswith("/comment")


@pytest.mark.parametrize("reference", ["", "../../x", "sec-7", "SEC-7/x", "<a@b>", "SEC-"])
def test_what_is_no_issue_key_never_gets_into_an_address(alert_of: AlertOf, reference: str) -> None:
    assert line_of(asked(KIND, alert_of(), before=alert_of(), reference=reference)) == "POST /rest/api/3/issue"


def test_an_issue_that_is_gone_is_replaced_by_a_new_one(alert_of: AlertOf) -> None:
    gone = answered(KIND, 404, {"errorMessages": ["Issue does not exist"]}, reference="SEC-7")
    assert gone.kind is Class.RETRY
    assert "a new one will be opened" in gone.reason
    again = asked(KIND, alert_of(), before=alert_of(), reference="SEC-7", progress=gone.progress)
    assert line_of(again) == "POST /rest/api/3/issue"
    assert answered(KIND, 404, reference="SEC-7", progress=gone.progress).kind is Class.GONE


def test_cloud_signs_in_by_email_and_data_center_by_a_token_alone(alert_of: AlertOf) -> None:
    pair = b64encode(b"gateway@example.com:ATATT-example-token-not-a-real-one").decode()
    assert ("Authorization", f"Basic {pair}") in asked(KIND, alert_of()).headers
    assert pair in settings_of(KIND).secrets()
    request = asked(KIND, alert_of(), made=server())
    assert ("Authorization", "Bearer ATATT-example-token-not-a-real-one") in request.headers
    assert line_of(request) == "POST /rest/api/2/issue"


def test_text_cannot_leave_its_block_on_data_center(alert_of: AlertOf) -> None:
    alert = alert_of(details="{noformat} [~admin] h1. x", summary="[~admin]")
    text = payload_of(asked(KIND, alert, made=server()))["fields"]["description"]
    assert text.count("{noformat}") == 2
    assert "[~" not in text


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (201, {"id": "10000", "key": "SEC-8"}, Class.OK, "201 Created"),
        (201, "", Class.OK, "201 Created"),
        (200, "<html>", Class.RETRY, "200 OK, but Jira did not say which ticket"),
        (400, {"errors": {"priority": "unknown"}}, Class.REJECTED, "400 Bad Request: priority: unknown"),
        (400, {"errorMessages": ["no such project"]}, Class.REJECTED, "400 Bad Request: no such project"),
        (401, "", Class.AUTH, "401"),
        (403, "", Class.AUTH, "403"),
        (404, "", Class.GONE, "404"),
        (413, "", Class.TOO_LARGE, "413"),
        (429, "", Class.RATE_LIMITED, "429"),
        (503, "", Class.RETRY, "503"),
    ],
)
def test_what_jira_answers_to_a_new_issue_is_understood(status: int, body: object, kind: Class, reason: str) -> None:
    found = answered(KIND, status, body)
    assert found.kind is kind
    assert found.reason.startswith(reason)
    assert found.reference == ("SEC-8" if isinstance(body, dict) and "key" in body else "")


@pytest.mark.parametrize(
    ("status", "body", "progress", "kind", "next_progress"),
    [
        (204, "", "", Class.OK, ""),
        (201, {"id": "4"}, "", Class.OK, ""),
        (200, "<html>", "", Class.RETRY, ""),
        (400, {"errorMessages": ["Field 'comment' cannot be set"]}, "", Class.RETRY, "bare"),
        (400, {"errorMessages": ["Field 'comment' cannot be set"]}, "bare", Class.REJECTED, ""),
        (400, {"errorMessages": ["Transition id '31' is not valid for this issue."]}, "", Class.OK, ""),
    ],
)
def test_what_jira_answers_to_a_follow_up_is_understood(
    status: int, body: object, progress: str, kind: Class, next_progress: str
) -> None:
    found = answered(KIND, status, body, reference="SEC-7", progress=progress)
    assert (found.kind, found.progress) == (kind, next_progress)


def test_the_wait_that_jira_asks_for_is_kept() -> None:
    assert answered(KIND, 429, "", {"retry-after": "17"}).hint_s == 17


@pytest.mark.parametrize(
    "wrong",
    [
        {"EMAIL": None},
        {"DEPLOYMENT": "data-center"},
        {"PROJECT": "sec"},
        {"TOKEN": "a b"},
        {"PRIORITIES": "High, Low"},
        {"LABELS": "two words"},
        {"CLOSE_TRANSITION": "Done"},
        {"URL": "example"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str | None]) -> None:
    with pytest.raises(ValidationError):
        settings_of(KIND, **wrong)
