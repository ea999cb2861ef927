"""GitLab: an alert of a project's HTTP endpoint, or an issue.

Sources: https://docs.gitlab.com/operations/incident_management/integrations (alerts: the fields; the severity is
critical unless said; `fingerprint` groups, `end_time` resolves), app/models/alert_management/alert.rb and
lib/gitlab/alert_management/payload/base.rb of GitLab (title 200, description 1000, service and tool 100, all hosts
together 255; GitLab cuts what is longer), https://gitlab.com/gitlab-org/gitlab/-/issues/267376 (a severity in capitals
was answered with 500), https://docs.gitlab.com/api/issues (201 with `iid`; `state_event`), https://docs.gitlab.com/api/notes,
https://docs.gitlab.com/ee/development/issuable-like-models (title 255, description 1 MB),
https://docs.gitlab.com/security/rate_limits (429, Retry-After, RateLimit-Reset). Not verified: the largest payload of
an alert; ours stay under 100 KB.

A line that begins with / is a command to GitLab (/assign, /close), in issues and in notes: hostile text has none. A
second alert with the fingerprint of an open one is counted there and keeps the first one's texts.
Nothing keeps the alert's key in an issue unique, so an answer that got lost may mean a second issue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal, Self
from urllib.parse import quote

from pydantic import Field, model_validator

from gateway.destinations import Context, Destination
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import Token, explained, json_object, post_json, seconds_of
from gateway.destinations._sign_in import BaseUrl, Server
from gateway.destinations._ticket import (
    MARKDOWN,
    Words,
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
    quiet,
    ticket_of,
    until_s,
)
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import cut, fit_lines
from gateway.domain.wording import details, facts, resource_lines

_ALERT_TITLE, _ALERT_TEXT, _ALERT_LINK, _HOST, _FACT, _LIST, _LINE = 200, 1000, 400, 255, 300, 20_000, 300
_TITLE, _TEXT = 255, 60_000
_IID = re.compile(r"[1-9]\d{0,17}")
_TOOL = "Sophos Cloud Optix"
_SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "high",
    Severity.MEDIUM: "medium",
    Severity.LOW: "low",
    Severity.UNKNOWN: "unknown",
}


class GitLabSettings(Server):
    mode: Literal["alert", "issue"] = Field("issue", description="what an alert becomes")
    url: BaseUrl = Field(
        "https://gitlab.com", description="the server; with MODE=alert the URL of the project's HTTP endpoint"
    )
    token: Token = Field(description="a project access token with the scope api; with MODE=alert the endpoint's key")
    project: str = Field("", description="id or path (group/name) of the project; MODE=issue only")
    labels: Words = Field((), description="labels of new issues")
    confidential: bool = Field(True, description="new issues are seen by members of the project only")

    @model_validator(mode="after")
    def _mode_and_address_agree(self) -> Self:
        if self.mode == "issue" and not self.project.strip():
            raise ValueError("MODE=issue needs PROJECT.")
        if self.mode == "alert" and (self.project or "/alerts/notify" not in self.url):
            raise ValueError("MODE=alert needs the URL of the HTTP endpoint (…/alerts/notify/…) and no PROJECT.")
        return self


def format_message(alert: Alert, context: Context, settings: GitLabSettings) -> HttpRequest:
    token = settings.token.get_secret_value()
    if settings.mode == "alert":
        return post_json(settings.url, _alert(alert, context), (("Authorization", f"Bearer {token}"),), settings.tls)
    iid = ticket_of(alert, context, _IID)
    if not iid:
        return _send("", _issue(alert, context, settings), settings)
    if alert.is_closed:
        return _put(iid, {"state_event": "close", "title": headline(alert, context, _TITLE, quiet)}, settings)
    if is_reopened(alert, context):
        return _put(iid, {"state_event": "reopen", **_texts(alert, context)}, settings)
    return _send(f"/{iid}/notes", {"body": comment(alert, context, _TEXT, MARKDOWN)}, settings)


def _send(path: str, payload: Mapping[str, JSON], settings: GitLabSettings) -> HttpRequest:
    issues = f"{settings.url}/api/v4/projects/{quote(settings.project, safe='')}/issues"
    return post_json(f"{issues}{path}", payload, (("PRIVATE-TOKEN", settings.token.get_secret_value()),), settings.tls)


def _put(iid: str, payload: Mapping[str, JSON], settings: GitLabSettings) -> HttpRequest:
    return replace(_send(f"/{iid}", payload, settings), method="PUT")


def _texts(alert: Alert, context: Context) -> dict[str, JSON]:
    mark = f"\n\n<!-- {alert.key} -->"
    text = body(alert, context, _TEXT - len(mark), MARKDOWN)
    return {"title": headline(alert, context, _TITLE, quiet), "description": text + mark}


def _issue(alert: Alert, context: Context, settings: GitLabSettings) -> dict[str, JSON]:
    issue = _texts(alert, context) | {"confidential": settings.confidential}
    return issue | fields(labels=",".join(settings.labels))


def _alert(alert: Alert, context: Context) -> dict[str, JSON]:
    """What GitLab has no field for is shown in the alert's details under its own name."""
    made: dict[str, JSON] = {
        "title": headline(alert, context, _ALERT_TITLE, quiet),
        "description": _described(alert, context),
        "severity": level(alert, _SEVERITIES),
        "fingerprint": alert.key,
        "monitoring_tool": _TOOL,
        **fields(service=field(alert.provider, 100)),
    }
    if host := field(alert.environment, _HOST):
        made["hosts"] = [host]
    if alert.seen_at:
        made["start_time"] = alert.seen_at.isoformat()
    if alert.is_closed:
        made["end_time"] = (alert.seen_at or context.sent_at).isoformat()
    return made | _more(alert, context)


def _described(alert: Alert, context: Context) -> str:
    link = link_to(alert)
    before = f"{link}\n\n" if 0 < len(link) <= _ALERT_LINK else ""
    said = (*(value for _, value in follow_up(alert, context).facts), details(alert) or facts(alert)[0][1])
    return before + fit("\n\n".join(filter(None, said)), _ALERT_TEXT - len(before), MARKDOWN.escape)


def _more(alert: Alert, context: Context) -> dict[str, JSON]:
    said = follow_up(alert, context)
    more: dict[str, JSON] = {label.lower().replace(" ", "_"): cut(value, _FACT) for label, value in facts(alert)}
    named = {"changed": dict(said.facts).get("Changed", ""), "console_url": link_to(alert)}
    if not context.shrink:
        lines = [cut(line, _LINE) for line in resource_lines(alert)]
        named |= {"affected_resources": fit_lines(lines, _LIST), "changes": fit_lines(said.lines, _LIST)}
    # `severity` is GitLab's own word, and must be one of its own.
    del more["severity"]
    return more | fields(**named)


def read(answer: Answer, now: datetime, context: Context, settings: GitLabSettings) -> Outcome:
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.RATE_LIMITED and outcome.hint_s is None:
        reset_s = seconds_of(answer.headers.get("ratelimit-reset"))
        outcome = replace(outcome, hint_s=until_s(reset_s, now))
    if outcome.kind is not OutcomeClass.OK:
        outcome = explained(outcome, *_faults(said.get("message")), said.get("error"))
        return lost(outcome, context, _IID) if settings.mode == "issue" else outcome
    if settings.mode == "alert" or (_IID.fullmatch(context.reference) and "iid" not in said):
        return noted(outcome, answer, "GitLab")
    return opened(outcome, answer, said.get("iid"), "GitLab")


def _faults(message: object) -> list[object]:
    """A text, or `{"title": ["is too long"]}`."""
    if not isinstance(message, dict):
        return [message]
    found = [(name, texts) for name, texts in message.items() if isinstance(texts, list) and texts]
    return [f"{name} {texts[0]}" for name, texts in found[:3]]


DESTINATION = Destination(
    summary="GitLab project: one issue for each alert, or an alert of its HTTP endpoint; closed when it is suppressed",
    settings=GitLabSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    pace=Pace(per_s=0.13, burst=20),
    concurrency=1,
    can_shrink=True,
    limits={
        "title": "255 characters; 200 of an alert",
        "description and notes": "60 000 characters; resources have what the rest leaves, then +N more",
        "an alert's description": "1000 characters; lists stand apart, of 20 000 characters, then +N more",
    },
    example="""\
# A GitLab project: Settings > Access tokens, with the role Reporter and the scope api
DESTINATION=gitlab
URL=https://gitlab.com
PROJECT=example-group/cloud-findings
TOKEN=glpat-example-not-a-real-one
LABELS=security, cloud-optix
MIN_SEVERITY=high
""",
)
