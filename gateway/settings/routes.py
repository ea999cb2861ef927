from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.destinations import DestinationSettings, FormatFault, kinds
from gateway.domain.alert import Alert
from gateway.domain.filter import FILTER_KEYS, Filter, FilterMistakes, parse_filter
from gateway.domain.notify import CHANGES
from gateway.domain.optix import parse
from gateway.domain.policy import Policy
from gateway.pipeline.configured import ConfiguredRoute
from gateway.samples import load as load_sample
from gateway.samples import names as sample_names
from gateway.settings.envfile import Layer, Value
from gateway.settings.gateway import DEFAULT_SOURCE
from gateway.settings.guards import GUARD_KEYS, Guards, check_guards, read_guards
from gateway.settings.keys import Keys, unknown_keys
from gateway.settings.kinds import COMMON_KEYS, Kind, kind_of
from gateway.settings.mistakes import Mistake, listed, nearest, or_nearest, quoted
from gateway.settings.policies import POLICY_KEYS, read_policy, usual_policy
from gateway.settings.routefiles import RouteEntries
from gateway.settings.sentences import ended, sentence
from gateway.settings.telling import TELLING_KEYS, Telling, check_chains, check_digests, read_telling, usual_notify
from gateway.settings.units import items, unknown_choice

_ROUTE_KEYS = (*FILTER_KEYS, *POLICY_KEYS, *TELLING_KEYS, *GUARD_KEYS)
_LINE_ENDS = re.compile(r"[\r\n]+")


def read_routes(entries: Sequence[RouteEntries], mistakes: list[Mistake]) -> tuple[ConfiguredRoute, ...]:
    """The routes without a mistake, in the order given."""
    names = [route.name for route in entries]
    read = {route.name: _read_route(route, names) for route in entries}
    check_chains({name: (found.telling.chain, found.keys) for name, found in read.items()})
    check_guards({name: (found.guards, found.telling.chain.fallback, found.keys) for name, found in read.items()})
    for found in read.values():
        mistakes += found.keys.mistakes
    return tuple(found.route for found in read.values() if found.route and not found.keys.mistakes)


class _Read(NamedTuple):
    """`route` None: something is wrong with it, which stands in `keys.mistakes`."""

    route: ConfiguredRoute | None
    telling: Telling
    guards: Guards
    keys: Keys


def _read_route(entries: RouteEntries, names: Sequence[str]) -> _Read:
    keys = Keys()
    kind = _read_kind(entries, names, keys)
    if kind is None:
        return _Read(None, _read_common(entries, keys), read_guards(keys, None), keys)
    _refuse_unknown(entries, keys, kind.known, f"a route to {kind.name} has no such key")
    _take(keys, (*_ROUTE_KEYS, *kind.keys), entries.layers, kind.known, kind.secrets)
    _check_files(kind, keys)
    chosen = _read_filter(keys)
    policy = read_policy(keys, usual_policy(kind.destination))
    guards = read_guards(keys, kind.destination)
    usual = usual_notify(kind.destination, policy.backlog)
    telling = read_telling(keys, CHANGES if guards.approval else usual)
    settings = _read_settings(entries, kind, keys)
    if settings is not None:
        check_digests(settings, keys)
    if chosen is None or settings is None or keys.mistakes:
        return _Read(None, telling, guards, keys)
    chosen = chosen.sparing() if guards.guard else chosen
    route = ConfiguredRoute(
        entries.name, chosen, policy, kind.name, kind.destination, settings, entries.origin, *telling, *guards
    )
    return _Read(route, telling, guards, keys)


def _read_common(entries: RouteEntries, keys: Keys) -> Telling:
    """Without a kind its own keys cannot be judged; those of every route can, and a key that no kind knows."""
    known = frozenset[str]().union(*(kind_of(name).known for name in kinds()))
    _refuse_unknown(entries, keys, known, "no route has such a key")
    _take(keys, _ROUTE_KEYS, entries.layers, known, ())
    _read_filter(keys)
    read_policy(keys, Policy())
    return read_telling(keys, usual=None)


def _refuse_unknown(entries: RouteEntries, keys: Keys, known: Collection[str], said: str) -> None:
    for value in unknown_keys(entries.layers, known):
        keys.mistakes.append(value.mistake(or_nearest(said, value.key.rpartition("__")[2], known)))


def _take(
    keys: Keys, names: Iterable[str], layers: Sequence[Layer], known: Collection[str], secrets: Collection[str]
) -> None:
    """Only what is there: routes are many, and most keys are left out of most of them."""
    given = {key for layer in layers for key in layer}
    for name in names:
        if name in given or f"{name}_FILE" in given:
            keys.take(name, layers, known=known, secret=name in secrets)


def _check_files(kind: Kind, keys: Keys) -> None:
    """A destination's own `…_FILE` keys are paths, which it looks at no earlier than with the first delivery."""
    for key in [key for key in keys.values if key in kind.keys and key.endswith("_FILE")]:
        path = keys.values[key].text
        if path and not os.path.isfile(path):  # noqa: PTH113 - false for what cannot be a path, where Path raises
            keys.refuse(key, f"there is no file {quoted(path)}.")


def _read_kind(entries: RouteEntries, names: Sequence[str], keys: Keys) -> Kind | None:
    keys.take("DESTINATION", entries.layers, known=COMMON_KEYS, secret=True)
    value = keys.values.get("DESTINATION")
    if value is None:
        if "DESTINATION" not in keys.broken:
            near = nearest(entries.name, (name for name in names if name != entries.name))
            meant = f' Or did you mean the route "{near}"?' if near else ""
            message = f'the route "{entries.name}" has none. Set one of {listed(kinds())}.{meant}'
            keys.mistakes.append(entries.missing("DESTINATION", message))
        return None
    try:
        return kind_of(value.text.strip().lower())
    except KeyError:
        keys.refuse("DESTINATION", unknown_choice(value.text, kinds(), "a kind of destination"))
        return None


def _read_filter(keys: Keys) -> Filter | None:
    lists: dict[str, Sequence[str]] = {}
    for key in FILTER_KEYS:
        value = keys.values.get(key)
        if value is None:
            continue
        try:
            lists[key] = items(value.text, from_file=value.from_file)
        except ValueError as error:
            keys.refuse(key, str(error))
    try:
        return parse_filter(lists)
    except FilterMistakes as found:
        elsewhere = "DESTINATION" if "DESTINATION" in keys.values else next(iter(lists))
        for key, message in found.mistakes:
            keys.refuse(key if key in keys.values else elsewhere, ended(message))
        return None


def _read_settings(entries: RouteEntries, kind: Kind, keys: Keys) -> DestinationSettings | None:
    texts = {name: _text(key, keys.values[key], kind) for key, name in kind.keys.items() if key in keys.values}
    try:
        settings: DestinationSettings = kind.destination.settings.model_validate(texts)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _report(entries, detail, kind, keys)
        return None
    return settings if _is_worded(settings, kind, keys) else None


def _text(key: str, value: Value, kind: Kind) -> str:
    """In a file, a list may also be written one by line."""
    return _LINE_ENDS.sub(",", value.text) if value.from_file and key in kind.lists else value.text


def _report(entries: RouteEntries, detail: ErrorDetails, kind: Kind, keys: Keys) -> None:
    place = str(detail["loc"][0]).upper() if detail["loc"] else ""
    if place in kind.keys and place not in keys.values:
        _report_missing(entries, kind, place, keys)
        return
    if not place and keys.broken & kind.keys.keys():
        return  # what the settings amount to together can be said only when each can be read
    key = place if place in keys.values else _spoken_of(str(detail["msg"]), kind, keys)
    said = sentence(detail, keys.values[key].text, secret=key in kind.hidden)
    keys.refuse(key, said + _remedy(detail, key, kind))


def _report_missing(entries: RouteEntries, kind: Kind, key: str, keys: Keys) -> None:
    if key not in keys.broken:
        example = kind.example_of(key)
        remedy = f"Write a line such as {example}" if example else f"Set {key}, or {key}_FILE with the path of a file."
        message = ended(f"missing: a route to {kind.name} needs it. {remedy}")
        keys.mistakes.append(entries.missing(key, message))


def _remedy(detail: ErrorDetails, key: str, kind: Kind) -> str:
    """An example of the form, or the form itself, where the sentence tells only that it is not met."""
    if detail["type"] != "string_pattern_mismatch":
        return ""
    example = kind.example_of(key)
    return f" Write a line such as {example}" if example else f" It has to match {detail['ctx']['pattern']}"


def _spoken_of(message: str, kind: Kind, keys: Keys) -> str:
    """The given key that a sentence about several keys begins with, or else the destination."""
    found = [(message.find(key), key) for key in kind.keys if key in message and key in keys.values]
    return min(found, default=(0, "DESTINATION"))[1]


def _is_worded(settings: DestinationSettings, kind: Kind, keys: Keys) -> bool:
    """Whether the destination can word the sample alerts with these settings."""
    if kind.destination.verify is None:
        return True
    try:
        kind.destination.verify(settings, _samples())
    except FormatFault as fault:
        keys.refuse("BODY" if "BODY" in keys.values else "DESTINATION", ended(str(fault)))
        return False
    return True


@cache
def _samples() -> tuple[tuple[Alert, bytes], ...]:
    bodies = [load_sample(name) for name in sample_names()]
    read = ((parse(DEFAULT_SOURCE, body), body) for body in bodies)
    return tuple((alert, body) for alert, body in read if isinstance(alert, Alert))
