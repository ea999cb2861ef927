from __future__ import annotations

import json

import pytest

from gateway.cli.client import Ops
from tests.cli.cli_world import World
from tests.cli.conftest import Run
from tests.cli.until import wait_for

WHO = ("--reason", "migration", "--author", "ana")


def added(run: Run, world: World, *arguments: str) -> str:
    """The id of a new silence."""
    result = run("silences", "add", *arguments, *WHO, env=world.env)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.partition(":")[0]


def test_a_silence_is_added_listed_and_ended(run: Run, world: World) -> None:
    silence_id = added(run, world, "RULES=AR-251,AR-252", "--for", "2h", "--route", "all")
    (listed,) = json.loads(run("silences", "list", "--json", env=world.env).stdout)["silences"]
    assert listed["id"] == silence_id
    assert (listed["active"], listed["then"], listed["author"], listed["reason"]) == (True, "hold", "ana", "migration")
    assert listed["what"] == "rule is AR-251 or AR-252; event type is ALERT; on routes all"
    ended = run("silences", "end", silence_id, env=world.env)
    assert (ended.exit_code, ended.stdout) == (0, f"{silence_id}: ended\n")
    assert run("silences", "list", env=world.env).stderr == "There are none.\n"


def test_silences_that_are_over_are_listed_where_all_are_asked_for(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.silences._AT_ONCE", 2)
    silences = [added(run, world, "RULES=AR-251", "--for", "2h") for _ in range(5)]
    run("silences", "end", *silences[:2], env=world.env)
    listed = json.loads(run("silences", "list", "--all", "--json", env=world.env).stdout)["silences"]
    assert [silence["id"] for silence in listed] == silences[::-1]
    assert [silence["active"] for silence in listed] == [True, True, True, False, False]
    assert [bool(silence["ended_at"]) for silence in listed] == [False, False, False, True, True]
    rows = run("silences", "list", "--all", "--since", "1h", env=world.env).stdout.splitlines()
    assert [row.split("\t")[0] for row in rows] == silences[::-1]
    assert run("silences", "list", "--all", "--since", "2100-01-01", env=world.env).stderr == "There are none.\n"
    assert len(run("silences", "list", env=world.env).stdout.splitlines()) == 3


def test_a_time_without_all_is_refused_by_both(run: Run, world: World) -> None:
    result = run("silences", "list", "--since", "1h", env=world.env)
    assert (result.exit_code, result.stderr.splitlines()[1]) == (2, "Add --all, or leave it out.")
    answer = Ops(f"http://{world.env['GATEWAY_OPS_LISTEN']}", {}).ask("GET", "silences", query={"since": "1h"})
    assert (answer.status, answer.body) == (
        400,
        {"error": "since chooses among all silences", "hint": "add ended=true, or leave it out"},
    )


def test_what_a_silence_holds_goes_out_when_it_is_ended(run: Run, world: World) -> None:
    silence_id = added(run, world, "--all", "--for", "1d")
    delivery = f"{world.accept()}.all"
    shown = json.loads(run("deliveries", "show", delivery, "--json", env=world.env).stdout)
    assert shown["state"] == "pending"
    assert shown["attempts"] == []
    run("silences", "end", silence_id, env=world.env)
    wait_for(run, world, delivery, "delivered")


def test_a_silence_that_drops_makes_no_delivery(run: Run, world: World) -> None:
    added(run, world, "--all", "--for", "1d", "--drop")
    alert = world.accept()
    assert run("deliveries", "show", f"{alert}.all", env=world.env).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("RULES=AR-251", *WHO), "until"),
        (("--for", "2h", *WHO), "filter"),
        (("RULS=AR-251", "--for", "2h", *WHO), "RULES"),
        (("RULES=AR-251", "--for", "2 weeks", *WHO), "how long: 30m, 2h, 3d"),
        (("RULES=AR-251", "--for", "91d", *WHO), "90"),
        (("RULES=AR-251", "--for", "2h", "--author", "ana"), "reason"),
    ],
)
def test_a_mistake_is_refused_with_what_to_do(run: Run, world: World, arguments: tuple[str, ...], said: str) -> None:
    result = run("silences", "add", *arguments, env=world.env)
    assert result.exit_code == 1
    assert said in result.stderr


def test_a_condition_without_a_value_is_refused_before_anybody_is_asked(run: Run, world: World) -> None:
    result = run("silences", "add", "RULES", "--for", "2h", *WHO, env=world.env)
    assert result.exit_code == 2
    assert "Write KEY=VALUE" in result.stderr


def test_an_unknown_silence_is_no_silence(run: Run, world: World) -> None:
    result = run("silences", "end", "nope", env=world.env)
    assert result.exit_code == 1
    assert "there is no such silence" in result.stderr
