from __future__ import annotations

import tempfile
from pathlib import Path


def file_system(folder: Path) -> str:
    """The type of the file system that a folder is on, as in "ext4"."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, found, *_ = line.split()
        if (folder.is_relative_to(place)) and len(place) >= len(best):
            best, kind = place, found
    return kind


def real_disk() -> Path:
    """Where commits cost what they cost: not in memory."""
    usual = Path(tempfile.gettempdir())
    if file_system(usual) != "tmpfs":
        return usual
    own = Path("build").absolute()
    own.mkdir(exist_ok=True)
    return own
