"""Several alerts told as one. A digest is itself an `Alert`, so that every destination can word it: each member stands
where a resource stands in an ordinary alert, and so is listed, counted and cut with a true count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType

from gateway.domain.alert import JSON, Alert, Resource
from gateway.domain.grouping import Grouping, first_resource
from gateway.domain.optix import console_url
from gateway.domain.pattern import fold, fold_type
from gateway.domain.severity import Severity
from gateway.domain.text import code_points, cut, fit_list, is_visible, one_line
from gateway.domain.wording import counts, severity_word, summary

EVENT_TYPE = "DIGEST"
MOST_LISTED = 500
"""Members in `extra`; its `alert_count` is the true number."""

_SUMMARY, _NAME, _CHANGE, _ID, _LINK, _DETAIL = 200, 80, 120, 512, 2048, 400
_MOST_LABELS = 100

# An alert without a usable score counts as medium, as in `severity_map`, and stands after those that are.
_ORDER = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.UNKNOWN, Severity.LOW)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Member:
    """One delivery that waited. `change`: what is new since the route was last told of it ("1 new"); "" for nothing."""

    alert: Alert
    delivery_id: str
    change: str = ""


def digest_of(members: Sequence[Member], grouping: Grouping, group: str, *, beyond: int = 0) -> Alert:
    """One alert that stands for all of them. `members`: in the order they came, at least one. `group`: the `group_key`.
    `beyond`: so many more of the group had no room, and follow in messages of their own.

    Of several states of one incident the last one counts, with the changes of all. When that leaves one alert, it is
    the answer, itself. Otherwise `alert_id` and `key` are the group's, the same with every digest of it; severity and
    score are the worst member's; a field that not all members share is ""; `extra` is what `_listed` makes.
    It is closed when every member is. ValueError without members.
    """
    told = _worst_first(_latest(members))
    if len(told) == 1:
        return told[0].alert
    alerts = [member.alert for member in told]
    worst, newest = alerts[0], max(alerts, key=_seen)
    name = sha256(f"digest\0{group}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Alert(
        source=_shared(alerts, "source"),
        event_type=EVENT_TYPE,
        environment=_shared(alerts, "environment"),
        alert_id=f"digest-{name[:16]}",
        key=f"optix-{name}",
        severity=worst.severity,
        score=worst.score,
        summary=_summary(alerts, grouping),
        alert_type=_shared(alerts, "type"),
        provider=_shared(alerts, "provider"),
        rule=_shared(alerts, "rule"),
        details=_details(alerts, beyond),
        last_seen=newest.last_seen,
        seen_at=newest.seen_at,
        policy_labels=tuple(dict.fromkeys(label for alert in alerts for label in alert.policy_labels))[:_MOST_LABELS],
        resources=_resources(told),
        extra=_listed(told),
        opens=(worst.alert_id, worst.environment),
    )


def _latest(members: Sequence[Member]) -> Sequence[Member]:
    if not members:
        raise ValueError("a digest has at least one member")
    found: dict[str, Member] = {}
    changes: dict[str, dict[str, None]] = {}
    for member in members:
        found[member.alert.key] = member
        changes.setdefault(member.alert.key, {})[member.change] = None
    return [replace(member, change="; ".join(filter(None, changes[key]))) for key, member in found.items()]


def _worst_first(members: Sequence[Member]) -> Sequence[Member]:
    """What is closed last; then by severity and score; then the newest."""
    newest = sorted(members, key=lambda member: _seen(member.alert), reverse=True)
    return sorted(newest, key=lambda member: _badness(member.alert))


def _badness(alert: Alert) -> tuple[bool, int, float]:
    return (alert.is_closed, _ORDER.index(alert.severity), -(alert.score or 0))


def _seen(alert: Alert) -> datetime:
    return alert.seen_at or _NEVER


_FIELDS: Mapping[str, tuple[Callable[[Alert], str], Callable[[str], str]]] = MappingProxyType(
    {
        "type": (lambda alert: alert.alert_type, fold_type),
        "rule": (lambda alert: alert.rule, fold),
        "resource": (first_resource, fold),
        "environment": (lambda alert: alert.environment, fold),
        "provider": (lambda alert: alert.provider, fold),
        "source": (lambda alert: alert.source, fold),
    }
)
"""How a field is read, and what makes two values the same."""


def _values(alerts: Sequence[Alert], name: str) -> Counter[str]:
    """The field's values as first written -> how many alerts have each; an alert without one is left out."""
    read, folded = _FIELDS[name]
    written: dict[str, str] = {}
    keys = [written.setdefault(folded(value), value) for value in map(read, alerts) if is_visible(value)]
    return Counter(keys)


def _shared(alerts: Sequence[Alert], name: str) -> str:
    """The value that all of them have; "" when they differ: a program must not read "3 environments" as the name of
    one.
    """
    found = _values(alerts, name)
    return next(iter(found)) if len(found) == 1 and found.total() == len(alerts) else ""


_PLACES = (("type", "of type"), ("rule", "of rule"), ("resource", "on"), ("environment", "in"), ("source", "through"))


def _summary(alerts: Sequence[Alert], grouping: Grouping) -> str:
    """`14 alerts in 44412345678075: 2 critical, 5 high, 7 medium`: named by what GROUP_BY makes them share."""
    named = [f"{word} {_named(_shared(alerts, name))}" for name, word in _PLACES if _is_named(alerts, name, grouping)]
    environments = len(_values(alerts, "environment"))
    if "environment" not in grouping.by and environments > 1:
        named.append(f"in {environments} environments")
    return f"{' '.join([f'{len(alerts)} alerts', *named])}: {_tally(alerts)}"


def _is_named(alerts: Sequence[Alert], name: str, grouping: Grouping) -> bool:
    return name in grouping.by and bool(_shared(alerts, name))


def _named(text: str) -> str:
    return cut(one_line(text), _NAME, code_points)


def _tally(alerts: Sequence[Alert]) -> str:
    """True counts that add up to the number of alerts: what is closed counts as suppressed, whatever its severity."""
    found = Counter(alert.severity for alert in alerts if not alert.is_closed)
    words = [f"{found[s]} {s}" for s in _ORDER if found[s] and s is not Severity.UNKNOWN]
    words += [f"{found[Severity.UNKNOWN]} of unknown severity"] * bool(found[Severity.UNKNOWN])
    closed = len(alerts) - found.total()
    if closed == len(alerts):
        return "all suppressed"
    return ", ".join([*words, f"{closed} suppressed"] if closed else words)


def _details(alerts: Sequence[Alert], beyond: int) -> str:
    """What the members differ in, most frequent first, and how many resources they have in all: a few short lines."""
    lines = []
    for name in ("rule", "environment", "type"):
        found = _values(alerts, name)
        if len(found) > 1:
            listed = fit_list([f"{_named(value)} ({count})" for value, count in found.most_common()], _DETAIL)
            lines.append(f"{name.capitalize()}s: {listed}")
    opened, suppressed = sum(a.open_count for a in alerts), sum(a.suppressed_count for a in alerts)
    lines.append(f"Resources in all: {opened} open, {suppressed} suppressed")
    lines += [f"{beyond} more of this group had no room here and follow."] if beyond else []
    return "\n".join(lines)


def _resources(members: Sequence[Member]) -> tuple[Resource, ...]:
    """One for each member, open unless the member is closed."""
    scattered = not _shared([member.alert for member in members], "environment")
    return tuple(
        Resource(_line(member, scattered=scattered), "SUPPRESS" if member.alert.is_closed else "OPEN")
        for member in members
    )


def _line(member: Member, *, scattered: bool) -> str:
    """`High: A bucket is public (AR-251, 2 open, 1 new)`; with the environment where the members are `scattered`."""
    alert = member.alert
    where = alert.environment if scattered else ""
    change = cut(one_line(member.change), _CHANGE, code_points)
    about = ", ".join(part for part in (_named(alert.rule), _named(where), counts(alert), change) if part)
    said = f"{severity_word(alert.severity)}: {cut(summary(alert), _SUMMARY, code_points)}"
    return f"{said} ({about})" if about else said


def _listed(members: Sequence[Member]) -> Mapping[str, JSON]:
    """For programs: `alert_count`, and in `alerts` the members in the digest's order, MOST_LISTED of them at most."""
    return {"alert_count": len(members), "alerts": [_entry(member) for member in members[:MOST_LISTED]]}


def _entry(member: Member) -> JSON:
    """An id or a link that would have to be cut is wrong, and left out as ""; `key` always tells which alert it is."""
    alert = member.alert
    link = console_url(alert) if len(alert.alert_id) + len(alert.environment) <= _LINK else ""
    return {
        "key": alert.key,
        "alert_id": _whole(alert.alert_id, _ID),
        "severity": alert.severity.value,
        "score": alert.score,
        "source": alert.source,
        "environment": _whole(alert.environment, _ID),
        "alert_type": _whole(alert.alert_type, _ID),
        "rule": _whole(alert.rule, _ID),
        "summary": cut(summary(alert), _ID, code_points),
        "open_count": alert.open_count,
        "suppressed_count": alert.suppressed_count,
        "closed": alert.is_closed,
        "seen_at": _moment(alert.seen_at) if alert.seen_at else None,
        "console_url": _whole(link, _LINK),
        "change": cut(one_line(member.change), _CHANGE, code_points),
        "delivery_id": member.delivery_id,
    }


def _moment(seen_at: datetime) -> str:
    return seen_at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def _whole(text: str, limit: int) -> str:
    return text if len(text) <= limit else ""
