from __future__ import annotations

import json

import pytest

from gateway.cli.incidents import print_incident
from gateway.domain.alert import JSON
from tests.cli.cli_world import World
from tests.cli.conftest import Run


def test_incidents_are_listed_with_tabs_between_and_those_that_are_asked_for(run: Run, world: World) -> None:
    for alert in ("A-1", "A-2", "A-1"):
        world.accept(alert)
    listed = run("incidents", "list", env=world.env)
    assert listed.exit_code == 0, listed.stderr
    cells = [line.split("\t") for line in listed.stdout.splitlines()]
    assert [(row[0][:6], row[1], row[-1]) for row in cells] == [("optix-", "2", "A-2"), ("optix-", "2", "A-1")]
    for chosen, found in (
        (["--open"], 2), (["--rule", "AR-251"], 2), (["--rule", "AR-252"], 0), (["--key", cells[0][0]], 1),
        (["--environment", "44412345678075"], 2), (["--source", "acme"], 0),
    ):  # fmt: skip
        answer = json.loads(run("incidents", "list", "--json", *chosen, env=world.env).stdout)
        assert len(answer["incidents"]) == found, chosen


def test_an_empty_list_and_a_further_page_are_told_beside_the_list(run: Run, world: World) -> None:
    empty = run("incidents", "list", env=world.env)
    assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "", "There are none.\n")
    for number in range(3):
        world.accept(f"A-{number}")
    page = run("incidents", "list", "--limit", "2", env=world.env)
    cursor = page.stderr.split("--cursor ")[1].strip()
    rest = run("incidents", "list", "--limit", "2", "--cursor", cursor, env=world.env)
    assert (len(page.stdout.splitlines()), len(rest.stdout.splitlines()), rest.stderr) == (2, 1, "")


def test_one_is_shown_with_its_resources_and_who_keeps_account_of_it(run: Run, world: World) -> None:
    world.accept()
    (row,) = json.loads(run("incidents", "list", "--json", env=world.env).stdout)["incidents"]
    shown = run("incidents", "show", row["key"], env=world.env)
    assert shown.exit_code == 0, shown.stderr
    assert "severity       high\n" in shown.stdout
    assert "\nresources: 2\n    open  " in shown.stdout
    assert "No route keeps account of it" in shown.stdout
    assert json.loads(run("incidents", "show", row["key"], "--json", env=world.env).stdout)["key"] == row["key"]


def test_an_incident_that_is_not_there_is_a_failure(run: Run, world: World) -> None:
    result = run("incidents", "show", "nope", env=world.env)
    assert result.exit_code == 1
    assert result.stderr.startswith("The gateway says: there is no such incident.")


def test_history_and_receivers_are_shown_and_hostile_names_are_made_inert(capsys: pytest.CaptureFixture[str]) -> None:
    resource: dict[str, JSON] = {"info": "a\nb\x1b[31m", "state": "", "first_seen_at": "F", "last_seen_at": "L"}
    told: list[JSON] = [
        {"route": "soc", "told_at": "T", "alert": "x-1", "reference": "TICKET\n7", "asked_at": "T", "unseen": "1 gone"},
        {"route": "mail", "told_at": None, "alert": "", "reference": "", "asked_at": "T", "unseen": "new: 1 open"},
        {"route": "late", "told_at": None, "alert": "", "reference": "", "asked_at": None, "unseen": "new: 1 open"},
    ]
    change: JSON = {"at": "T", "alert": "x-2", "reasons": ["shrank"], "words": "1 gone"}
    print_incident({"key": "optix-1", "gone": [resource], "changes": [change], "told": told})
    lines = capsys.readouterr().out.splitlines()
    assert "    (no state)  a b[31m  (since F, last seen L)" in lines
    assert "    T  1 gone  (alert x-2)" in lines
    assert "    soc: told T of alert x-1, stored there as TICKET 7; it does not know: 1 gone" in lines
    assert "    mail: not told yet; a delivery was made T" in lines
    assert "    late: never told" in lines
