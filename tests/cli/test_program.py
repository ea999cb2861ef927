"""What only a program of its own can show: exit codes, signals, pipes, terminals, and what it imports."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gateway
from gateway.cli.app import app
from gateway.cli.output import nearest
from tests.cli.cli_world import Receiver, basic_environment
from tests.load.program import free_port

PROGRAM = (sys.executable, "-m", "gateway")
WITHIN_S = 30.0


def environ(more: Mapping[str, str] | None = None) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith("GATEWAY_")}
    return {**own, **(more or {})}


@contextmanager
def started(*arguments: str, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*PROGRAM, *arguments], env=environ(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Everything up to and with the line that holds the text."""
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], {"aiohttp", "pydantic", "rich", "jinja2", "structlog", "sqlite3", "prometheus_client"}),
        (["deliveries", "--help"], {"aiohttp", "rich", "jinja2", "structlog", "sqlite3"}),
        (["database", "--help"], {"aiohttp", "rich", "jinja2", "structlog", "sqlite3", "asyncpg"}),
        (["check"], {"aiohttp", "rich", "jinja2", "structlog", "sqlite3", "prometheus_client", "aiosmtplib"}),
        (["explain"], {"aiohttp", "rich", "jinja2", "sqlite3", "prometheus_client", "aiosmtplib"}),
    ],
)
def test_a_command_imports_only_what_it_needs(tmp_path: Path, arguments: list[str], absent: set[str]) -> None:
    names = f"import sys; sys.argv = {['optix-gateway', *arguments]!r}"
    ending = f"print('imported:', sorted({absent!r} & sys.modules.keys()))"
    code = (
        f"{names}\nfrom gateway.cli import main\ntry: main()\nexcept SystemExit as end: assert not end.code\n{ending}"
    )
    env = environ(basic_environment(tmp_path, Receiver(url="http://127.0.0.1:1/")))
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_serve_imports_only_what_its_routes_need(tmp_path: Path) -> None:
    absent = {"rich", "jinja2", "aiosmtplib", "botocore", "asyncpg", "gateway.domain.cel_engine"}
    port = free_port()
    code = f"""
import os, signal, sys, threading, urllib.request
def end():
    while True:
        try: urllib.request.urlopen("http://127.0.0.1:{port}/readyz"); break
        except OSError: pass
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=end, daemon=True).start()
sys.argv = ["optix-gateway", "serve"]
from gateway.cli import main
try: main()
except SystemExit as end: assert not end.code
print("imported:", sorted({absent!r} & sys.modules.keys()))
"""
    env = environ(basic_environment(tmp_path, Receiver(url="http://127.0.0.1:1/")))
    env |= {"GATEWAY_OPS_LISTEN": f"127.0.0.1:{port}", "GATEWAY_LISTEN": "127.0.0.1:0"}
    env |= {"GATEWAY_DATABASE": f"sqlite:///{tmp_path / 'gateway.db'}"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_demo_once_shows_the_whole_journey_within_ten_seconds_and_succeeds() -> None:
    began_s = time.monotonic()
    done = subprocess.run([*PROGRAM, "demo", "--once"], env=environ(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began_s < 10
    assert "-> policy-s3-public-read: 200 accepted " in done.stdout
    for receiver in ("chat (Discord)", "phone (ntfy)", "siem (syslog, CEF)", "archive (CloudEvents)"):
        assert f"<- {receiver}" in done.stdout
    sent, expected = done.stdout.splitlines()[-1].removesuffix(" messages arrived.").split(" of ")
    assert sent == expected
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_stays_up_and_can_be_asked_until_it_is_told_to_end(number: signal.Signals) -> None:
    with started("demo") as process:
        shown = read_until(process, "optix-gateway deliveries list --url ")
        url = shown.split()[-1]
        listed = subprocess.run(
            [*PROGRAM, "deliveries", "list", "--url", url, "--state", "delivered"],
            env=environ(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "\tdelivered\t" in listed.stdout
        process.send_signal(number)
        _, errors = process.communicate(timeout=WITHIN_S)
        assert (process.returncode, errors) == (0, "")


def test_demo_ended_too_early_says_so_by_its_exit_code_only() -> None:
    with started("demo", "--once") as process:
        read_until(process, "operators")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=WITHIN_S)
        assert process.returncode in (130, 0)  # 0: everything had arrived by then
        assert errors == ""


@pytest.mark.parametrize("arguments", [["demo"], ["demo", "--once"], ["destinations", "webhook"], ["--help"]])
def test_a_reader_that_leaves_early_ends_the_command_quietly(arguments: list[str]) -> None:
    with started(*arguments) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(WITHIN_S)
        assert errors == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    env = basic_environment(tmp_path, Receiver(url="http://127.0.0.1:1/"))
    with started("serve", env=env) as process:
        read_until(process, "gateway.started")
        process.send_signal(number)
        output, errors = process.communicate(timeout=WITHIN_S)
        assert (process.returncode, errors) == (0, "")
        assert "gateway.stopped" in output.splitlines()[-1]


def test_on_a_terminal_tables_have_a_header_and_json_is_indented() -> None:
    code, shown = on_terminal("destinations")
    assert code == 0
    assert "what it is" in shown
    assert re.search("^discord +Discord channel", shown, re.MULTILINE)
    assert on_terminal("destinations", "ntfy", "--json")[1].startswith('{\r\n  "kind": "ntfy"')


def on_terminal(*arguments: str) -> tuple[int, str]:
    ours, its = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, *arguments], stdout=its, stderr=its, stdin=its, env=environ({"TERM": "xterm", "COLUMNS": "120"})
    ) as process:
        os.close(its)
        shown = b"".join(iter(lambda: read_some(ours), b""))
        code = process.wait(WITHIN_S)
    os.close(ours)
    return code, shown.decode()


def read_some(descriptor: int) -> bytes:
    select.select([descriptor], [], [], WITHIN_S)
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux tells that nobody holds the other side any more
        return b""


def test_what_the_output_cannot_carry_does_not_end_a_command() -> None:
    env = environ({"PYTHONIOENCODING": "latin-1"})
    done = subprocess.run([*PROGRAM, "destinations", "ntfy"], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "(tk_\\u2026)" in done.stdout


def test_the_command_and_the_module_are_the_same_program() -> None:
    done = subprocess.run([*PROGRAM, "--version"], env=environ(), capture_output=True, text=True, check=True)
    assert done.stdout == f"optix-gateway {gateway.__version__}\n"


def test_the_list_of_commands_fits_a_terminal_and_no_line_of_it_is_cut() -> None:
    for group in ([], ["database"], ["deliveries"], ["routes"], ["incidents"], ["silences"]):
        _, commands, listed = CliRunner().invoke(app, [*group, "--help"]).stdout.partition("Commands:")
        assert commands
        assert "..." not in listed


@pytest.mark.parametrize("arguments", [["chek"], ["deliveries", "lst"], ["check", "--jsn"], []])
def test_what_cannot_be_understood_is_a_mistake_of_the_command(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr


def test_without_anything_known_there_is_nothing_near() -> None:
    assert nearest("soc", ()) == "Known: none."
