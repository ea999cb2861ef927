from __future__ import annotations

import json

import pytest

from gateway.destinations import kinds, load
from gateway.settings.kinds import kind_of
from tests.cli.conftest import Run


def test_all_kinds_are_listed(run: Run) -> None:
    listed = [line.split("\t") for line in run("destinations").stdout.splitlines()]
    assert listed == [[kind, load(kind).summary] for kind in kinds()]
    told = json.loads(run("destinations", "--json").stdout)
    assert [found["kind"] for found in told] == list(kinds())


@pytest.mark.parametrize("kind", kinds())
def test_a_kind_is_told_with_every_setting_its_limits_and_its_example(run: Run, kind: str) -> None:
    result = run("destinations", kind)
    assert result.exit_code == 0
    rows = {line.split("\t")[0]: line.split("\t") for line in result.stdout.splitlines() if "\t" in line}
    assert kind_of(kind).keys.keys() <= rows.keys()
    assert {"CONCURRENCY", "RATE_LIMIT", "BACKLOG"} <= rows.keys()
    assert load(kind).limits.keys() <= rows.keys()
    assert load(kind).example.strip() in result.stdout


@pytest.mark.parametrize("kind", kinds())
def test_every_setting_says_what_it_means_and_secrets_are_marked(run: Run, kind: str) -> None:
    told = json.loads(run("destinations", kind, "--json").stdout)
    assert [setting["key"] for setting in told["settings"] if not setting["meaning"]] == []
    assert {s["key"] for s in told["settings"] if s["secret"]} == set(kind_of(kind).secrets)
    assert [s for s in told["settings"] if s["secret"] and s["default"] is not None] == []


@pytest.mark.parametrize(
    ("kind", "key", "default"),
    [
        ("webhook", "SUCCESS", "200-299"),
        ("webhook", "TLS_VERIFY", "true"),
        ("webhook", "HEADERS", ""),
        ("webhook", "URL", "(required)"),
        ("discord", "RATE_LIMIT", "24/m:5"),
        ("webhook", "RATE_LIMIT", "off"),
        ("syslog", "PORT", ""),
    ],
)
def test_defaults_stand_as_an_operator_would_write_them(run: Run, kind: str, key: str, default: str) -> None:
    rows = (line.split("\t") for line in run("destinations", kind).stdout.splitlines())
    assert [row[1] for row in rows if row[0] == key] == [default]


def test_a_misspelt_kind_is_answered_with_the_one_meant(run: Run) -> None:
    result = run("destinations", "dicsord")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1] == f"Did you mean discord? Known: {', '.join(kinds())}."
    assert run("destinations", "Discord").exit_code == 0
