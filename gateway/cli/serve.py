from __future__ import annotations

import asyncio
import sys
from importlib import import_module

import typer

from gateway.cli.configuration import EnvFiles, load
from gateway.cli.output import fail


def serve(*, env_file: EnvFiles = None) -> None:
    """Run the gateway until SIGTERM or Ctrl-C."""
    configuration = load(env_file)
    _load_logs()
    from gateway.web.listening import CannotStart  # noqa: PLC0415 - after the mistakes, which come quickly
    from gateway.wiring import serve_until_signal  # noqa: PLC0415

    try:
        code = asyncio.run(serve_until_signal(configuration))
    except CannotStart as reason:
        raise fail(f"optix-gateway cannot start: {reason}") from None
    raise typer.Exit(code)


def _load_logs() -> None:
    """Without rich, with which structlog draws tracebacks where it finds it: ours are plain, and it is 3 MiB in 70
    modules.
    """
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    blocked: dict[str, object] = sys.modules  # type: ignore[assignment]  # None is how an import is refused
    blocked["rich"] = None
    try:
        import_module("structlog")
    finally:
        del blocked["rich"]
