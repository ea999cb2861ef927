"""What an operator reads of each mistake in the keys that say what a receiver is told."""

from __future__ import annotations

import pytest

from tests.settings.conftest import Site

NTFY = ("DESTINATION=ntfy", "TOPIC=soc")
HOOK = ("DESTINATION=webhook", "URL=https://a.example")
REASONS = "new, grew, shrank, raised, lowered, suppressed, reopened, changed"
BANDS = "critical, high, medium, low, off"


@pytest.mark.parametrize(
    ("lines", "mistake"),
    [
        (
            (*NTFY, "NOTIFY=new,grow"),
            f':3: NOTIFY: "grow" is not a reason; did you mean "grew"? One of {REASONS}, or all alone.',
        ),
        (
            (*NTFY, "NOTIFY=new,unchanged"),
            ":3: NOTIFY: unchanged is no change to choose: write all to be sent every repeat.",
        ),
        (
            (*NTFY, "NOTIFY=all,new"),
            ":3: NOTIFY: all includes every reason: write it alone, or leave it out.",
        ),
        ((*NTFY, "NOTIFY="), f":3: NOTIFY: no reason is given. One of {REASONS}, or all alone."),
        (
            (*NTFY, "NOTIFY=all", "REMIND_AFTER=7d"),
            (
                ":4: REMIND_AFTER: NOTIFY is all, so every repeat is sent anyway. List reasons in NOTIFY, or leave"
                " REMIND_AFTER out."
            ),
        ),
        (
            (*HOOK, "REMIND_AFTER=7d"),
            (
                ":3: REMIND_AFTER: NOTIFY is all where it is left out, so every repeat is sent anyway. List reasons in"
                " NOTIFY, or leave REMIND_AFTER out."
            ),
        ),
        ((*NTFY, "REMIND_AFTER=7"), ':3: REMIND_AFTER: "7" has no unit; did you mean "7s"?'),
        ((*NTFY, "REMIND_AFTER=1s"), ':3: REMIND_AFTER: "1s" is out of range. Choose from 1m to 90d.'),
        (
            (*NTFY, "GROUP_BY=enviroment"),
            (
                ':3: GROUP_BY: "enviroment" is not a field that alerts are grouped by; did you mean "environment"?'
                " One of source, environment, resource, rule, type, severity."
            ),
        ),
        (
            (*NTFY, "GROUP_BY="),
            (
                ":3: GROUP_BY: no field is given. Write one or several of source, environment, resource, rule, type,"
                " severity, or leave the key out."
            ),
        ),
        (
            (*HOOK, "GROUP_BY=rule"),
            (
                ":3: GROUP_BY: several alerts cannot be one message here: FORMAT=original sends the bytes of one"
                " alert. Set FORMAT to alert, cloudevents or template."
            ),
        ),
        *(
            (
                (*NTFY, line),
                (
                    f":3: {line.partition('=')[0]}: there is no GROUP_BY that it would be about. Name fields there, or"
                    " leave it out."
                ),
            )
            for line in ("GROUP_WAIT=1m", "GROUP_INTERVAL=1m", "GROUP_MAX=9", "GROUP_BYPASS=off")
        ),
        (
            (*NTFY, "GROUP_BY=rule", "GROUP_WAIT=8d"),
            ':4: GROUP_WAIT: "8d" is out of range. Choose from 0s to 7d.',
        ),
        (
            (*NTFY, "GROUP_BY=rule", "GROUP_INTERVAL=soon"),
            (':4: GROUP_INTERVAL: "soon" is not a duration. Write a number and a unit, as in 50ms, 10s, 5m, 2h or 3d.'),
        ),
        (
            (*NTFY, "GROUP_BY=rule", "GROUP_MAX=501"),
            ':4: GROUP_MAX: "501" is not a whole number from 2 to 500.',
        ),
        ((*NTFY, "GROUP_BY=rule", "GROUP_MAX=1"), ':4: GROUP_MAX: "1" is not a whole number from 2 to 500.'),
        (
            (*NTFY, "GROUP_BY=rule", "GROUP_BYPASS=hihg"),
            f':4: GROUP_BYPASS: "hihg" is not a severity; did you mean "high"? One of {BANDS}.',
        ),
        ((*NTFY, "FLAP_MAX=51"), ':3: FLAP_MAX: "51" is not a whole number from 1 to 50.'),
        ((*NTFY, "FLAP_MAX=0"), ':3: FLAP_MAX: "0" is not a whole number from 1 to 50.'),
        (
            (*NTFY, "FLAP_MAX=5", "FLAP_WINDOW=30s"),
            ':4: FLAP_WINDOW: "30s" is out of range. Choose from 1m to 7d.',
        ),
        (
            (*NTFY, "FLAP_WINDOW=1h"),
            (":3: FLAP_WINDOW: there is no FLAP_MAX that it would be about. Set a number there, or leave it out."),
        ),
        (
            (*NTFY, "INHIBIT=AR-1045"),
            (
                ':3: INHIBIT: "AR-1045" names one rule and nothing that it mutes. Write the wider rule first, as in'
                " AR-1045>AR-1044>AR-651; AR-251>AR-252."
            ),
        ),
        (
            (*NTFY, "INHIBIT=AR-1>AR-2;AR-2>AR-1"),
            (":3: INHIBIT: the chains go round in a circle: AR-1 > AR-2 > AR-1. No rule can be wider than itself."),
        ),
        (
            (*NTFY, "ACTIVE=mon-fri 08:00-18:00 Europe/Berln"),
            (
                ':3: ACTIVE: "mon-fri 08:00-18:00 Europe/Berln": "Europe/Berln" is not a zone; did you mean'
                ' "Europe/Berlin"?'
            ),
        ),
        (
            (*NTFY, "MUTE=2026-02-30"),
            ':3: MUTE: "2026-02-30": there is no day 2026-02-30 in the calendar.',
        ),
        (
            (*NTFY, "ACTIVE="),
            ":3: ACTIVE: no window is given. Write one such as mon-fri 08:00-18:00 Europe/Berlin.",
        ),
        ((*NTFY, "MUTE=daily"), ":3: MUTE: it covers every hour: this route would never be open."),
        (
            (*NTFY, "ACTIVE=sat,sun Europe/Berlin", "MUTE=fri 18:00-24:00; sat-mon Europe/Berlin"),
            ":4: MUTE: it covers every hour of ACTIVE: this route would never be open.",
        ),
        (
            (*NTFY, "ACTIVE=2026-03-29 02:00-03:00 Europe/Berlin"),
            ":3: ACTIVE: no clock ever shows these hours: this route would never be open.",
        ),
        (
            (*NTFY, "MUTED=drop"),
            (":3: MUTED: there is no ACTIVE and no MUTE that it would be about. Write windows there, or leave it out."),
        ),
        (
            (*NTFY, "MUTE=sat", "MUTED=hodl"),
            ':4: MUTED: "hodl" is not a known value; did you mean "hold"? One of hold, drop.',
        ),
        ((*NTFY, "CATCH_ALL=maybe"), ':3: CATCH_ALL: "maybe" is neither true nor false.'),
        ((*NTFY, "STOP=maybe"), ':3: STOP: "maybe" is neither true nor false.'),
        ((*NTFY, "ORDER=first"), ':3: ORDER: "first" is not a whole number from 0 to 9999.'),
        ((*NTFY, "FALLBACK="), ":3: FALLBACK: no route is named. Name one, or leave the key out."),
        (
            (*NTFY, "FALLBACK=soc"),
            ":3: FALLBACK: a route cannot be its own fallback. Name another route, or leave it out.",
        ),
        ((*NTFY, "FALLBACK=siem"), ':3: FALLBACK: "siem" is not a route. There is no other route.'),
        (
            (*NTFY, "FALLBACK=https://hooks.example/secret"),
            ":3: FALLBACK: the URL given is not a route. There is no other route.",
        ),
        (
            (*NTFY, "FALLBACK_AFTER=5m"),
            (":3: FALLBACK_AFTER: there is no FALLBACK that it would be about. Name a route there, or leave it out."),
        ),
        (
            (*NTFY, "FALLBACK_ONLY=true"),
            ":3: FALLBACK_ONLY: no route has FALLBACK=soc: nothing would ever get here.",
        ),
        ((*NTFY, "FALLBACK_ONLY=perhaps"), ':3: FALLBACK_ONLY: "perhaps" is neither true nor false.'),
        (
            (*NTFY, "WHEN=alert.scor > 80"),
            ":3: WHEN: at character 7: there is no alert.scor. Did you mean alert.score?",
        ),
        (
            (*NTFY, "WHEN=change.reasons.size() > 0"),
            ":3: WHEN: what changed is not known before the alert is compared. NOTIFY asks for it: NOTIFY=new,grew.",
        ),
        ((*NTFY, "WHEN=alert.score"), ":3: WHEN: the expression gives a number, not true or false."),
        (
            (*NTFY, "WHEN="),
            ":3: WHEN: the expression is empty; leave the key out to take everything.",
        ),
        ((*NTFY, "GROUPBY=rule"), ':3: GROUPBY: a route to ntfy has no such key; did you mean "GROUP_BY"?'),
        ((*NTFY, "FALBACK=a"), ':3: FALBACK: a route to ntfy has no such key; did you mean "FALLBACK"?'),
        ((*NTFY, "NOTIFY=new", "NOTIFY_FILE=a"), ":4: NOTIFY_FILE: NOTIFY is given as well. Keep one of the two."),
    ],
)
def test_a_wrong_line_is_the_only_mistake_and_says_how_to_put_it_right(
    site: Site, lines: tuple[str, ...], mistake: str
) -> None:
    site.route("soc", *lines)
    assert site.mistakes() == [f"config/routes/soc.env{mistake}"]


@pytest.mark.parametrize("format_", ["alert", "cloudevents"])
def test_a_format_that_can_tell_several_alerts_goes_with_groups(site: Site, format_: str) -> None:
    site.route("soc", *HOOK, "GROUP_BY=rule", f"FORMAT={format_}")
    assert site.read().routes[0].terms.grouping


def test_a_template_goes_with_groups(site: Site) -> None:
    site.route("soc", *HOOK, "GROUP_BY=rule", "FORMAT=template", 'BODY={"text": {{ alert.summary|tojson }}}')
    assert site.read().routes[0].terms.grouping


@pytest.mark.parametrize(
    ("soc", "siem", "mistake"),
    [
        (
            ("FALLBACK=sime",),
            (),
            'soc.env:3: FALLBACK: "sime" is not a route; did you mean "siem"?',
        ),
        (
            ("FALLBACK=Siem",),
            ("FALLBACK=SOC",),
            "siem.env:3: FALLBACK: the fallbacks go round in a circle: siem > soc > siem. Leave one of them out.",
        ),
        (
            ("FALLBACK=siem",),
            ("FALLBACK_ONLY=yes", "STOP=yes"),
            (
                "siem.env:4: STOP: STOP does not go with FALLBACK_ONLY, which takes nothing by itself. Leave one of"
                " them out."
            ),
        ),
        (
            ("FALLBACK=siem",),
            ("CATCH_ALL=yes", "FALLBACK_ONLY=yes"),
            (
                "siem.env:3: CATCH_ALL: CATCH_ALL does not go with FALLBACK_ONLY, which takes nothing by itself. Leave"
                " one of them out."
            ),
        ),
    ],
)
def test_what_is_wrong_between_routes_is_told_at_the_route_that_is_wrong(
    site: Site, soc: tuple[str, ...], siem: tuple[str, ...], mistake: str
) -> None:
    site.route("soc", *NTFY, *soc)
    site.route("siem", *NTFY, *siem)
    assert site.mistakes() == [f"config/routes/{mistake}"]


def test_between_routes_of_the_environment_the_full_name_of_the_key_is_told(site: Site) -> None:
    site.route("soc", *NTFY)
    assert site.mistakes({"GATEWAY_ROUTES__SOC__FALLBACK": "nobody"}) == [
        'environment: GATEWAY_ROUTES__SOC__FALLBACK: "nobody" is not a route. There is no other route.'
    ]


@pytest.mark.parametrize(
    ("soc", "mistake"),
    [
        (("DESTINATION=ntyf", "FALLBACK=siem"), "DESTINATION"),
        (("DESTINATION=ntfy", "FALLBACK=siem"), "TOPIC"),
        ((*NTFY, "FALLBACK=siem", "TIMEOUT=1"), "TIMEOUT"),
        ((*NTFY, "FALLBACK_FILE=none"), "FALLBACK_FILE"),
        ((*NTFY, "FALLBACK_FILE=none", "FALLBACK_AFTER=5m"), "FALLBACK_FILE"),
    ],
)
def test_a_route_with_another_mistake_still_counts_for_the_rest(site: Site, soc: tuple[str, ...], mistake: str) -> None:
    site.route("soc", *soc)
    site.route("siem", *NTFY, "FALLBACK_ONLY=true")
    (found,) = site.mistakes()
    assert f": {mistake}: " in found


@pytest.mark.parametrize(
    "lines",
    [
        ("GROUP_BY=odd", "GROUP_WAIT=1m"),
        ("GROUP_BY_FILE=none", "GROUP_WAIT=1m"),
        ("FLAP_MAX=odd", "FLAP_WINDOW=1h"),
        ("MUTE=odd", "MUTED=drop"),
        ("NOTIFY=odd", "REMIND_AFTER=1d"),
        ("ACTIVE=odd", "MUTE=daily"),
    ],
)
def test_what_hangs_on_a_wrong_line_is_no_mistake_of_its_own(site: Site, lines: tuple[str, ...]) -> None:
    site.route("soc", *NTFY, *lines)
    (mistake,) = site.mistakes()
    assert mistake.startswith(f"config/routes/soc.env:3: {lines[0].partition('=')[0]}: ")


def test_without_a_known_kind_such_keys_are_checked_too(site: Site) -> None:
    site.route("soc", "DESTINATION=ntyf", "NOTIFY=odd", "GROUP_WAIT=1m", "REMIND_AFTER=1d", "MUTE=daily")
    assert [mistake.split(": ")[1] for mistake in site.mistakes()] == ["DESTINATION", "NOTIFY", "GROUP_WAIT", "MUTE"]
    site.route("soc", "DESTINATION=ntyf", "REMIND_AFTER=1d")
    assert len(site.mistakes()) == 1
    site.route("soc", "DESTINATION=ntyf", "REMIND_AFTER=1d", "NOTIFY=all")
    assert [mistake.split(": ")[1] for mistake in site.mistakes()] == ["DESTINATION", "REMIND_AFTER"]
