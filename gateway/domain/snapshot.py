"""An alert's state as it is remembered and compared: the score, and the resources with their states."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from gateway.domain.alert import Alert, Resource
from gateway.domain.severity import Severity, severity_of

OPEN = "open"
SUPPRESSED = "suppressed"

_RANKS: Mapping[str, int] = {OPEN: 0, SUPPRESSED: 2}
_UNKNOWN_RANK = 1
_LARGE = 1024
"""Bytes. Below this, compressing costs more time than it saves room."""
_ENCODER = json.JSONEncoder(separators=(",", ":"))


class Snapshot(NamedTuple):
    """What makes two sends of an alert the same state; made by `snapshot_of` only, so that equal states are equal.

    `score` is None when unknown, and an int where it is whole. `resources` are (info, state), each info once, sorted by
    it. A state is `OPEN`, `SUPPRESSED` or any other word of the sender, folded ("" when it sent none). The summary, the
    details, `lastSeen` and the order of the resources are not part of the state.
    """

    score: int | float | None
    resources: tuple[tuple[str, str], ...]

    @property
    def severity(self) -> Severity:
        return severity_of(self.score)

    @property
    def open_count(self) -> int:
        return [state for _, state in self.resources].count(OPEN)

    @property
    def suppressed_count(self) -> int:
        return [state for _, state in self.resources].count(SUPPRESSED)

    @property
    def is_closed(self) -> bool:
        """The same as `Alert.is_closed`: all is suppressed, and there is something."""
        return bool(self.resources) and self.suppressed_count == len(self.resources)


def snapshot_of(alert: Alert) -> Snapshot:
    """Cheap enough for every alert: about 1 µs for one resource, 2 µs for three, 0.3 ms for a thousand.

    A resource may be listed twice. Then an open copy wins, after it a state that we do not know, so that a resource
    counts as suppressed only when all its copies are.
    """
    score, listed = alert.score, alert.resources
    if score is not None and score.__class__ is float and score.is_integer():
        score = int(score)
    if len(listed) == 1:
        return Snapshot(score, ((listed[0].info, _folded(listed[0].state)),))
    return Snapshot(score, tuple(sorted(_states(listed).items())))


def _states(listed: tuple[Resource, ...]) -> dict[str, str]:
    states: dict[str, str] = {}
    for resource in listed:
        info, state = resource.info, _folded(resource.state)
        if states.setdefault(info, state) != state:
            states[info] = min(states[info], state, key=_urgency)
    return states


def _folded(state: str) -> str:
    """As `Resource.is_open` and `is_suppressed` read it."""
    folded = state.casefold()
    return SUPPRESSED if folded == "suppress" else folded


def _urgency(state: str) -> tuple[int, str]:
    return _RANKS.get(state, _UNKNOWN_RANK), state


def digest_of(snapshot: Snapshot) -> bytes:
    """16 bytes, the same in every process and release: equal states are recognised without loading what is remembered.

    The incident's key is no part of it. About 3 µs for one resource, 0.5 ms for a thousand.
    """
    return blake2b(_ENCODER.encode(snapshot).encode(), digest_size=16).digest()


def encode(snapshot: Snapshot) -> bytes:
    return pack(snapshot)


def decode(packed: bytes) -> Snapshot:
    """Of `encode`'s own bytes only: nothing here defends against others."""
    score, resources = unpack(packed)
    return Snapshot(score, tuple((info, state) for info, state in resources))


def pack(values: tuple[object, ...]) -> bytes:
    """Nested tuples of texts, numbers and None as compact JSON, compressed when large."""
    plain = _ENCODER.encode(values).encode()
    return plain if len(plain) < _LARGE else zlib.compress(plain)


def unpack(packed: bytes) -> list[Any]:
    """What `pack` was given, as lists. JSON begins with a bracket, what zlib writes never does."""
    found: list[Any] = json.loads(packed if packed.startswith(b"[") else zlib.decompress(packed))
    return found
