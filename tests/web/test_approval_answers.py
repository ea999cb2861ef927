"""What whoever could not decide is told."""

from __future__ import annotations

import pytest

from gateway.domain.approval import ApprovalRow, Verdict
from gateway.pipeline.approvals import Request
from gateway.pipeline.plan import Plan
from gateway.web.approvals import why_not

ROW = ApprovalRow("d-1.fix", "d-1", "fix", "k", "444123456780", "AR-251", "high", "A bucket", 1, 2, Verdict.WAITING)
PLAN = Plan("close the bucket", ("close the bucket",), "0123456789ab", "")


@pytest.mark.parametrize("shown_id", ["", PLAN.id])
def test_what_is_not_parked_yet_is_not_called_another_plan(shown_id: str) -> None:
    said, hint = why_not(Request(ROW, PLAN), shown_id)
    assert (said, "try again" in hint) == ("it is asked for, and not parked yet", True)


def test_another_plan_is_named_with_what_would_be_done() -> None:
    said, hint = why_not(Request(ROW, PLAN), "another")
    assert PLAN.text in said
    assert hint.endswith(f"approve the plan {PLAN.id}")
