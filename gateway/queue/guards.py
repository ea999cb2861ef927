"""The part of the store that is about people's approval and about what was changed out there."""

from __future__ import annotations

from functools import partial

from gateway.domain.approval import ApprovalRow, DecisionRow, Ruling
from gateway.domain.remediation import Begun, RemediationRow, Step, Work
from gateway.queue import approvals, remediations
from gateway.queue.running import Reading, Writing

_NO_ID = 2**62


class TableGuards:
    """Fills that part of `ports.Store`."""

    _writer: Writing
    _lookups: Reading

    async def ask_approval(self, delivery_id: str, expires_us: int, plan_id: str) -> ApprovalRow | None:
        return await self._writer.write(approvals.ask, approvals.Request(delivery_id, expires_us, plan_id))

    async def rule(self, ruling: Ruling) -> tuple[str, ...]:
        return await self._writer.write(approvals.rule, ruling)

    async def expire_approvals(self) -> tuple[str, ...]:
        if overdue := await self._lookups.read(approvals.overdue):
            return await self._writer.write(approvals.expire, overdue)
        return ()

    async def approvals(
        self, *, key: str = "", decided: bool = False, limit: int = 500, after: ApprovalRow | None = None
    ) -> tuple[ApprovalRow, ...]:
        asked = partial(approvals.listed, key=key, decided=decided, limit=limit, after=after)
        return await self._lookups.read(asked)

    async def approval(self, delivery_id: str) -> ApprovalRow | None:
        return await self._lookups.read(partial(approvals.one, delivery_id=delivery_id))

    async def decisions(self, delivery_id: str) -> tuple[DecisionRow, ...]:
        return await self._lookups.read(partial(approvals.decisions, delivery_id=delivery_id))

    async def begin_work(self, work: Work) -> Begun:
        return await self._writer.write(remediations.begin, work)

    async def put_step(self, work_id: int, step: Step) -> None:
        await self._writer.write(remediations.put_step, (work_id, step))

    async def end_work(self, work_id: int | None, holder: str, outcome: str = "", result: str = "") -> None:
        await self._writer.write(remediations.end, remediations.Ending(work_id, holder, outcome, result))

    async def lock(self, names: tuple[str, ...], holder: str, lease_us: int) -> str:
        return await self._writer.write(remediations.lock, remediations.Locking(names, holder, lease_us))

    async def put_undone(self, work_id: int, resource: str, who: str) -> None:
        await self._writer.write(remediations.put_undone, (work_id, resource, who))

    async def remediations(self, *, limit: int, before: int = _NO_ID) -> tuple[RemediationRow, ...]:
        return await self._lookups.read(partial(remediations.listed, limit=limit, before=before))

    async def remediation(self, work_id: int) -> RemediationRow | None:
        return await self._lookups.read(partial(remediations.one, id_=work_id))

    async def purge_remediations(self, before_us: int) -> int:
        return await self._writer.write(remediations.purge, before_us)
