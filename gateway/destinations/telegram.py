"""Telegram, through a bot, as HTML.

Sources: https://core.telegram.org/bots/api#sendmessage (4096 characters after entities are parsed, `reply_parameters`,
`link_preview_options`), https://core.telegram.org/bots/api#html-style (`& < >` are escaped, and no others need be),
https://core.telegram.org/bots/api#responseparameters (`retry_after`, `migrate_to_chat_id`),
https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this (one message a second in a chat, 20 a
minute in a group). Not verified: that a zero-width space parts a name, a tag or an address from what makes it one
(Telegram looks for them in every text outside of code); it is what other clients do.

We count the text before it is parsed, in UTF-16 units, which are never fewer. It is cut before it is escaped, so that
no tag and no entity is ever cut; should Telegram all the same be unable to read it ("can't parse entities"), the next
attempt is plain text. A group that became a supergroup has a new id: the next attempt uses it, and the reason says so.

A follow-up replies to the incident's first message, and comes without a sound when nothing got worse.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field, SecretStr

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import base_url, explained, json_object, post_json, seconds_of, text_of, unproven
from gateway.destinations._post import PLAIN, Markup, Room, entities, inert, post
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.text import utf16_units

_ROOM = Room(4096, utf16_units)
_HTML = Markup(
    escape=lambda text: entities(inert(text)),
    verbatim=entities,
    bold=("<b>", "</b>"),
    block=("<pre>", "</pre>"),
    changes=("<pre>", "</pre>"),
    link=lambda url, label: f'<a href="{entities(url)}">{label}</a>',
)
_TEXT = PLAIN._replace(escape=inert, verbatim=inert, link=lambda url, _label: url)
_PLAIN = "plain"
_MOVED = re.compile(r"to=(-?\d{1,20})")
_GONE = (
    "chat not found",
    "bot was kicked",
    "bot was blocked",
    "user is deactivated",
    "thread not found",
    "not a member",
)


class TelegramSettings(DestinationSettings):
    token: SecretStr = Field(min_length=1, description="the bot's token, from @BotFather")
    chat_id: str = Field(
        pattern=r"^(-?\d{1,20}|@[A-Za-z]\w{3,31})$",
        description="the chat's id (of a group with -) or a channel's @name",
    )
    thread_id: int | None = Field(None, ge=1, description="the topic, in a group with topics")
    api_url: Annotated[str, AfterValidator(base_url)] = Field(
        "https://api.telegram.org", description="another server of the Bot API"
    )

    def secrets(self) -> tuple[str, ...]:
        return tuple(sorted({self.in_path(), *super().secrets()}, key=len, reverse=True))

    def in_path(self) -> str:
        return quote(self.token.get_secret_value(), safe=":")


def format_message(alert: Alert, context: Context, settings: TelegramSettings) -> HttpRequest:
    follows, done = follow_up(alert, context), context.progress.split()
    payload: dict[str, JSON] = {
        "chat_id": _chat(context) or settings.chat_id,
        "text": post(alert, context, _ROOM, _TEXT if _PLAIN in done else _HTML),
        "link_preview_options": {"is_disabled": True},
    }
    if _PLAIN not in done:
        payload["parse_mode"] = "HTML"
    if settings.thread_id is not None:
        payload["message_thread_id"] = settings.thread_id
    if alert.is_closed or follows.is_relief:
        payload["disable_notification"] = True
    if follows.change is not None and _is_message(context.reference):
        payload["reply_parameters"] = {"message_id": int(context.reference), "allow_sending_without_reply": True}
    return post_json(f"{settings.api_url}/bot{settings.in_path()}/sendMessage", payload)


def _chat(context: Context) -> str:
    """The chat's new id, as an earlier attempt was told it; "" when it has not moved."""
    found = _MOVED.search(context.progress)
    return found[1] if found else ""


def _is_message(reference: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,15}", reference) is not None


def read(answer: Answer, now: datetime, context: Context, settings: TelegramSettings) -> Outcome:
    """`ok` and the message's id, or `description` and what to do about it in `parameters`."""
    del settings
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        return _stored(outcome, said.get("result"), context) if said.get("ok") is True else _refused(outcome, said)
    return _failed(outcome, text_of(said.get("description")), said.get("parameters"), context)


def _stored(outcome: Outcome, result: object, context: Context) -> Outcome:
    message = text_of(result.get("message_id")) if isinstance(result, dict) else ""
    return replace(outcome, reference=context.reference if _is_message(context.reference) else message)


def _refused(outcome: Outcome, said: object) -> Outcome:
    if isinstance(said, dict) and said.get("ok") is False:
        return explained(replace(outcome, kind=OutcomeClass.REJECTED), said.get("description"))
    return unproven(outcome, "the answer is not Telegram's")


def _failed(outcome: Outcome, error: str, parameters: object, context: Context) -> Outcome:
    outcome, told = explained(outcome, error), parameters if isinstance(parameters, dict) else {}
    if outcome.kind is OutcomeClass.RATE_LIMITED:
        hints = (outcome.hint_s, seconds_of(told.get("retry_after")))
        return replace(outcome, hint_s=max((hint for hint in hints if hint is not None), default=None))
    moved = text_of(told.get("migrate_to_chat_id"))
    if _MOVED.fullmatch(f"to={moved}") and moved != _chat(context):
        reason = f"{outcome.reason}; CHAT_ID is now {moved}"
        plain = _PLAIN if _PLAIN in context.progress else ""
        return replace(outcome, kind=OutcomeClass.RETRY, reason=reason, progress=f"to={moved} {plain}".strip())
    if "can't parse entities" in error and _PLAIN not in context.progress:
        return replace(outcome, kind=OutcomeClass.RETRY, progress=f"{context.progress} {_PLAIN}".strip())
    return replace(outcome, kind=_class_of(error.lower()) or outcome.kind)


def _class_of(error: str) -> OutcomeClass | None:
    if "message is too long" in error:
        return OutcomeClass.TOO_LARGE
    return OutcomeClass.GONE if any(words in error for words in _GONE) else None


DESTINATION = Destination(
    summary="Telegram chat, group or channel, through a bot; follow-ups reply to the first message",
    settings=TelegramSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    pace=Pace(per_s=0.3, burst=3),
    concurrency=1,
    can_shrink=True,
    limits={
        "details": "1024 characters",
        "changes": "682 characters, then +N more",
        "message": "4096 characters (Telegram's own limit); resources fill what is left, then +N more",
    },
    example="""\
# A Telegram group: a bot from @BotFather, added to the group
DESTINATION=telegram
API_URL=https://api.telegram.org
TOKEN=123456789:example-token-not-a-real-one-00000
CHAT_ID=-1001234567890
MIN_SEVERITY=critical
""",
)
