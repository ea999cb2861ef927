"""The long tail: more than a hundred services, each behind a URL of Apprise's.

Sources: https://github.com/caronc/apprise/wiki (the URLs) and its plugins (`title_maxlen`, `body_maxlen`). What a
service takes is known to the library alone, so that several texts go along, from all to little, each with true counts;
the longest that fits is sent. Apprise writes plain text in the service's own form (HTML escaped; Markdown as it is, so
that what would be a mention or a link there is broken up).

It says yes or no, and nothing of what the service said, but for the status of HTTP in the sentences it logs: that is
read for what follows (401 and 403 are about the credentials, 404 and 410 end the route, 413, 429). A `no` without one
is tried again. There is no key for follow-ups: each is a message of its own that says first what changed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field

from gateway.destinations import Context, Destination, DestinationSettings, SecretAddress
from gateway.destinations._extra import needs
from gateway.destinations._follow_up import follow_up
from gateway.destinations._report import Manner, report
from gateway.domain.alert import Alert
from gateway.domain.message import Answer, Declined, Notification
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass, class_of_status, judge
from gateway.domain.policy import Pace
from gateway.domain.text import code_points, cut, fit_lines
from gateway.domain.wording import facts, icon, resource_lines, title

_REPORTS = (20_000, 9500, 6100)
_SHORT = (3900, 1900, 900, 450, 140)
_TITLE, _LINE, _URL, _SHORTEST_SECRET = 200, 200, 2000, 6
_BREAK = "\u200b"
_TRAPS = re.compile(r"[@<]|\](?=\()")


def _checked(url: SecretAddress) -> SecretAddress:
    value = url.get_secret_value()
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_.+-]*://\S+", value) or not value.isprintable():
        raise ValueError("must be one URL of Apprise's, as in schema://token/target")
    return url


class AppriseSettings(DestinationSettings):
    url: Annotated[SecretAddress, AfterValidator(_checked)] = Field(
        description="one URL of Apprise's, with one target: a repeat after a failure reaches all of them"
    )

    def secrets(self) -> tuple[str, ...]:
        """Any part of the URL may be the secret one, but for the name or address of a host: some begin with a token."""
        url = self.url.get_secret_value()
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2].partition(":")[0]
        pieces = re.split(r"[/?&=:@,]+", url.partition("://")[2])
        found = {spelt for piece in pieces for spelt in (piece, unquote(piece)) if len(spelt) >= _SHORTEST_SECRET}
        return tuple(sorted({url} | found - ({host} if "." in host else set()), key=len, reverse=True))


def _harmless(text: str) -> str:
    """No mention and no link with another text, in whatever form the service has them."""
    return _TRAPS.sub(rf"\g<0>{_BREAK}", text)


def format_message(alert: Alert, context: Context, settings: AppriseSettings) -> Notification:
    headline = _harmless(f"{icon(alert)} {title(alert, test=context.test)}")
    link = console_url(alert)
    link = link if len(link) <= _URL else ""
    full = tuple(_full(alert, context, room, link) for room in _REPORTS)
    short = tuple(_brief(alert, context, room, link) for room in _SHORT)
    return Notification(
        url=settings.url.get_secret_value(),
        title=cut(headline, _TITLE, code_points),
        bodies=tuple(dict.fromkeys(text for text in (*full, *short) if text)),
        notify_type=_type(alert, context),
    )


_MANNER = Manner(_harmless, "")


def _full(alert: Alert, context: Context, room: int, link: str) -> str:
    return _with(report(alert, context, room - len(link) - 2, code_points, manner=_MANNER), link)


def _with(text: str, link: str) -> str:
    return "\n\n".join(filter(None, (text, link)))


def _brief(alert: Alert, context: Context, room: int, link: str) -> str:
    """What changed and the facts, a line each; the link where it takes no more than half."""
    link = link if len(link) <= room // 2 else ""
    follows = follow_up(alert, context)
    said = [*follows.facts, *facts(alert)]
    lines = [cut(_harmless(f"{label}: {value}"), _LINE, code_points) for label, value in said]
    resources = [] if context.shrink else [cut(_harmless(line), _LINE, code_points) for line in resource_lines(alert)]
    return _with(fit_lines([*lines, *resources], room - len(link) - 2, code_points), link)


def _type(alert: Alert, context: Context) -> str:
    """One of Apprise's four; it decides about a colour and an icon."""
    if alert.is_closed or follow_up(alert, context).is_relief:
        return "success"
    return {"critical": "failure", "high": "failure", "low": "info"}.get(alert.severity.value, "warning")


def read(answer: Answer, now: datetime) -> Outcome:
    outcome = judge(answer, now)
    if not isinstance(answer, Declined):
        return replace(outcome, reason="Apprise says that it was sent") if outcome.kind is OutcomeClass.OK else outcome
    if answer.code == "url":
        return replace(outcome, kind=OutcomeClass.GONE, reason=answer.text)
    if not answer.code.isdecimal():
        return replace(outcome, reason=f"not sent; {answer.text}")
    status = int(answer.code)
    return replace(outcome, kind=_kind(status), status=status)


def _kind(status: int) -> OutcomeClass:
    kind = class_of_status(status)
    return OutcomeClass.RETRY if kind is OutcomeClass.OK else kind


DESTINATION = Destination(
    summary="Any of the services that Apprise has a URL for; its word for it is yes or no",
    settings=AppriseSettings,
    format=format_message,
    read=read,
    verify=needs("apprise", "apprise"),
    backlog="latest",
    pace=Pace(per_s=1, burst=3),
    concurrency=2,
    can_shrink=True,
    limits={
        "body": "the longest of up to eight texts that the service takes (20 000 to 140 characters), counts in each",
        "title": "200 characters, or fewer where the service has fewer",
        "answers": "yes or no; the status of HTTP where Apprise tells it",
        "targets": "one for each route: of several, a repeat reaches also those that have it",
        "time": "a call that took too long cannot be taken back: it may arrive, and once more with the next attempt",
    },
    example="""\
# The URLs stand in Apprise's documentation, one page for each service
DESTINATION=apprise
URL=pover://exampleuserkey@exampleapptoken
MIN_SEVERITY=high
""",
)
