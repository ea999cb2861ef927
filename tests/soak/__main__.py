"""`python -m tests.soak`: kill the gateway under load until nobody can doubt that what it took is safe."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.load.disk import real_disk
from tests.postgres_server import own_server
from tests.soak.engine import Plan, Report, Soak
from tests.soak.replicas import ReplicaSoak


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=25, help="at least so many (25)")
    parser.add_argument("--acknowledged", type=int, default=50_000, help="at least so many (50000)")
    parser.add_argument("--only", choices=("one", "replicas"), help="one gateway on SQLite, or three on PostgreSQL")
    parser.add_argument("--seed", type=int, help="of an earlier run")
    chosen = parser.parse_args()
    seed = random.randrange(1_000_000) if chosen.seed is None else chosen.seed
    plan = Plan(seed=seed, kills=chosen.kills, acknowledged=chosen.acknowledged, drain_within_s=300)
    _tell(f"seed {seed}")
    reports = [run(plan) for name, run in (("one", _one), ("replicas", _replicas)) if chosen.only in (None, name)]
    for report in reports:
        sys.stdout.write("\n".join([*report.problems(), report.line()]) + "\n")
    return 1 if any(report.problems() for report in reports) else 0


def _one(plan: Plan) -> Report:
    with tempfile.TemporaryDirectory(prefix="optix-gateway-soak-", dir=real_disk()) as folder:
        return asyncio.run(Soak(plan, Path(folder), _tell).run())


def _replicas(plan: Plan) -> Report:
    with own_server() as server, tempfile.TemporaryDirectory(prefix="optix-gateway-soak-") as folder:
        return asyncio.run(ReplicaSoak(plan, Path(folder), server, _tell).run())


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
