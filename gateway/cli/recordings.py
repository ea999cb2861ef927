"""Where recorded alerts, and before them the silences of their time, come from: a running gateway, page by page, or a
file, line by line. One page is in memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import typer

from gateway.cli.client import Ops, answered
from gateway.cli.output import fail
from gateway.domain.alert import JSON, Alert
from gateway.domain.optix import parse
from gateway.domain.pattern import fold
from gateway.domain.recording import Entry, Recording, as_json, from_json
from gateway.domain.silence import Silence

_SILENCES, _ALERTS = ("recordings", "silences"), ("recordings",)
_LONGEST_LINE = 64 * 1024 * 1024


def of_gateway(ops: Ops, query: Mapping[str, str]) -> Iterator[Entry]:
    """Everything that the gateway has of that, oldest first; a typer.Exit with code 2 when it cannot be had. A gateway
    of an older release has no silences.
    """
    since = {name: value for name, value in query.items() if name == "since"}
    for path, asked in ((_SILENCES, since), (_ALERTS, query)):
        after: JSON = ""
        while after is not None:
            page = _page(ops, path, {**asked, "after": str(after)} if after else asked)
            for found in _listed(page):
                yield _read(found, "What the gateway answered")
            after = page.get("next")


def _page(ops: Ops, path: Sequence[str], query: Mapping[str, str]) -> Mapping[str, JSON]:
    try:
        reply = ops.ask("GET", *path, query=query)
        if reply.status == 404 and path == _SILENCES:
            return {"recordings": [], "next": None}
        return answered(reply)
    except typer.Exit:
        raise typer.Exit(2) from None  # 1 says that something differs


def _listed(page: Mapping[str, JSON]) -> list[JSON]:
    listed = page.get("recordings")
    if not isinstance(listed, list):
        raise fail("What answers there has no recordings.", "Is the gateway of an older release?", code=2)
    return listed


def of_file(path: Path) -> Iterator[Entry]:
    """A line is a recording or a silence as JSON; a typer.Exit with code 2 when it cannot be read."""
    number = 0
    with _opened(path) as lines:
        while text := lines.readline(_LONGEST_LINE):
            number += 1
            if text.strip():
                yield _read(_json(text), f"{path}, line {number}")


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8") as lines:
            yield lines
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it is not UTF-8"
        raise fail(f"{path} cannot be read: {why.lower()}.", "--save FILE writes such a file.", code=2) from None


def _json(text: str) -> JSON:
    try:
        found: JSON = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found


def _read(found: JSON, where: str) -> Entry:
    try:
        return from_json(found)
    except ValueError as error:
        raise fail(f"{where}: this is no recording: {error}.", "--save FILE writes recordings.", code=2) from None


def chosen(entries: Iterable[Entry], *, source: str, environment: str, since_us: int) -> Iterator[Entry]:
    """The alerts of a source, of an environment (without case) and since then, "" and 0 for any; and the silences that
    were not over then.
    """
    for entry in entries:
        if isinstance(entry, Silence):
            if entry.over_us > since_us:
                yield entry
        elif entry.received_us < since_us or (source and entry.source != source):
            continue
        elif not environment or fold(_environment(entry)) == fold(environment):
            yield entry


def _environment(recording: Recording) -> str:
    read = parse(recording.source, recording.body)
    return read.environment if isinstance(read, Alert) else ""


def saved(entries: Iterable[Entry], path: Path) -> Iterator[Entry]:
    """The same entries, written to a file that only its owner may read; it is there once all of them are in it."""
    part = path.with_name(f"{path.name}.part")
    try:
        with _created(part) as lines:
            for entry in entries:
                lines.write(json.dumps(as_json(entry), separators=(",", ":")) + "\n")
                yield entry
            lines.close()
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _created(path: Path) -> Iterator[TextIO]:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as lines:
            yield lines
    except OSError as error:
        raise fail(f"{path} cannot be written: {str(error.strerror).lower()}.", code=2) from None
