"""ntfy push notifications, published as JSON.

Sources: https://docs.ntfy.sh/publish/#publish-as-json, https://docs.ntfy.sh/publish/#limitations (message 4096 bytes,
longer ones become an attachment; 60 requests at once, then one every 5 s; 250 messages a day on ntfy.sh),
https://github.com/binwiederhier/ntfy (server/server.go: the JSON body may take twice the message's limit).
https://docs.ntfy.sh/publish/#updating-deleting-notifications (`sequence_id`, since ntfy 2.16: 1 to 64 letters, figures,
- and _; an older server takes no notice of it, and shows one more notification).
Messages are plain text, so nothing needs to be escaped.

A follow-up takes the place of the notification before it, with the priority of its own: one incident is one line on the
phone. A digest does not: each is of other alerts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from gateway.destinations import Context, Destination, SecretAddress
from gateway.destinations._follow_up import FollowUp, follow_up
from gateway.destinations._http import as_json, json_object, post_json, text_of
from gateway.destinations._sign_in import SignIn
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url, link_label
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import cut, fit_lines, utf8_bytes
from gateway.domain.url import is_http
from gateway.domain.wording import Fact, details, facts, resource_lines, title

_MESSAGE = 4096
_TITLE, _VALUE, _DETAILS, _RESOURCE, _URL = 250, 200, 1200, 200, 1000
# A follow-up: what changed stands in for the details, which were read already.
_CHANGES, _DETAILS_AGAIN = 700, 300
_EMPTY = len(as_json({"": ""}))
_SHRUNK = "(ntfy refused the whole message as too large: details and resources are left out)"
_QUIET = 2
_PRIORITIES = {Severity.CRITICAL: 5, Severity.HIGH: 4, Severity.MEDIUM: 3, Severity.LOW: 2, Severity.UNKNOWN: 3}
_EMOJI = {
    Severity.CRITICAL: "rotating_light",
    Severity.HIGH: "warning",
    Severity.MEDIUM: "yellow_circle",
    Severity.LOW: "large_blue_circle",
    Severity.UNKNOWN: "white_circle",
}


def _checked(url: str) -> str:
    if not is_http(url) or any(sign in url for sign in "@?#"):
        raise ValueError("must be a server's address, as in https://ntfy.sh, without user, topic or query")
    return url.rstrip("/") + "/"


def _checked_topic(topic: SecretAddress) -> SecretAddress:
    text = topic.get_secret_value()
    if not (text.isascii() and 1 <= len(text) <= 64 and text.replace("-", "").replace("_", "a").isalnum()):
        raise ValueError("must be 1 to 64 letters, figures, - and _")
    return topic


class NtfySettings(SignIn):
    url: Annotated[str, AfterValidator(_checked)] = Field("https://ntfy.sh/", description="the server's address")
    topic: Annotated[SecretAddress, AfterValidator(_checked_topic)] = Field(
        description="the topic; whoever knows it on an open server can read it"
    )
    token: SecretStr | None = Field(None, description="access token (tk_…)")
    replace: bool = Field(
        True, description="a follow-up takes the place of the notification before it, where ntfy is 2.16 or newer"
    )


def format_message(alert: Alert, context: Context, settings: NtfySettings) -> HttpRequest:
    follows = follow_up(alert, context)
    payload: dict[str, JSON] = {
        "topic": settings.topic.get_secret_value(),
        "title": cut(title(alert, test=context.test), _TITLE, utf8_bytes),
        "priority": _QUIET if follows.is_relief else level(alert, _PRIORITIES, closed=_QUIET),
        "tags": ["no_bell" if alert.is_closed else _EMOJI[alert.severity]],
    }
    if len(link := console_url(alert)) <= _URL:
        payload["click"] = link
        payload["actions"] = [{"action": "view", "label": link_label(alert), "url": link}]
    if settings.replace and follows.change is not None:
        payload["sequence_id"] = alert.key
    payload["message"] = _message(alert, context, follows)
    return post_json(settings.url, payload, settings.credentials(), settings.tls)


def _message(alert: Alert, context: Context, follows: FollowUp) -> str:
    changed, said = _facts(follows.facts), _facts(facts(alert))
    if context.shrink:
        return "\n\n".join(filter(None, (changed, said, _SHRUNK)))
    changes = fit_lines([cut(line, _RESOURCE, _cost) for line in follows.lines], _CHANGES, _cost)
    explained = cut(details(alert), _DETAILS_AGAIN if changed else _DETAILS, _cost)
    text = "\n\n".join(filter(None, ("\n".join(filter(None, (changed, changes))), said, explained)))
    lines = [f"- {cut(line, _RESOURCE, _cost)}" for line in resource_lines(alert)]
    listed = fit_lines(lines, _MESSAGE - _cost(text) - _cost("\n\n"), _cost)
    return "\n\n".join(filter(None, (text, listed)))


def _facts(said: Sequence[Fact]) -> str:
    return "\n".join(f"{label}: {cut(value, _VALUE, _cost)}" for label, value in said)


def _cost(text: str) -> int:
    """Bytes inside a JSON string. Never fewer than the message's own bytes, so one measure keeps both limits."""
    return len(as_json({"": text})) - _EMPTY


def read(answer: Answer, now: datetime) -> Outcome:
    """200 with the message's id; an error says why in `error`."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        return replace(outcome, reference=text_of(said.get("id")))
    message = text_of(said.get("error"))
    return replace(outcome, reason=f"{outcome.reason}: {message}") if message else outcome


DESTINATION = Destination(
    summary="Push notification through ntfy.sh or an ntfy server of one's own, with a priority by severity",
    settings=NtfySettings,
    format=format_message,
    read=read,
    backlog="latest",
    pace=Pace(per_s=0.2, burst=30),
    concurrency=1,
    can_shrink=True,
    limits={
        "title": "250 bytes",
        "details": "1200 bytes; 300 in a follow-up",
        "changes": "700 bytes, then +N more",
        "message": "4096 bytes (beyond that ntfy makes an attachment of it); resources fill what is left, then +N more",
    },
    example="""\
# A topic on ntfy.sh or on a server of one's own
DESTINATION=ntfy
URL=https://ntfy.example.com
TOPIC=optix-alerts-example
TOKEN=tk_exampletokennotarealone00000
MIN_SEVERITY=critical
""",
)
