"""What the pipeline needs from outside. The wiring chooses who fills each port."""

from __future__ import annotations

from gateway.ports.failures import StoreUnavailable, UnknownCursor
from gateway.ports.guards import Guards
from gateway.ports.shared import Shared
from gateway.ports.store import Store
from gateway.ports.surroundings import Clock, Dice, Observer, Transport

__all__ = [
    "Clock",
    "Dice",
    "Guards",
    "Observer",
    "Shared",
    "Store",
    "StoreUnavailable",
    "Transport",
    "UnknownCursor",
]
