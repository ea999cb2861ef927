"""`python -m tests.month`: what a month of hourly repeats becomes, and whether anybody missed anything."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.month.estate import Estate
from tests.month.month import Month, lines

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it; nothing here is about commits


def main() -> int:
    parser = argparse.ArgumentParser(prog="make month", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--environments", type=int, default=10)
    parser.add_argument("--alerts", type=int, default=500, help="that stand when it begins (500)")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(
        prefix="optix-gateway-month-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None
    ) as folder:
        estate = Estate(chosen.seed, chosen.environments, chosen.alerts)
        month = Month(estate, chosen.days * 24, Path(folder))
        asyncio.run(month.run(_tell))
    sys.stdout.write("\n".join([*month.problems[:20], *lines(month)]) + "\n")
    sys.stdout.write(f"{len(month.problems)} views differ from what is remembered\n")
    return 1 if month.problems else 0


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
