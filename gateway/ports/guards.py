"""The store, as far as it guards what changes things: approvals and remediations."""

from __future__ import annotations

from typing import Protocol

from gateway.domain.approval import ApprovalRow, DecisionRow, Ruling
from gateway.domain.remediation import Begun, RemediationRow, Step, Work


class Guards(Protocol):
    """The part of the store that is about people's approval and about what was changed out there."""

    async def ask_approval(self, delivery_id: str, expires_us: int, plan_id: str) -> ApprovalRow | None:
        """How it stands with a delivery that needs a person's approval. Where nobody is asked (any more), or what was
        approved is another plan, one is from now on. None when there is no such delivery.
        """

    async def rule(self, ruling: Ruling) -> tuple[str, ...]:
        """Approved deliveries become pending, rejected ones cancelled; the ids that changed. Only what is parked and
        waits for approval, and whose time is not over, can be decided: a second ruling changes nothing.
        """

    async def expire_approvals(self) -> tuple[str, ...]:
        """Cancel what nobody approved in time, so that what comes next is measured from what was told; the ids."""

    async def approvals(
        self, *, key: str = "", decided: bool = False, limit: int = 500, after: ApprovalRow | None = None
    ) -> tuple[ApprovalRow, ...]:
        """Requests that wait, those first that expire first; with `decided` all of them, the youngest first. `key`: of
        this incident only. `after`: the last one of the page before, of all that wait.
        """

    async def approval(self, delivery_id: str) -> ApprovalRow | None: ...

    async def decisions(self, delivery_id: str) -> tuple[DecisionRow, ...]:
        """Whatever was decided of a delivery, the oldest first, also before it was asked for again."""

    async def begin_work(self, work: Work) -> Begun:
        """Take the locks, and write down what is asked for before it is done. Work of the same run of attempts, with
        the same plan approved by the same person, that has no final end goes on under its id, and counts once for the
        hour.
        """

    async def put_step(self, work_id: int, step: Step) -> None:
        """What becomes of one resource; its `before` is on disk before it is replaced. A step whose `before` is None
        keeps that of an earlier one of the same resource.
        """

    async def end_work(self, work_id: int | None, holder: str, outcome: str = "", result: str = "") -> None:
        """Give back the holder's locks, and write the end of a work."""

    async def lock(self, names: tuple[str, ...], holder: str, lease_us: int) -> str:
        """All of the names or none; who has one of them already, be it another of that name, "" when they are the
        holder's now.
        """

    async def put_undone(self, work_id: int, resource: str, who: str) -> None: ...

    async def remediations(self, *, limit: int, before: int = 2**62) -> tuple[RemediationRow, ...]:
        """With ids below `before`, the youngest first."""

    async def remediation(self, work_id: int) -> RemediationRow | None: ...

    async def purge_remediations(self, before_us: int) -> int:
        """Forget what was asked for before then, in slices; how many went."""
