"""The seam to the receivers: one file in this folder is one kind of destination, found by its name.

A file `<kind>.py` defines `DESTINATION`, a `Destination`. Nothing else names it; a file `splunk_oncall.py` is the kind
`splunk-oncall`. It is imported only when a route (or the list of kinds) asks for it, so that a kind with a heavy
library costs nothing where it is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

from gateway.domain.alert import Alert
from gateway.domain.change import Change, compare
from gateway.domain.change_wording import words
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.http_header import Headers
from gateway.domain.message import Answer, Message
from gateway.domain.notify import Notify
from gateway.domain.outcome import Outcome, judge
from gateway.domain.policy import Backlog, Pace
from gateway.domain.snapshot import decode, snapshot_of
from gateway.domain.url import host_of

if TYPE_CHECKING:
    from gateway.destinations._remedy import Remedy


class SecretAddress(SecretStr):
    """A secret that says where to send, and not only who we are."""


class DestinationSettings(BaseModel):
    """A kind's own keys of a route file: field `url` is key `URL`. Secrets are `SecretStr`; a `_FILE` form of every
    key is read before this model sees it. `rotated`: fields that are no secret and change with one.
    """

    rotated: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def secrets(self) -> tuple[str, ...]:
        """Every secret in here, for masking what is shown; longest first, so that one inside another is hidden too."""
        found = {v.get_secret_value() for v in self.__dict__.values() if isinstance(v, SecretStr)}
        return tuple(sorted(found - {""}, key=len, reverse=True))

    def addresses(self) -> tuple[str, ...]:
        """What of the secrets says where to send, in the order of the keys."""
        return tuple([v.get_secret_value() for v in self.__dict__.values() if isinstance(v, SecretAddress)])

    def instructions(self) -> Mapping[str, Headers]:
        """Fields that are secrets as a whole, and what each says of what is to be done: names with their values, which
        are "" where they say who we are after all.
        """
        return {}

    def receiver(self) -> str:
        """What people know it by: its host, unless the kind has a better name for it; "" where there is none."""
        places = (*self.addresses(), str(getattr(self, "url", "")))
        return next((host for host in map(host_of, places) if host), "")

    def against_digests(self) -> str:
        """Why these settings cannot tell several alerts in one message, and what to do about it; "" when they can."""
        return ""


S = TypeVar("S", bound=DestinationSettings)


@dataclass(frozen=True, slots=True)
class Context:
    """What `format` may know beside the alert.

    `delivery_id`: stable over all attempts. `body`: the webhook's bytes exactly as received. `sent_at`: now (UTC).
    `shrink`: the receiver called the message too large once; say less. `test`: an operator's test, marked as such.
    `progress`: what an earlier attempt left (see `Outcome.progress`). `reference`: what the receiver gave us when it
    was told of this incident before (see `Outcome.reference`), "" when it was not. `before`: see `change`.
    """

    delivery_id: str
    route: str
    body: bytes
    sent_at: datetime
    shrink: bool = False
    test: bool = False
    progress: str = ""
    reference: str = ""
    before: bytes | None = None

    def change(self, alert: Alert) -> Change:
        """What the receiver does not know yet: since it was last told of the incident. Of one that is sent every alert:
        since the alert before.
        """
        now = snapshot_of(alert)
        if self.before is None:
            return compare(None, now)
        return compare(decode(self.before) if self.before else now, now)

    def news(self, alert: Alert) -> str:
        """The change in one line of our own words; "" where there is nothing to compare with (also for a digest)."""
        if self.before is None or alert.event_type == DIGEST:
            return ""
        return words(self.change(alert))


class FormatFault(Exception):
    """Our side cannot word this alert (a template refers to something that is not there). Held, never dropped."""


@dataclass(frozen=True, slots=True)
class Destination(Generic[S]):
    """How one kind of receiver is spoken to.

    `format` is pure: the same alert, context and settings make the same message. It raises `FormatFault` only.
    `read` turns an answer into an outcome; `now` is for dates in headers. `read_for` takes its place where the meaning
    of an answer depends on the settings (which statuses are success) or on earlier attempts (recipients served):
    call `outcome_of`, which knows which one to ask.
    `backlog`: what waiting states of one alert mean after a receiver was away: `all` are wanted, or the `latest` only.
    `notify`: what its receiver is told unless a route says otherwise; None: changes only where `backlog` is `latest`,
    else everything.
    `pace`: default limit, None for none. `concurrency`: default number of messages under way at once.
    `can_shrink`: `Context.shrink` makes a smaller message. `limits`: name -> figure, for people.
    `changes`: it changes things out there instead of telling somebody, so its routes are remediations. `remedy`: how it
    does that, resource by resource (`_remedy.py`); None where one message does it. `harmless_test`: a test message is
    acted upon by nobody, whatever its receiver is there for.
    `example`: a route file that loads. `verify`: a check of settings at start beyond their types (a template rendered
    once against the sample alerts), raising `FormatFault`; None when there is nothing to check.
    """

    summary: str
    settings: type[S]
    format: Callable[[Alert, Context, S], Message]
    example: str
    read: Callable[[Answer, datetime], Outcome] = judge
    backlog: Backlog = "all"
    notify: Notify | None = None
    pace: Pace | None = None
    concurrency: int = 8
    can_shrink: bool = False
    changes: bool = False
    remedy: Remedy[S] | None = None
    harmless_test: bool = False
    limits: Mapping[str, str] = field(default_factory=dict)
    verify: Callable[[S, tuple[tuple[Alert, bytes], ...]], None] | None = None
    read_for: Callable[[Answer, datetime, Context, S], Outcome] | None = None

    def outcome_of(self, answer: Answer, now: datetime, context: Context, settings: S) -> Outcome:
        """What the answer to the message made with this context and these settings means."""
        if self.read_for is None:
            return self.read(answer, now)
        return self.read_for(answer, now, context, settings)


def kinds() -> tuple[str, ...]:
    """The names of all kinds, sorted, without importing any. A hyphen is what a file's name writes as underscore."""
    files = (module.name for module in iter_modules(__path__))
    return tuple(sorted(name.replace("_", "-") for name in files if not name.startswith("_")))


def load(kind: str) -> Destination[Any]:
    """The destination of that kind; KeyError when there is no such file."""
    if kind not in kinds():
        raise KeyError(kind)
    destination = import_module(f"{__name__}.{kind.replace('-', '_')}").DESTINATION
    assert isinstance(destination, Destination)  # noqa: S101 - a file without it is a programming error
    return destination
