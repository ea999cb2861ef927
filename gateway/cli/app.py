from __future__ import annotations

from typing import Annotated

import typer

import gateway
from gateway.cli import check, deliveries, demo, destinations, explain, health, send, serve, test

app = typer.Typer(
    name="optix-gateway",
    help="Cloud Optix alerts in, durably, and out to every system a security team uses.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"optix-gateway {gateway.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    *, version: Annotated[bool, typer.Option("--version", callback=lambda v: _version(asked=v), is_eager=True)] = False
) -> None:
    """Cloud Optix alerts in, durably, and out to every system a security team uses."""


app.command()(serve.serve)
app.command()(check.check)
app.command()(explain.explain)
app.command()(send.send)
app.command()(test.test)
app.command()(destinations.destinations)
app.add_typer(deliveries.app, name="deliveries", help="What is on its way, what arrived, what did not, and why.")
app.command()(demo.demo)
app.command()(health.health)
