"""Reads the settings for a command; whatever is wrong with them is said on standard error, with exit code 2."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from gateway.cli.output import counted, fail, line

if TYPE_CHECKING:
    from gateway.settings.configuration import Configuration
    from gateway.settings.gateway import GatewaySettings

T = TypeVar("T")

EnvFiles = Annotated[
    list[Path] | None,
    typer.Option("--env-file", metavar="FILE", help="Settings; may be given several times, the last one wins."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def load(env_files: list[Path] | None, *, need_sources: bool = True, routes_dir: Path | None = None) -> Configuration:
    """Everything: settings, sources and routes. `routes_dir`: where the routes are, whatever the settings say."""
    from gateway.settings.configuration import read_configuration  # noqa: PLC0415 - `--help` needs none of it

    environ = _with_routes(routes_dir) if routes_dir else os.environ
    return _or_exit(lambda: read_configuration(environ, env_files or (), need_sources=need_sources))


def _with_routes(folder: Path) -> Mapping[str, str]:
    if not folder.is_dir():
        raise fail(f"--routes-dir is {folder}, and there is no such folder.", code=2)
    kept = {name: value for name, value in os.environ.items() if name != "GATEWAY_ROUTES_DIR_FILE"}
    return {**kept, "GATEWAY_ROUTES_DIR": str(folder)}


def load_settings(env_files: list[Path] | None) -> GatewaySettings:
    """For those who talk to a running gateway: a mistake in a route, or a secret they may not read, is not theirs."""
    from gateway.settings.serving import read_settings  # noqa: PLC0415

    return _or_exit(lambda: read_settings(os.environ, env_files or ()))


def _or_exit(read: Callable[[], T]) -> T:
    from gateway.settings.mistakes import ConfigurationMistakes  # noqa: PLC0415

    try:
        return read()
    except ConfigurationMistakes as found:
        for mistake in found.mistakes:
            line(str(mistake), error=True)
        line(f"{counted(len(found.mistakes), 'mistake')} in the configuration.", error=True)
        raise typer.Exit(2) from None
