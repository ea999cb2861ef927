"""`python -m tests.bench`: the program on one core, load and receivers on another, one table at the end."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.bench.parts import FULL, PARTS, QUICK, Sizes
from tests.bench.table import Row, surroundings, table
from tests.load.disk import real_disk
from tests.load.program import cores


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: a look, not a figure to quote")
    parser.add_argument("--only", choices=PARTS, action="append", help="these parts alone")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="optix-gateway-bench-", dir=real_disk()) as name:
        folder = Path(name)
        before = surroundings(folder)
        program, around = cores()
        os.sched_setaffinity(0, {around})
        rows = asyncio.run(measured(folder, QUICK if chosen.quick else FULL, chosen.only or list(PARTS)))
        sys.stdout.write(f"\n{table(rows)}\n\nbefore  {before}\nafter   {surroundings(folder)}\n")
        sys.stdout.write(f"program on core {program}, load and receivers on core {around}\n")


async def measured(folder: Path, sizes: Sizes, names: list[str]) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        began = time.perf_counter()
        try:
            rows += await PARTS[name](folder, sizes)
        except* (OSError, RuntimeError) as failed:  # TimeoutError is an OSError: what was expected never came
            reason = failed.exceptions[0]
            traceback.print_exception(failed)
            rows.append(
                Row(
                    name,
                    f"{type(reason).__name__} {str(reason).partition(':')[0]}".strip(),
                    "to be measured",
                    met=False,
                )
            )
        sys.stderr.write(f"{name}: measured in {time.perf_counter() - began:.0f} s\n")
    return rows


if __name__ == "__main__":
    main()
