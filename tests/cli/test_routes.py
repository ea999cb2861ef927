from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from gateway.queue.sqlite import open_sqlite
from gateway.wiring import SystemClock
from tests.cli.cli_world import World
from tests.cli.conftest import Run, Start
from tests.queue.store_world import an_alert


def listed(run: Run, world: World) -> dict[str, list[str]]:
    """Name -> the other columns."""
    result = run("routes", "list", env=world.env)
    assert (result.exit_code, result.stderr) == (0, "")
    rows = [row.split("\t") for row in result.stdout.splitlines()]
    return {name: cells for name, *cells in rows}


def test_every_route_is_one_line_with_tabs_between_for_other_programs(run: Run, world: World) -> None:
    found = listed(run, world)
    assert found == {name: ["running", "0", "", "", "", "webhook", ""] for name in ("all", "critical")}


def test_what_waits_for_a_route_is_counted_and_how_long_it_has_been_due(run: Run, start: Start) -> None:
    world = start(GATEWAY_ROUTES__ALL__ENABLED="false")
    for number in range(3):
        world.accept(f"A-{number}")
    status, waiting, oldest, *_ = listed(run, world)["all"]
    assert (status, waiting, oldest[-1]) == ("disabled", "3", "s")
    told = json.loads(run("routes", "list", "--json", env=world.env).stdout)["routes"]
    assert [(route["name"], route["waiting"]) for route in told] == [("all", 3), ("critical", 0)]
    assert told[0]["oldest_due_s"] >= 0


def test_a_route_is_paused_and_resumed_by_its_name(run: Run, world: World) -> None:
    paused = run("routes", "pause", "all", env=world.env)
    assert (paused.exit_code, paused.stdout) == (0, "all: paused: alerts are stored and wait\n")
    delivery = f"{world.accept()}.all"
    status, waiting, _, since, _, _, reason = listed(run, world)["all"]
    assert (status, waiting, reason) == ("paused", "1", "paused by the ops API")
    assert since.endswith("Z")
    resumed = run("routes", "resume", "all", env=world.env)
    assert (resumed.exit_code, resumed.stdout) == (0, "all: running: what waited for it goes out\n")
    assert run("deliveries", "show", delivery, env=world.env).exit_code == 0
    assert listed(run, world)["all"][0] == "running"


def test_resuming_a_route_says_what_stays_parked_all_the_same(run: Run, start: Start) -> None:
    world = start(GATEWAY_ROUTES__ALL__APPROVAL="required")
    delivery = f"{world.accept()}.all"
    run("routes", "pause", "all", env=world.env)
    said = run("routes", "resume", "all", env=world.env).stdout.splitlines()
    assert said == [
        "all: running: what waited for it goes out",
        (
            "Still parked, each for a reason of its own: 1."
            " See `optix-gateway deliveries list --state parked --route all`."
        ),
    ]
    assert delivery in run("deliveries", "list", "--state", "parked", "--route", "all", env=world.env).stdout


def test_a_change_is_told_to_programs_as_the_api_tells_it(run: Run, world: World) -> None:
    told = json.loads(run("routes", "pause", "critical", "--json", env=world.env).stdout)
    assert (told["route"]["name"], told["route"]["status"]) == ("critical", "paused")


def test_resuming_a_route_that_its_file_switches_off_says_so(run: Run, start: Start) -> None:
    world = start(GATEWAY_ROUTES__ALL__ENABLED="false")
    result = run("routes", "resume", "all", env=world.env)
    assert (result.exit_code, result.stdout) == (0, "all: disabled: its ENABLED=false keeps it from running\n")


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_route_that_does_not_run_is_answered_with_the_one_meant(run: Run, world: World, verb: str) -> None:
    result = run("routes", verb, "critcal", env=world.env)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        'There is no route "critcal".',
        "Did you mean critical? Known: all, critical.",
    ]


async def leave_a_delivery(database: Path, route: str) -> None:
    store = await open_sqlite(
        database, clock=SystemClock(), disk_reserve_bytes=0, on_fatal=pytest.fail, on_commit=lambda *_: None
    )
    await store.put(an_alert(route), {})
    await store.close()


def test_a_former_route_is_listed_with_what_waits_for_it_and_is_not_offered(
    run: Run, start: Start, tmp_path: Path
) -> None:
    asyncio.run(leave_a_delivery(tmp_path / "gateway.db", "former"))
    world = start()
    assert listed(run, world)["former"][:2] == ["unconfigured", "1"]
    refused = run("routes", "resume", "former", env=world.env)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines() == ['There is no route "former".', "Known: all, critical."]
