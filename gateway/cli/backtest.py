from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.client import Ops, Url
from gateway.cli.configuration import AsJson, EnvFiles, load
from gateway.cli.output import as_json, counted, fail, line, on_terminal, table
from gateway.domain.alert import JSON

if TYPE_CHECKING:
    from gateway.domain.recording import Entry
    from gateway.pipeline.comparison import Example, Report, RouteChange
    from gateway.pipeline.configured import ConfiguredRoute

_SINCE = "30d"
_MOST_EXAMPLES = 20
_MOST_REASONS = 4
_COLUMNS = ("route", "would be sent", "was sent", "change", "messages", "left out")
_EXAMPLE_COLUMNS = ("told", "route", "alert", "received", "severity", "summary", "before -> after")
_NOTHING = "Nothing was recorded in that time."


def backtest(
    *,
    routes_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The routes to try. Default: those of GATEWAY_ROUTES_DIR.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="A time, or how long ago: 12h. Default: 30d; of a file, all.")
    ] = None,
    source: Annotated[str, typer.Option(metavar="NAME", help="Only alerts that came through it.")] = "",
    environment: Annotated[str, typer.Option(metavar="ID", help="Only its alerts.")] = "",
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="Recorded alerts, instead of a gateway's.")] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the recorded alerts, for --file.")] = None,
    examples: Annotated[
        bool, typer.Option("--examples", help="List up to 20 alerts that make the difference.")
    ] = False,
    fail_on_change: Annotated[
        bool, typer.Option("--fail-on-change", help="Exit 1 when a route would be told of other alerts than it was.")
    ] = False,
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Say what other routes would have sent, and what was sent.

    It goes by the alerts that were recorded, each judged at the time it came, with the silences of then. Nothing is
    sent.
    """
    recordings = _of_file(file, since, source, environment) if file else None
    configuration = load(env_file, need_sources=False, routes_dir=routes_dir)
    if recordings is None:
        recordings = _of_gateway(Ops.of(configuration.gateway, url), since or _SINCE, source, environment)
    report = _report(configuration.routes, recordings, save)
    if json_:
        as_json(_document(report))
    else:
        _print(report, most=_MOST_EXAMPLES if examples else 0)
    if fail_on_change and report.differs:
        raise typer.Exit(1)


def _of_gateway(ops: Ops, since: str, source: str, environment: str) -> Iterator[Entry]:
    from gateway.cli.recordings import of_gateway  # noqa: PLC0415 - `--help` needs none of it

    asked = {"since": since, "source": source, "environment": environment}
    return of_gateway(ops, {name: value for name, value in asked.items() if value})


def _of_file(file: Path, since: str | None, source: str, environment: str) -> Iterator[Entry]:
    from gateway.cli.recordings import chosen, of_file  # noqa: PLC0415
    from gateway.web.query import moment_us  # noqa: PLC0415

    try:
        since_us = moment_us(since, time.time_ns() // 1000) if since else 0
    except (ValueError, OverflowError):
        raise fail(
            f"--since is {since!r}.", "Write a time as in 2026-05-01T10:00:00Z, or 30m, 2h, 3d.", code=2
        ) from None
    return chosen(of_file(file), source=source, environment=environment, since_us=since_us)


def _report(routes: Iterable[ConfiguredRoute], recordings: Iterator[Entry], save: Path | None) -> Report:
    from gateway.cli.recordings import saved  # noqa: PLC0415
    from gateway.pipeline.backtest import backtest as judged  # noqa: PLC0415

    return judged(tuple(routes), saved(recordings, save) if save else recordings, examples=_MOST_EXAMPLES)


def _print(report: Report, *, most: int) -> None:
    if not report.alerts:
        line(_NOTHING, error=True)
    elif on_terminal():
        unread = f"; {report.unreadable} cannot be read" if report.unreadable else ""
        span = f"{_moment(report.first_us)} to {_moment(report.last_us)}"
        known = f"; {counted(report.silences, 'silence')}" if report.silences else ""
        line(f"{counted(report.alerts, 'alert')} from {span} UTC{unread}{known}.\n")
    table(_COLUMNS, [_cells(route) for route in report.routes])
    found = report.examples(most)
    if found:
        line()
        table(_EXAMPLE_COLUMNS, [_example_cells(example) for example in found])


def _moment(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%d %H:%M:%S}"


def _cells(route: RouteChange) -> list[str]:
    gone = [f"-{route.no_longer}"] if route.no_longer else []
    change = " ".join([f"+{route.newly}", *gone] if route.newly else gone)
    return [route.name, str(route.told), str(route.was_told), change, str(route.post.messages), _left_out(route)]


def _left_out(route: RouteChange) -> str:
    """The most frequent reasons, most frequent first."""
    if not route.configured:
        return "there is no such route"
    counts = {str(word): count for word, count in route.left_out.items()}
    counts |= {f"refused by {key}": count for key, count in route.refused.items()}
    counts |= {"replaced by a later state": route.post.replaced, "over before it was told": route.post.moot}
    found = sorted(((count, why) for why, count in counts.items() if count), reverse=True)
    return ", ".join(f"{count} {why}" for count, why in found[:_MOST_REASONS])


def _example_cells(example: Example) -> list[str]:
    told = "newly" if example.told else "no longer"
    said = f"{example.before} -> {example.after}"
    return [told, example.route, example.alert, _moment(example.received_us), example.severity, example.summary, said]


def _document(report: Report) -> dict[str, JSON]:
    return {
        "alerts": report.alerts,
        "unreadable": report.unreadable,
        "silences": report.silences,
        "first_at": _iso(report.first_us),
        "last_at": _iso(report.last_us),
        "differs": report.differs,
        "routes": [_route_document(route) for route in report.routes],
        "examples": [_example_document(example) for example in report.examples(_MOST_EXAMPLES)],
    }


def _iso(at_us: int) -> str | None:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat().replace("+00:00", "Z") if at_us else None


def _route_document(route: RouteChange) -> dict[str, JSON]:
    post = route.post
    return {
        "name": route.name,
        "configured": route.configured,
        "told": route.told,
        "was_told": route.was_told,
        "newly": route.newly,
        "no_longer": route.no_longer,
        "messages": post.messages,
        "grouped": post.grouped,
        "replaced": post.replaced,
        "moot": post.moot,
        "parked": post.parked,
        "left_out": _counts(route.left_out),
        "was_left_out": _counts(route.was_left_out),
        "refused": _counts(route.refused),
    }


def _counts(counts: Mapping[str, int]) -> dict[str, JSON]:
    return {str(word): count for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))}


def _example_document(example: Example) -> dict[str, JSON]:
    found: dict[str, JSON] = example._asdict()
    del found["received_us"]
    return {**found, "received_at": _iso(example.received_us)}
