"""The door for people at a shell. Each command is a file here; what it needs is imported when it runs, so that none
pays for another, and `--help` for nothing.
"""

from __future__ import annotations


def main() -> None:
    from gateway.cli.app import app  # noqa: PLC0415 - `import gateway.cli` must cost nothing

    app()
