"""How the routes that a delivery stands in for are written in its row: `soc@900000000@1700000900000000`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.domain.delivery import Primary


class Wait(NamedTuple):
    """For one route: it is late so long after its own time, which is at that time. In microseconds."""

    route: str
    late_us: int
    at_us: int


def waits_for(primaries: Sequence[Primary], due_us: Mapping[str, int], earlier_us: int) -> tuple[Wait, ...]:
    """`due_us`: of these routes. `earlier_us`: by how much all are earlier, for an older state that waited before."""
    return tuple(Wait(route, late_us, due_us[route] + late_us - earlier_us) for route, late_us in primaries)


def written(waits: Iterable[Wait]) -> str:
    return ",".join(f"{route}@{late_us}@{at_us}" for route, late_us, at_us in waits)


def waits_of(text: str) -> tuple[Wait, ...]:
    found = (item.split("@") for item in text.split(",") if item)
    return tuple(Wait(route, int(late_us), int(at_us)) for route, late_us, at_us in found)


def names_of(text: str) -> list[str]:
    return [wait.route for wait in waits_of(text)]
