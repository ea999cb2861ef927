"""Values of the gateway as JSON: `received_us` becomes `received_at`, and `held_until_us` `held_until`, in ISO 8601 and
UTC; 0 (never) and None become null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime

from gateway.domain.alert import JSON
from gateway.domain.change_wording import words
from gateway.domain.query import AttemptRow, IncidentDetail, Job, Page, Selection
from gateway.domain.telling import Decision
from gateway.pipeline.explain import Explanation
from gateway.pipeline.operations import AlertDetail

_US = "_us"


def iso(us: int) -> str:
    moment = datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rendered(value: object) -> JSON:
    """Anything of ours, all the way down. Bytes are read as UTF-8; what is not comes out as replacement characters."""
    if isinstance(value, AttemptRow):
        return {"number": value.number, **fields_of(value.detail)}
    if isinstance(value, Job):
        return job(value)
    if isinstance(value, Mapping) or is_dataclass(value):
        return fields_of(value)
    if isinstance(value, list | tuple):
        return [rendered(item) for item in value]
    return _scalar(value)


def fields_of(value: object) -> dict[str, JSON]:
    """A dataclass or a mapping as a JSON object."""
    if isinstance(value, Mapping):
        return _object(value)
    assert is_dataclass(value)  # noqa: S101 - nothing else is handed in
    return _object({field.name: getattr(value, field.name) for field in fields(value)})


def _object(value: Mapping[str, object]) -> dict[str, JSON]:
    content: dict[str, JSON] = {}
    for name, part in value.items():
        if name.endswith(_US) and (part is None or isinstance(part, int)):
            content[_time_name(name.removesuffix(_US))] = iso(part) if part else None
        else:
            content[str(name)] = rendered(part)
    return content


def _time_name(name: str) -> str:
    return name if name == "at" or name.endswith(("since", "until", "_at")) else f"{name}_at"


def _scalar(value: object) -> JSON:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return str(value)
        case bytes():
            return value.decode("utf-8", "replace")
        case datetime():
            return value.isoformat()
        case _:
            return str(value)


def page(name: str, found: Page) -> dict[str, JSON]:
    """`{name: [...], "next": cursor}`; `next` is null on the last page."""
    rows = {"alerts": found.alerts, "deliveries": found.deliveries, "incidents": found.incidents}[name]
    return {name: rendered(rows), "next": found.next or None}


def alert(found: AlertDetail) -> dict[str, JSON]:
    """The row, and beside it whatever else is known. `change` has its reasons and its words only: what is listed may be
    long, and is in the bodies.
    """
    change = found.change
    return {
        **fields_of(found.alert),
        "body": rendered(found.body),
        "deliveries": rendered(found.deliveries),
        "decisions": decisions(found.decisions),
        "change": None if change is None else {"reasons": rendered(change.reasons), "words": words(change)},
        "accounts": rendered(found.accounts),
        "verdicts": rendered(found.verdicts),
        "running_revision": found.running_revision,
    }


def explanation(found: Explanation) -> dict[str, JSON]:
    return {**fields_of(found), "decisions": decisions(found.decisions)}


def decisions(made: Sequence[Decision]) -> list[JSON]:
    return [{"route": one.route, "word": one.word.value, "reason": one.reason} for one in made]


def incident(found: IncidentDetail) -> dict[str, JSON]:
    content = fields_of(found)
    content.pop("incident")
    return {**fields_of(found.incident), **content}


def job(value: Job) -> dict[str, JSON]:
    content = _object({f.name: getattr(value, f.name) for f in fields(value) if f.name != "selection"})
    return {**content, "filter": selection(value.selection)}


def selection(value: Selection) -> dict[str, JSON]:
    """What is set of it, in the words of the API's parameters."""
    words: dict[str, JSON] = {
        "ids": list(value.ids),
        "state": [str(state) for state in value.states],
        "route": list(value.routes),
        "alert": value.alert,
        "environment": value.environment,
        "severity": value.severity,
        "type": value.alert_type,
        "rule": value.rule,
        "since": None if value.since_us is None else iso(value.since_us),
        "until": None if value.until_us is None else iso(value.until_us),
    }
    return {name: word for name, word in words.items() if word}
