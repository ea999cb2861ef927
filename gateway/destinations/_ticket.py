"""What the kinds that open a ticket for an alert have in common: which ticket it is, and what is said in it.

A receiver answers with the ticket's id when one is opened. Later states of the alert go to that ticket, as long as it
is there: one that somebody deleted is replaced by a new one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator

from gateway.destinations import Context
from gateway.destinations._http import explained, json_object, text_of, unproven
from gateway.destinations._report import Manner, report
from gateway.domain.alert import JSON, Alert
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.markup import Escape, fit, mattermost
from gateway.domain.message import HttpAnswer
from gateway.domain.optix import console_url, link_label, parse
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.snapshot import decode
from gateway.domain.text import Measure, cut, is_visible, one_line, utf16_units
from gateway.domain.wording import icon, title

LOST = "lost"
"""`Context.progress` after the ticket was found to be gone: the next attempt opens a new one."""

_BREAK = "\u200b"
_HEADLINE, _URL = 300, 2000
_CREATED = 201

# What mattermost's rules leave: references and tasks of issue trackers (!1 $1 %1 &1), and at the start of a line
# what GitLab would carry out as a command.
_REFERENCES = re.compile(r"[!$%&](?=\w)")
_COMMAND = re.compile(r"^([ \t]*)/", re.MULTILINE)
_IN_TITLES = re.compile(r"[@#!$%&~](?=\w)|`|:(?=//)")


def _split(given: object) -> object:
    """`a, b` as two words."""
    return tuple(filter(None, map(str.strip, given.split(",")))) if isinstance(given, str) else given


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""A setting with several words, parted by commas."""


def markdown(text: str) -> str:
    """For trackers that show Markdown: no mention, no reference, no command, no link that is not what it shows."""
    return _COMMAND.sub(r"\1\/", _REFERENCES.sub(rf"\g<0>{_BREAK}", mattermost(text)))


def quiet(text: str) -> str:
    """For titles, which show text as it is but may turn what looks like a mention or a reference into one."""
    return _IN_TITLES.sub(rf"\g<0>{_BREAK}", text)


MARKDOWN = Manner(markdown, "- ")


def ticket_of(alert: Alert, context: Context, form: re.Pattern[str]) -> str:
    """The id of the ticket to go on with; "" to open one: nothing was told before, what was answered then is no id of
    this receiver (`form`), the ticket is gone, or this is a digest, which is a ticket of its own.
    """
    if alert.event_type == DIGEST or context.progress == LOST or not form.fullmatch(context.reference):
        return ""
    return context.reference


def was_closed(context: Context) -> bool:
    """Whether what the receiver was told last closed the ticket."""
    return bool(context.before) and decode(context.before or b"").is_closed


def is_reopened(alert: Alert, context: Context) -> bool:
    return was_closed(context) and not alert.is_closed


def lost(outcome: Outcome, context: Context, form: re.Pattern[str]) -> Outcome:
    """Where the answer was that there is no such ticket: `without_ticket`."""
    if outcome.kind is not OutcomeClass.GONE or context.progress == LOST or not form.fullmatch(context.reference):
        return outcome
    return without_ticket(outcome, context)


def without_ticket(outcome: Outcome, context: Context) -> Outcome:
    """The ticket is gone: once more, for a new one; but nobody needs a ticket that only says that something is over."""
    alert = parse("", context.body)
    if isinstance(alert, Alert) and alert.is_closed:
        return replace(outcome, kind=OutcomeClass.OK, reason=f"{outcome.reason}: the ticket is not there to be closed")
    reason = f"{outcome.reason}: the ticket is not there any more; a new one will be opened"
    return replace(outcome, kind=OutcomeClass.RETRY, reason=reason, progress=LOST)


def opened(outcome: Outcome, answer: HttpAnswer, reference: object, who: str) -> Outcome:
    """A 2xx to the opening of a ticket. 201 is its own proof; anything else without an id is a proxy's page."""
    if (found := text_of(reference)) or answer.status == _CREATED:
        return replace(outcome, reference=found)
    return unproven(outcome, f"{who} did not say which ticket it opened")


def noted(outcome: Outcome, answer: HttpAnswer, who: str) -> Outcome:
    """A 2xx to a comment or an update: anything but a page for people."""
    if answer.body.lstrip().startswith(b"<"):
        return unproven(outcome, f"this is a web page, not an answer of {who}")
    return outcome


def refused(outcome: Outcome, answer: HttpAnswer, *names: str) -> Outcome:
    """With the texts that the answer has under these names."""
    said = json_object(answer)
    return explained(outcome, *(said.get(name) for name in names))


def until_s(moment_s: float | None, now: datetime) -> float | None:
    """Seconds until a moment given in seconds since 1970; None where it is unknown."""
    return None if moment_s is None else max(0.0, moment_s - now.timestamp())


def headline(alert: Alert, context: Context, limit: int, escape: Escape = str, measure: Measure = utf16_units) -> str:
    """A ticket's title: one line within `limit`, and never empty."""
    return fit(title(alert, test=context.test), limit, escape, measure)


def body(alert: Alert, context: Context, limit: int, manner: Manner, measure: Measure = utf16_units) -> str:
    """The whole alert with a link to it, within `limit` (5000 at least): a ticket's text."""
    return _text(alert, context, "", limit, manner, measure)


def comment(alert: Alert, context: Context, limit: int, manner: Manner, measure: Measure = utf16_units) -> str:
    """The same with the title first, which says how bad things are by now."""
    first = f"{icon(alert)} {headline(alert, context, _HEADLINE, manner.escape, measure)}"
    return _text(alert, context, first, limit, manner, measure)


def _text(alert: Alert, context: Context, first: str, limit: int, manner: Manner, measure: Measure) -> str:
    parts = [first] if first else []
    if link := link_to(alert):
        parts.append(f"{link_label(alert)}: {link}")
    before = "".join(f"{part}\n\n" for part in parts)
    return before + report(alert, context, limit - measure(before), measure, manner=manner)


def link_to(alert: Alert) -> str:
    """The alert in the console; nothing where that would be too long to be a link anywhere."""
    link = console_url(alert)
    return link if len(link) <= _URL else ""


def field(text: str, limit: int) -> str:
    """One line of an alert within `limit`; "" where there is nothing to see."""
    line = one_line(text)
    return cut(line, limit) if is_visible(line) else ""


def fields(**said: str) -> dict[str, JSON]:
    """Those that say something."""
    return {name: text for name, text in said.items() if text}
