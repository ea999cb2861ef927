"""Servers that are installed apart from our own environment, since they have needs of their own."""

from __future__ import annotations

import os
from pathlib import Path

from tests.services import require

_FOLDER = Path(os.environ.get("TEST_RECEIVERS") or Path(__file__).parents[2] / ".venv-receivers").absolute()


def program(receiver: str, name: str) -> str:
    """The path of a program of that receiver; skips the test where it is not installed."""
    found = _FOLDER / receiver / "bin" / name
    require(f"{name} of {receiver}", found.exists(), "make receivers, or set TEST_RECEIVERS to where it was made")
    return str(found)
