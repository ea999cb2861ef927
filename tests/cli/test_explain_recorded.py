"""`explain --alert`: why an alert that came in reached each route, or did not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli.recorded import print_recorded
from gateway.domain.alert import JSON
from tests.cli.cli_world import World
from tests.cli.conftest import Run
from tests.cli.until import wait_for


def rows(output: str) -> dict[str, list[str]]:
    """Route -> told, state, why."""
    cells = [line.split("\t") for line in output.splitlines()]
    return {route: rest for route, *rest in cells}


def test_one_line_for_each_route_says_whether_it_was_told_and_why(run: Run, world: World) -> None:
    alert = world.accept()
    wait_for(run, world, f"{alert}.all", "delivered")
    result = run("explain", "--alert", alert, env=world.env)
    assert result.exit_code == 0, result.stderr
    assert rows(result.stdout) == {
        "all": ["told", "delivered", "its filter took it"],
        "critical": ["not told", "", "today: MIN_SEVERITY=critical: severity is high (score 80)"],
    }
    assert result.stderr == "What is not recorded is today's view, by the same configuration as when it came.\n"


def test_what_a_silence_dropped_names_the_silence(run: Run, world: World) -> None:
    silence = ("silences", "add", "--all", "--for", "1d", "--drop", "--reason", "migration", "--author", "ana")
    assert run(*silence, env=world.env).exit_code == 0
    told, state, why = rows(run("explain", "--alert", world.accept(), env=world.env).stdout)["all"]
    assert (told, state) == ("not told", "")
    assert why.startswith("silenced: silence ")
    assert why.endswith(": migration")


def test_another_configuration_than_the_one_that_decided_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    late: JSON = {
        "route": "late",
        "told": False,
        "word": "unrecorded",
        "reason": "nothing was recorded",
        "recorded": False,
    }
    print_recorded({"revision": "r1", "running_revision": "r2", "routes": [late]})
    shown = capsys.readouterr()
    assert shown.out == "late\tnot told\t\ttoday: nothing was recorded\n"
    assert shown.err == "What is not recorded is today's view: the configuration r1 decided, and r2 runs now.\n"


def test_where_all_is_recorded_nothing_is_said_of_today(capsys: pytest.CaptureFixture[str]) -> None:
    soc: JSON = {"route": "soc", "told": False, "word": "muted", "reason": "outside\tACTIVE\x1b[31m", "recorded": True}
    print_recorded({"revision": "r1", "running_revision": "r2", "routes": [soc]})
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("soc\tnot told\t\tmuted: outside ACTIVE[31m\n", "")


def test_as_json_it_is_the_alert_with_a_list_of_routes(run: Run, world: World) -> None:
    alert = world.accept()
    found = json.loads(run("explain", "--alert", alert, "--json", env=world.env).stdout)
    assert (found["id"], found["alert_id"], found["change"]["reasons"]) == (alert, "A-000001", ["new"])
    assert [(route["route"], route["told"], route["recorded"]) for route in found["routes"]] == [
        ("all", True, True), ("critical", False, False),
    ]  # fmt: skip
    assert "body" not in found


@pytest.mark.parametrize(("expected", "code"), [("all", 0), ("", 1), ("all,critical", 1)])
def test_expect_is_about_the_routes_that_were_told(run: Run, world: World, expected: str, code: int) -> None:
    result = run("explain", "--alert", world.accept(), "--expect", expected, env=world.env)
    assert result.exit_code == code
    assert ("Taken by: all." in result.stderr) is bool(code)


def test_an_alert_that_was_held_says_that_no_route_was_asked(run: Run, world: World, tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_bytes(b'{"a": 1}')
    alert = json.loads(run("send", str(tmp_path / "odd.json"), "--json", env=world.env).stdout)["answer"]["id"]
    result = run("explain", "--alert", alert, env=world.env)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "could not be read as an alert, so no route was asked: eventType is missing" in result.stderr


def test_an_alert_that_is_not_there_is_a_failure(run: Run, world: World) -> None:
    result = run("explain", "--alert", "nope", env=world.env)
    assert result.exit_code == 1
    assert result.stderr.startswith("The gateway says: there is no such alert.")


@pytest.mark.parametrize(
    "arguments",
    [("spend", "--alert", "a-1"), ("--alert", "a-1", "--source", "optix"), ("spend", "--url", "http://127.0.0.1:1")],
)
def test_a_file_and_an_alert_exclude_each_other(
    run: Run, environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    assert run("explain", *arguments, env=environment).exit_code == 2


def test_nobody_there_is_told_with_what_to_do(run: Run, environment: dict[str, str]) -> None:
    result = run("explain", "--alert", "a-1", env=environment | {"GATEWAY_OPS_LISTEN": "127.0.0.1:1"})
    assert result.exit_code == 1
    assert "Is it running (optix-gateway serve)" in result.stderr
