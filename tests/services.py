"""Tests against real programs: where one is missing, a run says so and goes on, unless it is meant to be complete."""

from __future__ import annotations

import os

import pytest


def require(name: str, available: bool, how_to_get: str) -> None:  # noqa: FBT001 - reads well where it is called
    """Skip the test (or, at module level, all of its module) that needs `name`.

    With REQUIRE_SERVICES=1 in the environment a missing service fails instead, so that a complete run cannot pass with
    holes.
    """
    if available:
        return
    missing = f"{name} is not on this machine: {how_to_get}"
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing, allow_module_level=True)
