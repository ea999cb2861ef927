"""A cloud estate as Cloud Optix reports it: every hour each environment is synchronised, and every alert that stands is
sent again with another `lastSeen`, whether anything changed or not.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.pipeline.gateway_world import SECOND_US

HOUR_S = 3600
_RULES = tuple(f"AR-{number}" for number in (153, 207, 251, 252, 260, 267, 268, 309, 651, 1001, 1044, 1045))
_SCORES = (35, 55, 60, 72, 80, 83, 88, 92, 97)

# How often in an hour, for one alert that stands.
_COMES, _GOES, _MOVES, _MUTED, _UNMUTED, _FIXED, _BACK = 0.0015, 0.0015, 0.001, 0.0005, 0.002, 0.0004, 0.0004
_BURST = 1 / 72
"""In one environment: somebody deploys something careless, and mends it within the day."""
_BURST_SIZE, _BURST_MENDED = 20, 0.08


@dataclass(slots=True)
class Finding:
    """One alert. `resources`: info -> state; none: it is fixed, and no longer sent. `mended`: how likely in an hour it
    is fixed.
    """

    alert_id: str
    environment: str
    rule: str
    score: int
    resources: dict[str, str]
    mended: float = _FIXED
    changes: int = 0


@dataclass(slots=True)
class Estate:
    """`findings`: alerts that stand when it begins, spread over the environments. `busy`: how much more happens than
    usually does.
    """

    seed: int
    environments: int
    findings: int
    busy: float = 1.0
    _dice: random.Random = field(init=False)
    _by_place: dict[str, list[Finding]] = field(init=False)
    _numbers: int = 0

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._by_place = {f"4441234567{number:02}": [] for number in range(self.environments)}
        places = list(self._by_place)
        for number in range(self.findings):
            self._appear(places[number % len(places)])

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(self._by_place)

    @property
    def changes(self) -> int:
        """How often the state of an alert became another one, seen by nobody but us."""
        return sum(finding.changes for findings in self._by_place.values() for finding in findings)

    def live_an_hour(self, place: str) -> None:
        """What happens in an environment between two synchronisations."""
        for finding in self._by_place[place]:
            self._live(finding)
        if self._happens(_BURST):
            for _ in range(_BURST_SIZE):
                self._appear(place).mended = _BURST_MENDED
        if self._happens(_FIXED * self.findings / self.environments):
            self._appear(place)

    def sync(self, place: str, now_us: int) -> Iterator[bytes]:
        """A webhook for each alert that stands, in any order."""
        standing = [finding for finding in self._by_place[place] if finding.resources]
        for finding in self._dice.sample(standing, len(standing)):
            yield self._body(finding, now_us)

    def _appear(self, place: str) -> Finding:
        self._numbers += 1
        dice = self._dice
        resources = {self._resource(): "OPEN" for _ in range(dice.choice((1, 1, 1, 2, 3, 8)))}
        found = Finding(f"A-{self._numbers:05}", place, dice.choice(_RULES), dice.choice(_SCORES), resources)
        self._by_place[place].append(found)
        return found

    def _resource(self) -> str:
        return f"arn:aws:s3:::bucket-{self._dice.randrange(10**9):09}"

    def _live(self, finding: Finding) -> None:
        before = (finding.score, dict(finding.resources))
        if not finding.resources:
            if self._happens(_BACK):
                finding.resources[self._resource()] = "OPEN"
        elif self._happens(finding.mended):
            finding.resources.clear()
        else:
            self._drift(finding)
        finding.changes += before != (finding.score, finding.resources)

    def _drift(self, finding: Finding) -> None:
        dice, resources = self._dice, finding.resources
        if self._happens(_COMES):
            resources[self._resource()] = "OPEN"
        if self._happens(_GOES) and len(resources) > 1:
            del resources[dice.choice(list(resources))]
        if self._happens(_MOVES):
            finding.score = dice.choice(_SCORES)
        if self._happens(_MUTED):
            resources[dice.choice(list(resources))] = "SUPPRESS"
        for info in [info for info, state in resources.items() if state == "SUPPRESS"]:
            if self._happens(_UNMUTED):
                resources[info] = "OPEN"

    def _happens(self, likely: float) -> bool:
        return self._dice.random() < likely * self.busy

    def _body(self, finding: Finding, now_us: int) -> bytes:
        resources = self._dice.sample(list(finding.resources.items()), len(finding.resources))
        payload = {
            "accountId": finding.environment,
            "alertId": finding.alert_id,
            "score": finding.score,
            "alertSummary": f"Rule {finding.rule} is broken",
            "alertType": "Policy",
            "lastSeen": f"{datetime.fromtimestamp(now_us / SECOND_US, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "provider": "AWS",
            "ruleNumber": finding.rule,
            "affectedResources": [{"resourceInfo": info, "state": state} for info, state in resources],
        }
        return json.dumps({"eventType": "ALERT", "payloadData": payload}).encode()
