"""Microsoft Teams, through the web address of a Workflow, as an Adaptive Card.

Sources: https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
(the message around the card), https://learn.microsoft.com/en-us/connectors/teams/ (about 28 KB for the whole message,
"Request Entity too large"), https://learn.microsoft.com/en-us/adaptive-cards/authoring-cards/text-features (Markdown in
a card: bold, lists, links; no HTML). The gem msteams_hermes measured 21 KB where 28 are stated, so we stay below 20.
The address holds a signature and is used byte for byte. Not verified: the quotas of a Workflow (429 when spent).

202 means that the flow was started, not that the card was posted: what becomes of it can be read only in the flow's
history. Nothing of the message is answered, so that a follow-up is a message of its own that says first what changed.
The names `<at>` of a card mention nobody without an entity, and we send none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from pydantic import Field

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._follow_up import FollowUp, follow_up
from gateway.destinations._http import HookUrl, explained, json_object, post_json, unproven
from gateway.destinations._post import inert, json_bytes
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url, link_label
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import fit_lines
from gateway.domain.wording import details, facts, first_line, icon, resource_lines, title

_TITLE, _SUMMARY, _VALUE, _DETAILS, _RESOURCES, _RESOURCE, _CHANGES, _URL = 500, 500, 300, 3000, 6000, 300, 2000, 2000
_SHRUNK = "Teams refused the whole message as too large: details and resources are left out."
_CARD = "application/vnd.microsoft.card.adaptive"
_COLOURS = {
    Severity.CRITICAL: "attention",
    Severity.HIGH: "warning",
    Severity.MEDIUM: "warning",
    Severity.LOW: "accent",
    Severity.UNKNOWN: "default",
}
_MARKS = re.compile(r"(?<=\{)(?=\{)")


class TeamsSettings(DestinationSettings):
    url: HookUrl = Field(description="the address that the Workflow shows, with its signature, unchanged")
    body: Literal["message", "card"] = Field(
        "message", description="card: the bare card, for a flow of one's own that expects no message around it"
    )


def format_message(alert: Alert, context: Context, settings: TeamsSettings) -> HttpRequest:
    card = _card(alert, context, follow_up(alert, context))
    if settings.body == "card":
        return post_json(settings.url.get_secret_value(), card)
    attachment: JSON = {"contentType": _CARD, "contentUrl": None, "content": card}
    return post_json(settings.url.get_secret_value(), {"type": "message", "attachments": [attachment]})


def _card(alert: Alert, context: Context, follows: FollowUp) -> dict[str, JSON]:
    card: dict[str, JSON] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": _text(first_line(alert, test=context.test, news=follows.news), _SUMMARY),
        "body": _body(alert, context, follows),
    }
    if len(link := console_url(alert)) <= _URL:
        card["actions"] = [{"type": "Action.OpenUrl", "title": link_label(alert), "url": link}]
    return card


def _body(alert: Alert, context: Context, follows: FollowUp) -> list[JSON]:
    found: list[JSON] = [
        _block(
            f"{icon(alert)} {_text(title(alert, test=context.test), _TITLE)}",
            size="medium",
            weight="bolder",
            color=level(alert, _COLOURS, closed="default"),
        )
    ]
    said: list[JSON] = [
        {"title": label, "value": _text(value, _VALUE)} for label, value in (*follows.facts, *facts(alert))
    ]
    found.append({"type": "FactSet", "facts": said})
    if context.shrink:
        return [*found, _block(_SHRUNK, isSubtle=True)]
    parts = (
        _listed(follows.lines, _CHANGES),
        _text(details(alert), _DETAILS),
        _listed(resource_lines(alert), _RESOURCES),
    )
    return [*found, *(_block(part, separator=True) for part in parts if part)]


def _block(text: str, **look: JSON) -> JSON:
    return {"type": "TextBlock", "text": text, "wrap": True, **look}


def _listed(lines: Sequence[str], limit: int) -> str:
    """A list in Markdown: a card's text has no block of code."""
    shown = [f"- {_text(line, _RESOURCE)}" for line in lines[: limit // 4]]
    return fit_lines([*shown, *lines[len(shown) :]], limit, json_bytes, most=len(shown))


def _text(text: str, limit: int) -> str:
    """Within `limit` bytes of JSON, without links and without the functions of a card's text (`{{DATE(…)}}`)."""
    return fit(text, limit, _inert, json_bytes)


def _inert(text: str) -> str:
    # One line end alone is a blank in Markdown.
    return inert(_MARKS.sub("\u200b", text)).replace("\n", "\n\n")


def read(answer: Answer, now: datetime) -> Outcome:
    """202: the flow was started. Older addresses answer 200, also with a failure that stands in the text."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    if outcome.kind is not OutcomeClass.OK:
        error = json_object(answer).get("error")
        return explained(outcome, *((error.get("code"), error.get("message")) if isinstance(error, dict) else ()))
    if answer.status not in {200, 202} or answer.body.lstrip()[:1] == b"<":
        return unproven(outcome, "a Workflow accepts with 202")
    named = ((b"HTTP error 429", OutcomeClass.RATE_LIMITED), (b"HTTP error 413", OutcomeClass.TOO_LARGE))
    kind = next((kind for words, kind in named if words in answer.body), None)
    if kind is not None:
        return replace(outcome, kind=kind, reason=f"{outcome.reason}, but the text says that it failed")
    return outcome


DESTINATION = Destination(
    summary="Microsoft Teams channel or chat, through a Workflow: an Adaptive Card for each alert",
    settings=TeamsSettings,
    format=format_message,
    read=read,
    backlog="latest",
    pace=Pace(per_s=1, burst=4),
    concurrency=1,
    can_shrink=True,
    limits={
        "title": "500 bytes",
        "details": "3000 bytes",
        "resources": "6000 bytes, then +N more",
        "changes": "2000 bytes, then +N more",
        "whole message": "20 000 bytes (about 28 KB is Teams' own limit)",
    },
    example="""\
# A Teams channel: ... > Workflows > Send webhook alerts to a channel
DESTINATION=teams
URL=https://example.westeurope.logic.azure.com/workflows/0example0/triggers/manual/paths/invoke?sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=example-signature-not-real
MIN_SEVERITY=high
""",
)
