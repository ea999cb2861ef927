from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import line
from gateway.settings.configuration import Configuration, read_configuration
from gateway.settings.mistakes import ConfigurationMistakes

EnvFiles = Annotated[
    list[Path] | None,
    typer.Option("--env-file", help="A file of settings; may be given several times, the last one wins."),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def load(env_files: list[Path] | None, *, need_sources: bool = True) -> Configuration:
    """The configuration; every mistake in it on standard error and exit code 2 otherwise."""
    try:
        return read_configuration(os.environ, env_files or (), need_sources=need_sources)
    except ConfigurationMistakes as mistakes:
        for mistake in mistakes.mistakes:
            line(str(mistake), error=True)
        count = len(mistakes.mistakes)
        line(f"{count} mistake{'s' if count > 1 else ''} in the configuration; nothing was started.", error=True)
        raise typer.Exit(2) from None
