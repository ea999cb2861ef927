"""What `check` and `destinations` say of the keys that decide what a receiver is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli.words import (
    flap_in_words,
    grouping_in_words,
    pairs_as_written,
    shut_in_words,
    telling_in_words,
    told_in_words,
)
from gateway.destinations import load
from gateway.domain.chain import Chain
from gateway.domain.expression import compile_expression
from gateway.domain.filter import parse_filter
from gateway.domain.flap import FlapRule
from gateway.domain.grouping import Grouping
from gateway.domain.inhibit import Inhibitor
from gateway.domain.notify import CHANGES, parse_notify
from gateway.domain.policy import Policy
from gateway.domain.severity import Severity
from gateway.domain.telling import Terms
from gateway.domain.window import Schedule, WhenMuted
from gateway.domain.window_syntax import parse_windows
from gateway.pipeline.configured import ConfiguredRoute
from gateway.settings.telling import TELLING_KEYS
from tests.cli.conftest import Run

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
CLOSES = "what comes meanwhile waits, and is sent when the route opens if it still stands then"

ROUTE = """\
DESTINATION=ntfy
TOPIC=soc
WHEN=alert.closed
NOTIFY=new,grew
REMIND_AFTER=7d
GROUP_BY=environment
INHIBIT=AR-1045>AR-1044>AR-651
FLAP_MAX=6
ACTIVE=mon-fri 08:00-18:00 Europe/Berlin
MUTE=2026-12-24..2026-12-26 UTC
MUTED=drop
STOP=true
ORDER=5
FALLBACK=all
"""


def a_route(terms: Terms | None = None, chain: Chain | None = None, **more: object) -> ConfiguredRoute:
    kind = load("ntfy")
    settings = kind.settings.model_validate({"topic": "soc"})
    return ConfiguredRoute(
        "soc",
        parse_filter({}),
        Policy(),
        "ntfy",
        kind,
        settings,
        terms=terms or Terms(),
        chain=chain or Chain(),
        **more,  # type: ignore[arg-type]  # the rest is typed where a test writes it
    )


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (Terms(), "every alert, also when it repeats what is known"),
        (Terms(CHANGES), "new, grew, shrank, raised, suppressed, reopened, changed; no reminders"),
        (Terms(parse_notify("raised,new"), 7 * DAY_US), "new, raised; reminded after 7d"),
        (Terms(parse_notify("new"), DAY_US // 24), "new; reminded after 1h"),
    ],
)
def test_what_a_receiver_is_told_of(terms: Terms, words: str) -> None:
    assert told_in_words(terms) == words


@pytest.mark.parametrize(
    ("grouping", "words"),
    [
        (
            Grouping(("environment",)),
            (
                "by environment, 30s after the first; no sooner than 5m after the group's last message; at once when"
                " 100 wait; critical at once and alone"
            ),
        ),
        (
            Grouping(("source", "rule"), 0, DAY_US, 2, Severity.MEDIUM),
            (
                "by source, rule, 0s after the first; no sooner than 24h after the group's last message; at once when"
                " 2 wait; medium and above at once and alone"
            ),
        ),
        (
            Grouping(("rule",), bypass=None),
            "by rule, 30s after the first; no sooner than 5m after the group's last message; at once when 100 wait",
        ),
    ],
)
def test_when_a_group_goes_out(grouping: Grouping, words: str) -> None:
    assert grouping_in_words(grouping) == words


def test_what_becomes_of_alerts_while_a_route_is_shut() -> None:
    assert shut_in_words(WhenMuted.HOLD) == CLOSES
    assert shut_in_words(WhenMuted.DROP) == "what comes meanwhile is never sent"


def test_what_flapping_is() -> None:
    assert flap_in_words(FlapRule(6, 2 * 3600 * SECOND_US)) == (
        "after more than 6 changes in 2h, told once more and then when nothing changed for 2h"
    )


def test_inhibition_is_told_as_pairs_that_can_be_written_again() -> None:
    pairs = pairs_as_written(Inhibitor.parse("ar-1045>AR-1044>AR-651;AR-25*>AR-300"))
    assert pairs == ["AR-1045>AR-1044", "AR-1044>AR-651", "AR-25*>AR-300"]
    assert pairs_as_written(Inhibitor.parse(";".join(pairs))) == pairs


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        (Chain(catch_all=True), "takes only what no other route took"),
        (Chain(stop=True, order=0), "no later route gets what it takes; its place in the order is 0"),
        (Chain(fallback="siem"), "siem gets what is not delivered after 15m"),
        (Chain(fallback="siem", fallback_after_us=90 * SECOND_US), "siem gets what is not delivered after 1m30s"),
        (Chain(fallback_only=True), "takes only what another route hands over"),
    ],
)
def test_how_a_route_stands_to_others(chain: Chain, words: str) -> None:
    assert dict(telling_in_words(a_route(chain=chain)))["others"] == words


def test_of_a_route_without_such_keys_only_what_it_is_told_of_is_said() -> None:
    assert [label for label, _ in telling_in_words(a_route())] == ["told of"]


@pytest.mark.parametrize(
    ("schedule", "labels"),
    [
        (Schedule(active=parse_windows("mon")), {"active": "mon UTC (the default zone)", "shut": CLOSES}),
        (Schedule(mute=parse_windows("mon UTC")), {"muted": "mon UTC", "shut": CLOSES}),
    ],
)
def test_the_hours_of_a_route_are_told_as_they_were_understood(schedule: Schedule, labels: dict[str, str]) -> None:
    told = dict(telling_in_words(a_route(schedule=schedule)))
    del told["told of"]
    assert told == labels


def test_an_expression_stands_on_one_line() -> None:
    when = compile_expression("alert.closed\n  || alert.open_count > 2")
    assert dict(telling_in_words(a_route(when=when)))["when"] == "alert.closed || alert.open_count > 2"


def test_check_tells_it_of_each_route(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "routes/soc.env").write_text(ROUTE)
    result = run("check", env=environment)
    assert result.exit_code == 0, result.stderr
    told = result.stdout.partition("route soc -> ntfy")[2].splitlines()[2:11]
    assert told == [
        "    when     alert.closed",
        "    told of  new, grew; reminded after 7d",
        (
            "    grouped  by environment, 30s after the first; no sooner than 5m after the group's last message; at"
            " once when 100 wait; critical at once and alone"
        ),
        "    inhibits AR-1045>AR-1044; AR-1044>AR-651",
        "    flapping after more than 6 changes in 1h, told once more and then when nothing changed for 1h",
        "    active   mon-fri 08:00-18:00 Europe/Berlin",
        "    muted    2026-12-24..2026-12-26 UTC",
        "    shut     what comes meanwhile is never sent",
        (
            "    others   no later route gets what it takes; its place in the order is 5; all gets what is not"
            " delivered after 15m"
        ),
    ]


def test_programs_get_it_as_json(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "routes/soc.env").write_text(ROUTE)
    plain, _, soc = json.loads(run("check", "--json", env=environment).stdout)["routes"]
    assert (
        soc.items()
        >= {
            "when": "alert.closed",
            "notify": "new, grew",
            "remind_after_s": 604800,
            "group": {"by": ["environment"], "wait_s": 30, "interval_s": 300, "max": 100, "bypass": "critical"},
            "inhibit": ["AR-1045>AR-1044", "AR-1044>AR-651"],
            "flap": {"max": 6, "window_s": 3600},
            "active": "mon-fri 08:00-18:00 Europe/Berlin",
            "mute": "2026-12-24..2026-12-26 UTC",
            "muted": "drop",
            "catch_all": False,
            "stop": True,
            "order": 5,
            "fallback": "all",
            "fallback_after_s": None,
            "fallback_only": False,
        }.items()
    )
    nothing = ("when", "remind_after_s", "group", "flap", "active", "mute", "muted", "order", "fallback")
    assert {plain[key] for key in nothing} == {None}
    assert (plain["notify"], plain["inhibit"]) == ("all", [])


@pytest.mark.parametrize(
    ("kind", "notify"),
    [("webhook", "all"), ("discord", "new, grew, shrank, raised, suppressed, reopened, changed")],
)
def test_a_kind_is_told_with_what_its_receivers_hear_of(run: Run, kind: str, notify: str) -> None:
    told = run("destinations", kind).stdout
    assert f"NOTIFY\t{notify}\tas for every route\n" in told
    assert f"What is told and when, as for every route: {', '.join(TELLING_KEYS)}.\n" in told
