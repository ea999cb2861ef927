from __future__ import annotations

from typing import Annotated

import typer

import gateway
from gateway.cli import (
    approvals,
    backtest,
    check,
    database,
    deliveries,
    demo,
    destinations,
    explain,
    health,
    incidents,
    remediation,
    routes,
    send,
    serve,
    silences,
    test,
)

app = typer.Typer(
    name="optix-gateway",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"optix-gateway {gateway.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=lambda v: _version(asked=v), is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Sophos Cloud Optix alerts in, durably, and out to the systems that a security team uses.

    Settings come from the process environment, before that of --env-file files.
    """


app.command()(demo.demo)
app.command()(serve.serve)
app.command()(check.check)
app.command()(explain.explain)
app.command()(backtest.backtest)
app.command()(send.send)
app.command()(test.test)
app.command()(destinations.destinations)
app.add_typer(deliveries.app, name="deliveries", help="See what arrived and what did not; send again or give up.")
app.add_typer(incidents.app, name="incidents", help="See what stands open, how it changed, and who was told what.")
app.add_typer(routes.app, name="routes", help="See which routes run and what waits; pause and resume them.")
app.add_typer(approvals.app, name="approvals", help="See what waits for somebody's approval; approve or reject it.")
app.add_typer(remediation.app, name="remediation", help="See what was changed out there, and put it back.")
app.add_typer(silences.app, name="silences", help="Tell nothing of what fits, for a while; end that early.")
app.add_typer(database.app, name="database", help="See what is stored; upgrade, copy, move it.")
app.command()(health.health)
