"""Linear: an issue for each alert, comments for what changes, and a state when it is suppressed.

Sources: https://linear.app/developers/graphql (one endpoint; a key without "Bearer", a token of OAuth with it;
issueCreate, issueUpdate, commentCreate; 200 with `errors` is no success), https://linear.app/developers/rate-limiting
(code RATELIMITED with HTTP 400; X-RateLimit-Requests-Reset and -Complexity-Reset in milliseconds since 1970), and the
schema of Linear's SDK (`id`: "in UUID v4 format; if none is provided, the backend will generate one"; priority 0 none,
1 urgent, 2 high, 3 medium, 4 low). The rate differs between pages (1500 or 5000 an hour): we keep to the lower one.
Not verified: what exactly is said of an id that is there already, and the longest title and description.

An issue's id is made from the alert's key, and a comment's from the delivery, so that nothing is there twice when an
answer got lost; and a later change finds its issue even when the answer to the first never came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from gateway.destinations import Context, Destination
from gateway.destinations._http import Token, explained, json_object, post_json, seconds_of, text_of, unproven
from gateway.destinations._sign_in import BaseUrl, Server
from gateway.destinations._ticket import (
    LOST,
    MARKDOWN,
    Words,
    body,
    comment,
    headline,
    is_reopened,
    quiet,
    ticket_of,
    until_s,
    without_ticket,
)
from gateway.domain.alert import JSON, Alert
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level

_TITLE, _TEXT = 255, 60_000
_UUID_FORM = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = re.compile(_UUID_FORM)
_WINDOW_S = 60.0
_CREATE = "mutation($input:IssueCreateInput!){issueCreate(input:$input){success issue{id identifier}}}"
_CHANGE = (
    "mutation($id:String!,$change:IssueUpdateInput!,$comment:CommentCreateInput!)"
    "{issueUpdate(id:$id,input:$change){success} commentCreate(input:$comment){success}}"
)
_PRIORITIES = {
    Severity.CRITICAL: 1,
    Severity.HIGH: 2,
    Severity.MEDIUM: 3,
    Severity.LOW: 4,
    Severity.UNKNOWN: 0,
}
_CLASSES: Mapping[str, OutcomeClass] = {
    "ratelimited": OutcomeClass.RATE_LIMITED,
    "authentication_error": OutcomeClass.AUTH,
    "authentication error": OutcomeClass.AUTH,
    "forbidden": OutcomeClass.AUTH,
    "internal_server_error": OutcomeClass.RETRY,
    "internal error": OutcomeClass.RETRY,
}
_THERE = ("already exists", "duplicate", "must be unique", "not unique")
_MISSING = ("entity not found", "could not find")

Id = Annotated[str, StringConstraints(pattern=f"^{_UUID_FORM}$")]


def _checked_ids(ids: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(_ID.fullmatch, ids)):
        raise ValueError("needs the ids of labels (UUIDs), not their names")
    return ids


class LinearSettings(Server):
    url: BaseUrl = Field("https://api.linear.app/graphql", description="the API")
    token: Token = Field(description="a personal API key (lin_api_…), or a token of OAuth")
    team_id: Id = Field(description="the team's id, a UUID")
    label_ids: Annotated[Words, AfterValidator(_checked_ids)] = Field((), description="ids of labels of new issues")
    closed_state_id: Id | None = Field(None, description="id of the state of an issue whose alert is suppressed")
    open_state_id: Id | None = Field(None, description="id of the state of one that comes back")

    def headers(self) -> tuple[tuple[str, str], ...]:
        token = self.token.get_secret_value()
        return (("Authorization", token if token.startswith("lin_api_") else f"Bearer {token}"),)


def format_message(alert: Alert, context: Context, settings: LinearSettings) -> HttpRequest:
    issue = _issue_of(alert, context)
    if not issue:
        return _ask(_CREATE, {"input": _issue(alert, context, settings)}, settings)
    change: dict[str, JSON] = {
        "title": headline(alert, context, _TITLE, quiet),
        "priority": level(alert, _PRIORITIES),
    }
    if alert.is_closed and settings.closed_state_id:
        change["stateId"] = settings.closed_state_id
    elif is_reopened(alert, context) and settings.open_state_id:
        change["stateId"] = settings.open_state_id
    said = comment(alert, context, _TEXT, MARKDOWN)
    note: dict[str, JSON] = {"id": _uuid("comment", context.delivery_id), "issueId": issue, "body": said}
    return _ask(_CHANGE, {"id": issue, "change": change, "comment": note}, settings)


def _ask(query: str, variables: dict[str, JSON], settings: LinearSettings) -> HttpRequest:
    return post_json(settings.url, {"query": query, "variables": variables}, settings.headers(), settings.tls)


def _issue_of(alert: Alert, context: Context) -> str:
    """Its id; nothing where there is none to go on with."""
    if known := ticket_of(alert, context, _ID):
        return known
    is_known = context.before is not None and context.progress != LOST and alert.event_type != DIGEST
    return _uuid("issue", alert.key) if is_known else ""


def _uuid(*of: str) -> str:
    """The same for the same texts, in the form of version 4."""
    return str(UUID(bytes=sha256("\0".join(of).encode("utf-8", "surrogatepass")).digest()[:16], version=4))


def _issue(alert: Alert, context: Context, settings: LinearSettings) -> dict[str, JSON]:
    is_first = context.progress != LOST and alert.event_type != DIGEST
    issue: dict[str, JSON] = {
        "id": _uuid("issue", alert.key, *([] if is_first else [context.delivery_id])),
        "teamId": settings.team_id,
        "title": headline(alert, context, _TITLE, quiet),
        "description": body(alert, context, _TEXT, MARKDOWN),
        "priority": level(alert, _PRIORITIES),
    }
    if settings.label_ids:
        issue["labelIds"] = list(settings.label_ids)
    return issue


def read(answer: Answer, now: datetime, context: Context, _settings: LinearSettings) -> Outcome:
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if errors := _errors(said):
        return _refused(outcome, errors, answer, now, context)
    if outcome.kind is not OutcomeClass.OK:
        return outcome
    data = said.get("data")
    results = [part for part in data.values() if isinstance(part, dict)] if isinstance(data, dict) else []
    if not results:
        return unproven(outcome, "this is no answer of Linear")
    if not all(part.get("success") is True for part in results):
        return replace(outcome, kind=OutcomeClass.REJECTED, reason=f"{outcome.reason}, but Linear did not do it")
    issue = results[0].get("issue")
    return replace(outcome, reference=_id_of(issue.get("id")) if isinstance(issue, dict) else "")


def _id_of(value: object) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _errors(said: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    errors = said.get("errors")
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _refused(
    outcome: Outcome, errors: Sequence[Mapping[str, object]], answer: HttpAnswer, now: datetime, context: Context
) -> Outcome:
    words = [word for error in errors for word in _words(error)]
    reason = explained(outcome, errors[0].get("message"))
    kinds = [_CLASSES[word] for word in words if word in _CLASSES]
    if kinds:
        hint_s = _reset_s(answer, now) if kinds[0] is OutcomeClass.RATE_LIMITED else outcome.hint_s
        return replace(reason, kind=kinds[0], hint_s=hint_s)
    if any(sign in word for word in words for sign in _THERE):
        return replace(reason, kind=OutcomeClass.OK)
    if any(sign in word for word in words for sign in _MISSING) and _went_on(context):
        return without_ticket(reason, context)
    return replace(reason, kind=OutcomeClass.REJECTED) if outcome.kind is OutcomeClass.OK else reason


def _went_on(context: Context) -> bool:
    return context.progress != LOST and (context.before is not None or bool(_ID.fullmatch(context.reference)))


def _words(error: Mapping[str, object]) -> list[str]:
    """What an error says of its kind, in lower case."""
    more = error.get("extensions")
    found = [error.get("message")]
    if isinstance(more, dict):
        found += [more.get("code"), more.get("type"), more.get("userPresentableMessage")]
    return [text.lower() for text in map(text_of, found) if text]


def _reset_s(answer: HttpAnswer, now: datetime) -> float:
    """Until the limit that is used up is full again."""
    waits = []
    for limit in ("requests", "complexity"):
        reset_ms = seconds_of(answer.headers.get(f"x-ratelimit-{limit}-reset"))
        if answer.headers.get(f"x-ratelimit-{limit}-remaining") == "0" and reset_ms is not None:
            waits.append(until_s(reset_ms / 1000, now) or 0.0)
    return max(waits, default=_WINDOW_S)


DESTINATION = Destination(
    summary="Linear team: one issue for each alert, with comments, moved to a state of your choice when suppressed",
    settings=LinearSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    # 1500 an hour are 0.41 a second.
    pace=Pace(per_s=0.4, burst=20),
    concurrency=1,
    can_shrink=True,
    limits={
        "title": "255 characters",
        "description and comments": "60 000 characters; resources have what the rest leaves, then +N more",
    },
    example="""\
# Linear: Settings > Security & access > Personal API keys; ids by "Copy model UUID" in the command menu
DESTINATION=linear
TOKEN=lin_api_example_not_a_real_one
TEAM_ID=00000000-0000-4000-8000-000000000001
CLOSED_STATE_ID=00000000-0000-4000-8000-000000000002
MIN_SEVERITY=high
""",
)
