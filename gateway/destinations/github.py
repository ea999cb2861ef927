"""GitHub: an issue for each alert, or a repository_dispatch event that starts a workflow.

Sources: https://docs.github.com/en/rest/issues/issues (create 201 with `number`; update; 410 where issues are off or
one was deleted), https://docs.github.com/en/rest/issues/comments, https://docs.github.com/en/rest/repos/repos
(dispatch: 204, event_type 1 to 100 characters, client_payload of 10 names), and
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api (403 or 429; retry-after, or
x-ratelimit-remaining 0 until x-ratelimit-reset, or at least a minute; 80 contents a minute, 500 an hour).
Not on GitHub's pages, but in its answers: a body has 65 536 characters (https://github.com/googleapis/release-please/issues/1034),
a title 256 (https://github.com/DavyJonesLocker/party_foul/pull/122; some have seen 1024 pass), a client_payload of more
than 65 535 bytes is "too large" (https://github.com/vsoch/askci/issues/37).

A workflow that reads `client_payload` must not put its texts into a script as they are: they come from outside.
An issue holds the alert's key in a comment that is not shown; nothing keeps it unique, so an answer that got lost may
mean a second issue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from gateway.destinations import Context, Destination
from gateway.destinations._event import fitted_event
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import Token, base_url, explained, json_object, post_json, seconds_of
from gateway.destinations._sign_in import Server
from gateway.destinations._ticket import (
    MARKDOWN,
    Words,
    body,
    comment,
    headline,
    is_reopened,
    lost,
    noted,
    opened,
    quiet,
    ticket_of,
    until_s,
)
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.wording import title

_TITLE, _BODY, _PAYLOAD_BYTES = 256, 60_000, 60_000
_NUMBER = re.compile(r"[1-9]\d{0,17}")
_MINUTE_S = 60.0
_DISPATCHED, _FORBIDDEN = 204, 403


class GitHubSettings(Server):
    url: Annotated[str, AfterValidator(base_url)] = Field(
        "https://api.github.com", description="the API; https://host/api/v3 of an Enterprise Server"
    )
    repository: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")] = Field(
        description="owner/name"
    )
    token: Token = Field(
        description="a fine-grained token: Issues read and write, or Contents read and write for MODE=dispatch"
    )
    mode: Literal["issue", "dispatch"] = Field("issue", description="open issues, or start workflows")
    labels: Words = Field((), description="labels of new issues")
    assignees: Words = Field((), description="who new issues are assigned to")
    close_reason: Literal["completed", "not_planned"] = Field(
        "completed", description="why a suppressed alert is closed"
    )
    event_type: str = Field(
        "cloud-optix-alert", min_length=1, max_length=100, description="name of the event of MODE=dispatch"
    )

    def receiver(self) -> str:
        return self.repository

    def headers(self) -> tuple[tuple[str, str], ...]:
        return (
            ("Authorization", f"Bearer {self.token.get_secret_value()}"),
            ("Accept", "application/vnd.github+json"),
            ("X-GitHub-Api-Version", "2022-11-28"),
        )


def format_message(alert: Alert, context: Context, settings: GitHubSettings) -> HttpRequest:
    if settings.mode == "dispatch":
        return _send("/dispatches", _event(alert, context, settings), settings)
    number = ticket_of(alert, context, _NUMBER)
    if not number:
        return _send("/issues", _issue(alert, context, settings), settings)
    if alert.is_closed:
        closed: dict[str, JSON] = {"state": "closed", "state_reason": settings.close_reason}
        return _patch(number, closed | {"title": headline(alert, context, _TITLE, quiet)}, settings)
    if is_reopened(alert, context):
        return _patch(number, {"state": "open", **_texts(alert, context)}, settings)
    return _send(f"/issues/{number}/comments", {"body": comment(alert, context, _BODY, MARKDOWN)}, settings)


def _send(path: str, payload: Mapping[str, JSON], settings: GitHubSettings) -> HttpRequest:
    return post_json(f"{settings.url}/repos/{settings.repository}{path}", payload, settings.headers(), settings.tls)


def _patch(number: str, payload: Mapping[str, JSON], settings: GitHubSettings) -> HttpRequest:
    return replace(_send(f"/issues/{number}", payload, settings), method="PATCH")


def _texts(alert: Alert, context: Context) -> dict[str, JSON]:
    mark = f"\n\n<!-- {alert.key} -->"
    text = body(alert, context, _BODY - len(mark), MARKDOWN)
    return {"title": headline(alert, context, _TITLE, quiet), "body": text + mark}


def _issue(alert: Alert, context: Context, settings: GitHubSettings) -> dict[str, JSON]:
    issue = _texts(alert, context)
    named = (("labels", settings.labels), ("assignees", settings.assignees))
    return issue | {name: list(words) for name, words in named if words}


def _event(alert: Alert, context: Context, settings: GitHubSettings) -> dict[str, JSON]:
    payload: dict[str, JSON] = {
        "key": alert.key,
        "action": "closed" if alert.is_closed else "opened",
        "title": title(alert, test=context.test)[:_TITLE],
        "news": follow_up(alert, context).news,
        "test": context.test,
        "delivery_id": context.delivery_id,
        "alert": fitted_event(alert, context, "alert", _PAYLOAD_BYTES),
    }
    return {"event_type": settings.event_type, "client_payload": payload}


def read(answer: Answer, now: datetime, context: Context, settings: GitHubSettings) -> Outcome:
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is not OutcomeClass.OK:
        outcome = _limited(explained(outcome, said.get("message"), *_faults(said)), answer, now)
        if settings.mode == "dispatch":
            return outcome
        is_locked = answer.status == _FORBIDDEN and "locked" in outcome.reason and _NUMBER.fullmatch(context.reference)
        return lost(replace(outcome, kind=OutcomeClass.GONE) if is_locked else outcome, context, _NUMBER)
    if settings.mode == "dispatch":
        return outcome if answer.status == _DISPATCHED else noted(outcome, answer, "GitHub")
    if _NUMBER.fullmatch(context.reference) and "number" not in said:
        return noted(outcome, answer, "GitHub")
    return opened(outcome, answer, said.get("number"), "GitHub")


def _limited(outcome: Outcome, answer: HttpAnswer, now: datetime) -> Outcome:
    """A limit may come as 403, which else means that the token may not do this."""
    if answer.status == 422 and "too large" in outcome.reason:
        return replace(outcome, kind=OutcomeClass.TOO_LARGE)
    used_up = answer.headers.get("x-ratelimit-remaining") == "0"
    is_limit = used_up or "retry-after" in answer.headers or "rate limit" in outcome.reason.lower()
    if answer.status not in (403, 429) or not is_limit:
        return outcome
    reset_s = until_s(seconds_of(answer.headers.get("x-ratelimit-reset")), now) if used_up else None
    hints = [hint for hint in (outcome.hint_s, reset_s) if hint is not None]
    return replace(outcome, kind=OutcomeClass.RATE_LIMITED, hint_s=max(hints, default=_MINUTE_S))


def _faults(said: Mapping[str, object]) -> list[object]:
    """`title is too long`, `labels: invalid`."""
    errors = said.get("errors")
    found = [error for error in errors[:3] if isinstance(error, dict)] if isinstance(errors, list) else []
    return [error.get("message") or f"{error.get('field', '')}: {error.get('code', '')}" for error in found]


DESTINATION = Destination(
    summary="GitHub repository: one issue for each alert, closed when it is suppressed; or an event for workflows",
    settings=GitHubSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    # 500 contents an hour are 0.138 a second, and no more than 80 in any minute.
    pace=Pace(per_s=0.13, burst=20),
    concurrency=1,
    can_shrink=True,
    limits={
        "title": "256 characters",
        "body and comments": "60 000 of GitHub's 65 536 characters; resources have what the rest leaves, then +N more",
        "event": "60 000 of GitHub's 65 535 bytes; resources and long texts give way, with true counts",
    },
    example="""\
# A GitHub repository: Settings > Developer settings > Fine-grained tokens > Issues: read and write
DESTINATION=github
REPOSITORY=example-org/cloud-findings
TOKEN=github_pat_example_token_not_a_real_one
LABELS=security, cloud-optix
MIN_SEVERITY=high
""",
)
