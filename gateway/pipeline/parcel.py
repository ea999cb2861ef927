"""What one attempt carries: an alert, or several of one group told as one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from gateway.destinations import Context, FormatFault
from gateway.domain.alert import Alert
from gateway.domain.delivery import Claim, MemberResult, State
from gateway.domain.digest import Member, digest_of
from gateway.domain.grouping import Grouping, group_key
from gateway.domain.optix import Unreadable, parse
from gateway.domain.retry import Step
from gateway.domain.snapshot import digest_of as state_digest
from gateway.domain.snapshot import encode, snapshot_of

MOOT = "closed before this receiver was told of it"
_ANY_GROUP = Grouping(("source",))


@dataclass(slots=True)
class Parcel:
    """`alert`: of the claim itself, None until it is read. `others`: of its members, in their order."""

    claim: Claim
    alert: Alert | None
    others: tuple[Alert, ...] = ()

    def open(self) -> Alert:
        """Read what is not read yet. FormatFault when that is impossible."""
        if self.alert is None:
            self.alert = _read(self.claim.source, self.claim.body)
        self.others = tuple(_read(member.source, member.body) for member in self.claim.members)
        return self.alert

    @property
    def is_moot(self) -> bool:
        """It only says that something is over of which this receiver never heard."""
        claim = self.claim
        if not claim.remembers or claim.before is not None or claim.members:
            return False
        return self.alert is not None and self.alert.is_closed

    def ended(self, step: Step) -> Step:
        """What was moot is not delivered: nobody was told."""
        return replace(step, state=State.SUPERSEDED) if self.is_moot and step.state is State.DELIVERED else step

    def context(self, sent_at: datetime) -> Context:
        claim = self.claim
        return Context(
            delivery_id=claim.delivery_id,
            route=claim.route,
            body=claim.body,
            sent_at=sent_at,
            shrink=claim.shrink,
            progress=claim.progress,
            reference=claim.reference,
            before=claim.before,
        )

    def content(self, context: Context, grouping: Grouping | None) -> Alert:
        """What is worded: the alert, or the digest of the group."""
        alert = self.alert or self.open()
        if not self.others:
            return alert
        members = [Member(alert, self.claim.delivery_id, context.news(alert))]
        for given, other in zip(self.claim.members, self.others, strict=True):
            news = Context(given.delivery_id, self.claim.route, given.body, context.sent_at, before=given.before)
            members.append(Member(other, given.delivery_id, news.news(other)))
        grouping = grouping or _ANY_GROUP  # the route may have lost its grouping since
        return digest_of(members, grouping, group_key(grouping, alert))

    def told(self) -> tuple[bytes, bytes] | None:
        """The state that the receiver knows once this is delivered; None when nobody asks."""
        return _state_of(self.alert) if self.claim.remembers and self.alert else None

    def member_results(self, *, delivered: bool) -> tuple[MemberResult, ...]:
        told = [_state_of(alert) if delivered else None for alert in self.others]
        told += [None] * (len(self.claim.members) - len(told))
        return tuple(MemberResult(m.row, m.token, state) for m, state in zip(self.claim.members, told, strict=True))


def _read(source: str, body: bytes) -> Alert:
    parsed = parse(source, body)
    if isinstance(parsed, Unreadable):
        raise FormatFault(f"the stored body cannot be read: {parsed.reason}")
    return parsed


def _state_of(alert: Alert) -> tuple[bytes, bytes]:
    snapshot = snapshot_of(alert)
    return encode(snapshot), state_digest(snapshot)
