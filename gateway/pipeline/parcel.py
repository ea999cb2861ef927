"""What one attempt carries: an alert, or several of one group told as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.destinations import Context, FormatFault
from gateway.domain.alert import Alert
from gateway.domain.delivery import Claim, MemberResult, State
from gateway.domain.delivery import Member as Given
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
    """`alert`: of the claim itself, None until it is read. `others`: of its members, in their order.

    What only says that something is over of which this receiver never heard is *moot*: it is left out of the message,
    and where all is moot there is none.
    """

    claim: Claim
    alert: Alert | None
    others: tuple[Alert, ...] = ()

    def open(self) -> Alert:
        """Read what is not read yet. FormatFault when that is impossible."""
        if self.alert is None:
            self.alert = _read(self.claim.source, self.claim.body)
        self.others = tuple(_read(member.source, member.body) for member in self.claim.members)
        return self.alert

    def parts(self) -> Sequence[tuple[int, Alert]]:
        """Its deliveries by their rows, once it is open."""
        rows = [self.claim.row, *(member.row for member in self.claim.members)]
        return list(zip(rows, [self.open(), *self.others], strict=True))

    @property
    def is_moot(self) -> bool:
        return self._leads_moot and all(map(self._is_moot, self.claim.members, self.others))

    @property
    def _leads_moot(self) -> bool:
        return self.alert is not None and self._is_moot(self.claim, self.alert)

    def _is_moot(self, told: Claim | Given, alert: Alert) -> bool:
        return self.claim.remembers and told.before is None and alert.is_closed

    def ended(self, step: Step) -> Step:
        """What was moot is not delivered: nobody was told."""
        if step.state is State.DELIVERED and self._leads_moot:
            return replace(step, state=State.SUPERSEDED)
        return step

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

    def content(self, context: Context, grouping: Grouping | None) -> tuple[Alert, Context]:
        """What is worded, and with what: the alert, or the digest of the group."""
        alert = self.alert or self.open()
        if not self.others:
            return alert, context
        parts = [] if self._leads_moot else [(self.claim.delivery_id, alert, context)]
        for given, other in zip(self.claim.members, self.others, strict=True):
            if not self._is_moot(given, other):
                own = replace(context, body=given.body, reference="", before=given.before)
                parts.append((given.delivery_id, other, own))
        if len(parts) == 1:
            return parts[0][1:]
        members = [Member(part, name, own.news(part)) for name, part, own in parts]
        grouping = grouping or _ANY_GROUP  # the route may have lost its grouping since
        return digest_of(members, grouping, group_key(grouping, alert), beyond=self.claim.beyond), context

    def told(self) -> tuple[bytes, bytes] | None:
        """The state that the receiver knows once this is delivered; None when nobody asks."""
        return _state_of(self.alert) if self.claim.remembers and self.alert and not self._leads_moot else None

    def member_results(self, step: Step) -> tuple[MemberResult, ...]:
        """The ends of the others when the message itself ended so."""
        if not self.others or step.state is not State.DELIVERED:
            return tuple(MemberResult(member.row, member.token, state=step.state) for member in self.claim.members)
        return tuple(map(self._told_along, self.claim.members, self.others))

    def _told_along(self, member: Given, alert: Alert) -> MemberResult:
        if self._is_moot(member, alert):
            return MemberResult(member.row, member.token, state=State.SUPERSEDED)
        known = _state_of(alert) if self.claim.remembers else None
        return MemberResult(member.row, member.token, known, State.DELIVERED)


def _read(source: str, body: bytes) -> Alert:
    parsed = parse(source, body)
    if isinstance(parsed, Unreadable):
        raise FormatFault(f"the stored body cannot be read: {parsed.reason}")
    return parsed


def _state_of(alert: Alert) -> tuple[bytes, bytes]:
    snapshot = snapshot_of(alert)
    return encode(snapshot), state_digest(snapshot)
