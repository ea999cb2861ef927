from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli.words import (
    attempts_in_words,
    backlog_in_words,
    duration_in_words,
    pace_in_words,
    rate_as_written,
    waits_in_words,
)
from gateway.domain.policy import Pace, Policy, RetryPolicy
from gateway.settings.units import duration_s, pace
from tests.cli.cli_world import HOOK_TOKEN, SECRET
from tests.cli.conftest import Run


def test_it_tells_listeners_sources_database_and_each_route_in_words(run: Run, environment: dict[str, str]) -> None:
    environment |= {"GATEWAY_LISTEN": "0.0.0.0:8443", "GATEWAY_OPS_LISTEN": "127.0.0.1:8081"}
    environment |= {"GATEWAY_ROUTES__SOC__DESTINATION": "ntfy", "GATEWAY_ROUTES__SOC__TOPIC": "soc"}
    environment |= {"GATEWAY_ROUTES__SOC__ENVIRONMENTS": "prod-*,4441", "GATEWAY_ROUTES__SOC__ENABLED": "false"}
    result = run("check", env=environment)
    assert result.exit_code == 0, result.stderr
    told = result.stdout
    assert "webhooks   http://0.0.0.0:8443/webhooks/<source>" in told
    assert "operators  http://127.0.0.1:8081" in told
    assert environment["GATEWAY_DATABASE"].removeprefix("sqlite:///") in told
    assert "source     optix: header X-Optix-Auth with 1 accepted value\n" in told
    assert "route all -> webhook" in told
    assert "takes    environment is like prod-* or 4441; event type is ALERT" in told
    assert "disabled: its alerts are stored and wait" in told
    assert "No mistakes: 3 routes, revision " in told


def test_it_shows_the_retry_window_as_real_time(run: Run, environment: dict[str, str]) -> None:
    environment["GATEWAY_ROUTES__ALL__RETRY_FOR"] = "72h"
    told = run("check", env=environment).stdout
    assert "up to 10 times within 72h, each at most 30s" in told
    assert "after 5s, 35s, 5m35s, 35m35s, 2h35m, 7h35m, 17h35m, 31h35m, 51h35m; each wait may be a tenth longer" in told


def test_it_shows_no_secret(run: Run, environment: dict[str, str]) -> None:
    for form in ([], ["--json"]):
        result = run("check", *form, env=environment)
        assert not [secret for secret in (SECRET, HOOK_TOKEN, "planted-path") if secret in result.output]


def test_every_mistake_stands_with_file_line_and_key_on_standard_error(
    run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "routes/soc.env").write_text("DESTINATION=dicsord\n")
    (tmp_path / "routes/web.env").write_text("DESTINATION=webhook\nURL=http://r.example/\nMIN_SEVERTY=high\n")
    settings = tmp_path / "gateway.env"
    settings.write_text("# mine\nGATEWAY_MAX_BODI=1MiB\n")
    result = run("check", "--env-file", str(settings), env=environment)
    assert result.exit_code == 2
    assert result.stdout == ""
    mistakes = result.stderr.splitlines()
    assert any(m.startswith(f"{settings}:2: GATEWAY_MAX_BODI: ") and "GATEWAY_MAX_BODY" in m for m in mistakes)
    assert any(m.startswith(f"{tmp_path}/routes/soc.env:1: DESTINATION: ") and "discord" in m for m in mistakes)
    assert any(m.startswith(f"{tmp_path}/routes/web.env:3: MIN_SEVERTY: ") and "MIN_SEVERITY" in m for m in mistakes)
    assert mistakes[-1] == "3 mistakes in the configuration."


def test_without_any_configuration_it_says_what_to_set(run: Run, tmp_path: Path) -> None:
    result = run("check", env={"GATEWAY_ROUTES_DIR": str(tmp_path)})
    assert result.exit_code == 2
    assert "Set GATEWAY_AUTH_HEADER and GATEWAY_AUTH_VALUES" in result.stderr


def test_what_is_lawful_but_hardly_meant_is_a_warning(run: Run, environment: dict[str, str]) -> None:
    result = run("check", env=environment | {"GATEWAY_ROUTES__ALL__SOURCES": "acme"})
    assert result.exit_code == 0
    assert 'warning: route "all": SOURCES names "acme", and there is no such source' in result.stdout


def test_a_value_beyond_ascii_counts_once(run: Run, environment: dict[str, str]) -> None:
    environment |= {"GATEWAY_AUTH_VALUES": "schlüssel,other", "GATEWAY_OPS_LISTEN": ""}
    told = run("check", env=environment).stdout
    assert "with 2 accepted values" in told
    assert "operators  off" in told


def test_programs_get_json(run: Run, environment: dict[str, str]) -> None:
    told = json.loads(run("check", "--json", env=environment).stdout)
    assert [route["name"] for route in told["routes"]] == ["all", "critical"]
    assert told["sources"] == [{"name": "optix", "header": "X-Optix-Auth", "values": 1, "open_to_all": False}]
    assert told["routes"][1]["filter"] == "severity at least critical; event type is ALERT"
    assert told["warnings"] == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"),
        (0.05, "50ms"),
        (1.5, "1.5s"),
        (59, "59s"),
        (60, "1m"),
        (335, "5m35s"),
        (3600, "1h"),
        (9335, "2h35m"),
        (185735, "51h35m"),
        (259200, "72h"),
        (30 * 86400, "30d"),
        (5 * 86400 + 3600, "5d1h"),
    ],
)
def test_durations_read_as_settings_are_written(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words


@pytest.mark.parametrize("written", ["50ms", "10s", "5m", "2h", "72h", "30d"])
def test_a_duration_comes_back_as_it_was_given(written: str) -> None:
    assert duration_in_words(duration_s(written)) == written


@pytest.mark.parametrize(
    ("retry", "attempts", "waits"),
    [
        (RetryPolicy((5.0, 60.0), 30.0), "up to 2 times within 30s, each at most 30s", "after 5s; "),
        (RetryPolicy((1.0,), 0.0), "once, at most 30s", "never"),
        (RetryPolicy((0.1, 0.2), 3600.0), "up to 3 times within 1h, each at most 30s", "after 100ms, 300ms; "),
    ],
)
def test_attempts_that_the_window_cuts_off_are_not_promised(retry: RetryPolicy, attempts: str, waits: str) -> None:
    policy = Policy(retry=retry)
    assert attempts_in_words(policy) == attempts
    assert waits_in_words(policy).startswith(waits)


@pytest.mark.parametrize(
    ("given", "concurrency", "words"),
    [
        (None, 8, "no limit; up to 8 at a time"),
        (Pace(0.4, 5), 1, "24 a minute, bursts of 5; one at a time"),
        (Pace(10, 1), 2, "10 a second; up to 2 at a time"),
        (Pace(500 / 3600, 1), 1, "500 an hour; one at a time"),
        (Pace(2 / 3600, 1), 1, "2 an hour; one at a time"),
    ],
)
def test_the_pace_is_told_in_the_unit_that_fits(given: Pace | None, concurrency: int, words: str) -> None:
    assert pace_in_words(Policy(pace=given, concurrency=concurrency)) == words


@pytest.mark.parametrize("given", [None, Pace(0.4, 5), Pace(10, 1), Pace(2 / 3600, 3), Pace(1.5, 2)])
def test_the_pace_as_written_means_itself(given: Pace | None) -> None:
    assert pace(rate_as_written(given)) == given


def test_both_meanings_of_a_backlog_are_told() -> None:
    assert "latest" in backlog_in_words(Policy(backlog="latest"))
    assert "every state" in backlog_in_words(Policy(backlog="all"))
