"""What an operator reads of each mistake in a route."""

from __future__ import annotations

import pytest

from gateway.destinations import kinds
from tests.settings.conftest import Site

NTFY = ("DESTINATION=ntfy", "TOPIC=soc")
KINDS = ", ".join(kinds())


@pytest.mark.parametrize(
    ("lines", "mistake"),
    [
        (("TOPIC=a",), f': DESTINATION: the route "soc" has none. Set one of {KINDS}.'),
        (
            ("DESTINATION=discrod",),
            f':1: DESTINATION: "discrod" is not a kind of destination; did you mean "discord"? One of {KINDS}.',
        ),
        (
            ("DESTINATION=discord",),
            (
                ": URL: missing: a route to discord needs it. Write a line such as"
                " URL=https://discord.com/api/webhooks/123456789012345678/example-token-not-a-real-one."
            ),
        ),
        (
            ("DESTINATION=email", "HOST=mx.example.com", "TO=a@example.com"),
            (
                ": FROM: missing: a route to email needs it. Write a line such as"
                " FROM=Optix Gateway <alerts@example.com>."
            ),
        ),
        (
            ("DESTINATION=discord", "URL=discord"),
            ":2: URL: must be a whole URL, as in https://host/path, without blanks.",
        ),
        ((*NTFY, "TOPCI=a"), ':3: TOPCI: a route to ntfy has no such key; did you mean "TOPIC"?'),
        ((*NTFY, "TIME_OUT=1s"), ':3: TIME_OUT: a route to ntfy has no such key; did you mean "TIMEOUT"?'),
        ((*NTFY, "ENVIRONMENT=a"), ':3: ENVIRONMENT: a route to ntfy has no such key; did you mean "ENVIRONMENTS"?'),
        ((*NTFY, "url=https://n"), ':3: a route to ntfy has no such key; did you mean "URL"?'),
        ((*NTFY, "TOPIC=b"), ":3: TOPIC: given twice, first in line 2. Keep one of the two."),
        ((*NTFY, "TOPIC_FILE=b"), ":3: TOPIC_FILE: TOPIC is given as well. Keep one of the two."),
        ((*NTFY, "CA_FILE=none.pem"), ':3: CA_FILE: there is no file "none.pem".'),
        ((*NTFY, "TIMEOUT=30"), ':3: TIMEOUT: "30" has no unit; did you mean "30s"?'),
        ((*NTFY, "TIMEOUT=10m"), ':3: TIMEOUT: "10m" is out of range. Choose from 100ms to 5m.'),
        ((*NTFY, "CONCURRENCY=0"), ':3: CONCURRENCY: "0" is not a whole number from 1 to 256.'),
        ((*NTFY, "ENABLED=maybe"), ':3: ENABLED: "maybe" is neither true nor false.'),
        (
            (*NTFY, "RETRY_SCHEDULE="),
            ":3: RETRY_SCHEDULE: a schedule has 1 to 100 waits, as in 5s,1m,10m. For no retry set RETRY_FOR=0s.",
        ),
        ((*NTFY, "RETRY_SCHEDULE=1s,2"), ':3: RETRY_SCHEDULE: "2" has no unit; did you mean "2s"?'),
        (
            (*NTFY, "RATE_LIMIT=fast"),
            ':3: RATE_LIMIT: "fast" is not a rate. Write 10/s, 30/m or 500/h, with a burst as in 10/s:20, or off.',
        ),
        (
            (*NTFY, "BACKLOG=lastest"),
            ':3: BACKLOG: "lastest" is not a known value; did you mean "latest"? One of all, latest.',
        ),
        (
            ("DESTINATION=syslog", "HOST=a", "FORMAT=cfe"),
            ':3: FORMAT: "cfe" is not a known value; did you mean "cef"? One of text, cef, leef.',
        ),
        (("DESTINATION=syslog", "HOST=a", "PORT=x"), ':3: PORT: "x" is not a whole number.'),
        (("DESTINATION=syslog", "HOST=a", "PORT=70000"), ':3: PORT: "70000" must be at most 65535.'),
        (
            ("DESTINATION=syslog", "HOST=a", "MAX_BYTES=9xx"),
            ':3: MAX_BYTES: "9xx" is not a size: write a number and a unit, as in 8KiB.',
        ),
        (
            ("DESTINATION=discord", "URL=https://a.example", "THREAD_ID=main"),
            r':3: THREAD_ID: "main" does not have the form that is needed here. It has to match ^\d{1,20}$',
        ),
        (("DESTINATION=syslog", "HOST=a", "TLS_VERIFY=x"), ':3: TLS_VERIFY: "x" is neither true nor false.'),
        (
            ("DESTINATION=syslog", "HOST=a", "TRANSPORT=tls", "FRAMING=lf"),
            ":4: FRAMING: FRAMING=lf does not go with TRANSPORT=tls, which counts octets (RFC 5425).",
        ),
        (
            ("DESTINATION=webhook", "URL=https://a.example", "BODY={}"),
            ":3: BODY: BODY is used with FORMAT=template only.",
        ),
    ],
)
def test_a_wrong_line_is_the_only_mistake_and_says_how_to_put_it_right(
    site: Site, lines: tuple[str, ...], mistake: str
) -> None:
    site.route("soc", *lines)
    assert site.mistakes() == [f"config/routes/soc.env{mistake}"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("MIN_SEVERITY=hihg", "there is no severity 'hihg'. Did you mean high? There are critical, high, medium, low."),
        ("SEVERITIES=critical,medum", "there is no severity 'medum'. Did you mean medium? There are critical, high,"),
        ("ENVIRONMENTS=", "no value is given"),
        ("NOT_EVENT_TYPES=ALERT", "no alert could ever be taken"),
    ],
)
def test_a_wrong_filter_is_reported_at_its_line(site: Site, line: str, words: str) -> None:
    site.route("soc", *NTFY, line)
    (mistake,) = site.mistakes()
    assert mistake.startswith(f"config/routes/soc.env:3: {line.partition('=')[0]}: ")
    assert words in mistake


@pytest.mark.parametrize(
    ("first", "place"), [("DESTINATION=webhok", ":1: DESTINATION: "), ("# none", ": DESTINATION: ")]
)
def test_without_a_known_kind_everything_else_is_still_checked(site: Site, first: str, place: str) -> None:
    site.route(
        "soc", first, "URL=https://a.example", "MIN_SEVERTY=high", "SEVERITIES=medum", "TIMEOUT=30", "TOPIC_FILE=none"
    )
    kind, unknown, severity, timeout = site.mistakes()
    assert kind.startswith(f"config/routes/soc.env{place}")
    assert unknown == 'config/routes/soc.env:3: MIN_SEVERTY: no route has such a key; did you mean "MIN_SEVERITY"?'
    assert severity.startswith("config/routes/soc.env:4: SEVERITIES: ")
    assert timeout.startswith("config/routes/soc.env:5: TIMEOUT: ")


def test_a_template_that_fails_on_a_sample_is_reported_at_the_body(site: Site) -> None:
    site.write("body.j2", '{"text": {{ alert.sumary|tojson }}}')
    site.route("hook", "DESTINATION=webhook", "URL=https://a.example", "FORMAT=template", "BODY_FILE=../../body.j2")
    (mistake,) = site.mistakes()
    assert mistake.startswith("config/routes/hook.env:4: BODY_FILE: ")
    assert "sumary" in mistake


def test_a_template_that_cannot_be_read_is_one_mistake(site: Site) -> None:
    site.route("hook", "DESTINATION=webhook", "URL=https://a.example", "FORMAT=template", "BODY_FILE=none.j2")
    assert site.mistakes() == [
        'config/routes/hook.env:4: BODY_FILE: the file "none.j2" cannot be read: no such file or directory.'
    ]


def test_an_empty_file_is_no_value(site: Site) -> None:
    site.write("empty", "\n")
    site.route("soc", "DESTINATION=ntfy", "TOPIC_FILE=./empty")
    assert site.mistakes() == ['config/routes/soc.env:2: TOPIC_FILE: the file "./empty" is empty.']


def test_a_file_of_bytes_is_no_value(site: Site) -> None:
    site.write("bytes", b"\xff")
    site.route("soc", "DESTINATION=ntfy", "TOPIC_FILE=./bytes")
    assert site.mistakes() == ['config/routes/soc.env:2: TOPIC_FILE: the file "./bytes" is not UTF-8.']


@pytest.mark.parametrize("name", ["two words", "-soc", "x" * 64, "söc"])
def test_a_file_whose_name_cannot_name_a_route_is_a_mistake(site: Site, name: str) -> None:
    site.route(name, *NTFY)
    assert site.mistakes() == [
        (
            f"config/routes/{name}.env: this cannot be the name of a route. Names have up to 63 of a-z, 0-9, _ and -,"
            " and begin with a letter or digit. Rename the file."
        )
    ]


def test_two_files_cannot_make_the_same_route(site: Site) -> None:
    site.route("SOC", *NTFY)
    site.route("soc", *NTFY)
    assert site.mistakes() == [
        'config/routes/soc.env: config/routes/SOC.env makes the route "soc" too. Rename one of them.'
    ]


def test_a_route_of_the_environment_is_spoken_of_by_its_full_names(site: Site) -> None:
    environ = {"GATEWAY_ROUTES__SOC__DESTINATION": "syslog", "GATEWAY_ROUTES__SOC__PROT": "1"}
    assert site.mistakes(environ) == [
        (
            "environment: GATEWAY_ROUTES__SOC__HOST: missing: a route to syslog needs it. Write a line such as"
            " HOST=siem.example.com."
        ),
        'environment: GATEWAY_ROUTES__SOC__PROT: a route to syslog has no such key; did you mean "PORT"?',
    ]


def test_an_override_of_a_route_that_is_not_there_names_the_one_that_was_meant(site: Site) -> None:
    site.route("soc-discord", *NTFY)
    assert site.mistakes({"GATEWAY_ROUTES__SOC_DISCRD__TIMEOUT": "1s"}) == [
        (
            f'environment: GATEWAY_ROUTES__SOC_DISCRD__DESTINATION: the route "soc_discrd" has none. Set one of'
            f' {KINDS}. Or did you mean the route "soc-discord"?'
        )
    ]


def test_every_wrong_line_of_a_route_is_reported(site: Site) -> None:
    site.route("soc", "DESTINATION=syslog", "PORT=x", "TIMEOUT=1", "SEVERITIES=odd", "FOO=1", "nonsense line")
    assert [mistake.split(": ")[0].rpartition(":")[2] for mistake in site.mistakes()] == [
        "config/routes/soc.env",
        "2",
        "3",
        "4",
        "5",
        "6",
    ]
