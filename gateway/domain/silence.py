"""A silence: alerts of one kind are not sent for a while, because somebody said so and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeGuard

from gateway.domain.condition import Reading
from gateway.domain.filter import FILTER_KEYS, Filter, FilterMistakes, parse_filter
from gateway.domain.pattern import Glob, fold, glob
from gateway.domain.text import code_points, cut, fit_list, is_visible, one_line
from gateway.domain.window import WhenMuted

_ROUTES = "ROUTES"
_OWN_KEYS = ("reason", "author", "starts_us", "expires_us", "lasts_us", "then", "all", _ROUTES)
SILENCE_KEYS = (*_OWN_KEYS, *FILTER_KEYS)

_DAY_US = 24 * 3600 * 1_000_000
LONGEST_US, LATEST_US = 90 * _DAY_US, 365 * _DAY_US
"""A silence lasts no longer than the former, and begins no later than the latter from when it is made."""
_REASON_CHARACTERS, _AUTHOR_CHARACTERS = 500, 100
_VALUES, _VALUE_CHARACTERS = 100, 1000
"""Of one key: every value is compared with every alert while the silence lasts."""
_SHOWN = 60


class SilenceMistakes(Exception):
    """`mistakes`: everything that is wrong with a silence, as (key, what is wrong with it in words)."""

    def __init__(self, mistakes: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{key}: {message}" for key, message in mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class Silence:
    """Made by `parse_silence` and `from_json`. `texts`: filter keys and their values as written; () for all alerts.
    `routes`: names or patterns as written; () for all routes. The times are microseconds since the epoch. `ended_us`:
    when somebody ended it before its time, None when nobody did. Updates that close pass a silence as they pass a mute
    (`passes_mute`).
    """

    id: str
    texts: tuple[tuple[str, tuple[str, ...]], ...]
    routes: tuple[str, ...]
    reason: str
    author: str
    created_us: int
    starts_us: int
    expires_us: int
    then: WhenMuted
    filter: Filter = field(repr=False, compare=False)
    route_globs: tuple[Glob, ...] = field(repr=False, compare=False)
    ended_us: int | None = None

    @property
    def over_us(self) -> int:
        """When it is over, or was: it may have been ended before it expires."""
        return self.expires_us if self.ended_us is None else self.ended_us

    def is_active(self, now_us: int) -> bool:
        """From its start up to, and not at, its end."""
        return self.starts_us <= now_us < self.over_us

    def takes(self, reading: Reading, route: str) -> bool:
        """At any time. `route`: its name, in lower case as all names of routes are."""
        if self.route_globs and not any(pattern.matches(route) for pattern in self.route_globs):
            return False
        return self.filter.takes(reading)

    def describe(self) -> str:
        """`rule is like AR-2*; event type is ALERT; on routes soc-*`: what it takes, in words."""
        routes = fit_list([one_line(route) for route in self.routes], _SHOWN, code_points)
        return self.filter.describe() + (f"; on routes {routes}" if routes else "")


def matching(silences: Iterable[Silence], reading: Reading, route: str, now_us: int) -> Silence | None:
    """Of the active silences that take the alert on this route, the one that lasts longest; None when there is none.
    Of two that end together, the one with the lower id.
    """
    taking = (silence for silence in silences if silence.is_active(now_us) and silence.takes(reading, route))
    return min(taking, key=_rank, default=None)


def _rank(silence: Silence) -> tuple[int, str]:
    return -silence.expires_us, silence.id


def parse_silence(values: Mapping[str, Any], *, silence_id: str, now_us: int) -> Silence:
    """What a person gives, with the id and the time (microseconds since the epoch) at which it is made.

    `reason` and `author`: texts, required. `expires_us` or `lasts_us`: microseconds since the epoch or from the start,
    one of the two required. `starts_us`: now when left out or past. `then`: `hold` (when left out) or `drop`.
    ROUTES and the filter keys: lists of texts, as in a route, where EVENT_TYPES left out means ALERT. A filter key
    besides EVENT_TYPES, or `all` as True, which takes whatever comes. SilenceMistakes names everything that is wrong.
    """
    mistakes = [*_unknown_keys(values), *_wrong_lists(values), *_wrong_width(values)]
    reason = _text(values, "reason", _REASON_CHARACTERS, mistakes)
    author = _text(values, "author", _AUTHOR_CHARACTERS, mistakes)
    starts_us, expires_us = _times(values, now_us, mistakes)
    then = _then(values.get("then", WhenMuted.HOLD), mistakes)
    texts = {key: tuple(values[key]) for key in FILTER_KEYS if key in values and _is_list(values[key])}
    chosen = _filter(texts, mistakes)
    if mistakes or chosen is None:
        raise SilenceMistakes(mistakes)
    routes = tuple(dict.fromkeys(map(str.strip, values.get(_ROUTES, ()))))
    globs = tuple(glob(folded) for folded in dict.fromkeys(map(fold, routes)))
    return Silence(
        silence_id, tuple(texts.items()), routes, reason, author, now_us, starts_us, expires_us, then, chosen, globs
    )  # fmt: skip


def to_json(silence: Silence) -> str:
    """For the store, in ASCII, as it was made; `from_json` reads it back as the same silence, not ended by anybody."""
    return json.dumps({"id": silence.id, "created_us": silence.created_us, **_given(silence)}, separators=(",", ":"))


def from_json(text: str) -> Silence:
    """ValueError for whatever `to_json` did not write; white space and the order of the keys do not matter."""
    silence_id, created_us, values = _stored(text)
    try:
        silence = parse_silence(values, silence_id=silence_id, now_us=created_us)
    except SilenceMistakes as mistakes:
        raise ValueError(f"a stored silence is damaged: {mistakes}") from None
    if values != _given(silence):
        raise ValueError("a stored silence is damaged: it reads as another one.")
    return silence


def _stored(text: str) -> tuple[str, int, dict[str, Any]]:
    """The id, when it was made, and all else that was written."""
    try:
        values = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        raise ValueError("a stored silence is damaged: it is not JSON, or has a key twice.") from None
    silence_id, created_us = (
        values.pop(key, None) if isinstance(values, dict) else None for key in ("id", "created_us")
    )
    if not isinstance(silence_id, str) or not _is_whole(created_us):
        raise ValueError("a stored silence is damaged: it has no id or no time.")
    return silence_id, created_us, values


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError
    return values


def _given(silence: Silence) -> dict[str, object]:
    """The values that `parse_silence` makes this silence of."""
    lists: dict[str, object] = {key: list(items) for key, items in silence.texts} or {"all": True}
    if silence.routes:
        lists[_ROUTES] = list(silence.routes)
    return {
        "reason": silence.reason,
        "author": silence.author,
        "starts_us": silence.starts_us,
        "expires_us": silence.expires_us,
        "then": silence.then.value,
        **lists,
    }


def _unknown_keys(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    by_folded = {key.lower(): key for key in SILENCE_KEYS}
    for key in values:
        if key not in SILENCE_KEYS:
            near = get_close_matches(key.lower(), by_folded, n=1, cutoff=0.6)
            meant = f" Did you mean {by_folded[near[0]]}?" if near else ""
            yield cut(one_line(key), _SHOWN, code_points), f"a silence has no such key.{meant}"


def _wrong_lists(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in (_ROUTES, *FILTER_KEYS):
        if key not in values:
            continue
        found = values[key]
        if not _is_list(found):
            yield key, 'write a list of texts, as in ["first", "second"].'
        elif len(found) > _VALUES or any(len(item) > _VALUE_CHARACTERS for item in found):
            yield key, f"at most {_VALUES} values of at most {_VALUE_CHARACTERS} characters may stand here."
        elif key == _ROUTES and not (found and all(item.strip() for item in found)):
            yield key, "a name is empty. Write names of routes or patterns, or leave the key out for all routes."


def _wrong_width(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    everything, given = values.get("all", False), [key for key in FILTER_KEYS if key in values]
    if not isinstance(everything, bool):
        yield "all", "write true, or leave it out."
    elif everything and given:
        yield "all", f"it silences whatever comes, and {given[0]} chooses. Leave one or the other out."
    elif not everything and not any(key for key in given if not key.endswith("EVENT_TYPES")):
        yield (
            "all",
            "no filter key narrows it: every alert would be silenced. Write one, or all as true if that is meant.",
        )


def _text(values: Mapping[str, Any], key: str, most: int, mistakes: list[tuple[str, str]]) -> str:
    given = values.get(key, "")
    text = one_line(given) if isinstance(given, str) else ""
    if not isinstance(given, str):
        mistakes.append((key, "write a text."))
    elif not is_visible(text):
        mistakes.append((key, "missing: whoever meets the silence has to know it."))
    elif len(text) > most:
        mistakes.append((key, f"it has {len(text)} characters. At most {most} may stand here."))
    return text


def _then(given: object, mistakes: list[tuple[str, str]]) -> WhenMuted:
    if isinstance(given, str) and given in tuple(WhenMuted):
        return WhenMuted(given)
    mistakes.append(("then", "write hold (when it ends, what is still open is sent) or drop."))
    return WhenMuted.HOLD


def _times(values: Mapping[str, Any], now_us: int, mistakes: list[tuple[str, str]]) -> tuple[int, int]:
    """Start and end; the mistakes in them are noted."""
    given = {key: values[key] for key in ("starts_us", "expires_us", "lasts_us") if key in values}
    wrong = [(key, "write a whole number of microseconds.") for key, value in given.items() if not _is_whole(value)]
    if ("expires_us" in given) == ("lasts_us" in given):
        wrong.append(("expires_us", "every silence has to end. Write either expires_us or lasts_us."))
    if wrong:
        mistakes += wrong
        return now_us, now_us
    starts_us = given.get("starts_us", now_us)
    expires_us = given["expires_us"] if "expires_us" in given else starts_us + given["lasts_us"]
    starts_us = max(starts_us, now_us)
    mistakes += _wrong_times(starts_us, expires_us, now_us, "expires_us" if "expires_us" in given else "lasts_us")
    return starts_us, expires_us


def _wrong_times(starts_us: int, expires_us: int, now_us: int, key: str) -> Iterator[tuple[str, str]]:
    if starts_us > now_us + LATEST_US:
        yield "starts_us", f"it begins more than {LATEST_US // _DAY_US} days from now."
    if expires_us <= starts_us:
        yield key, "it would be over when it begins."
    elif expires_us > starts_us + LONGEST_US:
        yield key, f"it lasts longer than {LONGEST_US // _DAY_US} days. Make it shorter, and renew it if need be."


def _filter(texts: Mapping[str, Sequence[str]], mistakes: list[tuple[str, str]]) -> Filter | None:
    """Without any key everything, whatever event type it has; `_wrong_width` says when that may be."""
    if not texts:
        return Filter(())
    try:
        return parse_filter(texts)
    except FilterMistakes as found:
        mistakes += found.mistakes
        return None


def _is_list(value: object) -> TypeGuard[list[str] | tuple[str, ...]]:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
