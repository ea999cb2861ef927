"""Writes lines at the end of files and to standard output, one after another and away from the loop.

A file is opened for each line, so that it may be renamed at any time (logrotate without `copytruncate`), and is on disk
when `Written` says so. A line that was torn (the disk was full, the machine lost its power) is closed by the next one.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor

from gateway.domain.message import Line, NoAnswer, Written
from gateway.outbound.reasons import of_network, too_slow

_END = b"\n"
_MODE = 0o640


class LineTransport:
    """One thread for all lines: whoever reads slowly holds up the lines, and nothing else."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "lines")

    async def send(self, line: Line, timeout_s: float) -> Written | NoAnswer:
        """After a time-out the line may still be written: it can be there twice, but is not lost."""
        write = _append if line.path else _print
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.get_running_loop().run_in_executor(self._thread, write, line)
        except TimeoutError:
            return NoAnswer(too_slow(timeout_s))
        except OSError as error:
            return NoAnswer(of_network(error))
        except ValueError:
            return NoAnswer("standard output is closed" if not line.path else "there can be no such file")
        return Written(len(line.data) + len(_END))

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def _print(line: Line) -> None:
    """Through the buffer that logs go through too, so that no line stands inside another."""
    sys.stdout.buffer.write(line.data + _END)
    sys.stdout.buffer.flush()


def _append(line: Line) -> None:
    descriptor = os.open(line.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        found = os.fstat(descriptor)
        is_file = stat.S_ISREG(found.st_mode)
        is_torn = is_file and found.st_size > 0 and os.pread(descriptor, 1, found.st_size - 1) != _END
        _write_all(descriptor, _END * is_torn + line.data + _END)
        if is_file:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
