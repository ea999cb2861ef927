"""The worked examples of docs/telling.md, run through the rules themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.domain.alert import Alert, Resource
from gateway.domain.inhibit import Inhibitor
from gateway.domain.notify import parse_notify
from gateway.domain.severity import severity_of
from gateway.domain.snapshot import digest_of, snapshot_of
from gateway.domain.telling import Circumstances, State, Terms, Told, decide
from gateway.settings.units import duration_between

PAGE = Path(__file__).parents[2] / "docs" / "telling.md"
_EXAMPLE = re.compile(r"^```telling\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP_US = 60_000_000


def examples() -> list[str]:
    return _EXAMPLE.findall(PAGE.read_text())


def terms_of(settings: str) -> Terms:
    keys = dict(line.split("=", 1) for line in settings.splitlines())
    remind = keys.pop("REMIND_AFTER", "")
    terms = Terms(
        notify=parse_notify(keys.pop("NOTIFY")),
        remind_after_us=int(duration_between(remind, low="1s", high="90d") * 1e6) if remind else None,
        inhibitor=Inhibitor.parse(keys.pop("INHIBIT", "")),
    )
    assert not keys
    return terms


@dataclass
class Receiver:
    """One route's receiver, to which everything is delivered at once."""

    terms: Terms
    now_us: int = 1_000_000_000
    rule: str = ""
    told: dict[str, Told | None] = field(default_factory=dict)
    open: dict[str, set[str]] = field(default_factory=dict)

    def hear(self, alert: Alert) -> str:
        snapshot = snapshot_of(alert)
        state = State(snapshot, digest_of(snapshot))
        inhibition = self.terms.inhibitor.decide(alert, self.open)
        self.open[alert.rule] = {resource.info for resource in alert.resources if resource.is_open}
        muted = inhibition.reason if inhibition.inhibited else ""
        when = Circumstances(self.now_us, inhibited=lambda: muted)
        decision, self.told[alert.rule] = decide("route", self.terms, self.told.get(alert.rule), state, when)
        self.now_us += _STEP_US
        return f"{decision.word}: {decision.reason}"


def an_alert(rule: str, score: int, resources: list[str]) -> Alert:
    listed = tuple(
        Resource(name.removesuffix(":s"), "SUPPRESS" if name.endswith(":s") else "OPEN") for name in resources
    )
    key = f"optix-{rule}"
    return Alert("optix", "ALERT", "444", rule, key, severity_of(score), score=score, rule=rule, resources=listed)


def heard(receiver: Receiver, steps: str) -> Iterator[tuple[str, str, str]]:
    """Each line, what it says will be decided, and what was."""
    for line in steps.splitlines():
        given, _, expected = (part.strip() for part in line.partition(">"))
        if given.startswith("+"):
            receiver.now_us += int(duration_between(given[1:], low="1s", high="90d") * 1e6)
        elif given.startswith("rule "):
            receiver.rule = given.removeprefix("rule ")
        else:
            score, *resources = given.split()
            yield line, expected, receiver.hear(an_alert(receiver.rule, int(score), resources))


@pytest.mark.parametrize("example", examples())
def test_every_worked_example_is_true(example: str) -> None:
    settings, _, steps = example.partition("===\n")
    receiver = Receiver(terms_of(settings))
    for line, expected, decided in heard(receiver, steps):
        assert decided == expected if ":" in expected else decided.partition(":")[0] == expected, line


def test_there_are_examples() -> None:
    assert len(examples()) >= 4
