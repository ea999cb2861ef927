"""Room left on the disk: alerts are refused while there is still enough to write down what was delivered."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.ports import Clock

_LOOK_EVERY_S = 0.5
_MIB = 1024 * 1024


class Room:
    def __init__(self, folder: Path, reserve_bytes: int, clock: Clock) -> None:
        self._folder, self._reserve_bytes, self._clock = folder, reserve_bytes, clock
        self._looked_s = float("-inf")
        self._refusal = ""

    def refusal(self) -> str:
        """Why no alert may be stored now, "" when it may."""
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s >= _LOOK_EVERY_S:
            self._looked_s, self._refusal = now_s, self._look()
        return self._refusal

    def _look(self) -> str:
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return ""  # the commit itself will say what is wrong
        free = disk.f_bavail * disk.f_frsize
        if free >= self._reserve_bytes:
            return ""
        return (
            f"the disk is nearly full: {free // _MIB} MiB free, {self._reserve_bytes // _MIB} MiB are kept in reserve"
        )
