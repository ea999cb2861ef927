from __future__ import annotations

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
from gateway.domain.text import utf8_bytes, utf16_units
from tests.destinations.on_call import SUPPRESSED, by_score, huge
from tests.destinations.ticketing import answered, asked, line_of, payload_of, settings_of

KIND = "zendesk"
AlertOf = Callable[..., Alert]
FOR_GOOD = {
    "error": "RecordInvalid",
    "details": {"status": [{"description": "Status: closed prevents ticket update"}]},
}


def ticket_of(alert: Alert, **said: Any) -> dict[str, Any]:
    ticket = payload_of(asked(KIND, alert, **said))["ticket"]
    assert isinstance(ticket, dict)
    return ticket


def breaks(alert: Alert, **said: Any) -> list[str]:
    ticket = ticket_of(alert, **said)
    broken = ["comment"] * (not 0 < utf8_bytes(ticket["comment"]["body"]) <= 65_535)
    return broken + ["subject"] * (not 0 < utf16_units(ticket.get("subject", "x")) <= 150)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_ticket_that_is_too_long(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    assert breaks(data.draw(alerts)) == []


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "漢", "\n", "{", "@"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, sign: str) -> None:
    assert breaks(alert_of(**huge(sign))) == []
    assert breaks(alert_of(**huge(sign)), before=alert_of(), reference="7") == []


@pytest.mark.parametrize(("length", "whole"), [(150, True), (151, False)])
def test_a_subject_is_cut_only_beyond_150(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    subject = ticket_of(alert_of(summary="x" * (length - len("High: "))))["subject"]
    assert subject.endswith("x") is whole
    assert len(subject) == 150


def test_what_is_left_out_is_counted(alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"resource-{number}", "OPEN") for number in range(9000)))
    text = ticket_of(alert)["comment"]["body"]
    assert text.endswith(f"\n+{9000 - text.count('- resource-')} more")


@pytest.mark.parametrize(("score", "expected"), by_score("low", "normal", "high", "urgent", "normal"))
def test_priority_follows_the_score(alert_of: AlertOf, score: int | None, expected: str) -> None:
    assert ticket_of(alert_of(score=score, severity=severity_of(score)))["priority"] == expected


def test_a_new_alert_opens_a_ticket_that_a_repeat_does_not_open_twice(alert_of: AlertOf) -> None:
    request = asked(KIND, alert_of())
    ticket = payload_of(request)["ticket"]
    assert line_of(request) == "POST /api/v2/tickets.json"
    assert ("Idempotency-Key", "d-1") in request.headers
    assert (ticket["external_id"], ticket["type"], ticket["tags"]) == (alert_of().key, "incident", ["cloud-optix"])
    assert ticket["comment"]["public"] is False
    short = asked(KIND, alert_of(), shrink=True)
    assert ("Idempotency-Key", "d-1-short") in short.headers


def test_a_follow_up_is_an_internal_note_that_says_what_changed(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket-1", "OPEN"), Resource("bucket-2", "OPEN")))
    request = asked(KIND, now, before=alert_of(), reference="7")
    ticket = payload_of(request)["ticket"]
    assert line_of(request) == "PUT /api/v2/tickets/7.json"
    assert "Changed: 1 new of 2 open" in ticket["comment"]["body"]
    assert ticket["comment"]["public"] is False
    assert "status" not in ticket


def test_a_suppressed_alert_solves_its_ticket_and_what_comes_back_opens_it(alert_of: AlertOf) -> None:
    closed = alert_of(resources=SUPPRESSED)
    solved = ticket_of(closed, before=alert_of(), reference="7")
    assert solved["status"] == "solved"
    assert "1 suppressed, none left open" in solved["comment"]["body"]
    assert ticket_of(alert_of(), before=closed, reference="7")["status"] == "open"


def test_no_placeholder_is_filled_in_and_nobody_mentioned(alert_of: AlertOf) -> None:
    hostile = "{{ticket.requester.email}} {% x %} {{{x}}} @agent [x](http://evil.example)"
    ticket = ticket_of(alert_of(details=hostile, summary=hostile))
    for sign in ("{{", "{%", "@agent", "](", "http://evil"):
        assert sign not in ticket["comment"]["body"]
        assert sign not in ticket["subject"]


@pytest.mark.parametrize("reference", ["", "../x", "0", "7.json", "<a@b>"])
def test_what_is_no_ticket_id_never_gets_into_an_address(alert_of: AlertOf, reference: str) -> None:
    assert line_of(asked(KIND, alert_of(), before=alert_of(), reference=reference)) == "POST /api/v2/tickets.json"


@pytest.mark.parametrize(("status", "body"), [(404, {"error": "RecordNotFound"}), (422, FOR_GOOD)])
def test_a_ticket_that_is_gone_or_closed_for_good_is_replaced(alert_of: AlertOf, status: int, body: object) -> None:
    gone = answered(KIND, status, body, reference="7")
    assert gone.kind is Class.RETRY
    again = asked(KIND, alert_of(), before=alert_of(), reference="7", progress=gone.progress)
    assert line_of(again) == "POST /api/v2/tickets.json"
    assert ("Idempotency-Key", "d-1-again") in again.headers


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (201, {"ticket": {"id": 8}}, Class.OK, "201 Created"),
        (201, "", Class.OK, "201 Created"),
        (200, "<html>", Class.RETRY, "200 OK, but Zendesk did not say which ticket"),
        (400, {"error": {"title": "Invalid", "message": "group"}}, Class.REJECTED, "400 Bad Request: Invalid: group"),
        (401, {"error": "Couldn't authenticate you"}, Class.AUTH, "401 Unauthorized: Couldn't"),
        (403, "", Class.AUTH, "403"),
        (404, "", Class.GONE, "404"),
        (413, "", Class.TOO_LARGE, "413"),
        (422, FOR_GOOD, Class.REJECTED, "422"),
        (429, "", Class.RATE_LIMITED, "429"),
        (503, "", Class.RETRY, "503"),
    ],
)
def test_what_zendesk_answers_is_understood(status: int, body: object, kind: Class, reason: str) -> None:
    found = answered(KIND, status, body)
    assert found.kind is kind
    assert found.reason.startswith(reason)
    assert found.reference == ("8" if isinstance(body, dict) and "ticket" in body else "")


def test_a_note_is_proved_by_anything_but_a_page() -> None:
    assert answered(KIND, 200, {"ticket": {"id": 7}}, reference="7").reference == "7"
    assert answered(KIND, 200, "<html>", reference="7").kind is Class.RETRY
    assert answered(KIND, 429, "", {"retry-after": "93"}).hint_s == 93


def test_the_pair_that_signs_in_is_a_secret_too(alert_of: AlertOf) -> None:
    pair = b64encode(b"gateway@example.com/token:example-token-not-a-real-one").decode()
    assert ("Authorization", f"Basic {pair}") in asked(KIND, alert_of()).headers
    assert pair in settings_of(KIND).secrets()


@pytest.mark.parametrize("wrong", [{"EMAIL": "x"}, {"EMAIL": None}, {"TOKEN": ""}, {"GROUP_ID": "0"}, {"URL": "x"}])
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str | None]) -> None:
    with pytest.raises(ValidationError):
        settings_of(KIND, **wrong)
