from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.alert import Alert, Resource
from gateway.domain.digest import MOST_LISTED, Member, digest_of
from gateway.domain.grouping import GROUP_FIELDS, Grouping
from gateway.domain.severity import Severity
from gateway.domain.text import utf16_units
from tests.domain.digests import BY_ENVIRONMENT, NOW, OPEN, alert, digest

MUTED = (Resource("bucket-1", "SUPPRESS"),)


def listed(made: Alert) -> list[dict[str, Any]]:
    found: Any = made.extra["alerts"]
    return list(found)


def test_the_summary_counts_every_severity_and_says_what_the_alerts_share() -> None:
    scores = [95, 90] + [85] * 5 + [60] * 7
    made = digest([alert(number, score) for number, score in enumerate(scores)])
    assert made.summary == "14 alerts in 44412345678075: 2 critical, 5 high, 7 medium"
    assert (made.severity, made.score, made.environment) == (Severity.CRITICAL, 95, "44412345678075")
    assert (made.open_count, len(made.resources), made.is_closed, made.event_type) == (14, 14, False, "DIGEST")
    assert made.seen_at == NOW + timedelta(minutes=13)


@pytest.mark.parametrize(
    ("by", "summary"),
    [
        (("rule",), "2 alerts of rule AR-251 in 2 environments: 2 high"),
        (("type", "rule"), "2 alerts of type Policy of rule AR-251 in 2 environments: 2 high"),
        (("resource",), "2 alerts on bucket-1 in 2 environments: 2 high"),
        (("severity",), "2 alerts in 2 environments: 2 high"),
        (("source",), "2 alerts through optix in 2 environments: 2 high"),
    ],
)
def test_it_is_named_by_what_group_by_makes_them_share(by: tuple[str, ...], summary: str) -> None:
    assert digest([alert(1), alert(2, environment="other")], Grouping(by)).summary == summary


def test_a_group_of_alerts_without_the_field_has_no_name() -> None:
    assert digest([alert(1, rule=""), alert(2, rule=" ")], Grouping(("rule",))).summary == "2 alerts: 2 high"


def test_suppressed_and_unscored_alerts_are_counted_as_what_they_are() -> None:
    made = digest([alert(1, None), alert(2, 99, resources=MUTED), alert(3, 10)])
    assert made.summary == "3 alerts in 44412345678075: 1 low, 1 of unknown severity, 1 suppressed"
    assert (made.severity, made.is_closed, made.open_count, made.suppressed_count) == (Severity.UNKNOWN, False, 2, 1)


def test_it_is_closed_only_when_every_member_is() -> None:
    closed = [alert(1, resources=MUTED), alert(2, resources=MUTED)]
    made = digest(closed)
    assert made.is_closed
    assert made.summary == "2 alerts in 44412345678075: all suppressed"
    assert not digest([*closed, alert(3, resources=())]).is_closed
    assert not digest([*closed, alert(3, resources=(Resource("a", "RESOLVED"),))]).is_closed


def test_members_stand_worst_first_then_newest_and_suppressed_ones_last() -> None:
    made = digest(
        [alert(1, 60), alert(2, 85), alert(3, 99, resources=MUTED), alert(4, 85), alert(5, 88), alert(6, None)]
    )
    assert [entry["alert_id"] for entry in listed(made)] == ["A-5", "A-4", "A-2", "A-1", "A-6", "A-3"]
    assert [resource.info.split(" (")[0].split(" ")[-1] for resource in made.resources] == list("542163")


def test_each_member_is_one_line_with_its_rule_its_resources_and_what_changed() -> None:
    two = (*OPEN, Resource("b", "OPEN"), Resource("c", "SUPPRESS"))
    members = [Member(alert(1, resources=two), "dlv-1", "1 new"), Member(alert(2, 60, rule="", resources=()), "dlv-2")]
    made = digest_of(members, BY_ENVIRONMENT, "environment=444")
    assert [resource.info for resource in made.resources] == [
        "High: Finding 1 (AR-251, 2 open, 1 suppressed, 1 new)",
        "Medium: Finding 2",
    ]


def test_a_member_says_its_environment_where_they_differ() -> None:
    made = digest([alert(1), alert(2, environment="prod")], Grouping(("rule",)))
    assert [resource.info for resource in made.resources] == [
        "High: Finding 2 (AR-251, prod, 1 open)",
        "High: Finding 1 (AR-251, 44412345678075, 1 open)",
    ]


def test_what_had_no_room_is_counted_in_the_details() -> None:
    members = [Member(alert(number), f"d-{number}") for number in range(2)]
    found = digest_of(members, BY_ENVIRONMENT, "g", beyond=57)
    assert found.details.splitlines()[-1] == "57 more of this group had no room here and follow."
    assert "had no room" not in digest_of(members, BY_ENVIRONMENT, "g").details


def test_a_field_that_differs_is_left_out_and_told_in_the_details() -> None:
    made = digest(
        [alert(1), alert(2), alert(3, rule="AR-9", environment="prod", provider="GCP")], Grouping(("source",))
    )
    assert (made.rule, made.environment, made.provider, made.alert_type) == ("", "", "", "Policy")
    assert made.details == (
        "Rules: AR-251 (2), AR-9 (1)\nEnvironments: 44412345678075 (2), prod (1)\n"
        "Resources in all: 3 open, 0 suppressed"
    )


def test_case_alone_makes_no_difference() -> None:
    made = digest([alert(1, alert_type="S3 Malware", rule="ar-1"), alert(2, alert_type="s3malware", rule="AR-1")])
    assert (made.alert_type.casefold().replace(" ", ""), made.rule.casefold()) == ("s3malware", "ar-1")


def test_one_alert_alone_is_told_as_itself() -> None:
    only = alert(1)
    assert digest([only]) is only


def test_of_several_states_of_one_incident_the_last_is_told_with_all_changes() -> None:
    later = alert(1, 95, resources=(*OPEN, Resource("b", "OPEN")))
    states = [Member(alert(1), "dlv-1", "1 new"), Member(alert(2), "dlv-2"), Member(later, "dlv-3", "1 more")]
    made = digest_of(states, BY_ENVIRONMENT, "environment=444")
    assert made.summary.startswith("2 alerts ")
    assert [entry["delivery_id"] for entry in listed(made)] == ["dlv-3", "dlv-2"]
    assert made.resources[0].info == "Critical: Finding 1 (AR-251, 2 open, 1 new; 1 more)"
    assert digest_of([states[0], states[2]], BY_ENVIRONMENT, "environment=444") is later


def test_nobody_can_tell_a_digest_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        digest_of([], BY_ENVIRONMENT, "environment=444")


def test_the_same_group_keeps_its_key_and_another_has_another() -> None:
    first, second = digest([alert(1), alert(2)]), digest([alert(3), alert(4), alert(5)])
    assert (first.key, first.alert_id) == (second.key, second.alert_id)
    assert re.fullmatch(r"optix-[0-9a-f]{32}", first.key)
    assert digest([alert(1, environment="x"), alert(2, environment="x")]).key != first.key


def test_the_alert_to_open_is_the_worst() -> None:
    worst = alert(2, 99)
    made = digest([alert(1), worst, alert(3, 100, resources=MUTED)])
    assert made.opens == (worst.alert_id, worst.environment)


def test_policy_labels_are_those_of_all_members_each_once_and_bounded() -> None:
    made = digest([alert(1, policy_labels=("GDPR", "PCI")), alert(2, policy_labels=("PCI", "ISO 27001"))])
    assert sorted(made.policy_labels) == ["GDPR", "ISO 27001", "PCI"]
    many = [alert(n, policy_labels=tuple(f"L{n}-{at}" for at in range(90))) for n in range(5)]
    assert len(digest(many).policy_labels) == 100


def test_programs_get_every_member_up_to_a_bound_and_the_true_number() -> None:
    made = digest([alert(number) for number in range(MOST_LISTED + 7)])
    assert made.extra["alert_count"] == MOST_LISTED + 7 == len(made.resources)
    assert len(listed(made)) == MOST_LISTED
    assert listed(digest([alert(1), alert(2)]))[0] == {
        "key": f"optix-{2:032}",
        "alert_id": "A-2",
        "severity": "high",
        "score": 85,
        "source": "optix",
        "environment": "44412345678075",
        "alert_type": "Policy",
        "rule": "AR-251",
        "summary": "Finding 2",
        "open_count": 1,
        "suppressed_count": 0,
        "closed": False,
        "seen_at": "2026-05-04T00:02:00Z",
        "console_url": "https://optix.sophos.com/public/redirect?c=false&a="
        "alerts%2FA-2%3Fstate%3DOPEN%26accountId%3D44412345678075",
        "change": "",
        "delivery_id": "dlv-1",
    }


def test_an_id_is_never_cut_but_left_out() -> None:
    entry = listed(digest([alert(1, 99, alert_id="x" * 513, environment="é" * 400), alert(2)], Grouping(("rule",))))[0]
    assert (entry["alert_id"], entry["environment"], entry["console_url"]) == ("", "é" * 400, "")


hostile = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["@everyone " * 400, "\r\nBcc: x", "`" * 5000, "\u202e\x1b[2J", "🪣" * 3000, "\u200b"]),
)
any_alerts = st.builds(
    alert,
    st.integers(0, 30),
    st.none() | st.integers(0, 100),
    environment=hostile,
    alert_id=hostile,
    summary=hostile,
    rule=hostile,
    alert_type=hostile,
    provider=hostile,
    policy_labels=st.lists(hostile, max_size=3).map(tuple),
    resources=st.lists(st.builds(Resource, hostile, st.sampled_from(["OPEN", "SUPPRESS", "", "GONE"])), max_size=3).map(
        tuple
    ),
    seen_at=st.none() | st.just(NOW),
)


@given(st.lists(any_alerts, min_size=1, max_size=12), st.sampled_from([(f,) for f in GROUP_FIELDS] + [GROUP_FIELDS]))
def test_whatever_the_members_hold_the_counts_are_true_and_the_words_are_bounded(
    alerts: list[Alert], by: tuple[str, ...]
) -> None:
    made = digest(alerts, Grouping(by))
    latest = {each.key: each for each in alerts}
    if len(latest) == 1:
        assert made is alerts[-1]
        return
    closed = sum(each.is_closed for each in latest.values())
    assert (len(made.resources), made.suppressed_count, made.open_count) == (len(latest), closed, len(latest) - closed)
    assert made.is_closed is (closed == len(latest))
    count = r"\d+ (?:critical|high|medium|low|of unknown severity|suppressed)"
    tally = re.search(rf": {count}(?:, {count})*$", made.summary)
    told = [int(count) for count in re.findall(r"[,:] (\d+) ", tally[0])] if tally else []
    assert sum(told) == len(latest) or (closed == len(latest) and made.summary.endswith(": all suppressed"))
    assert made.summary.startswith(f"{len(latest)} alerts")
    assert utf16_units(made.summary) < 1200
    assert "\n" not in made.summary
    assert all(len(resource.info) < 800 and "\n" not in resource.info for resource in made.resources)
    json.dumps(made.extra, allow_nan=False)
