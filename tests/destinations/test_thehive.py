from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
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

KIND = "thehive"
AlertOf = Callable[..., Alert]
THERE = {"type": "CreateError", "message": "Alert already exists"}


def breaks(alert: Alert, **said: Any) -> list[str]:
    """TheHive's limits that a new alert breaks."""
    made = payload_of(asked(KIND, alert, **said))
    limits = {"type": 32, "source": 32, "sourceRef": 128, "title": 512, "description": 1_048_576, "externalLink": 4096}
    return [name for name, most in limits.items() if not 0 < utf16_units(made.get(name, "x")) <= most]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_one_that_thehive_refuses(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    assert breaks(data.draw(alerts)) == []


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "漢", "\n", "@"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, sign: str) -> None:
    assert breaks(alert_of(**huge(sign))) == []
    assert breaks(alert_of(**huge(sign)), before=alert_of()) == []


@pytest.mark.parametrize(("length", "whole"), [(512, True), (513, False)])
def test_a_title_is_cut_only_beyond_512(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    title = payload_of(asked(KIND, alert_of(summary="x" * (length - len("High: ")))))["title"]
    assert title.endswith("x") is whole
    assert len(title) == 512


def test_what_is_left_out_is_counted(alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"resource-{number}", "OPEN") for number in range(9000)))
    text = payload_of(asked(KIND, alert))["description"]
    assert text.endswith(f"\n+{9000 - text.count('- resource-')} more")


@pytest.mark.parametrize(("score", "expected"), by_score("1", "2", "3", "4", "2"))
def test_severity_follows_the_score(alert_of: AlertOf, score: int | None, expected: str) -> None:
    alert = alert_of(score=score, severity=severity_of(score))
    assert payload_of(asked(KIND, alert))["severity"] == int(expected)


def test_a_new_alert_has_the_key_as_its_reference(alert_of: AlertOf) -> None:
    request = asked(KIND, alert_of(seen_at=datetime(2026, 1, 2, tzinfo=UTC), policy_labels=("GDPR", "cloud")))
    made = payload_of(request)
    assert line_of(request) == "POST /api/v1/alert"
    assert (made["type"], made["source"], made["sourceRef"]) == ("cloud-optix", "Sophos Cloud Optix", alert_of().key)
    assert made["tags"] == ["cloud", "AWS", "Policy", "AR-251", "GDPR"]
    assert made["date"] == 1_767_312_000_000
    assert (made["tlp"], made["pap"]) == (2, 2)


def test_a_follow_up_updates_the_alert_and_says_what_changed(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket-1", "OPEN"), Resource("bucket-2", "OPEN")))
    request = asked(KIND, now, before=alert_of(), reference="~4128")
    assert line_of(request) == "PATCH /api/v1/alert/~4128"
    assert "Changed: 1 new of 2 open" in payload_of(request)["description"]
    assert sorted(payload_of(request)) == ["description", "severity", "title"]


def test_a_suppressed_alert_is_closed_and_one_that_comes_back_is_new_again(alert_of: AlertOf) -> None:
    closed = alert_of(resources=SUPPRESSED)
    assert payload_of(asked(KIND, closed, before=alert_of(), reference="~4128"))["status"] == "Ignored"
    assert payload_of(asked(KIND, alert_of(), before=closed, reference="~4128"))["status"] == "New"


def test_a_change_of_an_alert_whose_id_is_unknown_is_not_taken_for_the_first_one(alert_of: AlertOf) -> None:
    first = payload_of(asked(KIND, alert_of()))["sourceRef"]
    later = payload_of(asked(KIND, alert_of(), before=alert_of()))["sourceRef"]
    assert later.startswith(f"{first}-")


@pytest.mark.parametrize("reference", ["", "~", "../x", "~1/x", "<a@b>"])
def test_what_is_no_id_never_gets_into_an_address(alert_of: AlertOf, reference: str) -> None:
    assert line_of(asked(KIND, alert_of(), before=alert_of(), reference=reference)) == "POST /api/v1/alert"


def test_an_alert_that_is_gone_is_replaced_by_a_new_one(alert_of: AlertOf) -> None:
    gone = answered(KIND, 404, {"type": "NotFoundError", "message": "Alert not found"}, reference="~4128")
    assert gone.kind is Class.RETRY
    again = asked(KIND, alert_of(), before=alert_of(), reference="~4128", progress=gone.progress)
    assert line_of(again) == "POST /api/v1/alert"
    assert payload_of(again)["sourceRef"] != alert_of().key
    assert answered(KIND, 404, reference="~4128", progress=gone.progress).kind is Class.GONE


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (201, {"_id": "~4128"}, Class.OK, "201 Created"),
        (201, "", Class.OK, "201 Created"),
        (200, "<html>", Class.RETRY, "200 OK, but TheHive did not say which ticket"),
        (400, THERE, Class.OK, "400 Bad Request: CreateError: Alert already exists"),
        (
            400,
            {"type": "InvalidFormatAttributeError", "message": "x"},
            Class.REJECTED,
            "400 Bad Request: InvalidFormat",
        ),
        (401, {"type": "AuthenticationError"}, Class.AUTH, "401 Unauthorized: AuthenticationError"),
        (403, "", Class.AUTH, "403"),
        (404, "", Class.GONE, "404"),
        (413, "", Class.TOO_LARGE, "413"),
        (429, "", Class.RATE_LIMITED, "429"),
        (500, "", Class.RETRY, "500"),
    ],
)
def test_what_thehive_answers_is_understood(status: int, body: object, kind: Class, reason: str) -> None:
    found = answered(KIND, status, body)
    assert found.kind is kind
    assert found.reason.startswith(reason)
    assert found.reference == ("~4128" if isinstance(body, dict) and "_id" in body else "")


def test_an_update_is_proved_by_anything_but_a_page() -> None:
    assert answered(KIND, 204, reference="~4128").kind is Class.OK
    assert answered(KIND, 200, "<html>", reference="~4128").kind is Class.RETRY
    assert answered(KIND, 400, THERE, reference="~4128").kind is Class.REJECTED


def test_the_organisation_is_named_where_there_is_one(alert_of: AlertOf) -> None:
    named = settings_of(KIND, ORGANISATION="soc")
    assert ("X-Organisation", "soc") in asked(KIND, alert_of(), made=named).headers
    assert not any(name == "X-Organisation" for name, _ in asked(KIND, alert_of()).headers)


@pytest.mark.parametrize(
    "wrong", [{"TLP": "5"}, {"PAP": "4"}, {"API_KEY": ""}, {"TYPE": "x" * 33}, {"URL": "x"}, {"ORGANISATION": "a\nb"}]
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str | None]) -> None:
    with pytest.raises(ValidationError):
        settings_of(KIND, **wrong)
