from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway import samples
from gateway.cli.output import fail

PayloadFile = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE|-",
        show_default=False,
        help="A webhook's body: a file, - for standard input, or the name of a sample. Default: the documented alert.",
    ),
]


def read_payload(file: str | None) -> bytes:
    """The bytes of a file, of standard input for "-", of the vendor's documented sample for None; the name of a sample
    will do for a file.
    """
    if file is None:
        return samples.load(samples.DOCUMENTED)
    if file == "-":
        return sys.stdin.buffer.read()
    if not Path(file).exists() and file in samples.names():
        return samples.load(file)
    try:
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "not a path"
        known = ", ".join(samples.names())
        remedy = f"Give a file, - for standard input, or the name of a sample: {known}."
        raise fail(f"{file} cannot be read: {why.lower()}.", remedy) from None
