"""The door for people at a shell. Each command is a file here; what it needs is imported when it runs, so that none
pays for another, and `--help` for nothing.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper

INTERRUPTED = 130
"""What a shell expects of a program that Ctrl-C ended."""


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What a terminal cannot show, and halves of characters in alerts and file names, must not end a command.
            stream.reconfigure(errors="backslashreplace")
    try:
        from gateway.cli.app import app  # noqa: PLC0415 - `import gateway.cli` must cost nothing

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
