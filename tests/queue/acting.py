"""Work of a route that acts on resources, begun and ended as a route does."""

from __future__ import annotations

from typing import Any

from gateway.domain.remediation import Work
from gateway.ports import Store
from tests.queue.store_world import SECOND_US

LEASE_US = 60 * SECOND_US


def work(delivery: str = "d-1.fix", *locks: str, **more: Any) -> Work:
    values: dict[str, Any] = {
        "delivery": delivery,
        "alert": "d-1",
        "route": "fix",
        "kind": "s3-public-acl",
        "key": "optix-1",
        "environment": "123456789012",
        "rule": "AR-251",
        "locks": locks or ("bucket",),
        "plan": "close the bucket",
        "dry_run": False,
        "agreed": "ann",
        "hourly": 3,
        "lease_us": LEASE_US,
    }
    return Work(**values | more)


async def begin(store: Store, *args: Any, **more: Any) -> int:
    begun = await store.begin_work(work(*args, **more))
    assert begun.id is not None
    return begun.id


async def end(store: Store, id_: int, delivery: str = "d-1.fix", outcome: str = "ok") -> None:
    await store.end_work(id_, delivery, outcome, "1 changed")
