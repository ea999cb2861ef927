from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.destinations import Destination, DestinationSettings
from gateway.domain.approval import ApprovalRule
from gateway.domain.chain import Chain
from gateway.domain.filter import Filter
from gateway.domain.policy import Policy
from gateway.domain.remediation import Guard
from gateway.domain.telling import Terms
from gateway.domain.window import Schedule, WhenMuted

if TYPE_CHECKING:
    from gateway.domain.expression import Expression  # the language is loaded where a route has an expression


@dataclass(frozen=True, slots=True)
class ConfiguredRoute:
    """A route as its file says, checked: filter + destination + policy, and what its receiver wants to be told.
    `schedule` None: always open. `when` None: the filter says all. `approval` None: nobody has to agree. `guard` None:
    it tells, and changes nothing out there. `origin`: where it was read, for people.
    """

    name: str
    filter: Filter
    policy: Policy
    kind: str
    destination: Destination[DestinationSettings] = field(repr=False)
    settings: DestinationSettings = field(repr=False)
    origin: str = ""
    terms: Terms = field(default_factory=Terms)
    chain: Chain = field(default_factory=Chain)
    schedule: Schedule | None = None
    when_muted: WhenMuted = WhenMuted.HOLD
    when: Expression | None = None
    approval: ApprovalRule | None = None
    guard: Guard | None = None
