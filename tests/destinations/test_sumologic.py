from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from gateway.destinations.sumologic import SumoLogicSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass
from tests.destinations.on_call import outcome, payload, sent

AlertOf = Callable[..., Alert]
URL = "https://collectors.sumologic.example/receiver/v1/http/abc=="


def made(**more: str) -> SumoLogicSettings:
    return SumoLogicSettings.model_validate({"url": URL, **more})


def test_the_url_is_kept_byte_for_byte_and_never_shown(alert_of: AlertOf) -> None:
    assert sent("sumologic", alert_of(), made=made()).url == URL
    assert "abc==" not in repr(made())


def test_metadata_are_headers(alert_of: AlertOf) -> None:
    headers = dict(sent("sumologic", alert_of(), made=made(category="cloud/optix", fields="env=prod")).headers)
    assert headers["X-Sumo-Category"] == "cloud/optix"
    assert headers["X-Sumo-Fields"] == "env=prod"
    assert headers["X-Sumo-Host"] == "optix-gateway"
    assert "X-Sumo-Name" not in headers


@pytest.mark.parametrize(("form", "key"), [("alert", "console_url"), ("ocsf", "finding_info"), ("ecs", "@timestamp")])
def test_the_line_is_in_the_chosen_schema(alert_of: AlertOf, form: str, key: str) -> None:
    assert key in payload("sumologic", alert_of(), made=made(format=form))


@pytest.mark.parametrize("sign", ["x", "🪣", "\n"])
def test_an_alert_is_one_line_that_is_not_sliced(alert_of: AlertOf, sign: str) -> None:
    body = sent("sumologic", alert_of(resources=tuple(Resource(f"{n}{sign * 50}", "OPEN") for n in range(3000)))).body
    assert b"\n" not in body
    assert 57_000 < len(body) <= 64_000
    assert json.loads(body)["left_out"]["resources"] + len(json.loads(body)["resources"]) == 3000


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"", OutcomeClass.OK),
        (200, b" <html>", OutcomeClass.RETRY),
        (204, b"", OutcomeClass.RETRY),
        (401, b"", OutcomeClass.AUTH),
        (404, b"", OutcomeClass.GONE),
        (408, b"", OutcomeClass.RETRY),
        (413, b"", OutcomeClass.TOO_LARGE),
        (429, b"", OutcomeClass.RATE_LIMITED),
        (503, b"", OutcomeClass.RETRY),
        (504, b"", OutcomeClass.RETRY),
    ],
)
def test_what_sumo_logic_answers_is_understood(status: int, body: bytes, kind: OutcomeClass) -> None:
    assert outcome("sumologic", status, body).kind is kind


@pytest.mark.parametrize("wrong", [{"url": "x"}, {"category": "a\nb"}, {"fields": "ä"}, {"name": "x" * 1025}])
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        made(**wrong)
