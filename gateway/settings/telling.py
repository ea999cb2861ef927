"""The keys of a route that say what its receiver is told, when, and how the route stands to others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.destinations import Destination, DestinationSettings
from gateway.domain.chain import CHAIN_KEYS, Chain, mistakes_of
from gateway.domain.change import Reason
from gateway.domain.flap import MOST_CHANGES, FlapRule
from gateway.domain.grouping import GROUPING_KEYS, Grouping, parse_by, parse_bypass
from gateway.domain.inhibit import Inhibitor
from gateway.domain.notify import CHANGES, EVERYTHING, Notify, parse_notify
from gateway.domain.policy import Backlog
from gateway.domain.telling import NO_RULES, Terms
from gateway.domain.window import WINDOW_KEYS, Schedule, WhenMuted
from gateway.domain.window_syntax import parse_windows
from gateway.settings.keys import Keys
from gateway.settings.sentences import ended
from gateway.settings.units import choice, duration_between, flag, whole_number

if TYPE_CHECKING:
    from gateway.domain.expression import Expression  # most configurations have no WHEN

_OWN_KEYS = ("WHEN", "NOTIFY", "REMIND_AFTER")
_DAMPING_KEYS = ("FLAP_MAX", "FLAP_WINDOW", "INHIBIT")
TELLING_KEYS = (*_OWN_KEYS, *GROUPING_KEYS, *_DAMPING_KEYS, *WINDOW_KEYS, *CHAIN_KEYS)

_MOST_GROUPED = 500
_HIGHEST_ORDER = 9999
_SECOND_US = 1_000_000
# Before every date that a window may have: whether a route is ever open does not depend on the day it is read.
_BEFORE_ALL = datetime(1999, 12, 1, tzinfo=UTC)


class Telling(NamedTuple):
    """In the order in which `ConfiguredRoute` has them."""

    terms: Terms
    chain: Chain
    schedule: Schedule | None
    when_muted: WhenMuted
    when: Expression | None


def usual_notify(destination: Destination[Any], backlog: Backlog) -> Notify:
    """What NOTIFY is where it is left out. `backlog`: of the route. Who wants every state wants every repeat too."""
    if destination.notify is not None:
        return destination.notify
    return CHANGES if destination.backlog == backlog == "latest" else EVERYTHING


def read_telling(keys: Keys, usual: Notify | None) -> Telling:
    """`usual`: as `usual_notify` says; None when nobody can say, as without a kind of destination."""
    notify = keys.read_items("NOTIFY", lambda items: parse_notify(",".join(items)), usual)
    terms = Terms(
        notify=EVERYTHING if notify is None else notify,
        remind_after_us=_remind_after_us(keys, notify),
        grouping=_grouping(keys),
        inhibitor=keys.read("INHIBIT", Inhibitor.parse, NO_RULES),
        flap=_flap(keys),
    )
    schedule = _schedule(keys)
    when_muted = keys.read("MUTED", _when_muted, WhenMuted.HOLD)
    return Telling(terms, _chain(keys), schedule, when_muted, keys.read("WHEN", _when, None))


def check_digests(settings: DestinationSettings, keys: Keys) -> None:
    """GROUP_BY where the destination can tell alerts one by one only."""
    why = settings.against_digests()
    if why and "GROUP_BY" in keys.values and "GROUP_BY" not in keys.broken:
        keys.refuse("GROUP_BY", f"several alerts cannot be one message here: {ended(why)}")


def check_chains(chains: Mapping[str, tuple[Chain, Keys]]) -> None:
    """What is wrong across routes, at the key of the route that is wrong. `chains`: of all routes, also of those that
    have other mistakes.
    """
    rules = {name: chain for name, (chain, _) in chains.items() if chain != Chain()}
    unsure = any("FALLBACK" in keys.broken for _, keys in chains.values())
    for name, key, message in mistakes_of(rules, chains):
        keys = chains[name][1]
        hangs_on_broken = (key == "FALLBACK_ONLY" and unsure) or (key == "FALLBACK_AFTER" and "FALLBACK" in keys.broken)
        if not hangs_on_broken and key not in keys.broken:
            keys.refuse(key, message)


def _remind_after_us(keys: Keys, notify: Notify | None) -> int | None:
    found_us = keys.read("REMIND_AFTER", partial(_microseconds, low="1m", high="90d"), None)
    if found_us is not None and notify and Reason.UNCHANGED in notify and "NOTIFY" not in keys.broken:
        said = "NOTIFY is all" if "NOTIFY" in keys.values else "NOTIFY is all where it is left out"
        remedy = "List reasons in NOTIFY, or leave REMIND_AFTER out."
        keys.refuse("REMIND_AFTER", f"{said}, so every repeat is sent anyway. {remedy}")
    return found_us


def _grouping(keys: Keys) -> Grouping | None:
    by: tuple[str, ...] = keys.read_items("GROUP_BY", parse_by, ())
    usual = Grouping(by)
    grouping = Grouping(
        by,
        wait_us=keys.read("GROUP_WAIT", partial(_microseconds, low="0s", high="7d"), usual.wait_us),
        interval_us=keys.read("GROUP_INTERVAL", partial(_microseconds, low="0s", high="7d"), usual.interval_us),
        most=keys.read("GROUP_MAX", partial(whole_number, low=2, high=_MOST_GROUPED), usual.most),
        bypass=keys.read("GROUP_BYPASS", parse_bypass, usual.bypass),
    )
    _refuse_alone(keys, GROUPING_KEYS[1:], ("GROUP_BY",), "Name fields there")
    return grouping if by else None


def _flap(keys: Keys) -> FlapRule | None:
    most = keys.read("FLAP_MAX", partial(whole_number, low=1, high=MOST_CHANGES), 0)
    window_us = keys.read("FLAP_WINDOW", partial(_microseconds, low="1m", high="7d"), FlapRule(1).window_us)
    _refuse_alone(keys, ("FLAP_WINDOW",), ("FLAP_MAX",), "Set a number there")
    return FlapRule(most, window_us) if most else None


def _schedule(keys: Keys) -> Schedule | None:
    active = keys.read("ACTIVE", parse_windows, None)
    mute = keys.read("MUTE", parse_windows, None)
    _refuse_alone(keys, ("MUTED",), ("ACTIVE", "MUTE"), "Write windows there")
    if active is None and mute is None:
        return None
    schedule = Schedule(active, mute)
    if not keys.broken & {"ACTIVE", "MUTE"} and schedule.opens_at(_BEFORE_ALL) is None:
        keys.refuse("MUTE" if mute else "ACTIVE", _never_open(schedule))
    return schedule


def _never_open(schedule: Schedule) -> str:
    if schedule.mute is None:
        return "no clock ever shows these hours: this route would never be open."
    covered = "every hour" if schedule.active is None else "every hour of ACTIVE"
    return f"it covers {covered}: this route would never be open."


def _chain(keys: Keys) -> Chain:
    return Chain(
        catch_all=keys.read("CATCH_ALL", flag, False),
        stop=keys.read("STOP", flag, False),
        order=keys.read("ORDER", partial(whole_number, low=0, high=_HIGHEST_ORDER), None),
        fallback=keys.read("FALLBACK", _route_name, ""),
        fallback_after_us=keys.read("FALLBACK_AFTER", partial(_microseconds, low="1s", high="30d"), None),
        fallback_only=keys.read("FALLBACK_ONLY", flag, False),
    )


def _refuse_alone(keys: Keys, names: Sequence[str], needed: Sequence[str], remedy: str) -> None:
    """Keys that say nothing without another one."""
    if any(name in keys.values or name in keys.broken for name in needed):
        return
    for name in names:
        if name in keys.values and name not in keys.broken:
            absent = " and no ".join(needed)
            keys.refuse(name, f"there is no {absent} that it would be about. {remedy}, or leave it out.")


def _microseconds(text: str, low: str, high: str) -> int:
    return round(duration_between(text, low, high) * _SECOND_US)


def _when_muted(text: str) -> WhenMuted:
    return WhenMuted(choice(text, tuple(WhenMuted)))


def _route_name(text: str) -> str:
    """As the names of routes are: in lower case."""
    if name := text.strip().casefold():
        return name
    raise ValueError("no route is named. Name one, or leave the key out.")


def _when(text: str) -> Expression:
    from gateway.domain.expression import ExpressionMistake, compile_expression  # noqa: PLC0415 - few routes have one

    try:
        expression = compile_expression(text)
    except ExpressionMistake as mistake:
        raise ValueError(ended(str(mistake))) from None
    if "change.reasons" in expression.names:
        raise ValueError("what changed is not known before the alert is compared. NOTIFY asks for it: NOTIFY=new,grew.")
    return expression
