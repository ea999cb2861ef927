from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations.teams import TeamsSettings, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import HttpAnswer
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of
from tests.destinations.teams_cards import NOW, URL, card, sent

MOST_BYTES = 20_000
# What Adaptive Cards 1.4 knows of the elements we send: name -> (must be there, may be there).
ELEMENTS: dict[str, tuple[set[str], set[str]]] = {
    "AdaptiveCard": ({"type", "version", "body"}, {"$schema", "actions", "fallbackText", "msteams"}),
    "TextBlock": ({"type", "text"}, {"wrap", "size", "weight", "color", "isSubtle", "separator"}),
    "FactSet": ({"type", "facts"}, set()),
    "Action.OpenUrl": ({"type", "url"}, {"title"}),
}
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]


def faults(element: dict[str, Any]) -> list[str]:
    must, may = ELEMENTS[element["type"]]
    found = [f"{element['type']}: {key}" for key in must - element.keys() | element.keys() - must - may]
    found += ["empty text"] * (element["type"] == "TextBlock" and not element["text"].strip())
    for fact in element.get("facts", ()):
        found += ["fact"] * (fact.keys() != {"title", "value"} or not fact["value"])
    return found + [f for part in (*element.get("body", ()), *element.get("actions", ())) for f in faults(part)]


def texts(made: dict[str, Any]) -> list[str]:
    found = [block["text"] for block in made["body"] if block["type"] == "TextBlock"]
    return found + [fact["value"] for block in made["body"] for fact in block.get("facts", ())]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_alert_makes_a_card_by_the_schema_within_the_limit(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    for shrink in (False, True):
        assert len(sent(alert, before=before, shrink=shrink).body) <= MOST_BYTES
        assert faults(card(alert, before=before, shrink=shrink)) == []


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "\\", "\n", "@"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known, sign: str) -> None:
    huge = sign * 3000
    alert = alert_of(
        summary=huge, environment=huge, alert_type=huge, provider=huge, rule=huge, details=huge + "x", last_seen=huge,
        policy_labels=(huge,) * 50, resources=(Resource(huge, huge),) * 60, alert_id=huge,
    )  # fmt: skip
    before = known(None, *(f"{n}{huge[:400]}" for n in range(2000)))
    assert len(sent(alert, before=before).body) <= MOST_BYTES


def test_the_address_is_used_byte_for_byte(alert_of: AlertOf) -> None:
    assert sent(alert_of()).url == URL


def test_a_flow_of_ones_own_gets_the_bare_card(alert_of: AlertOf) -> None:
    assert json.loads(sent(alert_of(), body="card").body) == card(alert_of())


@pytest.mark.parametrize("hostile", ["[bank](http://evil)", "<at>all</at>", "{{DATE(2020-01-01)}}", "http://evil"])
def test_hostile_text_loses_its_meaning(alert_of: AlertOf, hostile: str) -> None:
    made = card(alert_of(summary=hostile, details=hostile, rule=hostile, resources=(Resource(hostile, "OPEN"),)))
    for text in texts(made):
        assert re.search(r"\]\(|\{\{|://|<[^\u200b]", text) is None


def test_the_resource_list_is_cut_with_a_true_count(alert_of: AlertOf) -> None:
    listed = card(alert_of(resources=tuple(Resource(f"bucket-{n:04}", "OPEN") for n in range(900))))["body"][-1]["text"]
    assert f"+{900 - listed.count('bucket-')} more" in listed


def test_a_resource_list_that_just_fits_is_whole_and_one_more_is_counted(alert_of: AlertOf) -> None:
    names = [f"{n:06}" for n in range(601)]  # each is ten bytes of JSON with its sign and line end; 6000 hold 600
    for count, more in ((600, False), (601, True)):
        made = card(alert_of(resources=tuple(Resource(name, "OPEN") for name in names[:count])))
        assert ("more" in made["body"][-1]["text"]) is more


def test_a_follow_up_says_first_what_changed(alert_of: AlertOf, known: Known) -> None:
    made = card(alert_of(), before=known(80, "bucket-0"))
    assert made["body"][1]["facts"][0] == {"title": "Changed", "value": "1 new of 1 open, 1 gone"}
    assert made["body"][2]["text"] == "- + bucket-1\n- - bucket-0"


@pytest.mark.parametrize(
    ("score", "colour"),
    [(49, "accent"), (50, "warning"), (89, "warning"), (90, "attention"), (None, "default")],
)
def test_the_colour_follows_the_score(alert_of: AlertOf, score: int | None, colour: str) -> None:
    assert card(alert_of(score=score, severity=severity_of(score)))["body"][0]["color"] == colour


def test_a_closed_alert_is_quiet_and_says_so(alert_of: AlertOf) -> None:
    first = card(alert_of(severity=severity_of(95), resources=(Resource("b", "SUPPRESS"),)))["body"][0]
    assert (first["color"], "[SUPPRESSED]" in first["text"]) == ("default", True)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (202, b"", OutcomeClass.OK),
        (200, b"1", OutcomeClass.OK),
        (200, b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429",
         OutcomeClass.RATE_LIMITED),
        (200, b"Microsoft Teams endpoint returned HTTP error 413", OutcomeClass.TOO_LARGE),
        (200, b"<html>sign in</html>", OutcomeClass.RETRY),
        (204, b"", OutcomeClass.RETRY),
        (401, b'{"error":{"code":"DirectApiAuthorizationRequired","message":"x"}}', OutcomeClass.AUTH),
        (404, b"", OutcomeClass.GONE),
        (413, b"", OutcomeClass.TOO_LARGE),
        (429, b"", OutcomeClass.RATE_LIMITED),
        (502, b"", OutcomeClass.RETRY),
    ],
)  # fmt: skip
def test_what_a_workflow_answers_is_understood(status: int, body: bytes, kind: OutcomeClass) -> None:
    assert read(HttpAnswer(status, {}, body), NOW).kind is kind


def test_an_error_is_told_with_its_code() -> None:
    answer = HttpAnswer(401, {}, b'{"error":{"code":"DirectApiAuthorizationRequired","message":"no signature"}}')
    assert read(answer, NOW).reason == "401 Unauthorized: DirectApiAuthorizationRequired: no signature"


@pytest.mark.parametrize("wrong", [{"url": "x.logic.azure.com"}, {"url": URL, "body": "connector"}])
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TeamsSettings.model_validate(wrong)
