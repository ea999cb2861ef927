from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.main import get_command

from gateway.cli.app import app
from gateway.web.query import DELIVERY_WORDS, PAGE_WORDS
from tests.cli.cli_world import World
from tests.cli.conftest import Run, Start
from tests.cli.until import state_of, wait_for

FIXING = {"REMEDIATION": "true", "ENVIRONMENTS": "44412345678075", "RULES": "AR-251", "DRY_RUN": "false"}


@pytest.fixture
def dead(run: Run, world: World) -> str:
    """The id of a delivery that its receiver would not take."""
    world.receiver.status, world.receiver.says = 422, "cannot read\x1b[31m this"
    delivery_id = f"{world.accept()}.all"
    wait_for(run, world, delivery_id, "dead")
    return delivery_id


def test_a_list_is_one_line_each_with_tabs_between_for_other_programs(run: Run, world: World, dead: str) -> None:
    result = run("deliveries", "list", "--state", "dead,parked", "--route", "all", env=world.env)
    assert result.exit_code == 0, result.stderr
    (row,) = result.stdout.splitlines()
    cells = row.split("\t")
    assert (cells[0], cells[1], cells[2], len(cells)) == (dead, "dead", "1", 8)
    assert cells[-1].startswith("422")


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (["--state", "dead"], 1),
        (["--state", "pending", "--state", "dead"], 1),
        (["--state", "delivered"], 0),
        (["--route", "all", "--route", "critical"], 1),
        (["--route", "critical"], 0),
        (["--severity", "high"], 1),
        (["--severity", "low"], 0),
        (["--environment", "44412345678075"], 1),
        (["--type", "policy"], 1),
        (["--rule", "AR-251"], 1),
        (["--rule", "AR-252"], 0),
        (["--since", "1h"], 1),
        (["--until", "1h"], 0),
        (["--alert", "no-such"], 0),
        (["--limit", "1"], 1),
    ],
)
def test_every_filter_selects(run: Run, world: World, chosen: list[str], found: int) -> None:
    result = run("deliveries", "list", "--json", *chosen, env=world.env)
    assert result.exit_code == 0, result.stderr
    assert len(json.loads(result.stdout)["deliveries"]) == found


@pytest.mark.parametrize(("command", "beyond"), [("list", set(PAGE_WORDS)), ("replay", set()), ("cancel", set())])
def test_the_filters_are_those_of_the_api(command: str, beyond: set[str]) -> None:
    context = get_command(app).make_context("optix-gateway", ["deliveries", command, "--help"], resilient_parsing=True)
    group = get_command(app).get_command(context, "deliveries")  # type: ignore[attr-defined]
    options = {
        option[2:] for p in group.get_command(context, command).params for option in p.opts if option[:2] == "--"
    }
    assert options - {"env-file", "url", "json", "yes", "help"} == set(DELIVERY_WORDS) - {"ids"} | beyond


def test_an_empty_list_and_a_further_page_are_told_beside_the_list(run: Run, world: World) -> None:
    empty = run("deliveries", "list", env=world.env)
    assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "", "There are none.\n")
    for number in range(3):
        world.accept(f"A-{number}")
    page = run("deliveries", "list", "--limit", "2", env=world.env)
    assert len(page.stdout.splitlines()) == 2
    cursor = page.stderr.split("--cursor ")[1].strip()
    rest = run("deliveries", "list", "--limit", "2", "--cursor", cursor, env=world.env)
    assert (len(rest.stdout.splitlines()), rest.stderr) == (1, "")


def test_one_is_shown_with_every_attempt_and_what_the_receiver_said(run: Run, world: World, dead: str) -> None:
    shown = run("deliveries", "show", dead, env=world.env).stdout
    assert "state        dead" in shown
    assert "attempt 1  20" in shown
    assert "rejected: 422" in shown
    assert "    | cannot read" in shown
    assert "\x1b" not in shown
    assert json.loads(run("deliveries", "show", dead, "--json", env=world.env).stdout)["attempts"][0]["status"] == 422


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({**FIXING, "MOST_RESOURCES": "1"}, "MOST_RESOURCES=1"),
        (
            {"FORMAT": "template", "BODY": '{"a": {{ "" if alert.alert_id == "A-faulty" else "1" }}}'},
            "the template does not make JSON",
        ),
    ],
)
def test_what_a_guard_or_a_fault_of_ours_parked_is_to_be_replayed_though_its_route_runs(
    run: Run, start: Start, keys: dict[str, str], reason: str
) -> None:
    world = start(**{f"GATEWAY_ROUTES__ALL__{key}": value for key, value in keys.items()})
    delivery = f"{world.accept('A-faulty')}.all"
    wait_for(run, world, delivery, "parked")
    shown = run("deliveries", "show", delivery, env=world.env).stdout
    assert reason in shown
    assert f"Once its reason is dealt with: `optix-gateway deliveries replay {delivery}`." in shown
    assert "until its route runs" not in shown


def test_what_waits_for_its_route_says_where_to_see_why(run: Run, world: World) -> None:
    run("routes", "pause", "all", env=world.env)
    shown = run("deliveries", "show", f"{world.accept()}.all", env=world.env).stdout
    assert "It waits until its route runs; `optix-gateway routes list` says why it does not." in shown


def test_a_dead_one_is_replayed_by_its_id(run: Run, world: World, dead: str) -> None:
    world.receiver.status = 200
    result = run("deliveries", "replay", dead, env=world.env)
    assert (result.exit_code, result.stdout) == (0, f"{dead}: will be sent again\n")
    wait_for(run, world, dead, "delivered")


def test_many_are_counted_first_and_changed_only_when_confirmed(run: Run, world: World, dead: str) -> None:
    counted = run("deliveries", "replay", "--state", "dead", env=world.env)
    assert counted.stdout == "1 delivery would be sent again. Nothing was done; --yes does it.\n"
    assert state_of(run, world, dead) == "dead"
    assert json.loads(run("deliveries", "replay", "--state", "dead", "--json", env=world.env).stdout)["selected"] == 1
    world.receiver.status = 200
    done = run("deliveries", "replay", "--state", "dead", "--yes", env=world.env)
    assert (done.exit_code, done.stdout) == (0, "1 of 1 selected: will be sent again.\n")
    wait_for(run, world, dead, "delivered")


def test_waiting_ones_are_given_up(run: Run, start: Start) -> None:
    world = start(GATEWAY_ROUTES__ALL__ENABLED="false")
    first, second = f"{world.accept('A-1')}.all", f"{world.accept('A-2')}.all"
    one = run("deliveries", "cancel", first, env=world.env)
    assert (one.exit_code, one.stdout) == (0, f"{first}: cancelled\n")
    many = run("deliveries", "cancel", "--route", "all", "--yes", "--json", env=world.env)
    assert json.loads(many.stdout)["job"]["changed"] == 1
    assert state_of(run, world, second) == "cancelled"


def test_of_several_ids_each_is_answered_for_and_one_failure_is_a_failure(run: Run, world: World, dead: str) -> None:
    result = run("deliveries", "replay", "no-such", dead, env=world.env)
    assert result.exit_code == 1
    assert result.stdout == f"{dead}: will be sent again\n"
    assert result.stderr.startswith("no-such: ")
    assert "deliveries list" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["some-id", "--route", "all"]])
def test_what_to_change_has_to_be_said_in_one_way(run: Run, environment: dict[str, str], arguments: list[str]) -> None:
    for verb in ("replay", "cancel"):
        result = run("deliveries", verb, *arguments, env=environment)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"Say what to {verb}: ids, or a filter")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "no-such"], "there is no such delivery"),
        (["show", "../routes"], "there is no such delivery"),
        (["list", "--state", "ded"], "did you mean dead?"),
        (["list", "--since", "yesterday"], "ISO 8601"),
        (["list", "--severity", "hgh"], "did you mean high?"),
        (["list", "--cursor", "garbage"], "cursor is 'garbage'"),
        (["list", "--cursor", "garbage"], "`next` of the page before"),
    ],
)
def test_what_the_gateway_refuses_is_told_with_its_hint(
    run: Run, world: World, arguments: list[str], said: str
) -> None:
    result = run("deliveries", *arguments, env=world.env)
    assert result.exit_code == 1
    assert said in result.stderr


def test_the_token_is_sent_and_a_wrong_one_is_told_with_what_to_set(run: Run, start: Start, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("planted-token-1b1b\n")
    world = start(GATEWAY_OPS_TOKEN="planted-token-1b1b")
    without = {key: value for key, value in world.env.items() if key != "GATEWAY_OPS_TOKEN"}
    by_file = without | {"GATEWAY_OPS_TOKEN_FILE": str(tmp_path / "token")}
    assert run("deliveries", "list", env=by_file).exit_code == 0
    for env in (without, world.env | {"GATEWAY_OPS_TOKEN": "wrong"}):
        result = run("deliveries", "list", env=env)
        assert result.exit_code == 1
        assert "Set GATEWAY_OPS_TOKEN to that of the running gateway." in result.stderr
        assert "planted-token" not in result.output


def test_without_an_ops_listener_there_is_nothing_to_ask(run: Run, environment: dict[str, str]) -> None:
    result = run("deliveries", "list", env=environment | {"GATEWAY_OPS_LISTEN": ""})
    assert result.exit_code == 2
    assert "GATEWAY_OPS_LISTEN is empty" in result.stderr


def test_what_is_not_the_ops_api_is_told(run: Run, world: World) -> None:
    for url in (f"http://{world.env['GATEWAY_LISTEN']}", world.receiver.url):
        result = run("deliveries", "list", "--url", url, env=world.env)
        assert result.exit_code == 1
        assert result.stderr.startswith("What answers there is not the ops API of a gateway: ")


def test_nobody_there_is_told_with_what_to_do(run: Run, environment: dict[str, str]) -> None:
    result = run("deliveries", "list", env=environment | {"GATEWAY_OPS_LISTEN": "127.0.0.1:1"})
    assert result.exit_code == 1
    assert "Is it running (optix-gateway serve)" in result.stderr
