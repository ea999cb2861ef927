from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from gateway.pipeline.configured import ConfiguredRoute

_DIGITS = 12


def revision_of(routes: Iterable[ConfiguredRoute]) -> str:
    """12 hex digits over what decides about an alert. Secrets do not take part: their masks do."""
    digest = sha256()
    for route in routes:
        settings = route.settings.model_dump_json()
        said = (route.name, route.kind, route.filter.describe(), repr(route.policy), settings)
        digest.update("\x00".join(said).encode("utf-8", "surrogatepass") + b"\x01")
    return digest.hexdigest()[:_DIGITS]
