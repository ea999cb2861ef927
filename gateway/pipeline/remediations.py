"""What was changed out there: to be looked at, and to be put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from gateway.domain.remediation import RemediationRow, Step, StepWord, locks_on
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.remedy import Remediator, can_be_undone
from gateway.ports import Clock, Store, Transport

_WITHIN_S = 240.0
_LEASE_US = 300_000_000
"""Longer than undoing may take."""


class CannotUndo(Exception):
    """Why, in a sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class Undone:
    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        return all(step.word is StepWord.CHANGED for step in self.steps)


class Remediations:
    def __init__(self, routes: Sequence[ConfiguredRoute], store: Store, transport: Transport, clock: Clock) -> None:
        self._routes: Mapping[str, ConfiguredRoute] = {route.name: route for route in routes}
        self._store, self._remediator = store, Remediator(store, transport, clock)

    async def latest(self, *, limit: int, before: int) -> tuple[RemediationRow, ...]:
        return await self._store.remediations(limit=limit, before=before)

    async def one(self, work_id: int) -> RemediationRow | None:
        return await self._store.remediation(work_id)

    async def undo(self, work_id: int, *, who: str, force: bool) -> Undone | None:
        """None: there is no such remediation. Raises CannotUndo."""
        row = await self._store.remediation(work_id)
        if row is None:
            return None
        route = self._routes.get(row.route)
        if route is None or route.destination.remedy is None or route.kind != row.kind:
            raise CannotUndo(f'the route "{row.route}" that did it does not exist any more, or cannot undo')
        open_steps = [step for step in row.steps if can_be_undone(step)]
        if not open_steps:
            raise CannotUndo("there is nothing to put back: it changed nothing, or was undone already")
        holder = f"undo of {work_id}"
        names = locks_on(row.environment, [step.resource for step in open_steps])
        if busy := await self._store.lock(names, holder, _LEASE_US):
            raise CannotUndo(f"something else acts on the same resource ({busy}); try again")
        try:
            steps = await self._remediator.undo(route, row, who, force=force, within_s=_WITHIN_S)
        finally:
            await self._store.end_work(None, holder)
        structlog.get_logger().warning(
            "remediation.undone", remediation=work_id, who=who, steps=[f"{s.resource}: {s.word}" for s in steps]
        )
        return Undone(steps)
