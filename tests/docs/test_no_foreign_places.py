from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_OURS = {"__pycache__", "build", "dist", "data", "node_modules", "secrets"}

# Written apart, so that this file does not find itself.
_HOSTS = ("py" + "pi", "python" + "hosted", "deb." + "debian", "registry." + "npmjs")
_PLACES = ("../" + "shared", "/" + "work/")
FOREIGN = re.compile(rf"https?://[^\s\"'<>]*(?:{'|'.join(map(re.escape, _HOSTS))})|{'|'.join(map(re.escape, _PLACES))}")


def files() -> Iterator[Path]:
    """Everything of the project: not what tools and programs leave behind."""
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if name not in NOT_OURS and (not name.startswith(".") or name == ".ci")]
        yield from (Path(folder, name) for name in names)


def test_no_file_names_a_registry_or_a_place_outside_the_project() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []
