"""What an attempt came to. Classes before policy: a destination says what happened, the retry rule what follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from typing import assert_never

from gateway.domain.message import (
    CONNECTION_REFUSED,
    Answer,
    Declined,
    HttpAnswer,
    HttpAnswers,
    MailAnswer,
    NoAnswer,
    NotGranted,
    Published,
    Written,
)
from gateway.domain.text import cut, one_line


class OutcomeClass(StrEnum):
    OK = "ok"
    RETRY = "retry"
    RATE_LIMITED = "rate_limited"
    AUTH = "auth"
    GONE = "gone"
    TOO_LARGE = "too_large"
    REJECTED = "rejected"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reason` is one line for people, safe to show. `status` is the number (HTTP or SMTP), None without one.
    `hint_s` is the wait that the receiver asked for, None when it said nothing; it holds for the whole route, also on
    success ("nothing left in this window"). `reference` is the receiver's own id of what it stored, "" when unknown.
    `progress` is what the next attempt must know (recipients already served); it comes back as `Context.progress`.
    `partly`: of several that the message is for some have it, so that the route as such does not fail.
    `nothing_listens`: the connection was refused, so that there is nobody whose recovery would need patience.
    """

    kind: OutcomeClass
    reason: str
    status: int | None = None
    hint_s: float | None = None
    reference: str = ""
    progress: str = ""
    nothing_listens: bool = False
    partly: bool = False


_LONGEST_REASON = 300
_LONGEST_REFERENCE = 200
_RETRIED_4XX = frozenset({408, 425})


def judge(answer: Answer, now: datetime) -> Outcome:
    """The general reading of an answer; a destination overrides it where its receiver means something else."""
    match answer:
        case HttpAnswer() | HttpAnswers():
            return judge_http(answer, now) if isinstance(answer, HttpAnswer) else _judge_each(answer, now)
        case MailAnswer():
            return judge_mail(answer)
        case Written():
            return Outcome(OutcomeClass.OK, f"{answer.byte_count} bytes written")
        case Published():
            reference = cut(one_line(answer.reference), _LONGEST_REFERENCE)
            return Outcome(OutcomeClass.OK, "acknowledged by the broker", reference=reference)
        case Declined():
            return Outcome(OutcomeClass.RETRY, cut(one_line(f"{answer.code} {answer.text}".strip()), _LONGEST_REASON))
        case NotGranted():
            hint_s = retry_after_s(answer.retry_after, now)
            reason = cut(one_line(answer.reason), _LONGEST_REASON)
            return Outcome(_class_of_sign_in(answer.status), reason, hint_s=hint_s)
        case NoAnswer():
            refused = answer.reason == CONNECTION_REFUSED
            return Outcome(OutcomeClass.RETRY, answer.reason, nothing_listens=refused)
        case _:
            assert_never(answer)


def _judge_each(answer: HttpAnswers, now: datetime) -> Outcome:
    """That of the first that failed."""
    outcomes = [judge(one, now) for one in answer.answers]
    return next((outcome for outcome in outcomes if outcome.kind is not OutcomeClass.OK), outcomes[0])


def judge_http(answer: HttpAnswer, now: datetime) -> Outcome:
    """2xx is ok; 408, 425, 429 and all 5xx but 501 are tried again; 3xx is refused: redirects are not followed."""
    kind = class_of_status(answer.status)
    return Outcome(
        kind, status_line(answer.status), answer.status, retry_after_s(answer.headers.get("retry-after"), now)
    )


_SPECIAL = {
    401: OutcomeClass.AUTH,
    403: OutcomeClass.AUTH,
    404: OutcomeClass.GONE,
    410: OutcomeClass.GONE,
    413: OutcomeClass.TOO_LARGE,
    429: OutcomeClass.RATE_LIMITED,
    501: OutcomeClass.REJECTED,
}


def class_of_status(status: int) -> OutcomeClass:
    if 200 <= status < 300:
        return OutcomeClass.OK
    if status in _SPECIAL:
        return _SPECIAL[status]
    return OutcomeClass.RETRY if status in _RETRIED_4XX or status >= 500 else OutcomeClass.REJECTED


def _class_of_sign_in(status: int | None) -> OutcomeClass:
    """A sign-in says nothing of the alert: it is refused, or passes later. No status at all is a lack of ours."""
    if status is None:
        return OutcomeClass.AUTH
    kind = class_of_status(status)
    return kind if kind in (OutcomeClass.RETRY, OutcomeClass.RATE_LIMITED) else OutcomeClass.AUTH


@lru_cache(maxsize=1024)
def status_line(status: int) -> str:
    """`503 Service Unavailable`; the number alone where HTTP has no phrase for it."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header in either form (RFC 9110, 10.2.3); None when absent or unreadable.

    Fractions are accepted because receivers send them. A date in the past is 0.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return _until_s(value, now)
    return max(0.0, seconds) if seconds < float("inf") else None


def _until_s(value: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


_AUTH_CODES = frozenset({530, 534, 535, 538})
_TOO_LARGE_CODE = 552


def judge_mail(answer: MailAnswer) -> Outcome:
    """SMTP: 2xx ok, 4xx later, 5xx final (RFC 5321, 4.2.1); 552 is too large and 53x are about our credentials."""
    if answer.code in _AUTH_CODES:
        kind = OutcomeClass.AUTH
    elif answer.code == _TOO_LARGE_CODE:
        kind = OutcomeClass.TOO_LARGE
    elif answer.code >= 500:
        kind = OutcomeClass.REJECTED
    else:
        kind = OutcomeClass.RETRY if answer.code >= 400 else OutcomeClass.OK
    return Outcome(kind, cut(one_line(f"{answer.code} {answer.text}"), _LONGEST_REASON), answer.code)
