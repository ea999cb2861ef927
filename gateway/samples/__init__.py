"""One webhook body for each case that Cloud Optix sends: the demo's alerts, and what templates are tried on."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

DOCUMENTED = "policy-s3-public-read"


@cache
def load(name: str) -> bytes:
    """The body of one sample, exactly as a webhook would carry it. KeyError when there is none of that name."""
    path = files(__name__) / f"{name}.json"
    if name not in names():
        raise KeyError(name)
    return path.read_bytes()


@cache
def names() -> tuple[str, ...]:
    """All samples, sorted."""
    return tuple(sorted(f.name.removesuffix(".json") for f in files(__name__).iterdir() if f.name.endswith(".json")))
