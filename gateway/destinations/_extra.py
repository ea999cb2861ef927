"""Libraries that only some destinations need."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TypeAlias

from gateway.destinations import DestinationSettings, FormatFault
from gateway.domain.alert import Alert

Samples: TypeAlias = tuple[tuple[Alert, bytes], ...]


def needs(library: str, extra: str) -> Callable[[DestinationSettings, Samples], None]:
    """A check at start, without importing it, that the library is installed."""

    def verify(_settings: DestinationSettings, _samples: Samples) -> None:
        if find_spec(library) is None:
            raise FormatFault(
                f"this kind of destination needs a package that is not installed: pip install 'optix-gateway[{extra}]'"
            )

    return verify
