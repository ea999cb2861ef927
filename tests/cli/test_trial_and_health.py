from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.cli_world import HOOK_TOKEN, Receiver, World
from tests.cli.conftest import Run, Start


def test_one_message_marked_as_a_test_goes_straight_to_the_receiver(
    run: Run, environment: dict[str, str], receiver: Receiver
) -> None:
    result = run("test", "critical", env=environment)
    assert result.exit_code == 0, result.stderr
    assert "critical: ok: 200 OK\n    | thank you\n" in result.stdout
    assert len(receiver.bodies) == 1
    assert not [secret for secret in (HOOK_TOKEN, "planted-path") if secret in result.output]


@pytest.mark.parametrize(
    ("status", "outcome", "meaning"),
    [
        (503, "retry", "sent again"),
        (429, "rate_limited", "fewer messages"),
        (401, "auth", "credentials"),
        (404, "gone", "URL"),
        (413, "too_large", "too large"),
        (422, "rejected", "dead"),
    ],
)
def test_a_failure_is_told_with_its_meaning(
    run: Run, environment: dict[str, str], receiver: Receiver, status: int, outcome: str, meaning: str
) -> None:
    receiver.status = status
    result = run("test", "all", env=environment)
    assert result.exit_code == 1
    assert f"all: failed: {status}" in result.stdout
    assert meaning in result.stderr
    told = json.loads(run("test", "all", "--json", env=environment).stdout)
    assert (told["ok"], told["outcome"], told["status"]) == (False, outcome, status)


def test_a_receiver_that_is_not_there_is_a_failure(run: Run, environment: dict[str, str]) -> None:
    result = run("test", "all", env=environment | {"GATEWAY_ROUTES__ALL__URL": "http://127.0.0.1:1/"})
    assert result.exit_code == 1
    assert "all: failed: " in result.stdout


def test_a_test_that_would_be_acted_upon_is_refused_and_not_called_a_failure(
    run: Run, environment: dict[str, str], receiver: Receiver
) -> None:
    result = run("test", "all", env=environment | {"GATEWAY_ROUTES__ALL__APPROVAL": "required"})
    assert (result.exit_code, result.stderr, receiver.bodies) == (1, "", [])
    assert result.stdout.startswith("all: not tested: nothing was sent: APPROVAL=required")


def test_a_route_that_does_not_exist_is_answered_with_the_one_meant(run: Run, environment: dict[str, str]) -> None:
    result = run("test", "critcal", env=environment)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        'There is no route "critcal".',
        "Did you mean critical? Known: all, critical.",
    ]


def test_a_gateway_that_makes_progress_is_healthy(run: Run, world: World) -> None:
    result = run("health", env=world.env)
    assert (result.exit_code, result.stdout) == (0, "healthy\n")


def test_health_needs_no_token_and_no_route(run: Run, start: Start, tmp_path: Path) -> None:
    world = start(GATEWAY_OPS_TOKEN="planted-token-1b1b")
    (tmp_path / "routes/wrong.env").write_text("DESTINATION=nothing\n")
    env = {key: value for key, value in world.env.items() if key != "GATEWAY_OPS_TOKEN"}
    assert run("health", env=env).exit_code == 0


def test_without_an_ops_listener_the_webhook_listener_answers_for_it(run: Run, start: Start) -> None:
    world = start(GATEWAY_OPS_LISTEN="")
    assert run("health", env=world.env).exit_code == 0
    assert run("health", env=world.env | {"GATEWAY_LISTEN": "127.0.0.1:1"}).exit_code == 1


def test_what_is_no_gateway_is_not_healthy(run: Run, environment: dict[str, str], receiver: Receiver) -> None:
    result = run("health", "--url", receiver.url, env=environment)
    assert result.exit_code == 1
    assert result.stderr.startswith("unhealthy: 501 ")
    assert len(result.stderr.splitlines()) == 1
