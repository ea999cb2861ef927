from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway import samples
from tests.cli.cli_world import HOOK_TOKEN
from tests.cli.conftest import Run

HOOK = {"DESTINATION": "webhook", "URL": "http://127.0.0.1:1/"}


def test_each_route_is_taken_or_not_with_the_condition_that_decided(run: Run, environment: dict[str, str]) -> None:
    result = run("explain", env=environment)
    assert result.exit_code == 0, result.stderr
    assert "all: taken: event type is ALERT\n" in result.stdout
    assert "critical: not taken: MIN_SEVERITY=critical: severity is high (score 80)\n" in result.stdout
    assert "A-000001  high (score 80)  Ensure S3 buckets" in result.stdout


def test_what_an_alert_says_cannot_pass_for_a_verdict(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    event = json.loads(samples.load(samples.DOCUMENTED))
    event["payloadData"]["alertSummary"] = "A bucket\n\nall: not taken: nothing to see"
    (tmp_path / "alert.json").write_text(json.dumps(event))
    said = run("explain", str(tmp_path / "alert.json"), env=environment).stdout.splitlines()
    assert said[0].endswith("A bucket all: not taken: nothing to see")
    assert [text for text in said if text.startswith("all: ")] == ["all: taken: event type is ALERT"]


def test_the_request_is_shown_exactly_but_for_its_secrets(run: Run, environment: dict[str, str]) -> None:
    result = run("explain", "--json", env=environment)
    (taken, refused) = json.loads(result.stdout)["routes"]
    assert taken["request"]["body"].encode() == samples.load(samples.DOCUMENTED)
    assert taken["request"]["headers"]["Authorization"] == "****"
    assert taken["request"]["url"].endswith("/****")
    assert (refused["taken"], refused["key"], refused["request"]) == (False, "MIN_SEVERITY", None)
    assert not [secret for secret in (HOOK_TOKEN, "planted-path") if secret in result.output]
    assert HOOK_TOKEN not in run("explain", env=environment).output


@pytest.mark.parametrize(
    ("file", "expected", "code"),
    [
        (None, "all", 0),
        (None, " all , ", 0),
        (None, "all,critical", 1),
        (None, "", 1),
        ("guardduty", "critical,all", 0),
        ("guardduty", "all", 1),
    ],
)
def test_expect_succeeds_for_exactly_the_routes_named(
    run: Run, environment: dict[str, str], file: str | None, expected: str, code: int
) -> None:
    arguments = ["explain", *([file] if file else []), "--expect", expected]
    assert run(*arguments, env=environment).exit_code == code
    assert run(*arguments, "--json", env=environment).exit_code == code


def test_an_expected_route_that_does_not_exist_is_named_with_the_one_meant(
    run: Run, environment: dict[str, str]
) -> None:
    result = run("explain", "--expect", "criticl", env=environment)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Expected: criticl. Taken by: all.",
        "There is no route criticl. Did you mean critical? Known: all, critical.",
    ]


@pytest.mark.parametrize(
    ("body", "said", "follows"),
    [
        (b'{"a":', "not JSON", "400"),
        (b"", "empty", "400"),
        (b"[]", "not a JSON object", "400"),
        (b'{"a": 1}', "eventType is missing", "held"),
        (b"\xff\xfe\x00", "not JSON", "400"),
    ],
)
def test_what_is_no_alert_is_told_with_what_would_become_of_it(
    run: Run, environment: dict[str, str], body: bytes, said: str, follows: str
) -> None:
    result = run("explain", "-", env=environment, body=body)
    assert result.exit_code == 1
    assert said.lower() in result.stderr.lower()
    assert follows in result.stderr
    as_json = run("explain", "-", "--json", env=environment, body=body)
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["unreadable"]


def test_a_file_is_read_as_it_is(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "alert.json"
    file.write_bytes(samples.load("spend"))
    assert "A-000402  low (score 49)" in run("explain", str(file), env=environment).stdout


def test_a_file_that_is_not_there_is_named_with_what_to_give_instead(run: Run, environment: dict[str, str]) -> None:
    result = run("explain", "no/such.json", env=environment)
    assert result.exit_code == 1
    assert result.stderr.startswith("no/such.json cannot be read: no such file or directory.\nGive a file, - for")


def test_a_source_that_does_not_exist_is_no_explanation(run: Run, environment: dict[str, str]) -> None:
    environment |= {"GATEWAY_SOURCES__ACME__AUTH_HEADER": "X-Key", "GATEWAY_SOURCES__ACME__AUTH_VALUES": "acme-value"}
    assert run("explain", "--source", "acme", env=environment).exit_code == 0
    result = run("explain", "--source", "acne", env=environment)
    assert result.exit_code == 1
    assert "Did you mean acme?" in result.stderr


def test_without_routes_it_says_so(run: Run, tmp_path: Path) -> None:
    result = run("explain", env={"GATEWAY_ROUTES_DIR": str(tmp_path)})
    assert result.exit_code == 0
    assert "There is no route" in result.stdout


def test_relations_and_hours_decide_as_they_would_now(run: Run, environment: dict[str, str]) -> None:
    keys = {
        "ALL__STOP": "true", "ALL__ORDER": "1", "CRITICAL__MIN_SEVERITY": "low",
        "NIGHT__ORDER": "1", "NIGHT__ACTIVE": "2020-01-01..2020-01-02", "NIGHT__FALLBACK": "pager",
        "PAGER__FALLBACK_ONLY": "true",
    }  # fmt: skip
    keys |= {f"{name}__{key}": value for name in ("NIGHT", "PAGER") for key, value in HOOK.items()}
    env = environment | {f"GATEWAY_ROUTES__{name}": value for name, value in keys.items()}
    result = run("explain", env=env)
    assert result.exit_code == 0, result.stderr
    said = {line.partition(": ")[0]: line.partition(": ")[2] for line in result.stdout.splitlines()}
    assert said["all"] == "taken: event type is ALERT"
    assert said["critical"].startswith("not taken, covered: STOP=true of all (ORDER=1): ")
    assert said["night"].startswith("taken, held: ")
    assert said["pager"] == "not taken, but in reserve: it gets what night does not deliver"
    assert run("explain", "--expect", "all,night", env=env).exit_code == 0
    routes = {route["route"]: route for route in json.loads(run("explain", "--json", env=env).stdout)["routes"]}
    assert [routes[name]["taken"] for name in ("all", "critical", "night", "pager")] == [True, False, True, False]
    assert [routes[name]["word"] for name in ("all", "critical", "night")] == [None, "covered", "held"]
    assert (routes["pager"]["stands_in_for"], bool(routes["pager"]["request"])) == ("night", True)


def test_one_line_says_of_which_routes_only_a_running_gateway_knows_more(run: Run, environment: dict[str, str]) -> None:
    assert "running gateway" not in run("explain", env=environment).stdout
    env = environment | {"GATEWAY_ROUTES__ALL__NOTIFY": "new,raised"}
    result = run("explain", "--expect", "all", env=env)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == (
        "What was told before, and silences, only a running gateway knows (explain --alert ID): "
        "all: it is told new, raised only (NOTIFY)."
    )
    (route, _) = json.loads(run("explain", "--json", env=env).stdout)["routes"]
    assert route["open_question"] == "it is told new, raised only (NOTIFY)"
