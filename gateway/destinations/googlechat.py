"""Google Chat, through a space's incoming webhook, as a card.

Sources: https://developers.google.com/workspace/chat/quickstart/webhooks (threadKey, messageReplyOption),
https://developers.google.com/workspace/chat/limits (32 000 bytes; 60 writes a minute and space, shared by all apps,
"additional limits apply to incoming webhooks": the one a second that others name is stated nowhere; we take half),
https://developers.google.com/workspace/chat/format-messages (the HTML subset of cards),
https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages (fallbackText).
A follow-up is a reply in the incident's thread: the key is ours, so nothing of the first message need be remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import Field

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._follow_up import FollowUp, follow_up
from gateway.destinations._http import HookUrl, json_object, post_json, text_of
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit, html, unlinked
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url, link_label
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.text import fit_lines, one_line, utf8_bytes
from gateway.domain.url import with_parameter
from gateway.domain.wording import details, facts, icon, marks, resource_lines, severity_word, summary, title

_HEADER, _FALLBACK, _SUMMARY, _VALUE, _DETAILS, _URL = 200, 500, 1000, 500, 3000, 2000
_RESOURCE, _RESOURCES, _LINES = 300, 5000, 50
_CHANGES, _CHANGE_LINES = 2000, 20
_SHRUNK = "<i>Google Chat refused the whole message as too large: details and resources are left out.</i>"


class GoogleChatSettings(DestinationSettings):
    url: HookUrl = Field(description="the webhook's URL with key and token, from the space's Apps & integrations")
    threads: bool = Field(True, description="collect what concerns one alert in one thread")


def format_message(alert: Alert, context: Context, settings: GoogleChatSettings) -> HttpRequest:
    follows = follow_up(alert, context)
    card: JSON = {"header": _header(alert, context), "sections": _sections(alert, context, follows)}
    payload: dict[str, JSON] = {
        "fallbackText": _fallback(alert, context, follows),
        "cardsV2": [{"cardId": "alert", "card": card}],
    }
    url = settings.url.get_secret_value()
    if settings.threads:
        payload["thread"] = {"threadKey": alert.key}
        url = with_parameter(url, "messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD")
    return post_json(url, payload)


def _fallback(alert: Alert, context: Context, follows: FollowUp) -> str:
    """What a phone shows of a card."""
    parts = (f"{icon(alert)} {title(alert, test=context.test)}", follows.news)
    return _inert(" · ".join(filter(None, parts)), _FALLBACK)


def _inert(text: str, limit: int) -> str:
    return fit(text, limit, unlinked, utf8_bytes)


def _html(text: str, limit: int) -> str:
    return fit(text, limit, html, utf8_bytes)


def _header(alert: Alert, context: Context) -> JSON:
    """Each is cut to one line by Google Chat, so the alert's own headline stands in the card instead."""
    kind = f"{one_line(alert.alert_type)} alert".strip()
    said = (icon(alert), marks(alert, test=context.test), severity_word(alert.severity), "·", kind)
    where = " · ".join(filter(None, map(one_line, (alert.provider, alert.environment, alert.rule))))
    return {"title": _inert(" ".join(filter(None, said)), _HEADER), "subtitle": _inert(where, _HEADER)}


def _sections(alert: Alert, context: Context, follows: FollowUp) -> list[JSON]:
    first: list[JSON] = [_paragraph(f"<b>{_html(summary(alert), _SUMMARY)}</b>")]
    first += [_fact(label, value) for label, value in (*follows.facts, *facts(alert))]
    found: list[JSON] = [{"widgets": first}]
    if context.shrink:
        found.append({"widgets": [_paragraph(_SHRUNK)]})
    else:
        found += _long_sections(alert, follows)
    if len(link := console_url(alert)) <= _URL:
        found.append({"widgets": [{"buttonList": {"buttons": [_button(link_label(alert), link)]}}]})
    return found


def _long_sections(alert: Alert, follows: FollowUp) -> list[JSON]:
    changes, resources = follows.lines, resource_lines(alert)
    named = (
        (f"Changes ({len(changes)})", _listed(changes, _CHANGES, _CHANGE_LINES)),
        ("Details", _html(details(alert), _DETAILS)),
        (f"Affected resources ({len(resources)})", _listed(resources, _RESOURCES, _LINES)),
    )
    return [{"header": name, "widgets": [_paragraph(text)]} for name, text in named if text]


def _listed(lines: Sequence[str], limit: int, most: int) -> str:
    shown = fit_lines([_html(line, _RESOURCE) for line in lines], limit, utf8_bytes, most=most)
    return shown.replace("\n", "<br>")


def _fact(label: str, value: str) -> JSON:
    return {"decoratedText": {"topLabel": label, "text": _html(value, _VALUE), "wrapText": True}}


def _paragraph(text: str) -> JSON:
    return {"textParagraph": {"text": text}}


def _button(text: str, url: str) -> JSON:
    return {"text": text, "onClick": {"openLink": {"url": url}}}


def read(answer: Answer, now: datetime) -> Outcome:
    """200 with the message's resource name; an error says why in `error.message`."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        return replace(outcome, reference=text_of(said.get("name")))
    error = said.get("error")
    message = text_of(error.get("message")) if isinstance(error, dict) else ""
    return replace(outcome, reason=f"{outcome.reason}: {message}") if message else outcome


DESTINATION = Destination(
    summary="Google Chat space, through a webhook: a card for each alert, one thread for what concerns the same one",
    settings=GoogleChatSettings,
    format=format_message,
    read=read,
    backlog="latest",
    pace=Pace(per_s=0.5),
    concurrency=1,
    can_shrink=True,
    limits={
        "details": "3000 bytes",
        "resources": "50 lines or 5000 bytes, then +N more",
        "changes": "20 lines or 2000 bytes, then +N more",
        "whole message": "32 000 bytes (Google Chat's own limit)",
    },
    example="""\
# A Google Chat space: space name > Apps & integrations > Webhooks
DESTINATION=googlechat
URL=https://chat.googleapis.com/v1/spaces/AAAAexample/messages?key=example-key&token=example-token
MIN_SEVERITY=high
""",
)
