"""Prints the part of requirements-dev.lock that the program needs with the extras named: what an image is built from.

    python config/image_requirements.py aws,kafka >requirements.txt

Pins and hashes are the tested ones. The lock says below each package what asks for it; with --require-hashes, pip
refuses a list that lacks one.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_ENTRY = re.compile(r"^([a-z0-9._-]+)==.*\n(?:[ ].*\n)*", re.MULTILINE)
_ASKED_BY = re.compile(r"#(?: via|  ) +([a-z0-9._-]+)")


def chosen(folder: Path, extras: list[str]) -> str:
    """Raises SystemExit naming what is no extra."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    offered = {name: needs for name, needs in project["optional-dependencies"].items() if name != "dev"}
    if unknown := sorted(set(extras) - offered.keys()):
        raise SystemExit(f"EXTRAS: there is no extra {', '.join(unknown)}. There are: {', '.join(sorted(offered))}.")
    asked = [*project["dependencies"], *(need for extra in extras for need in offered[extra])]
    names = {_canonical(match[0]) for need in asked if (match := _NAME.match(need))}
    entries = {entry[1]: entry[0] for entry in _ENTRY.finditer((folder / "requirements-dev.lock").read_text())}
    asked_by = {name: set(_ASKED_BY.findall(entry)) for name, entry in entries.items()}
    while more := {name for name, askers in asked_by.items() if askers & names} - names:
        names |= more
    return "".join(entry for name, entry in entries.items() if name in names)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    wanted = [extra for extra in re.split(r"[\s,]+", " ".join(sys.argv[1:])) if extra]
    sys.stdout.write(chosen(Path(__file__).parents[1], wanted))
