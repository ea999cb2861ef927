"""Where recorded alerts come from: a running gateway, page by page, or a file, line by line. One page is in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import typer

from gateway.cli.client import Ops
from gateway.cli.output import fail
from gateway.domain.alert import JSON, Alert
from gateway.domain.optix import parse
from gateway.domain.pattern import fold
from gateway.domain.recording import Recording, as_json, from_json

_LONGEST_LINE = 64 * 1024 * 1024


def of_gateway(ops: Ops, query: Mapping[str, str]) -> Iterator[Recording]:
    """Everything that the gateway has of that, oldest first; a typer.Exit with code 2 when it cannot be had."""
    after: JSON = ""
    while after is not None:
        page = _page(ops, {**query, "after": str(after)} if after else query)
        listed = page.get("recordings")
        if not isinstance(listed, list):
            raise fail("What answers there has no recordings.", "Is the gateway of an older release?", code=2)
        for found in listed:
            yield _read(found, "What the gateway answered")
        after = page.get("next")


def _page(ops: Ops, query: Mapping[str, str]) -> Mapping[str, JSON]:
    try:
        return ops.get("recordings", query=query)
    except typer.Exit:
        raise typer.Exit(2) from None  # 1 says that something differs


def of_file(path: Path) -> Iterator[Recording]:
    """A line is a recording as JSON; a typer.Exit with code 2 when it cannot be read."""
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


def _read(found: JSON, where: str) -> Recording:
    try:
        return from_json(found)
    except ValueError as error:
        raise fail(f"{where}: this is no recording: {error}.", "--save FILE writes recordings.", code=2) from None


def chosen(recordings: Iterable[Recording], *, source: str, environment: str, since_us: int) -> Iterator[Recording]:
    """Those of a source, of an environment (without case) and since then; "" and 0 for any."""
    for recording in recordings:
        if recording.received_us < since_us or (source and recording.source != source):
            continue
        if not environment or fold(_environment(recording)) == fold(environment):
            yield recording


def _environment(recording: Recording) -> str:
    read = parse(recording.source, recording.body)
    return read.environment if isinstance(read, Alert) else ""


def saved(recordings: Iterable[Recording], path: Path) -> Iterator[Recording]:
    """The same recordings, written to a file that only its owner may read; it is there once all of them are in it."""
    part = path.with_name(f"{path.name}.part")
    try:
        with _created(part) as lines:
            for recording in recordings:
                lines.write(json.dumps(as_json(recording), separators=(",", ":")) + "\n")
                yield recording
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
