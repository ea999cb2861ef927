"""The keys that say what a receiver is told, when, and how its route stands to others."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gateway.destinations import kinds, load
from gateway.domain.chain import Chain
from gateway.domain.flap import FlapRule
from gateway.domain.grouping import Grouping
from gateway.domain.inhibit import Inhibitor
from gateway.domain.notify import CHANGES, EVERYTHING, parse_notify
from gateway.domain.severity import Severity
from gateway.domain.telling import Terms
from gateway.domain.window import WhenMuted
from gateway.pipeline.configured import ConfiguredRoute
from gateway.settings.kinds import COMMON_KEYS, kind_of
from gateway.settings.telling import TELLING_KEYS, usual_notify
from tests.settings.conftest import Site

NTFY = ("DESTINATION=ntfy", "TOPIC=soc")
HOOK = ("DESTINATION=webhook", "URL=https://a.example")
SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US


def a_route(site: Site, *lines: str) -> ConfiguredRoute:
    site.route("soc", *lines)
    return next(route for route in site.read().routes if route.name == "soc")


def test_a_route_without_such_keys_has_none_of_it(site: Site) -> None:
    route = a_route(site, *HOOK)
    assert (route.terms, route.chain, route.schedule, route.when) == (Terms(), Chain(), None, None)


@pytest.mark.parametrize(
    ("lines", "notify"),
    [
        (NTFY, CHANGES),
        ((*NTFY, "BACKLOG=latest"), CHANGES),
        ((*NTFY, "BACKLOG=all"), EVERYTHING),
        (HOOK, EVERYTHING),
        ((*HOOK, "BACKLOG=latest"), EVERYTHING),
        ((*NTFY, "NOTIFY=all"), EVERYTHING),
        ((*NTFY, "BACKLOG=all", "NOTIFY=New, grew"), parse_notify("new,grew")),
    ],
)
def test_who_wants_the_latest_state_only_is_told_of_changes_unless_notify_says_otherwise(
    site: Site, lines: tuple[str, ...], notify: frozenset[str]
) -> None:
    assert a_route(site, *lines).terms.notify == notify


@pytest.mark.parametrize("kind", kinds())
def test_a_destination_that_has_its_own_view_of_notify_is_asked_first(kind: str) -> None:
    destination = load(kind)
    for backlog in ("all", "latest"):
        usual = usual_notify(destination, backlog)
        assert destination.notify in (None, usual)


def test_reminders_and_damping_become_terms(site: Site) -> None:
    route = a_route(site, *NTFY, "REMIND_AFTER=7d", "FLAP_MAX=6", "FLAP_WINDOW=2h", "INHIBIT=AR-1>AR-2; AR-3>AR-4")
    assert route.terms == Terms(
        notify=CHANGES,
        remind_after_us=7 * 24 * HOUR_US,
        inhibitor=Inhibitor.parse("AR-1>AR-2;AR-3>AR-4"),
        flap=FlapRule(6, 2 * HOUR_US),
    )


def test_flapping_is_measured_within_an_hour_unless_it_is_said(site: Site) -> None:
    assert a_route(site, *NTFY, "FLAP_MAX=6").terms.flap == FlapRule(6, HOUR_US)


def test_groups_have_the_usual_times_unless_they_are_said(site: Site) -> None:
    assert a_route(site, *NTFY, "GROUP_BY=rule, Environment").terms.grouping == Grouping(("environment", "rule"))
    own = ("GROUP_WAIT=0s", "GROUP_INTERVAL=1d", "GROUP_MAX=2", "GROUP_BYPASS=High")
    assert a_route(site, *NTFY, "GROUP_BY=rule", *own).terms.grouping == Grouping(
        ("rule",), 0, 24 * HOUR_US, 2, Severity.HIGH
    )
    grouping = a_route(site, *NTFY, "GROUP_BY=rule", "GROUP_BYPASS=off").terms.grouping
    assert grouping is not None
    assert grouping.bypass is None


def test_windows_become_a_schedule(site: Site) -> None:
    route = a_route(site, *NTFY, "ACTIVE=mon-fri 08:00-18:00", "MUTE=2026-12-24 UTC; sat", "MUTED=Drop")
    assert route.schedule is not None
    assert route.schedule.active is not None
    assert route.schedule.mute is not None
    assert route.schedule.active.describe() == "mon-fri 08:00-18:00 UTC (the default zone)"
    assert route.schedule.mute.describe() == "2026-12-24 UTC; sat UTC (the default zone)"
    assert route.when_muted is WhenMuted.DROP
    assert a_route(site, *NTFY, "MUTE=sat").when_muted is WhenMuted.HOLD


def test_relations_to_other_routes_become_a_chain(site: Site) -> None:
    site.route("Reserve", *HOOK, "FALLBACK_ONLY=true")
    route = a_route(site, *NTFY, "CATCH_ALL=yes", "STOP=on", "ORDER=7", "FALLBACK=RESERVE", "FALLBACK_AFTER=1h")
    assert route.chain == Chain(True, True, 7, "reserve", HOUR_US)
    assert [route.chain for route in site.read().routes if route.name == "reserve"] == [Chain(fallback_only=True)]


def test_when_becomes_an_expression(site: Site) -> None:
    route = a_route(site, *NTFY, 'WHEN=alert.closed || "PCI" in alert.policy_labels')
    assert route.when is not None
    assert route.when.describe() == 'alert.closed || "PCI" in alert.policy_labels'


IN_FILES = {
    "NOTIFY": "new\ngrew\n",
    "GROUP_BY": "environment\nrule\n",
    "INHIBIT": "AR-1>AR-2\nAR-3>AR-4\n",
    "MUTE": "sat,sun\n2026-12-24..2026-12-26\n",
    "WHEN": "alert.closed\n  || alert.open_count > 2\n",
}


def test_long_values_may_be_written_by_line_in_a_file(site: Site) -> None:
    for key, text in IN_FILES.items():
        site.write(f"config/routes/said/{key}", text)
    route = a_route(site, *NTFY, *(f"{key}_FILE=said/{key}" for key in IN_FILES))
    assert route.terms.notify == parse_notify("new,grew")
    assert route.terms.grouping == Grouping(("environment", "rule"))
    assert len(route.terms.inhibitor.links) == 2
    assert route.schedule is not None
    assert route.schedule.mute is not None
    assert len(route.schedule.mute.windows) == 2
    assert route.when is not None
    assert route.when.describe() == "alert.closed || alert.open_count > 2"


def test_a_route_of_the_environment_has_every_such_key(site: Site) -> None:
    site.write("wait", "2m\n")
    keys = {"DESTINATION": "ntfy", "TOPIC": "soc", "NOTIFY": "new", "GROUP_BY": "rule", "FALLBACK": "Siem"}
    environ = {f"GATEWAY_ROUTES__SOC__{key}": value for key, value in keys.items()}
    environ |= {"GATEWAY_ROUTES__SOC__GROUP_WAIT_FILE": "wait", "GATEWAY_ROUTES__SIEM__DESTINATION": "syslog"}
    siem, soc = site.read(environ | {"GATEWAY_ROUTES__SIEM__HOST": "s"}).routes
    assert soc.terms == Terms(parse_notify("new"), grouping=Grouping(("rule",), 120 * SECOND_US))
    assert (soc.chain.fallback, siem.terms) == ("siem", Terms())


def test_the_environment_overrides_what_a_file_says(site: Site) -> None:
    site.route("soc", *NTFY, "NOTIFY=new", "MUTE=sat")
    (route,) = site.read({"GATEWAY_ROUTES__SOC__NOTIFY": "all", "GATEWAY_ROUTES__SOC__MUTED": "drop"}).routes
    assert (route.terms.notify, route.when_muted) == (EVERYTHING, WhenMuted.DROP)


@pytest.mark.parametrize("kind", kinds())
def test_no_kind_of_destination_has_a_key_of_every_route_for_its_own(kind: str) -> None:
    assert kind_of(kind).keys.keys() & set(COMMON_KEYS) == set()


GROUPED = "GROUP_BY=rule"
REVISIONS = {
    "WHEN": ((), "alert.closed"),
    "NOTIFY": ((), "new"),
    "REMIND_AFTER": ((), "1d"),
    "GROUP_BY": ((), "rule"),
    "GROUP_WAIT": ((GROUPED,), "1m"),
    "GROUP_INTERVAL": ((GROUPED,), "1m"),
    "GROUP_MAX": ((GROUPED,), "9"),
    "GROUP_BYPASS": ((GROUPED,), "off"),
    "FLAP_MAX": ((), "9"),
    "FLAP_WINDOW": (("FLAP_MAX=9",), "2h"),
    "INHIBIT": ((), "AR-1>AR-2"),
    "ACTIVE": ((), "mon"),
    "MUTE": ((), "mon"),
    "MUTED": (("MUTE=mon",), "drop"),
    "CATCH_ALL": ((), "true"),
    "STOP": ((), "true"),
    "ORDER": ((), "0"),
    "FALLBACK": ((), "other"),
    "FALLBACK_AFTER": (("FALLBACK=other",), "1h"),
    "FALLBACK_ONLY": ((), "true"),
}


@pytest.mark.parametrize("key", TELLING_KEYS)
def test_the_revision_changes_with_every_key(site: Site, key: str) -> None:
    beside, value = REVISIONS[key]
    site.route("other", *HOOK, "FALLBACK=soc")
    if key.startswith("FALLBACK") and key != "FALLBACK_ONLY":
        site.route("other", *HOOK)
    site.route("soc", *NTFY, *beside)
    before = site.read().revision
    site.route("soc", *NTFY, *beside, f"{key}={value}")
    assert site.read().revision != before


def test_windows_that_keep_a_route_open_and_shut_are_different_revisions(site: Site) -> None:
    site.route("soc", *NTFY, "ACTIVE=mon")
    active = site.read().revision
    site.route("soc", *NTFY, "MUTE=mon")
    assert site.read().revision != active


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_revision_of_such_keys_is_the_same_in_every_process(site: Site, seed: str) -> None:
    site.route("soc", *NTFY, "NOTIFY=new,grew,shrank,raised", GROUPED, "INHIBIT=AR-1>AR-*;AR-3>AR-4", "MUTE=sat")
    program = (
        "from gateway.settings.configuration import read_configuration as read\n"
        "print(read({}, need_sources=False).revision)"
    )
    environ = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == site.read().revision


@pytest.mark.parametrize(
    ("lines", "fate"),
    [
        (("ACTIVE=2001-12-24..2001-12-26",), "waits for good"),
        (("ACTIVE=2001-12-24..2001-12-26; 2001-12-31", "MUTED=drop"), "is not sent"),
    ],
)
def test_windows_that_are_over_are_warned_of_but_do_not_hinder_a_restart(
    site: Site, lines: tuple[str, ...], fate: str
) -> None:
    site.route("soc", *NTFY, *lines)
    said = f'route "soc": ACTIVE and MUTE leave it no hour from now on, so what it takes {fate}'
    assert site.read().warnings == (said,)


def test_windows_that_come_again_are_not_warned_of(site: Site) -> None:
    site.route("soc", *NTFY, "ACTIVE=mon-fri 08:00-18:00", "MUTE=2001-12-24")
    assert site.read().warnings == ()
