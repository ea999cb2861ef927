from __future__ import annotations

import asyncio

import typer

from gateway.cli.configuration import EnvFiles, load
from gateway.cli.output import fail


def serve(*, env_file: EnvFiles = None) -> None:
    """Run the gateway until SIGTERM or Ctrl-C."""
    configuration = load(env_file)
    from gateway.web.listening import CannotStart  # noqa: PLC0415 - after the mistakes, which come quickly
    from gateway.wiring import serve_until_signal  # noqa: PLC0415

    try:
        code = asyncio.run(serve_until_signal(configuration))
    except CannotStart as reason:
        raise fail(f"optix-gateway cannot start: {reason}") from None
    raise typer.Exit(code)
