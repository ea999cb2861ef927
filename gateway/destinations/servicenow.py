"""ServiceNow: an incident for each alert through the Table API, or events for Event Management.

Sources: https://www.servicenow.com/docs/r/sPnEbors95h6DhgBlE~f0A/iLiXUWd9WH27soFTKn4ZvQ (fields of an event;
`message_key` is what makes two events one alert; severity 1 critical to 5 ok, 0 clear; `additional_info` is a text that
holds JSON), https://servicenow-prod.fluidtopics.net/r/yokohama/it-operations-management/event-management/event-collection-via-MID-using-push.html
(/api/mid/em/jsonv2, the same form), https://schemas.apis.io/schemas/servicenow/servicenow-incident/ (short_description
160; states 1 new, 2 in progress, 6 resolved; urgency and impact 1 to 3). That /api/global/em/jsonv2 answers with
`{"result":{"Default Bulk Endpoint":"1 events were inserted"}}` is seen in logs of others, not in the vendor's pages.
Not verified: the 4000 characters of a description (an instance may have made any field longer or shorter).

An incident that was closed (some days after it was resolved) takes no changes: what comes then is a new one.
Nothing keeps `correlation_id` unique, so an answer that got lost may mean a second incident; events have no such
trouble. Texts are plain, but a journal shows as HTML what stands in [code]: that is broken up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from gateway.destinations import Context, Destination
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import explained, json_object, post_json
from gateway.destinations._report import Manner
from gateway.destinations._sign_in import BaseUrl, SignIn
from gateway.destinations._ticket import (
    LOST,
    body,
    comment,
    field,
    fields,
    headline,
    is_reopened,
    link_to,
    lost,
    noted,
    opened,
    ticket_of,
    without_ticket,
)
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import cut
from gateway.domain.wording import facts

_SHORT, _TEXT, _NAME, _FACT = 160, 4000, 100, 300
_SYS_ID = re.compile(r"[0-9a-f]{32}")
_SOURCE = "Sophos Cloud Optix"
_IN_PROGRESS = "2"
_FORBIDDEN = 403
_CODE_TAG = re.compile(r"\[(?=/?code)", re.IGNORECASE)
_NOTE = 8000
_URGENCY_IMPACT = {
    Severity.CRITICAL: ("1", "1"),
    Severity.HIGH: ("2", "1"),
    Severity.MEDIUM: ("2", "2"),
    Severity.LOW: ("3", "3"),
    Severity.UNKNOWN: ("2", "2"),
}
_EVENT_SEVERITIES = {
    Severity.CRITICAL: "1",
    Severity.HIGH: "2",
    Severity.MEDIUM: "3",
    Severity.LOW: "4",
    Severity.UNKNOWN: "3",
}
_CLEAR = "0"


class ServiceNowSettings(SignIn):
    url: BaseUrl = Field(description="the instance, as in https://example.service-now.com")
    record: Literal["incident", "event"] = Field("incident", description="what an alert becomes")
    category: str = Field("", description="of new incidents")
    assignment_group: str = Field("", description="of new incidents: name or sys_id")
    caller_id: str = Field("", description="of new incidents: user name or sys_id")
    resolved_state: Annotated[str, StringConstraints(pattern=r"^\d{1,3}$")] = Field(
        "6", description="the incident's state when its alert is suppressed; 6 is Resolved"
    )
    close_code: str = Field("Resolved by caller", description="an instance asks for one of its own choices with it")

    @model_validator(mode="after")
    def _someone_signs_in(self) -> Self:
        if not self.credentials():
            raise ValueError("needs USERNAME and PASSWORD, or the TOKEN of OAuth")
        return self


def format_message(alert: Alert, context: Context, settings: ServiceNowSettings) -> HttpRequest:
    if settings.record == "event":
        return _post("/api/global/em/jsonv2", {"records": [_event(alert, context)]}, settings)
    sys_id = ticket_of(alert, context, _SYS_ID)
    if not sys_id:
        return _post(f"{_INCIDENTS}?sysparm_fields=sys_id,number", _incident(alert, context, settings), settings)
    change = _change(alert, context, settings)
    return replace(_post(f"{_INCIDENTS}/{sys_id}?sysparm_fields=sys_id,number", change, settings), method="PATCH")


_INCIDENTS = "/api/now/table/incident"


def _post(path: str, payload: Mapping[str, JSON], settings: ServiceNowSettings) -> HttpRequest:
    headers = (("Accept", "application/json"), *settings.credentials())
    return post_json(f"{settings.url}{path}", payload, headers, settings.tls)


def _inert(text: str) -> str:
    return _CODE_TAG.sub("[\u200b", text)


_PLAIN = Manner(_inert, "")


def _incident(alert: Alert, context: Context, settings: ServiceNowSettings) -> dict[str, JSON]:
    return {
        "short_description": headline(alert, context, _SHORT),
        "description": cut(body(alert, context, _TEXT, _PLAIN), _TEXT),
        **_rank(alert),
        "correlation_id": alert.key,
        "correlation_display": _SOURCE,
        **fields(
            category=settings.category,
            assignment_group=settings.assignment_group,
            caller_id=settings.caller_id,
        ),
    }


def _rank(alert: Alert) -> dict[str, JSON]:
    """The priority is made of these two."""
    urgency, impact = level(alert, _URGENCY_IMPACT)
    return {"urgency": urgency, "impact": impact}


def _change(alert: Alert, context: Context, settings: ServiceNowSettings) -> dict[str, JSON]:
    change: dict[str, JSON] = {
        "short_description": headline(alert, context, _SHORT),
        "work_notes": comment(alert, context, _NOTE, _PLAIN),
    }
    if alert.is_closed:
        said = "; ".join(filter(None, (headline(alert, context, _SHORT, _inert), context.news(alert))))
        return change | {"state": settings.resolved_state, "close_code": settings.close_code, "close_notes": said}
    if is_reopened(alert, context):
        change["state"] = _IN_PROGRESS
    return change | _rank(alert)


def _event(alert: Alert, context: Context) -> dict[str, JSON]:
    resource = alert.resources[0].info if len(alert.resources) == 1 else ""
    event: dict[str, JSON] = {
        "source": _SOURCE,
        "event_class": field(alert.source, _NAME) or _SOURCE,
        "message_key": alert.key,
        "severity": level(alert, _EVENT_SEVERITIES, _CLEAR),
        "description": cut(comment(alert, context, _TEXT, _PLAIN), _TEXT),
        "additional_info": json.dumps(_additional(alert, context), ensure_ascii=False),
        **fields(
            node=field(alert.environment, _NAME),
            type=field(alert.alert_type, _NAME),
            resource=field(resource, _NAME),
            metric_name=field(alert.rule, _NAME),
        ),
    }
    if alert.seen_at:
        event["time_of_event"] = f"{alert.seen_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return event


def _additional(alert: Alert, context: Context) -> dict[str, JSON]:
    """Texts only: what is no text is not read."""
    said: dict[str, JSON] = {}
    for label, value in (*follow_up(alert, context).facts, *facts(alert)):
        said[label.lower().replace(" ", "_")] = fit(value, _FACT, str)
    return said | fields(link=link_to(alert))


def read(answer: Answer, now: datetime, context: Context, settings: ServiceNowSettings) -> Outcome:
    """An instance that sleeps, and a sign-in page, answer 200 with a page for people."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is not OutcomeClass.OK:
        error = said.get("error")
        faults = (error.get("message"), error.get("detail")) if isinstance(error, dict) else (error,)
        outcome = explained(outcome, *faults)
        return _refused(outcome, context) if settings.record == "incident" else outcome
    if settings.record == "event":
        return noted(outcome, answer, "ServiceNow")
    result = said.get("result")
    sys_id = result.get("sys_id") if isinstance(result, dict) else None
    if _SYS_ID.fullmatch(context.reference) and sys_id is None:
        return noted(outcome, answer, "ServiceNow")
    return opened(outcome, answer, sys_id, "ServiceNow")


def _refused(outcome: Outcome, context: Context) -> Outcome:
    """A 403 to a change is seldom about our credentials. Closed incidents are read-only: whether it is about us all the
    same is seen when a new one is opened. Or an instance wants a field, such as a close code, that it did not get.
    """
    if outcome.status != _FORBIDDEN or not _SYS_ID.fullmatch(context.reference):
        return lost(outcome, context, _SYS_ID)
    if "Data Policy" in outcome.reason:
        return replace(outcome, kind=OutcomeClass.REJECTED)
    if "security constraints" in outcome.reason and context.progress != LOST:
        return without_ticket(outcome, context)
    return outcome


DESTINATION = Destination(
    summary="ServiceNow: one incident for each alert, resolved when it is suppressed; or Event Management events",
    settings=ServiceNowSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    pace=Pace(per_s=1, burst=5),
    concurrency=1,
    can_shrink=True,
    limits={
        "short description": "160 characters",
        "description": "4000 characters; resources have what the rest leaves, then +N more",
        "work notes": "8000 characters",
        "names in events": "100 characters",
    },
    example="""\
# ServiceNow: a user with the role itil (incidents) or evt_mgmt_integration (RECORD=event)
DESTINATION=servicenow
URL=https://example.service-now.com
USERNAME=optix.gateway
PASSWORD=example-password-not-a-real-one
RECORD=incident
ASSIGNMENT_GROUP=Cloud Security
MIN_SEVERITY=high
""",
)
