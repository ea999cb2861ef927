"""Jira, Cloud and Data Center: an issue for each alert, comments for what changes, a transition when it is suppressed.

Sources: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues (create 201; comment 201;
transition 204), https://developer.atlassian.com/cloud/jira/platform/apis/document/structure (ADF; a code block holds
plain text), https://developer.atlassian.com/cloud/jira/platform/rate-limiting (429, Retry-After),
https://github.com/prometheus/alertmanager/blob/main/notify/jira/jira.go (summary 255, description 32 767; version 2
with a token on Data Center). Not verified: whether the 32 767 are counted in ADF's text or in its JSON; we count JSON.

The summary has no newline. The alert's key is a label, so that people and programs find the issue: nothing in Jira
keeps a label unique, so an answer that got lost may mean a second issue. Texts in ADF are plain: nothing in them is a
mention or a link. On Data Center they stand in a {noformat} block, which a text cannot leave.
A transition takes a comment only where its screen has room for one: refused with it, it is tried without. One that an
issue does not offer, because somebody closed it by hand, counts as done.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from gateway.destinations import Context, Destination
from gateway.destinations._adf import document_of
from gateway.destinations._http import Token, explained, json_object, post_json
from gateway.destinations._report import Manner
from gateway.destinations._sign_in import BaseUrl, Server
from gateway.destinations._ticket import (
    Words,
    body,
    comment,
    headline,
    is_reopened,
    lost,
    noted,
    opened,
    ticket_of,
)
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level

_SUMMARY, _TEXT, _LABEL = 255, 32_000, 255
_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,250}-\d{1,18}")
_BARE = "bare"
_NOT_OFFERED = "not valid for"
_PLACES = {Severity.CRITICAL: 0, Severity.HIGH: 1, Severity.MEDIUM: 2, Severity.LOW: 3, Severity.UNKNOWN: 2}
_PLAIN_IN_BLOCK = re.compile(r"\{|\[(?=~)")

TransitionId = Annotated[str, StringConstraints(pattern=r"^\d{1,10}$")]


def _checked_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    if any(" " in label or len(label) > _LABEL for label in labels):
        raise ValueError("a label has no blanks and 255 characters at most")
    return labels


def _checked_priorities(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) not in (0, 4):
        raise ValueError("needs four names, for critical, high, medium and low; or none, to leave the priority alone")
    return names


class JiraSettings(Server):
    url: BaseUrl = Field(description="the site, as in https://example.atlassian.net")
    deployment: Literal["cloud", "data-center"] = Field("cloud", description="which Jira it is")
    email: str = Field("", description="the account of the API token; Cloud only")
    token: Token = Field(description="an API token (Cloud) or a personal access token (Data Center)")
    project: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]+$")] = Field(description="the project's key")
    issue_type: str = Field("Task", min_length=1, description="name of the issues' type")
    priorities: Annotated[Words, AfterValidator(_checked_priorities)] = Field(
        ("Highest", "High", "Medium", "Low"),
        description="names for critical, high, medium, low; empty where the project has no priorities",
    )
    labels: Annotated[Words, AfterValidator(_checked_labels)] = Field((), description="labels beside the alert's key")
    close_transition: TransitionId | None = Field(
        None, description="id of the transition that closes an issue; without one a comment says it"
    )
    reopen_transition: TransitionId | None = Field(None, description="id of the one that opens it again")
    resolution: str = Field(
        "", description="name of the resolution to set with CLOSE_TRANSITION, where it asks for one"
    )

    @model_validator(mode="after")
    def _cloud_signs_in_by_email(self) -> Self:
        if (self.deployment == "cloud") != bool(self.email):
            raise ValueError("EMAIL goes with DEPLOYMENT=cloud, where it is needed, and with nothing else.")
        return self

    def secrets(self) -> tuple[str, ...]:
        return (self._basic(), *super().secrets())

    def _basic(self) -> str:
        return b64encode(f"{self.email}:{self.token.get_secret_value()}".encode()).decode("ascii")

    def headers(self) -> tuple[tuple[str, str], ...]:
        way = f"Basic {self._basic()}" if self.email else f"Bearer {self.token.get_secret_value()}"
        return (("Authorization", way), ("Accept", "application/json"), ("Accept-Language", "en"))

    @property
    def issues(self) -> str:
        return f"{self.url}/rest/api/{3 if self.deployment == 'cloud' else 2}/issue"


def format_message(alert: Alert, context: Context, settings: JiraSettings) -> HttpRequest:
    issue = ticket_of(alert, context, _KEY)
    if not issue:
        return _post("", {"fields": _fields(alert, context, settings)}, settings)
    transition, resolution = None, ""
    if alert.is_closed:
        transition, resolution = settings.close_transition, settings.resolution
    elif is_reopened(alert, context):
        transition = settings.reopen_transition
    said = _text(alert, context, settings, again=True)
    if transition is None:
        return _post(f"/{issue}/comment", {"body": said}, settings)
    moved: dict[str, JSON] = {"transition": {"id": transition}}
    if resolution:
        moved["fields"] = {"resolution": {"name": resolution}}
    if context.progress != _BARE:
        moved["update"] = {"comment": [{"add": {"body": said}}]}
    return _post(f"/{issue}/transitions", moved, settings)


def _post(path: str, payload: Mapping[str, JSON], settings: JiraSettings) -> HttpRequest:
    return post_json(f"{settings.issues}{path}", payload, settings.headers(), settings.tls)


def _fields(alert: Alert, context: Context, settings: JiraSettings) -> dict[str, JSON]:
    fields: dict[str, JSON] = {
        "project": {"key": settings.project},
        "issuetype": {"name": settings.issue_type},
        "summary": headline(alert, context, _SUMMARY),
        "description": _text(alert, context, settings, again=False),
        "labels": [alert.key, *settings.labels],
    }
    if settings.priorities:
        fields["priority"] = {"name": settings.priorities[level(alert, _PLACES)]}
    return fields


def _text(alert: Alert, context: Context, settings: JiraSettings, *, again: bool) -> JSON:
    if settings.deployment == "cloud":
        return document_of(alert, context, _TEXT, again=again)
    write = comment if again else body
    said = write(alert, context, _TEXT, Manner(_in_block, ""))
    return f"{{noformat}}\n{said}\n{{noformat}}"


def _in_block(text: str) -> str:
    return _PLAIN_IN_BLOCK.sub("\\g<0>\u200b", text)


def read(answer: Answer, now: datetime, context: Context, settings: JiraSettings) -> Outcome:
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    goes_on = bool(_KEY.fullmatch(context.reference))
    if outcome.kind is OutcomeClass.OK:
        if goes_on:
            return replace(noted(outcome, answer, "Jira"), reference=_issue(said) or context.reference)
        return opened(outcome, answer, _issue(said), "Jira")
    outcome = lost(explained(outcome, *_faults(said)), context, _KEY)
    moves = settings.close_transition or settings.reopen_transition
    return _moved(outcome, context) if moves and goes_on and outcome.status == 400 else outcome


def _issue(said: Mapping[str, object]) -> str:
    key = said.get("key")
    return key if isinstance(key, str) and _KEY.fullmatch(key) else ""


def _moved(outcome: Outcome, context: Context) -> Outcome:
    """400 to a transition, or to a comment."""
    if _NOT_OFFERED in outcome.reason:
        reason = f"{outcome.reason}: the issue is there already, or the transition's id is wrong"
        return replace(outcome, kind=OutcomeClass.OK, reason=reason, reference=context.reference)
    if context.progress == _BARE:
        return outcome
    reason = f"{outcome.reason}; next without a comment"
    return replace(outcome, kind=OutcomeClass.RETRY, reason=reason, progress=_BARE)


def _faults(said: Mapping[str, object]) -> list[object]:
    messages, errors = said.get("errorMessages"), said.get("errors")
    found = list(messages[:3]) if isinstance(messages, list) else []
    if isinstance(errors, dict):
        found += [f"{name}: {text}" for name, text in list(errors.items())[:3] if isinstance(text, str)]
    return found


DESTINATION = Destination(
    summary="Jira, Cloud or Data Center: one issue for each alert, with comments and, if you like, transitions",
    settings=JiraSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    pace=Pace(per_s=1, burst=5),
    concurrency=1,
    can_shrink=True,
    limits={
        "summary": "255 characters",
        "description and comments": "32 000 of 32 767 characters; resources have what the rest leaves, then +N more",
        "details": "9000 characters",
        "changes": "4000 characters, then +N more",
    },
    example="""\
# Jira Cloud: https://id.atlassian.com > Security > API tokens
DESTINATION=jira
URL=https://example.atlassian.net
EMAIL=gateway@example.com
TOKEN=ATATT-example-token-not-a-real-one
PROJECT=SEC
ISSUE_TYPE=Task
LABELS=cloud-optix
CLOSE_TRANSITION=31
MIN_SEVERITY=high
""",
)
