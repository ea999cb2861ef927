from __future__ import annotations

import json
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
from tests.destinations.on_call import SUPPRESSED, by_score, huge
from tests.destinations.ticketing import answered, asked, line_of, payload_of, settings_of

KIND = "servicenow"
AlertOf = Callable[..., Alert]
SYS_ID = "0123456789abcdef0123456789abcdef"
INCIDENTS = "/api/now/table/incident"
FIELDS = "?sysparm_fields=sys_id,number"
EVENTS = settings_of(KIND, RECORD="event")
STORED = {"result": {"sys_id": SYS_ID, "number": "INC0010001"}}


def event_of(alert: Alert, **said: Any) -> dict[str, Any]:
    [event] = payload_of(asked(KIND, alert, made=EVENTS, **said))["records"]
    return event  # type: ignore[no-any-return]  # what was sent is JSON


def breaks(alert: Alert, **said: Any) -> list[str]:
    """The longest that a new incident and an event may be, where they are longer."""
    incident, event = payload_of(asked(KIND, alert, **said)), event_of(alert, **said)
    lengths = [
        ("short_description", incident["short_description"], 160),
        ("description", incident["description"], 4000),
    ]
    lengths += [("event", event["description"], 4000)]
    lengths += [(name, event.get(name, "x"), 100) for name in ("source", "node", "type", "resource", "metric_name")]
    lengths += [("event_class", event["event_class"], 100)]
    return [name for name, text, most in lengths if not 0 < utf16_units(text) <= most]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_record_that_is_too_long(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    assert breaks(data.draw(alerts)) == []


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "漢", "\n", "[code]"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, sign: str) -> None:
    worst = alert_of(**huge(sign))
    assert breaks(worst) == []
    assert breaks(worst, before=alert_of()) == []
    notes = payload_of(asked(KIND, worst, before=alert_of(), reference=SYS_ID))["work_notes"]
    assert utf16_units(notes) <= 8000


@pytest.mark.parametrize(("length", "whole"), [(160, True), (161, False)])
def test_a_short_description_is_cut_only_beyond_160(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    said = payload_of(asked(KIND, alert_of(summary="x" * (length - len("High: ")))))["short_description"]
    assert said.endswith("x") is whole
    assert len(said) == 160


def test_what_is_left_out_is_counted(alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"resource-{number}", "OPEN") for number in range(900)))
    text = payload_of(asked(KIND, alert))["description"]
    assert text.endswith(f"\n+{900 - text.count('- resource-')} more")


@pytest.mark.parametrize(("score", "expected"), by_score("33", "22", "21", "11", "22"))
def test_urgency_and_impact_follow_the_score(alert_of: AlertOf, score: int | None, expected: str) -> None:
    said = payload_of(asked(KIND, alert_of(score=score, severity=severity_of(score))))
    assert said["urgency"] + said["impact"] == expected


@pytest.mark.parametrize(("score", "expected"), by_score("4", "3", "2", "1", "3"))
def test_an_events_severity_follows_the_score_and_0_clears(alert_of: AlertOf, score: int | None, expected: str) -> None:
    severity = severity_of(score)
    assert event_of(alert_of(score=score, severity=severity))["severity"] == expected
    assert event_of(alert_of(score=score, severity=severity, resources=SUPPRESSED))["severity"] == "0"


def test_a_new_alert_opens_an_incident_with_its_key(alert_of: AlertOf) -> None:
    request = asked(KIND, alert_of())
    incident = payload_of(request)
    assert line_of(request) == f"POST {INCIDENTS}{FIELDS}"
    assert incident["correlation_id"] == alert_of().key
    assert incident["assignment_group"] == "Cloud Security"
    assert "category" not in incident
    assert "state" not in incident


def test_a_follow_up_is_a_work_note_that_says_what_changed(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket-1", "OPEN"), Resource("bucket-2", "OPEN")))
    request = asked(KIND, now, before=alert_of(), reference=SYS_ID)
    assert line_of(request) == f"PATCH {INCIDENTS}/{SYS_ID}{FIELDS}"
    assert "Changed: 1 new of 2 open" in payload_of(request)["work_notes"]
    assert payload_of(request)["urgency"] == "2"
    assert "state" not in payload_of(request)


def test_a_suppressed_alert_resolves_its_incident(alert_of: AlertOf) -> None:
    request = asked(KIND, alert_of(resources=SUPPRESSED), before=alert_of(), reference=SYS_ID)
    said = payload_of(request)
    assert request.method == "PATCH"
    assert (said["state"], said["close_code"]) == ("6", "Resolved by caller")
    assert said["close_notes"] == "[SUPPRESSED] High: A bucket is public; 1 suppressed, none left open"


def test_what_comes_back_is_in_progress_again(alert_of: AlertOf) -> None:
    request = asked(KIND, alert_of(), before=alert_of(resources=SUPPRESSED), reference=SYS_ID)
    assert payload_of(request)["state"] == "2"


def test_an_event_and_its_clearing_have_the_same_key(alert_of: AlertOf) -> None:
    opened, closed = event_of(alert_of()), event_of(alert_of(resources=SUPPRESSED), reference=SYS_ID)
    assert opened["message_key"] == closed["message_key"] == alert_of().key
    assert (opened["node"], opened["resource"], opened["metric_name"]) == ("444123456789", "bucket-1", "AR-251")
    assert line_of(asked(KIND, alert_of(), made=EVENTS, reference=SYS_ID)) == "POST /api/global/em/jsonv2"
    additional = json.loads(opened["additional_info"])
    assert additional["severity"] == "High (80 of 100)"
    assert all(isinstance(value, str) for value in additional.values())


def test_a_journal_shows_no_html(alert_of: AlertOf) -> None:
    hostile = "[code]<b>x</b>[/code] [CODE]"
    request = asked(KIND, alert_of(details=hostile, rule=hostile), before=alert_of(), reference=SYS_ID)
    assert "[code]" not in payload_of(request)["work_notes"].lower()
    assert "[/code]" not in payload_of(request)["work_notes"].lower()


@pytest.mark.parametrize("reference", ["", "INC0010001", f"{SYS_ID}/x", SYS_ID.upper(), "<a@b>"])
def test_what_is_no_sys_id_never_gets_into_an_address(alert_of: AlertOf, reference: str) -> None:
    assert line_of(asked(KIND, alert_of(), before=alert_of(), reference=reference)) == f"POST {INCIDENTS}{FIELDS}"


@pytest.mark.parametrize(("status", "after"), [(404, Class.GONE), (403, Class.AUTH)])
def test_an_incident_that_is_gone_or_read_only_is_replaced_by_a_new_one(
    alert_of: AlertOf, status: int, after: Class
) -> None:
    said = {"message": "Operation Failed", "detail": "ACL Exception Update Failed due to security constraints"}
    gone = answered(KIND, status, {"error": said}, reference=SYS_ID)
    assert gone.kind is Class.RETRY
    again = asked(KIND, alert_of(), before=alert_of(), reference=SYS_ID, progress=gone.progress)
    assert line_of(again) == f"POST {INCIDENTS}{FIELDS}"
    assert answered(KIND, status, reference=SYS_ID, progress=gone.progress).kind is after
    assert answered(KIND, status, reference=SYS_ID, made=EVENTS).kind is after


def test_a_close_code_that_an_instance_refuses_does_not_stop_the_route() -> None:
    said = {"message": "Operation Failed", "detail": "Data Policy Exception: Resolution code is mandatory"}
    assert answered(KIND, 403, {"error": said}, reference=SYS_ID).kind is Class.REJECTED
    assert answered(KIND, 403, {"error": {"message": "no role"}}, reference=SYS_ID).kind is Class.AUTH


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (201, STORED, Class.OK, "201 Created"),
        (201, "", Class.OK, "201 Created"),
        (200, "<html>", Class.RETRY, "200 OK, but ServiceNow did not say which ticket"),
        (400, {"error": {"message": "Invalid table", "detail": None}}, Class.REJECTED, "400 Bad Request: Invalid"),
        (401, {"error": {"message": "User Not Authenticated"}}, Class.AUTH, "401 Unauthorized: User Not"),
        (403, "", Class.AUTH, "403"),
        (404, "", Class.GONE, "404"),
        (413, "", Class.TOO_LARGE, "413"),
        (429, "", Class.RATE_LIMITED, "429"),
        (503, "", Class.RETRY, "503"),
    ],
)
def test_what_servicenow_answers_is_understood(status: int, body: object, kind: Class, reason: str) -> None:
    found = answered(KIND, status, body)
    assert found.kind is kind
    assert found.reason.startswith(reason)
    assert found.reference == (SYS_ID if body is STORED else "")


def test_a_page_for_people_is_no_success_for_updates_and_events() -> None:
    assert answered(KIND, 200, STORED, reference=SYS_ID).reference == SYS_ID
    assert answered(KIND, 200, " <html>", reference=SYS_ID).kind is Class.RETRY
    assert answered(KIND, 200, "<html>", made=EVENTS).kind is Class.RETRY
    inserted = {"result": {"Default Bulk Endpoint": "1 events were inserted"}}
    assert answered(KIND, 200, inserted, made=EVENTS).kind is Class.OK
    assert answered(KIND, 429, "", {"retry-after": "17"}).hint_s == 17


def test_a_token_is_sent_instead_of_a_name(alert_of: AlertOf) -> None:
    made = settings_of(KIND, USERNAME=None, PASSWORD=None, TOKEN="abc")
    assert ("Authorization", "Bearer abc") in asked(KIND, alert_of(), made=made).headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"USERNAME": None},
        {"USERNAME": None, "PASSWORD": None},
        {"URL": "x"},
        {"RECORD": "task"},
        {"RESOLVED_STATE": "x"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str | None]) -> None:
    with pytest.raises(ValidationError):
        settings_of(KIND, **wrong)
