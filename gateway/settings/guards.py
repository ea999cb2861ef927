"""The keys of a route that asks first, or that changes something out there: APPROVAL… and REMEDIATION."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from gateway.destinations import Destination
from gateway.domain.approval import ApprovalRule
from gateway.domain.pattern import fold, glob, is_glob
from gateway.domain.remediation import HOURLY, MOST_RESOURCES, Guard
from gateway.settings.keys import Keys
from gateway.settings.mistakes import listed, quoted
from gateway.settings.units import choice, duration_between, flag, items, whole_number

APPROVAL_KEYS = ("APPROVAL", "APPROVAL_EXPIRES", "APPROVAL_NOTIFY")
REMEDIATION_KEYS = ("REMEDIATION", "HOURLY", "MOST_RESOURCES", "DRY_RUN")
GUARD_KEYS = (*APPROVAL_KEYS, *REMEDIATION_KEYS)

APPROVAL_EXPIRES_S = 86_400.0
_SECOND_US = 1_000_000
_MOST = 10_000


class Guards(NamedTuple):
    """In the order in which `ConfiguredRoute` has them."""

    approval: ApprovalRule | None = None
    guard: Guard | None = None


def read_guards(keys: Keys, destination: Destination[Any] | None) -> Guards:
    """`destination` None: its kind is not known."""
    guards = Guards(_approval(keys), _guard(keys, changes=destination is not None and destination.changes))
    if guards.guard:
        for key in ("ENVIRONMENTS", "RULES"):
            _require_named(key, keys)
        _require_known_rules(keys, destination)
    if any(guards):
        _refuse_together(keys)
    return guards


def check_guards(found: Mapping[str, tuple[Guards, str, Keys]]) -> None:
    """What is wrong across routes. `found`: route -> its guards, its FALLBACK, its keys."""
    for name, (guards, fallback, keys) in found.items():
        notify = guards.approval.notify if guards.approval else ""
        if notify and (notify == name or notify not in found):
            said = "a route cannot be told of its own requests" if notify == name else f'there is no route "{notify}"'
            keys.refuse("APPROVAL_NOTIFY", f"{said}. Name another route.")
        elif notify and any(found[notify][0]):
            said = f'"{notify}" asks for approval itself, or changes things'
            keys.refuse("APPROVAL_NOTIFY", f"{said}. Name another route.")
        if fallback in found and any(found[fallback][0]) and "FALLBACK" not in keys.broken:
            said = f'"{fallback}" has APPROVAL or REMEDIATION, and what it may be sent is for its own filter to say'
            keys.refuse("FALLBACK", f"{said}. Name another route.")


def _approval(keys: Keys) -> ApprovalRule | None:
    required = keys.read("APPROVAL", lambda text: choice(text, ("required", "off")) == "required", False)
    expires = partial(duration_between, low="1m", high="30d")
    expires_us = round(keys.read("APPROVAL_EXPIRES", expires, APPROVAL_EXPIRES_S) * _SECOND_US)
    notify = keys.read("APPROVAL_NOTIFY", lambda text: text.strip().casefold(), "")
    if not required:
        _refuse_idle(keys, APPROVAL_KEYS[1:], "APPROVAL=required")
        return None
    return ApprovalRule(expires_us, notify)


def _guard(keys: Keys, *, changes: bool) -> Guard | None:
    marked = keys.read("REMEDIATION", flag, changes)
    number = partial(whole_number, low=1, high=_MOST)
    hourly = keys.read("HOURLY", number, HOURLY)
    most_resources = keys.read("MOST_RESOURCES", number, MOST_RESOURCES)
    dry_run = keys.read("DRY_RUN", flag, True)
    if not marked and changes and "REMEDIATION" not in keys.broken:
        keys.refuse("REMEDIATION", "this kind of destination changes things, so its guards cannot be switched off.")
    if not marked:
        _refuse_idle(keys, REMEDIATION_KEYS[1:], "REMEDIATION=true")
        return None
    return Guard(hourly, dry_run, most_resources)


def _refuse_idle(keys: Keys, names: tuple[str, ...], needed: str) -> None:
    for name in names:
        if name in keys.values and name not in keys.broken:
            keys.refuse(name, f"it says nothing without {needed}. Set that, or leave it out.")


def _require_named(key: str, keys: Keys) -> None:
    """A forged or mistaken alert must not be able to reach whatever the credentials can."""
    elsewhere = next((k for k in ("REMEDIATION", "DESTINATION") if k in keys.values), "")
    value = keys.values.get(key)
    remedy = f"Name what may be changed, as in {_EXAMPLES[key]}."
    if value is None and key not in keys.broken and elsewhere:
        keys.refuse(elsewhere, f"a route that changes things needs {key}. {remedy}")
    if vague := next(filter(_is_vague, _patterns(key, keys)), ""):
        said = f"{vague!r} is about everything, and this route changes things"
        keys.refuse(key, f"{said}: beside wildcards there must be {_LEAST_NAMED} characters. {remedy}")


_LEAST_NAMED = 4


def _is_vague(pattern: str) -> bool:
    """`*`, `4*`, `AR-*`; what has no wildcard names one thing, however short."""
    return is_glob(pattern) and len(re.sub(r"[*?\s]", "", pattern)) < _LEAST_NAMED


def _require_known_rules(keys: Keys, destination: Destination[Any] | None) -> None:
    """What is about another rule would come here only to fail."""
    rules = destination.remedy.rules if destination and destination.remedy else ()
    for pattern in _patterns("RULES", keys) if rules else ():
        if not any(glob(fold(pattern)).matches(fold(rule)) for rule in rules):
            kind = keys.values["DESTINATION"].text.strip().lower()
            said = f"{quoted(pattern)} is none of the rules that {kind} is about, so all it would do is fail"
            keys.refuse("RULES", f"{said}. Choose from {listed(rules)}.")
            return


def _patterns(key: str, keys: Keys) -> Sequence[str]:
    """None where the key is not given, or wrong, which is said where filters are read."""
    value = keys.values.get(key)
    if value is None or key in keys.broken:
        return ()
    try:
        return items(value.text, from_file=value.from_file)
    except ValueError:
        return ()


_EXAMPLES = {"ENVIRONMENTS": "ENVIRONMENTS=444123456780", "RULES": "RULES=AR-251,AR-252"}


def _refuse_together(keys: Keys) -> None:
    for key, why in _NOT_WITH.items():
        if key in keys.values and key not in keys.broken:
            keys.refuse(key, f"not with APPROVAL or REMEDIATION: {why}. Leave it out.")


_NOT_WITH = {
    "GROUP_BY": "each alert is decided and acted upon by itself",
    "FALLBACK": "what nobody approved or what failed must not be done elsewhere instead",
    "FALLBACK_ONLY": "it must take by its own filter alone",
}
