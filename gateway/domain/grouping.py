"""Which alerts of a route wait for one another, and until when: GROUP_BY, GROUP_WAIT, GROUP_INTERVAL, GROUP_MAX and
GROUP_BYPASS. What a group says is in `digest`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from types import MappingProxyType

from gateway.domain.alert import Alert
from gateway.domain.pattern import fold, fold_type
from gateway.domain.severity import Severity, at_least
from gateway.domain.text import code_points, cut, one_line

GROUPING_KEYS = ("GROUP_BY", "GROUP_WAIT", "GROUP_INTERVAL", "GROUP_MAX", "GROUP_BYPASS")

MOST_MEMBERS, MOST_BYTES = 500, 8 * 1024 * 1024
"""What goes with the first in one message, and the bodies of all in it: they are read, parsed and worded together."""

_SECOND_US = 1_000_000
_BYPASSED = tuple(severity.value for severity in Severity if severity is not Severity.UNKNOWN)
_SHOWN = 60


def first_resource(alert: Alert) -> str:
    """The resource that an alert is grouped by: of its open ones (of all, when none is open) the first in sorted order.

    An alert is told once, so it belongs to one group however many resources it has. The whole set would make a group
    of nearly every alert, and a new one with each resource that comes or goes. The first one brings the four rules that
    fire on one bucket together, and changes only when that very resource does. The text as sent; "" for none.
    """
    found = [resource for resource in alert.resources if resource.is_open] or alert.resources
    return min((resource.info for resource in found), key=fold, default="")


_READ: Mapping[str, Callable[[Alert], str]] = MappingProxyType(
    {
        "source": lambda alert: fold(alert.source),
        "environment": lambda alert: fold(alert.environment),
        "resource": lambda alert: fold(first_resource(alert)),
        "rule": lambda alert: fold(alert.rule),
        "type": lambda alert: fold_type(alert.alert_type),
        "severity": lambda alert: alert.severity.value,
    }
)
GROUP_FIELDS: tuple[str, ...] = tuple(_READ)


@dataclass(frozen=True, slots=True)
class Grouping:
    """`by`: fields that the members of a group have in common, in the order of GROUP_FIELDS, never empty.

    `wait_us`: how long a group's first member waits for others. `interval_us`: no group is told twice within it.
    `most`: members that fill a group. `bypass`: alerts of this severity and above go at once and alone; None for none.
    """

    by: tuple[str, ...]
    wait_us: int = 30 * _SECOND_US
    interval_us: int = 300 * _SECOND_US
    most: int = 100
    bypass: Severity | None = Severity.CRITICAL


def parse_by(items: Sequence[str]) -> tuple[str, ...]:
    """The fields of GROUP_BY in a fixed order: another order in the file is no other grouping. ValueError says what is
    wrong.
    """
    words = [item.strip().lower() for item in items]
    if not words:
        raise ValueError(f"no field is given. Write one or several of {', '.join(GROUP_FIELDS)}, or leave the key out.")
    for item, word in zip(items, words, strict=True):
        if word not in GROUP_FIELDS:
            raise ValueError(_unknown(item, "a field that alerts are grouped by", GROUP_FIELDS))
    return tuple(field for field in GROUP_FIELDS if field in words)


def parse_bypass(text: str) -> Severity | None:
    """The severity of GROUP_BYPASS; None for `off`. ValueError says what is wrong."""
    word = text.strip().lower()
    if word == "off":
        return None
    if word not in _BYPASSED:
        raise ValueError(_unknown(text, "a severity", (*_BYPASSED, "off")))
    return Severity(word)


def _unknown(text: str, noun: str, known: Sequence[str]) -> str:
    shown = "the URL given" if "://" in text else f'"{cut(one_line(text), _SHOWN, code_points)}"'
    near = get_close_matches(text.strip().lower(), known, n=1, cutoff=0.5)
    meant = f'; did you mean "{near[0]}"?' if near else "."
    return f"{shown} is not {noun}{meant} One of {', '.join(known)}."


_SHORT_AND_TAME = re.compile(r"[a-z0-9][a-z0-9 ._:/@-]{0,62}[a-z0-9]|[a-z0-9]?")


def group_keys(grouping: Grouping, alert: Alert) -> tuple[str, ...]:
    """One short text for each field of GROUP_BY: `environment=444`, `rule=ar-251`. Together they name the group.

    Compared as filters compare, without case. A value that is long or has unusual characters stands as `~` and the
    first 32 hex digits of its SHA-256; none is longer than 76 characters. An alert without the field is grouped with
    the others that have none.
    """
    return tuple(f"{field}={_tamed(_READ[field](alert))}" for field in grouping.by)


def group_key(grouping: Grouping, alert: Alert) -> str:
    """The name of the alert's one group on a route: `environment=444|rule=ar-251`. For the store to compare."""
    return "|".join(group_keys(grouping, alert))


def _tamed(value: str) -> str:
    if _SHORT_AND_TAME.fullmatch(value):
        return value
    return "~" + sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def bypasses(grouping: Grouping, alert: Alert) -> bool:
    """Whether the alert goes at once and alone.

    An alert of unknown severity does not: waiting loses nothing, and a feed without scores would never be grouped.
    A closed one does if its severity says so: what was opened alone has to be closed alone.
    """
    if grouping.bypass is None or alert.severity is Severity.UNKNOWN:
        return False
    return at_least(alert.severity, grouping.bypass)


def flush_at_us(grouping: Grouping, first_us: int, last_flush_us: int | None, count: int) -> int:
    """When a waiting group goes out, in microseconds since the epoch.

    `first_us`: when its oldest waiting member came. `last_flush_us`: when the group was last told; None for never.
    `count`: members waiting. A full group is due since its first member came. While the clock runs on, no group waits
    longer than the longer of WAIT and INTERVAL from now: whoever sleeps until then bounds the sleep by that.
    """
    if count >= grouping.most:
        return first_us
    waited_us = first_us + grouping.wait_us
    return waited_us if last_flush_us is None else max(waited_us, last_flush_us + grouping.interval_us)
