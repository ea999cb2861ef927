"""`python -m tests.soak`: kill the gateway under load until nobody can doubt that what it took is safe."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.load.disk import real_disk
from tests.soak.engine import Plan, Soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=25, help="at least so many (25)")
    parser.add_argument("--acknowledged", type=int, default=50_000, help="at least so many (50000)")
    parser.add_argument("--seed", type=int, help="of an earlier run")
    chosen = parser.parse_args()
    seed = random.randrange(1_000_000) if chosen.seed is None else chosen.seed
    plan = Plan(seed=seed, kills=chosen.kills, acknowledged=chosen.acknowledged, drain_within_s=300)
    with tempfile.TemporaryDirectory(prefix="optix-gateway-soak-", dir=real_disk()) as folder:
        _tell(f"seed {seed}")
        report = asyncio.run(Soak(plan, Path(folder), _tell).run())
    problems = report.problems()
    sys.stdout.write("\n".join([*problems, report.line()]) + "\n")
    return 1 if problems else 0


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
