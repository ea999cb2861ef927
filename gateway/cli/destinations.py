from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from gateway.cli.configuration import AsJson
from gateway.cli.output import as_json, fail, line, table
from gateway.destinations import Destination, kinds, load
from gateway.domain.alert import JSON


def destinations(
    name: Annotated[str | None, typer.Argument(help="One kind: its settings, defaults, limits and an example.")] = None,
    *,
    json_: AsJson = False,
) -> None:
    """List the kinds of destination, or describe one."""
    if name is None:
        found = [(kind, load(kind).summary) for kind in kinds()]
        if json_:
            as_json([{"kind": kind, "summary": summary} for kind, summary in found])
        else:
            table(("kind", "what it is"), found)
        return
    if name not in kinds():
        raise fail(f"There is no destination {name!r}.", f"Known are {', '.join(kinds())}.")
    destination = load(name)
    if json_:
        as_json(_document(name, destination))
    else:
        _print(name, destination)


def _document(name: str, destination: Destination[Any]) -> dict[str, JSON]:
    return {
        "kind": name,
        "summary": destination.summary,
        "settings": [_setting(field, info) for field, info in destination.settings.model_fields.items()],
        "limits": dict(destination.limits),
        "backlog": destination.backlog,
        "concurrency": destination.concurrency,
        "rate_limit_per_s": destination.pace.per_s if destination.pace else None,
        "example": destination.example,
    }


def _setting(field: str, info: FieldInfo) -> dict[str, JSON]:
    default = None if info.is_required() else info.get_default(call_default_factory=False)
    return {
        "key": (info.alias or field).upper(),
        "required": info.is_required(),
        "default": None if default is None or isinstance(default, SecretStr) else str(default),
        "meaning": info.description or "",
    }


def _print(name: str, destination: Destination[Any]) -> None:
    line(f"{name}: {destination.summary}\n")
    rows = [_setting(field, info) for field, info in destination.settings.model_fields.items()]
    table(
        ("key", "default", "meaning"),
        [(str(r["key"]), "(required)" if r["required"] else str(r["default"] or ""), str(r["meaning"])) for r in rows],
    )
    line("\nEvery key may be given as KEY_FILE, a path whose content is the value.\n")
    if destination.limits:
        table(("limit", ""), [(key, value) for key, value in destination.limits.items()])
    pace = f"{destination.pace.per_s:g} a second, {destination.pace.burst} at once" if destination.pace else "no limit"
    line(f"pace: {pace}; at most {destination.concurrency} at a time; after an outage: {destination.backlog}\n")
    line(destination.example.strip())
