"""An alert as the rest of the gateway knows it: the vendor's fields under our names, read once, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias, Union

from gateway.domain.severity import Severity

JSON: TypeAlias = Union[bool, int, float, str, list["JSON"], dict[str, "JSON"], None]  # noqa: UP007 - recursive


@dataclass(frozen=True, slots=True)
class Resource:
    """One affected resource.

    `info` is prose that contains an id, never an id to be split. `state` is as sent ("" when missing).
    `details` is what `affectedResourceJSON` held: parsed, or the raw text where it was no JSON; None when absent.
    `extra` holds the keys we do not know, as sent.
    """

    info: str
    state: str
    details: JSON = None
    extra: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self.state.casefold() == "open"

    @property
    def is_suppressed(self) -> bool:
        return self.state.casefold() in ("suppress", "suppressed")


@dataclass(frozen=True, slots=True)
class Alert:
    """One received event, read. A text that the sender left out is "" here, never None.

    `source` is the inbound webhook it came through. `environment` is the vendor's accountId: an account number,
    a GUID, a project or a repository URL; compare it as text. `alert_id` is unique in one tenant only: use `key`.
    `score` is None when missing or unusable. `last_seen` is the text as it came and `seen_at` what it means (aware,
    UTC; None when unreadable). `extra` and `envelope_extra` are the unknown keys of payloadData and of the top level.
    `opens`: of a digest, (alert_id, environment) of the alert that its link shows; None: its own.
    `key` is the stable incident key: "optix-" and 32 hex digits of SHA-256(source, accountId, alertId).
    """

    source: str
    event_type: str
    environment: str
    alert_id: str
    key: str
    severity: Severity
    score: int | float | None = None
    summary: str = ""
    alert_type: str = ""
    provider: str = ""
    rule: str = ""
    details: str = ""
    last_seen: str = ""
    seen_at: datetime | None = None
    policy_labels: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    extra: Mapping[str, JSON] = field(default_factory=dict)
    envelope_extra: Mapping[str, JSON] = field(default_factory=dict)
    opens: tuple[str, str] | None = None

    @property
    def open_count(self) -> int:
        return sum(resource.is_open for resource in self.resources)

    @property
    def suppressed_count(self) -> int:
        return sum(resource.is_suppressed for resource in self.resources)

    @property
    def is_closed(self) -> bool:
        """All its resources are suppressed, and there is at least one: receivers that can close should."""
        return bool(self.resources) and all(resource.is_suppressed for resource in self.resources)
