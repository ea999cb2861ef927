from __future__ import annotations

from dataclasses import dataclass, field

from gateway.destinations import Destination, DestinationSettings
from gateway.domain.filter import Filter
from gateway.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class ConfiguredRoute:
    """A route as its file says, checked: filter + destination + policy. `origin`: where it was read, for people."""

    name: str
    filter: Filter
    policy: Policy
    kind: str
    destination: Destination[DestinationSettings] = field(repr=False)
    settings: DestinationSettings = field(repr=False)
    origin: str = ""
