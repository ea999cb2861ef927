from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway import samples
from tests.cli.cli_world import HOOK_TOKEN
from tests.cli.conftest import Run


def test_each_route_is_taken_or_not_with_the_condition_that_decided(run: Run, environment: dict[str, str]) -> None:
    result = run("explain", env=environment)
    assert result.exit_code == 0, result.stderr
    assert "all: taken: event type is ALERT\n" in result.stdout
    assert "critical: not taken: MIN_SEVERITY=critical: severity is high (score 80)\n" in result.stdout
    assert "A-000001  high (score 80)  Ensure S3 buckets" in result.stdout


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
