"""E-mail over SMTP, with a record of which recipients already have it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._mail import (
    CHANGES_SHOWN,
    DETAILS_LENGTH,
    RESOURCES_SHOWN,
    SHRUNK_DETAILS,
    SHRUNK_RESOURCES,
    SUBJECT_LENGTH,
    compose,
    message_id,
)
from gateway.domain import address
from gateway.domain.address import Mailbox
from gateway.domain.alert import Alert
from gateway.domain.message import Answer, Mail, MailAnswer, Tls
from gateway.domain.outcome import Outcome, OutcomeClass, judge, judge_mail
from gateway.domain.policy import Pace
from gateway.domain.text import cut, fit_list, one_line

DEFAULT_PORTS = {"starttls": 587, "tls": 465, "none": 25}
MAX_RECIPIENTS = 100
"""RFC 5321, 4.5.3.1.8: what every server must take in one transaction."""
_PERMANENT = 500
_SAID_LENGTH, _REASON_LENGTH = 120, 600


def _mailboxes(given: object) -> object:
    return address.mailboxes(given) if isinstance(given, str) else given


def _mailbox(given: object) -> object:
    found = _mailboxes(given)
    if isinstance(given, str) and isinstance(found, tuple):
        if len(found) > 1:
            raise ValueError("write one mail address, as in Optix Gateway <alerts@example.com>.")
        return found[0]
    return found


class EmailSettings(DestinationSettings):
    host: Annotated[str, AfterValidator(address.host)] = Field(description="the mail server")
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        None, description="default 587 starttls, 465 tls, 25 none"
    )
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="none sends in the clear")
    username: str = Field("", repr=False, description="sign in by name, together with PASSWORD")
    password: SecretStr = Field(SecretStr(""), description="goes with USERNAME")
    from_: Annotated[Mailbox, BeforeValidator(_mailbox)] = Field(alias="from", description="alerts@example.com")
    to: Annotated[tuple[Mailbox, ...], BeforeValidator(_mailboxes), Field(min_length=1, max_length=MAX_RECIPIENTS)] = (
        Field(description="a@example.com, Name <b@example.com>")
    )
    subject_prefix: str = Field("", max_length=50, description="stands before every subject, as in [Optix]")
    ca_file: str = Field("", description="PEM file of the authorities to trust instead of the system's")
    tls_verify: bool = Field(True, description="false accepts any certificate")

    @property
    def port_number(self) -> int:
        return self.port or DEFAULT_PORTS[self.security]

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Self:
        if bool(self.username) != bool(self.password.get_secret_value()):
            raise ValueError("USERNAME and PASSWORD go together.")
        if self.username and self.security == "none" and not address.is_loopback(self.host):
            raise ValueError("SECURITY=none would send the password in the clear: leave USERNAME and PASSWORD out.")
        return self


@dataclass(frozen=True, slots=True)
class Progress:
    """What earlier attempts settled: who has the message, and who was refused for good (address -> what was said)."""

    served: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Self:
        """Nothing settled when it cannot be read: rather a message twice than none."""
        try:
            found = json.loads(text) if text else {}
            return cls(frozenset(map(str, found["served"])), {str(k): str(v) for k, v in found["refused"].items()})
        except (ValueError, LookupError, TypeError, AttributeError):
            return cls()

    def __str__(self) -> str:
        return json.dumps({"served": sorted(self.served), "refused": dict(sorted(self.refused.items()))})

    def after(self, answer: MailAnswer, accepted: Collection[str]) -> Self:
        final = {who: _said(*reply) for who, reply in answer.refused.items() if reply[0] >= _PERMANENT}
        refused = {who: said for who, said in {**self.refused, **final}.items() if who not in accepted}
        return replace(self, served=self.served | set(accepted), refused=refused)


def _said(code: int, text: str) -> str:
    return cut(f"{code} {one_line(text)}".strip(), _SAID_LENGTH)


def _format(alert: Alert, context: Context, settings: EmailSettings) -> Mail:
    content = compose(
        alert,
        sender=settings.from_,
        recipients=settings.to,
        prefix=settings.subject_prefix,
        context=context,
    )
    return Mail(
        host=settings.host,
        port=settings.port_number,
        sender=settings.from_.address,
        recipients=_unsettled(settings, Progress.read(context.progress)),
        content=content,
        security=settings.security,
        username=settings.username,
        password=settings.password.get_secret_value(),
        tls=Tls(settings.ca_file, settings.tls_verify),
    )


def _unsettled(settings: EmailSettings, before: Progress) -> tuple[str, ...]:
    """Those still to be served. When none is left (a replay): everybody who does not have it, else everybody."""
    everyone = [mailbox.address for mailbox in settings.to]
    waiting = [who for who in everyone if who not in before.served]
    return tuple([who for who in waiting if who not in before.refused] or waiting or everyone)


def _read(answer: Answer, now: datetime, context: Context, settings: EmailSettings) -> Outcome:
    """Some put off: again, for those only. Some refused for good: told, and a failure only if all were.

    The reference is the message's own id, which the next one of the incident answers.
    """
    outcome = judge(answer, now)
    if not isinstance(answer, MailAnswer):
        return outcome
    before = Progress.read(context.progress)
    addressed = _unsettled(settings, before)
    accepted = answer.accepted or (set(addressed) - set(answer.refused) if outcome.kind is OutcomeClass.OK else ())
    after = before.after(answer, accepted)
    if not accepted and not set(addressed) <= set(answer.refused):
        return replace(outcome, progress=str(after)) if answer.refused else outcome
    put_off = {who: _said(*reply) for who, reply in answer.refused.items() if reply[0] < _PERMANENT}
    if put_off:
        reason = f"{_counted(put_off)} put off: {_quoted(put_off)}"
        return Outcome(OutcomeClass.RETRY, reason, answer.refused[next(iter(put_off))][0], progress=str(after))
    settled = _settled(answer, after)
    if settled.kind is not OutcomeClass.OK:
        return settled
    return replace(settled, reference=message_id(context, settings.from_))


def _settled(answer: MailAnswer, after: Progress) -> Outcome:
    """Nobody waits any more."""
    said = _said(answer.code, answer.text)
    lost = f"{_counted(after.refused)} refused: {_quoted(after.refused)}"
    if not after.refused:
        return Outcome(OutcomeClass.OK, said, answer.code)
    if after.served:
        return Outcome(OutcomeClass.OK, f"{_counted(after.served)} served, {lost}", answer.code)
    code = max(code for code, _ in answer.refused.values())
    ours = all(judge_mail(MailAnswer(*reply)).kind is OutcomeClass.AUTH for reply in answer.refused.values())
    return Outcome(OutcomeClass.AUTH if ours else OutcomeClass.REJECTED, lost, code)


def _counted(recipients: Collection[str]) -> str:
    return f"{len(recipients)} recipient" + "s" * (len(recipients) != 1)


def _quoted(replies: Mapping[str, str]) -> str:
    return fit_list([f"{who} ({reply})" for who, reply in replies.items()], _REASON_LENGTH)


DESTINATION = Destination(
    summary="E-mail over SMTP: text and HTML, one thread for each incident",
    settings=EmailSettings,
    format=_format,
    read_for=_read,
    backlog="latest",
    pace=Pace(1.0, 10),
    concurrency=2,
    can_shrink=True,
    limits={
        "recipients": f"{MAX_RECIPIENTS} in TO; those who have it are not addressed again",
        "subject": f"{SUBJECT_LENGTH} characters",
        "details": f"{DETAILS_LENGTH} characters; {SHRUNK_DETAILS} once the server calls it too large",
        "resources": f"{RESOURCES_SHOWN}, then +N more; {SHRUNK_RESOURCES} once the server calls it too large",
        "changes": f"{CHANGES_SHOWN}, then +N more; {SHRUNK_RESOURCES} once the server calls it too large",
        "pace": "1 a second, bursts of 10, unless RATE_LIMIT says otherwise",
    },
    example=(
        "DESTINATION=email\nHOST=smtp.example.com\nUSERNAME=gateway\nPASSWORD=change-me\n"
        "FROM=Optix Gateway <alerts@example.com>\nTO=soc@example.com, cloud-team@example.com\nMIN_SEVERITY=high\n"
    ),
)
