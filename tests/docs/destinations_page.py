"""Writes docs/destinations.md from what the destinations say of themselves: `make docs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.cli.destinations import document
from gateway.destinations import kinds
from gateway.settings.kinds import kind_of

PAGE = Path(__file__).parents[2] / "docs" / "destinations.md"
_HEAD = """# Destinations

Made by `make docs` from the destinations themselves, as `optix-gateway destinations NAME` prints them. Beside its own
keys a route to any of them has the keys of every route: filter, policy, and what is told ([README](../README.md),
[telling.md](telling.md)). Every key may be given as `<KEY>_FILE`, the path of a file that holds the value.
"""


def page() -> str:
    found: list[dict[str, Any]] = [document(kind_of(name)) for name in kinds()]
    rows = "\n".join(f"| [`{kind['kind']}`](#{kind['kind']}) | {_cell(kind['summary'])} |" for kind in found)
    return f"{_HEAD}\n| kind | for |\n|---|---|\n{rows}\n\n" + "\n".join(map(section, found))


def section(kind: dict[str, Any]) -> str:
    settings = "\n".join(map(_setting, kind["settings"]))
    policy = ", ".join(f"`{key}={value}`" for key, value in kind["policy"].items())
    limits = "\n".join(f"- {name}: {figure}" for name, figure in kind["limits"].items())
    parts = [
        f"## {kind['kind']}\n\n{kind['summary']}.",
        f"| key | default | meaning |\n|---|---|---|\n{settings}",
        f"Usual policy: {policy}.",
        f"Limits:\n\n{limits}" if limits else "",
        f"```env\n{kind['example'].strip()}\n```",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _setting(setting: dict[str, Any]) -> str:
    default = "required" if setting["required"] else f"`{setting['default']}`" if setting["default"] else ""
    choices = f" ({', '.join(f'`{choice}`' for choice in setting['choices'])})" if setting["choices"] else ""
    meaning = f"{_cell(setting['meaning'])}{choices}{' (secret)' if setting['secret'] else ''}"
    return f"| `{setting['key']}` | {_cell(default)} | {meaning} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "\\<")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
