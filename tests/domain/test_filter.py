from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter

import pytest

from gateway.domain.alert import Alert, Resource
from gateway.domain.filter import FILTER_KEYS, Decision, FilterMistakes, parse_filter
from gateway.domain.severity import Severity, at_least, severity_of

FULL = Alert(
    source="optix",
    event_type="ALERT",
    environment="https://github.com/Acme/infra",
    alert_id="A-1",
    key="optix-0",
    severity=Severity.HIGH,
    score=85,
    alert_type="Serverless Storage Protection",
    provider="AWS",
    rule="AR-251",
    policy_labels=("GDPR", "ISO 27001"),
    resources=(Resource("bucket-1", "OPEN"), Resource("log (File: main.tf)\nbranch: dev", "SUPPRESS")),
)
BARE = Alert("", "ALERT", "", "A-2", "optix-1", Severity.UNKNOWN)

CASES = [
    ("SOURCES", ["optix"], ["tenant-b"]),
    ("SOURCES", ["tenant-b", "OPTIX"], ["opt"]),
    ("ENVIRONMENTS", ["https://github.com/acme/infra"], ["https://github.com/acme"]),
    ("ENVIRONMENTS", ["44412345678075", "https://github.com/acme/*"], ["https://github.com/?/infra"]),
    ("ENVIRONMENTS", ["*"], ["0*"]),
    ("ALERT_TYPES", ["serverlessstorageprotection"], ["Serverless"]),
    ("ALERT_TYPES", ["IaC", " Serverless storage Protection "], ["IaC", "Policy"]),
    ("SEVERITIES", ["High"], ["critical"]),
    ("SEVERITIES", ["low", "HIGH"], ["low", "unknown"]),
    ("PROVIDERS", ["aws"], ["azure"]),
    ("RULES", ["ar-251"], ["ar-25"]),
    ("RULES", ["AR-2*"], ["AZ-*"]),
    ("RULES", ["??-251"], ["?-251"]),
    ("POLICY_LABELS", ["iso 27001"], ["ISO"]),
    ("POLICY_LABELS", ["PCI", "gdpr"], ["PCI"]),
    ("STATES", ["suppress"], ["RESOLVED"]),
    ("STATES", ["Open"], ["closed"]),
    ("RESOURCES", ["bucket-?"], ["bucket"]),
    ("RESOURCES", ["*(file: main.tf)*branch: dev"], ["*branch: main"]),
    ("EVENT_TYPES", ["alert"], ["RESOLVED"]),
    ("EVENT_TYPES", ["*"], ["RES*"]),
]


def decide(values: Mapping[str, Sequence[str]], alert: Alert = FULL) -> Decision:
    return parse_filter(values).decide(alert)


def mistakes(values: Mapping[str, Sequence[str]]) -> tuple[tuple[str, str], ...]:
    with pytest.raises(FilterMistakes) as caught:
        parse_filter(values)
    return caught.value.mistakes


def test_every_key_is_named() -> None:
    names = [
        "SOURCES", "ENVIRONMENTS", "ALERT_TYPES", "SEVERITIES", "MIN_SEVERITY", "PROVIDERS", "RULES", "POLICY_LABELS",
        "STATES", "RESOURCES", "EVENT_TYPES",
    ]  # fmt: skip
    assert list(FILTER_KEYS) == names + [f"NOT_{name}" for name in names if name != "MIN_SEVERITY"]


@pytest.mark.parametrize(("key", "matching", "other"), CASES)
def test_a_key_takes_what_matches_and_nothing_else(key: str, matching: list[str], other: list[str]) -> None:
    assert decide({key: matching}).taken
    refused = decide({key: other})
    assert (refused.taken, refused.key) == (False, key)
    assert refused.reason.startswith(f"{key}={', '.join(other)}: ")


@pytest.mark.parametrize(
    ("key", "matching", "other"), [case for case in CASES if case[0] != "EVENT_TYPES"] + [("EVENT_TYPES", [], ["X"])]
)
def test_a_not_key_refuses_what_matches_and_takes_the_rest(key: str, matching: list[str], other: list[str]) -> None:
    assert decide({f"NOT_{key}": other}).taken
    if matching:
        refused = decide({f"NOT_{key}": matching})
        assert (refused.taken, refused.key) == (False, f"NOT_{key}")


@pytest.mark.parametrize(
    ("key", "noun"),
    [
        ("SOURCES", "source"), ("ENVIRONMENTS", "environment"), ("ALERT_TYPES", "alert type"),
        ("PROVIDERS", "provider"), ("RULES", "rule"), ("POLICY_LABELS", "policy label"), ("STATES", "state"),
        ("RESOURCES", "resource"),
    ],
)  # fmt: skip
def test_a_missing_field_matches_no_positive_condition_and_satisfies_every_not(key: str, noun: str) -> None:
    assert decide({key: ["a"]}, BARE) == Decision(False, key, f"{key}=a: the alert has no {noun}")
    assert decide({f"NOT_{key}": ["a"]}, BARE).taken


@pytest.mark.parametrize("key", ["ENVIRONMENTS", "RULES", "RESOURCES"])
def test_a_star_alone_asks_for_presence(key: str) -> None:
    assert decide({key: ["*"]}).taken
    assert not decide({key: ["*"]}, BARE).taken
    assert decide({f"NOT_{key}": ["*"]}, BARE).taken
    assert not decide({f"NOT_{key}": ["*"]}).taken


def test_a_blank_field_is_a_missing_one() -> None:
    assert not decide({"RULES": ["*"]}, replace(FULL, rule="  ")).taken


@pytest.mark.parametrize(
    ("score", "severity", "passing"),
    [
        (49, "low", ["low"]),
        (50, "medium", ["low", "medium"]),
        (79, "medium", ["low", "medium"]),
        (79.5, "medium", ["low", "medium"]),
        (80, "high", ["low", "medium", "high"]),
        (89, "high", ["low", "medium", "high"]),
        (90, "critical", ["low", "medium", "high", "critical"]),
        (None, "unknown", ["low", "medium", "high", "critical"]),
    ],
)
def test_a_minimum_lets_its_band_and_all_above_through(score: float | None, severity: str, passing: list[str]) -> None:
    alert = replace(FULL, score=score, severity=severity_of(score))
    assert alert.severity == severity
    floors = ["low", "medium", "high", "critical"]
    assert [floor for floor in floors if decide({"MIN_SEVERITY": [floor.upper()]}, alert).taken] == passing
    assert [floor for floor in floors if at_least(alert.severity, Severity(floor))] == passing


def test_severities_may_name_unknown() -> None:
    assert decide({"SEVERITIES": ["unknown"]}, BARE).taken
    assert decide({"NOT_SEVERITIES": ["unknown"], "MIN_SEVERITY": ["low"]}, BARE).key == "NOT_SEVERITIES"


def test_event_types_are_alert_unless_said_otherwise() -> None:
    other = replace(FULL, event_type="Test")
    assert decide({}).taken
    assert decide({}, other) == Decision(False, "EVENT_TYPES", "EVENT_TYPES=ALERT (default): event type is Test")
    assert decide({"EVENT_TYPES": ["test", "alert"]}, other).taken
    assert decide({"EVENT_TYPES": ["*"]}, other).taken


def test_exclusion_beats_inclusion() -> None:
    refused = decide({"POLICY_LABELS": ["GDPR"], "NOT_POLICY_LABELS": ["ISO 27001"]})
    assert (refused.taken, refused.key) == (False, "NOT_POLICY_LABELS")


def test_all_conditions_must_hold() -> None:
    assert decide({"RULES": ["AR-*"], "PROVIDERS": ["GCP"]}).key == "PROVIDERS"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"MIN_SEVERITY": ["critical"]}, "MIN_SEVERITY=critical: severity is high (score 85)"),
        ({"SEVERITIES": ["low", "medium"]}, "SEVERITIES=low, medium: severity is high (score 85)"),
        ({"NOT_RULES": ["AZ-*", "AR-*"]}, "NOT_RULES=AZ-*, AR-*: rule is AR-251"),
        ({"POLICY_LABELS": ["PCI"]}, "POLICY_LABELS=PCI: policy labels are GDPR, ISO 27001"),
        (
            {"RESOURCES": ["x"]},
            "RESOURCES=x: resources are bucket-1, log (File: main.tf) branch: dev",
        ),
    ],
)
def test_a_refusal_says_what_was_asked_and_what_was_found(values: dict[str, list[str]], reason: str) -> None:
    assert decide(values).reason == reason


def test_a_reason_stays_one_short_line_whatever_the_alert_holds() -> None:
    hostile = replace(FULL, resources=tuple(Resource(f"{n}\r\n\u202e\x1b[2J" * 50, "OPEN") for n in range(500)))
    reason = decide({"RESOURCES": ["bucket"]}, hostile).reason
    assert len(reason) < 250
    assert reason.isprintable()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "event type is ALERT"),
        (
            {"ENVIRONMENTS": ["444", "https://github.com/acme/*"], "MIN_SEVERITY": ["high"]},
            "environment is 444 or like https://github.com/acme/*; severity at least high; event type is ALERT",
        ),
        (
            {"NOT_RULES": ["AR-*"], "NOT_PROVIDERS": ["Azure", "GCP", "IaC"], "EVENT_TYPES": ["ALERT", "TEST"]},
            "event type is ALERT or TEST; provider is neither Azure, GCP nor IaC; rule is not like AR-*",
        ),
        (
            {"POLICY_LABELS": ["PCI", "GDPR"], "NOT_STATES": ["SUPPRESS"], "RESOURCES": ["*(File: *)*"]},
            "a policy label is PCI or GDPR; a resource is like *(File: *)*; event type is ALERT; no state is SUPPRESS",
        ),
    ],
)
def test_a_filter_is_told_in_words(values: dict[str, list[str]], words: str) -> None:
    assert parse_filter(values).describe() == words


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (
            {"SEVERITIES": ["hihg"]},
            [("SEVERITIES", "no severity 'hihg'. Did you mean high? There are critical, high, medium, low, unknown")],
        ),
        ({"NOT_SEVERITIES": ["Severe"]}, [("NOT_SEVERITIES", "there is no severity 'Severe'. There are critical")]),
        ({"MIN_SEVERITY": ["unknown"]}, [("MIN_SEVERITY", "There are critical, high, medium, low")]),
        ({"MIN_SEVERITY": ["high", "low"]}, [("MIN_SEVERITY", "takes one severity, not 2")]),
        ({"RULES": ["AR-1", " "]}, [("RULES", "an item of the list is empty")]),
        ({"RULES": []}, [("RULES", "no value is given")]),
        ({"RULE": ["AR-1"]}, [("RULE", "there is no such filter key. Did you mean RULES?")]),
        ({"PROVIDERS": ["A*"]}, [("PROVIDERS", "patterns are only for ENVIRONMENTS, RULES, RESOURCES, EVENT_TYPES")]),
        (
            {"SEVERITIES": ["hgih"], "MIN_SEVERITY": ["lo"], "RULES": [""]},
            [("SEVERITIES", "high"), ("MIN_SEVERITY", "low"), ("RULES", "empty")],
        ),
        ({"PROVIDERS": ["aws"], "NOT_PROVIDERS": ["AWS"]}, [("NOT_PROVIDERS", "everything that PROVIDERS asks for")]),
        ({"RULES": ["AR-1*", "ar-7"], "NOT_RULES": ["AR-*"]}, [("NOT_RULES", "no alert could ever be taken")]),
        ({"ALERT_TYPES": ["Dev"], "NOT_ALERT_TYPES": ["IaC"]}, [("NOT_ALERT_TYPES", "ALERT_TYPES")]),
        ({"NOT_EVENT_TYPES": ["alert"]}, [("NOT_EVENT_TYPES", "EVENT_TYPES (the default)")]),
        ({"SEVERITIES": ["low"], "MIN_SEVERITY": ["high"]}, [("MIN_SEVERITY", "no alert could ever be taken")]),
        (
            {"MIN_SEVERITY": ["high"], "NOT_SEVERITIES": ["high", "critical", "unknown"]},
            [("MIN_SEVERITY", "no alert could ever be taken")],
        ),
        ({"NOT_SEVERITIES": list(Severity)}, [("NOT_SEVERITIES", "no alert could ever be taken")]),
        (
            {"RULES": ["a"], "NOT_RULES": ["a"], "SOURCES": ["b"], "NOT_SOURCES": ["b"]},
            [("NOT_SOURCES", "SOURCES"), ("NOT_RULES", "RULES")],
        ),
    ],
)
def test_every_mistake_is_named_at_once(values: dict[str, list[str]], found: list[tuple[str, str]]) -> None:
    reported = mistakes(values)
    assert [key for key, _ in reported] == [key for key, _ in found]
    for (_, message), (_, part) in zip(reported, found, strict=True):
        assert part in message


@pytest.mark.parametrize(
    "values",
    [
        {"RULES": ["AR-*"], "NOT_RULES": ["AR-1*"]},
        {"RULES": ["AR-1", "AR-2"], "NOT_RULES": ["AR-1"]},
        {"RULES": ["A*C"], "NOT_RULES": ["A?C"]},
        {"SEVERITIES": ["low", "unknown"], "MIN_SEVERITY": ["high"]},
        {"NOT_EVENT_TYPES": ["TEST"]},
    ],
)
def test_a_filter_that_can_take_something_is_no_mistake(values: dict[str, list[str]]) -> None:
    parse_filter(values)


def test_hostile_resources_cannot_make_a_filter_slow() -> None:
    alert = replace(FULL, resources=tuple(Resource("a" * 100_000, "OPEN") for _ in range(10)))
    started = perf_counter()
    assert not decide({"RESOURCES": ["*a" * 20 + "*b", "*a?" * 20 + "*c"]}, alert).taken
    assert perf_counter() - started < 2
