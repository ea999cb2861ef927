"""How routes stand to one another: CATCH_ALL, STOP and ORDER, FALLBACK, FALLBACK_AFTER and FALLBACK_ONLY.

Filters come first: these keys only ever take an alert away from a route whose filter took it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

from gateway.domain.text import code_points, cut, fit_list, one_line

CHAIN_KEYS = ("CATCH_ALL", "STOP", "ORDER", "FALLBACK", "FALLBACK_AFTER", "FALLBACK_ONLY")

FALLBACK_AFTER_US = 900_000_000
"""15 minutes: several retries of the usual schedule lie within."""

_SHOWN = 60
_LISTED = 120

Mistake: TypeAlias = tuple[str, str, str]
"""The route, its key, and a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What one route says of others.

    `catch_all`: it takes what its filter takes and no other route took. `stop`: when it takes an alert, no later route
    does. `order`: smaller is earlier; None is later than every number, and among such the name decides.
    `fallback`: the route that gets what this one has not delivered in time, "" for none. `fallback_after_us`: that
    time, in microseconds, which runs from when the alert was to be sent: at once, or at the end of the route's hours or
    of its group's wait; None for the usual.
    `fallback_only`: it takes nothing by its own filter, only what others hand over. Without that, a fallback is a route
    like any other, for a receiver is often both somebody's reserve and in use for its own.
    """

    catch_all: bool = False
    stop: bool = False
    order: int | None = None
    fallback: str = ""
    fallback_after_us: int | None = None
    fallback_only: bool = False

    @property
    def selects(self) -> bool:
        """Whether it has a say in who takes an alert. ORDER alone has none."""
        return self.catch_all or self.stop or self.fallback_only

    @property
    def late_us(self) -> int:
        """How long after it was to be sent an alert that is not delivered is late, and handed on."""
        return FALLBACK_AFTER_US if self.fallback_after_us is None else self.fallback_after_us


_USUAL = Chain()


def select(taking: Sequence[str], rules: Mapping[str, Chain]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Of the routes whose filters take an alert, those that get it, in the same order; and why the others do not.

    `rules`: of the routes that have any such key; a route without is missing or a plain `Chain`. First FALLBACK_ONLY
    routes leave, then those that come after a route with STOP, and a catch-all takes only when no other route is left.
    Several catch-alls all take, unless one of them has STOP.
    """
    if not any(rules[name].selects for name in taking if name in rules):
        return tuple(taking), {}
    chains = {name: rules.get(name, _USUAL) for name in taking}
    out = {name: _ONLY for name, chain in chains.items() if chain.fallback_only}
    usual = [name for name in taking if name not in out and not chains[name].catch_all]
    caught = [name for name in taking if name not in out and chains[name].catch_all]
    out |= _stopped(usual, chains)
    if usual:
        takers = fit_list([name for name in usual if name not in out], _LISTED, code_points)
        out |= dict.fromkeys(caught, f"CATCH_ALL=true: {takers} took it")
    else:
        out |= _stopped(caught, chains)
    return tuple(name for name in taking if name not in out), out


_ONLY = "FALLBACK_ONLY=true: it gets only what another route hands over"


def _stopped(names: Sequence[str], chains: Mapping[str, Chain]) -> dict[str, str]:
    """The routes that come after the first one with STOP. Routes of the same ORDER are none after another."""
    stops = [name for name in names if chains[name].stop]
    if not stops:
        return {}
    first = min(stops, key=lambda name: _place(name, chains[name]))
    place = _place(first, chains[first])
    later = [name for name in names if _place(name, chains[name]) > place]
    order = chains[first].order
    said = f"STOP=true of {first}{'' if order is None else f' (ORDER={order})'}: that route took it and comes earlier"
    return dict.fromkeys(later, said)


def _place(name: str, chain: Chain) -> tuple[bool, int, str]:
    return (True, 0, name) if chain.order is None else (False, chain.order, "")


def fallback_of(route: str, taken: Collection[str], rules: Mapping[str, Chain]) -> str:
    """The route that an undelivered alert of this one is handed to: "" when there is none, or when it has the alert
    already. `taken`: the routes that got the alert, by whatever way. Its STOP and its filter are not asked.
    """
    fallback = rules.get(route, _USUAL).fallback
    return "" if fallback in taken else fallback


def mistakes_of(rules: Mapping[str, Chain], names: Iterable[str] = ()) -> list[Mistake]:
    """What is wrong across routes, in the order of the routes. `names`: of all routes, those without such keys too."""
    known = {*rules, *names}
    wanted = {chain.fallback for chain in rules.values()}
    circles = dict(_circles(rules))
    return [mistake for name, chain in rules.items() for mistake in _mistakes(name, chain, known, wanted, circles)]


def _mistakes(
    name: str, chain: Chain, known: Collection[str], wanted: Collection[str], circles: Mapping[str, str]
) -> Iterator[Mistake]:
    if chain.fallback and chain.fallback not in known:
        yield name, "FALLBACK", _unknown(chain.fallback, [other for other in known if other != name])
    if name in circles:
        yield name, "FALLBACK", circles[name]
    if chain.fallback_after_us is not None and not chain.fallback:
        yield (
            name,
            "FALLBACK_AFTER",
            "there is no FALLBACK that it would be about. Name a route there, or leave it out.",
        )
    if chain.fallback_only and name not in wanted:
        yield name, "FALLBACK_ONLY", f"no route has FALLBACK={name}: nothing would ever get here."
    if chain.fallback_only and (chain.catch_all or chain.stop):
        key = "CATCH_ALL" if chain.catch_all else "STOP"
        yield name, key, f"{key} does not go with FALLBACK_ONLY, which takes nothing by itself. Leave one of them out."


def _unknown(text: str, known: Collection[str]) -> str:
    shown = "the URL given" if "://" in text else f'"{cut(one_line(text), _SHOWN, code_points)}"'
    near = get_close_matches(text.strip().casefold(), sorted(known), n=1, cutoff=0.5)
    if near:
        return f'{shown} is not a route; did you mean "{near[0]}"?'
    others = fit_list(sorted(known), _LISTED, code_points)
    return f"{shown} is not a route. {f'One of {others}' if others else 'There is no other route'}."


def _circles(rules: Mapping[str, Chain]) -> Iterator[tuple[str, str]]:
    """For each circle of fallbacks, its first route by name and what to say of it."""
    seen: set[str] = set()
    for start in sorted(rules):
        path: list[str] = []
        name = start
        while name in rules and name not in seen:
            seen.add(name)
            path.append(name)
            name = rules[name].fallback
        if name in path:
            yield _circle(path[path.index(name) :])


def _circle(circle: Sequence[str]) -> tuple[str, str]:
    first = circle.index(min(circle))
    shown = " > ".join([*circle[first:], *circle[: first + 1]])
    if len(circle) == 1:
        return circle[0], "a route cannot be its own fallback. Name another route, or leave it out."
    return circle[first], f"the fallbacks go round in a circle: {shown}. Leave one of them out."
