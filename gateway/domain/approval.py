"""What a person has to agree to before it is sent: how long a request stands, and what became of it."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlencode

APPROVAL_HOLD = "approval"
"""What a delivery waits for that a person has to approve."""

_SECOND_US = 1_000_000
_PLAN_DIGITS = 12


class Verdict(StrEnum):
    """`waiting`: nobody decided yet. `withdrawn`: the delivery ended some other way, as by a newer state."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """`expires_us`: how long a request stands. `notify`: the route that is told of each request, "" for none."""

    expires_us: int
    notify: str = ""


class Ruling(NamedTuple):
    """A person's decision about these deliveries. `verdict`: approved or rejected. `plan_ids`: delivery -> what exactly
    was agreed to (`plan_id`); needed where it is approved.
    """

    delivery_ids: tuple[str, ...]
    verdict: Verdict
    who: str
    why: str = ""
    plan_ids: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """A request. `delivery`, `alert`: the gateway's ids. `key`: of the incident. `decided_us` None: not yet. `plan_id`:
    of what was approved, "" where nothing is.
    """

    delivery: str
    alert: str
    route: str
    key: str
    environment: str
    rule: str
    severity: str
    summary: str
    asked_us: int
    expires_us: int
    verdict: Verdict
    decided_us: int | None = None
    who: str = ""
    why: str = ""
    plan_id: str = ""


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What was decided of a request, also of one that was made anew since. `who` "": nobody in time."""

    at_us: int
    verdict: Verdict
    who: str
    why: str
    plan_id: str


def plan_id(said: Iterable[str]) -> str:
    """Twelve hex digits that stand for what would be done, and by whom. Another order is another plan."""
    digest = sha256()
    for text in said:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:_PLAN_DIGITS]


def waits_until(expires_us: int) -> str:
    """Why a delivery is parked that nobody has approved yet."""
    return f"waits for approval until {datetime.fromtimestamp(expires_us / _SECOND_US, UTC):%Y-%m-%d %H:%M} UTC"


SOURCE = "optix-gateway:approvals"
"""Where requests come from that are told as alerts; no webhook can have such a name."""

EVENT_TYPE = "APPROVAL"
LINK = "decideAt"


def signature(key: str, delivery_id: str, asked_us: int) -> str:
    """Of a link to one request: 64 hex digits. Nobody who does not hold the key can make one."""
    said = f"optix-gateway approval\0{delivery_id}\0{asked_us}".encode("utf-8", "surrogatepass")
    return hmac.new(key.encode(), said, sha256).hexdigest()


def link(url: str, key: str, delivery_id: str, asked_us: int) -> str:
    """`url`: where the ops listener is reached, without a slash at the end."""
    words = {"delivery": delivery_id, "asked": asked_us, "signature": signature(key, delivery_id, asked_us)}
    return f"{url}/approval?{urlencode(words)}"


def is_signed(key: str, delivery_id: str, asked_us: int, given: str) -> bool:
    return hmac.compare_digest(signature(key, delivery_id, asked_us).encode(), given.encode("utf-8", "replace"))
