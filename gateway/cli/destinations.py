from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from gateway.cli.configuration import AsJson
from gateway.cli.output import as_json, heading, line, table, unknown
from gateway.cli.words import rate_as_written
from gateway.domain.alert import JSON
from gateway.domain.filter import FILTER_KEYS
from gateway.domain.notify import written

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from gateway.destinations import Destination
    from gateway.settings.kinds import Kind


def destinations(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One kind: its settings, defaults, limits and an example.")
    ] = None,
    *,
    json_: AsJson = False,
) -> None:
    """List the kinds of destination, or describe one."""
    from gateway.destinations import kinds  # noqa: PLC0415 - `--help` needs none of it

    if name is None:
        _list(kinds(), json_=json_)
        return
    if name.lower() not in kinds():
        raise unknown("destination", name, kinds())
    _describe(name.lower(), json_=json_)


def _list(names: tuple[str, ...], *, json_: bool) -> None:
    from gateway.destinations import load  # noqa: PLC0415

    found = [(name, load(name).summary) for name in names]
    if json_:
        as_json([{"kind": name, "summary": summary} for name, summary in found])
    else:
        table(("kind", "what it is"), found)


def _describe(name: str, *, json_: bool) -> None:
    from gateway.settings.kinds import kind_of  # noqa: PLC0415

    kind = kind_of(name)
    if json_:
        as_json(document(kind))
    else:
        _print(kind)


def _print(kind: Kind) -> None:
    from gateway.settings.telling import TELLING_KEYS  # noqa: PLC0415

    destination = kind.destination
    heading(f"{kind.name}: {destination.summary}\n")
    rows = [(str(s["key"]), _default(s), _meaning(s)) for s in _settings(kind)]
    rows += [(key, value, "as for every route") for key, value in _policy(destination).items()]
    table(("key", "default", "meaning"), rows)
    line("\nEvery key may be given as <KEY>_FILE, the path of a file with the value.")
    line(f"Filter, as for every route: {', '.join(key for key in FILTER_KEYS if not key.startswith('NOT_'))}, NOT_….")
    line(f"What is told and when, as for every route: {', '.join(TELLING_KEYS)}.\n")
    if destination.limits:
        table(("limit", ""), list(destination.limits.items()))
    heading("\nAn example, config/routes/<name>.env:\n")
    line(destination.example.strip())


def document(kind: Kind) -> dict[str, JSON]:
    """All that is to be said of a kind, for programs and for the page of the documentation."""
    destination = kind.destination
    return {
        "kind": kind.name,
        "summary": destination.summary,
        "settings": list(_settings(kind)),
        "policy": dict(_policy(destination)),
        "limits": dict(destination.limits),
        "example": destination.example,
    }


def _policy(destination: Destination[Any]) -> dict[str, str]:
    """What a route to it has unless it says otherwise, in the form that route files take."""
    from gateway.settings.telling import usual_notify  # noqa: PLC0415

    return {
        "CONCURRENCY": str(destination.concurrency),
        "RATE_LIMIT": rate_as_written(destination.pace),
        "BACKLOG": destination.backlog,
        "NOTIFY": written(usual_notify(destination, destination.backlog)),
    }


def _settings(kind: Kind) -> list[dict[str, JSON]]:
    fields = kind.destination.settings.model_fields
    return [_setting(kind, (info.alias or name).upper(), info) for name, info in fields.items()]


def _setting(kind: Kind, key: str, info: FieldInfo) -> dict[str, JSON]:
    choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
    default = None if info.is_required() or key in kind.secrets else _as_written(info.default)
    return {
        "key": key,
        "required": info.is_required(),
        "secret": key in kind.secrets,
        "default": default,
        "choices": list(choices),
        "meaning": info.description or "",
    }


def _default(setting: dict[str, JSON]) -> str:
    return "(required)" if setting["required"] else str(setting["default"] or "")


def _meaning(setting: dict[str, JSON]) -> str:
    choices = setting["choices"]
    listed = f"({', '.join(map(str, choices))})" if isinstance(choices, list) and choices else ""
    return " ".join(filter(None, (str(setting["meaning"]), listed, "(secret)" if setting["secret"] else "")))


def _as_written(value: object) -> str | None:
    """A default as an operator would write it; pairs are ranges."""
    match value:
        case None | "":
            return None
        case bool():
            return str(value).lower()
        case tuple() if value and all(isinstance(item, tuple) for item in value):
            return ", ".join("-".join(map(str, item)) for item in value)
        case tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)
