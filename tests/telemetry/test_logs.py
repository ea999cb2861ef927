from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway.telemetry.logs import LibraryHandler, LogFormat, configure

SECRET = "planted-secret-7f3a9c"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    for handler in [h for h in root.handlers if isinstance(h, LibraryHandler)]:
        root.removeHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("log_format", "stream", "is_json"),
    [
        ("auto", io.StringIO, True),
        ("auto", Terminal, False),
        ("json", Terminal, True),
        ("console", io.StringIO, False),
    ],
)
def test_auto_is_console_on_a_terminal_and_json_elsewhere(
    log_format: LogFormat,
    stream: type[io.StringIO],
    is_json: bool,  # noqa: FBT001 - a column of the table
) -> None:
    out = stream()
    configure(log_format, "info", out).info("gateway.started", version="1")
    assert out.getvalue().startswith("{") is is_json


def test_a_line_holds_event_level_utc_time_and_its_keys() -> None:
    out = io.StringIO()
    configure("json", "info", out).info("route.opened", route="soc", failures=3, ratio=0.5, nothing=None, routes=("a",))
    (line,) = lines(out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "route.opened", "level": "info", "route": "soc", "failures": 3, "ratio": 0.5, "nothing": None,
        "routes": ["a"],
    }  # fmt: skip


def test_lines_below_the_level_are_not_written() -> None:
    out = io.StringIO()
    log = configure("json", "warning", out)
    log.info("gateway.started")
    log.warning("webhook.refused")
    assert [line["event"] for line in lines(out)] == ["webhook.refused"]


def test_hostile_text_stays_inside_one_line() -> None:
    hostile = 'a"}\n{"event":"forged"}\u2028\u202e\x1b[31m\ud800'
    for log_format in ("json", "console"):
        out = io.StringIO()
        configure(log_format, "info", out).info("webhook.held", reason=hostile)
        assert out.getvalue().count("\n") == 1
        assert not any(character in out.getvalue() for character in "\u2028\u202e\x1b\ud800")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_planted_secrets_are_masked_wherever_they_are_put(log_format: LogFormat) -> None:
    out = io.StringIO()
    log = configure(log_format, "info", out, [SECRET])
    log.warning("webhook.refused", reason=f"header {SECRET}", more=[f"x{SECRET}"], thing={"key": SECRET})
    logging.getLogger("aiohttp.client").warning("could not reach %s", f"https://x/{SECRET}")
    assert SECRET not in out.getvalue()
    assert out.getvalue().count("***") == 4


def test_an_exception_is_told_by_type_and_place_without_its_text_and_locals() -> None:
    out = io.StringIO()
    log = configure("json", "info", out)
    try:
        int(SECRET)
    except ValueError:
        log.exception("request.failed")
    (line,) = lines(out)
    assert line["error"] == "ValueError"
    assert line["trace"][-1].startswith("telemetry/test_logs.py:")
    assert SECRET not in out.getvalue()


def test_libraries_are_heard_from_warnings_up() -> None:
    out = io.StringIO()
    configure("json", "info", out)
    logging.getLogger("asyncio").info("nothing of interest")
    logging.getLogger("asyncio").error("Task was destroyed but it is pending!")
    (line,) = lines(out)
    assert (line["event"], line["level"], line["logger"]) == ("library.reported", "error", "asyncio")


def test_configuring_again_does_not_write_lines_twice() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure("json", "info", first)
    configure("json", "info", second)
    logging.getLogger("asyncio").warning("slow")
    assert (len(lines(first)), len(lines(second))) == (0, 1)


def test_a_stream_that_is_closed_or_full_raises_nothing() -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    closed = io.StringIO()
    logs = [configure("json", "info", stream) for stream in (closed, Full())]
    closed.close()
    for log in logs:
        log.info("gateway.started")
