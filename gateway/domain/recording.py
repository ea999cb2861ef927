"""A stored alert as a backtest needs it: what came, and what the gateway made of it then. Also its form as JSON, and
that of the silences of that time, which stand among the alerts.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from gateway.domain.alert import JSON
from gateway.domain.silence import Silence, to_json
from gateway.domain.silence import from_json as silence_of
from gateway.domain.snapshot import Snapshot

MOST_ON_A_PAGE = 1000
MOST_BYTES_ON_A_PAGE = 4 * 1024 * 1024
"""Of bodies; a page ends with the one that passes it, so that it is never without one."""

Said: TypeAlias = tuple[str, str, str]
"""Route, word, reason: a decision as it was recorded. The word may be one that we do not know (any more)."""


class Recording(NamedTuple):
    """`received_us`: microseconds since the epoch. `routes`: those that got a delivery; a stand-in that was not needed
    is none. `stood`: its incident was known already. `before`: the state of the incident before, None when it was the
    same as this alert's or when there was none.
    """

    id: str
    source: str
    received_us: int
    body: bytes
    routes: tuple[str, ...] = ()
    decisions: tuple[Said, ...] = ()
    stood: bool = False
    before: Snapshot | None = None


Entry: TypeAlias = Recording | Silence
"""What stands in a file of recordings. A silence counts for the alerts that come after it."""


class RecordingPage(NamedTuple):
    """Oldest first. `next`: what to hand in as `after` for the following page, "" at the end."""

    recordings: tuple[Recording, ...] = ()
    next: str = ""


def as_json(entry: Entry) -> dict[str, JSON]:
    return _silence_as_json(entry) if isinstance(entry, Silence) else _recording_as_json(entry)


def _silence_as_json(silence: Silence) -> dict[str, JSON]:
    made: JSON = json.loads(to_json(silence))
    return {"silence": made, "ended_us": silence.ended_us}


def _recording_as_json(recording: Recording) -> dict[str, JSON]:
    before = recording.before
    return {
        "id": recording.id,
        "source": recording.source,
        "received_us": recording.received_us,
        "body": b64encode(recording.body).decode(),
        "routes": list(recording.routes),
        "decisions": [list(said) for said in recording.decisions],
        "stood": recording.stood,
        "before": {"score": before.score, "resources": [list(pair) for pair in before.resources]} if before else None,
    }


def from_json(found: JSON) -> Entry:
    """ValueError when it is not what `as_json` makes. Keys that we do not know are left alone, but for those of a
    silence: who does not know what it takes would take too much.
    """
    if not isinstance(found, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - what a file holds is a value, not a programmer's type
    return _silence(found) if "silence" in found else _recording(found)


def _silence(found: Mapping[str, JSON]) -> Silence:
    silence = silence_of(json.dumps(found["silence"]))
    return silence if found.get("ended_us") is None else replace(silence, ended_us=_number(found, "ended_us"))


def _recording(found: Mapping[str, JSON]) -> Recording:
    return Recording(
        _text(found, "id"),
        _text(found, "source"),
        _number(found, "received_us"),
        _bytes(found, "body"),
        tuple(_texts(found.get("routes"), "routes")),
        tuple(_said(found.get("decisions"))),
        found.get("stood") is True,
        _before(found.get("before")),
    )


def _text(found: Mapping[str, JSON], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a text")  # noqa: TRY004
    return value


def _number(found: Mapping[str, JSON], key: str) -> int:
    value = found.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**62:
        raise ValueError(f"{key} is not a time in microseconds")
    return value


def _bytes(found: Mapping[str, JSON], key: str) -> bytes:
    try:
        return b64decode(_text(found, key), validate=True)
    except binascii.Error:
        raise ValueError(f"{key} is not base64") from None


def _texts(value: JSON, key: str) -> list[str]:
    items = value if isinstance(value, list) else []
    texts = [item for item in items if isinstance(item, str)]
    if value is not None and (not isinstance(value, list) or len(texts) != len(items)):
        raise ValueError(f"{key} is not a list of texts")
    return texts


def _said(value: JSON) -> list[Said]:
    found: list[Said] = []
    for item in value if isinstance(value, list) else []:
        match item:
            case [str(route), str(word), str(reason)]:
                found.append((route, word, reason))
            case _:
                raise ValueError("decisions is not a list of route, word and reason")
    return found


def _before(value: JSON) -> Snapshot | None:
    match value:
        case None:
            return None
        case {"score": None | int() | float() as score, "resources": [*resources]}:
            pairs = [_texts(pair, "before") for pair in resources]
            if all(len(pair) == 2 for pair in pairs):
                return Snapshot(score, tuple((info, state) for info, state in pairs))
    raise ValueError("before is not a score with resources and their states")
