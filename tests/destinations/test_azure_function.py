"""A function in Azure: its key, tokens, what it gets, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from pydantic import ValidationError

from gateway.destinations import load
from gateway.domain.alert import Alert, Resource
from gateway.domain.grant import EntraGrant
from gateway.domain.message import GrantedRequest, HttpRequest
from gateway.domain.outcome import OutcomeClass as Class
from tests.destinations.on_call import outcome, sent
from tests.outbound.clouds import cloud

AlertOf = Callable[..., Alert]
URL = "https://optix.azurewebsites.net/api/fix?a=%2F"
SCOPE = "api://0-1/.default"
APP: dict[str, Any] = {
    "tenant": "contoso.onmicrosoft.com",
    "client_id": "a-1",
    "client_secret": "p~w+d",
    "scope": SCOPE,
}


def made(**values: object) -> Any:
    return load("azure-function").settings.model_validate({"url": URL} | (values or {"key": "hunter2=="}))


def request(alert: Alert, *, test: bool = False, before: Alert | None = None, **values: object) -> HttpRequest:
    return sent("azure-function", alert, made=made(**values), test=test, before=before)


def test_a_function_gets_the_vendors_event_as_it_was_received_with_its_key_and_the_delivery(alert_of: AlertOf) -> None:
    message = request(alert_of(), test=True)
    assert (message.url, message.body, isinstance(message, GrantedRequest)) == (URL, b"{}", False)
    assert dict(message.headers) == {
        "Content-Type": "application/json",
        "webhook-id": "d-1",
        "Optix-Gateway-Test": "true",
        "x-functions-key": "hunter2==",
    }
    assert "Optix-Gateway-Test" not in dict(request(alert_of()).headers)
    assert "Set FORMAT" in made().against_digests()


def test_another_form_is_a_choice(alert_of: AlertOf) -> None:
    event = request(alert_of(), key="k", format="cloudevents")
    assert from_http_event(HTTPMessage(dict(event.headers), event.body)).get_id() == "d-1"


@pytest.mark.parametrize("key", [None, "k"])
def test_entra_signs_in_alone_or_on_top_of_the_key(key: str | None, alert_of: AlertOf) -> None:
    login = "https://login.microsoftonline.com"
    message = request(alert_of(), key=key, **APP)
    assert isinstance(message, GrantedRequest)
    assert message.grant == EntraGrant(SCOPE, "secret", login, "contoso.onmicrosoft.com", "a-1", "p~w+d")
    assert dict(message.headers).get("x-functions-key") == key
    machine = request(alert_of(), key=key, identity="managed", scope=SCOPE)
    assert isinstance(machine, GrantedRequest)
    assert machine.grant == EntraGrant(SCOPE, "managed", login)
    assert "p~w" not in repr(message) + repr(made(**APP))


async def test_the_function_gets_the_token_and_the_key_side_by_side(alert_of: AlertOf) -> None:
    async with cloud() as azure:
        keys = APP | {"authority": azure.base, "url": f"{azure.base}/api/fix?a=%2F", "key": "k"}
        message = request(alert_of(), **keys)
        assert isinstance(message, GrantedRequest)
        await azure.transport().send(message, 5)
    [got] = azure.got
    assert (got.headers["Authorization"], got.headers["x-functions-key"]) == ("Bearer eyJ.first.token", "k")
    assert got.raw_path == "/api/fix?a=%2F"
    assert [form["scope"] for form in azure.forms] == [SCOPE]


def test_nothing_of_a_key_prints(alert_of: AlertOf) -> None:
    assert "hunter2" not in repr(made()) + repr(request(alert_of()))
    assert made().secrets() == ("hunter2==",)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"format": "alert"}, "set one of KEY, CLIENT_SECRET, IDENTITY"),
        ({**APP, "identity": "managed"}, "set one of"),
        ({**APP, "scope": ""}, "SCOPE goes with"),
        ({"identity": "managed"}, "SCOPE goes with"),
        ({"key": "k", "scope": SCOPE}, "SCOPE goes with"),
        ({**APP, "tenant": ""}, "CLIENT_SECRET needs"),
        ({"key": "a b"}, "without blanks"),
        ({"key": "k", "envelope": "apigateway-v3"}, "apigateway-v2"),
        ({"key": "k", "url": "https://u:p@h/"}, "whole URL"),
        ({"key": "k", "url": "https://h/#x"}, "whole URL"),
        ({"key": "k", "url": "h"}, "whole URL"),
        ({"key": "k", "url": "https://h/api/f?Code=hunter2"}, "put the key into KEY"),
    ],
)
def test_what_cannot_work_is_a_mistake(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        made(**wrong)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("version", ["apigateway-v1", "apigateway-v2"])
def test_a_function_written_for_api_gateway_finds_what_it_would_find_there(version: str, alert_of: AlertOf) -> None:
    grown = alert_of(resources=(Resource("b-1", "OPEN"), Resource("b-2", "OPEN")))
    message = request(grown, key="hunter2", envelope=version, before=alert_of(), test=True)
    event = json.loads(message.body)
    assert (event["version"], event["body"], event["isBase64Encoded"]) == (f"{version[-1]}.0", "{}", False)
    assert event.get("rawPath", event.get("path")) == "/api/fix"
    said = {name: event["headers"][name] for name in ("content-type", "webhook-id", "optix-gateway-test")}
    assert said == {"content-type": "application/json", "webhook-id": "d-1", "optix-gateway-test": "true"}
    assert event["headers"]["optix-gateway-changed"]
    assert b"hunter2" not in message.body
    assert dict(message.headers)["Content-Type"] == "application/json"


def test_the_form_within_the_envelope_is_named(alert_of: AlertOf) -> None:
    event = json.loads(request(alert_of(), key="k", envelope="apigateway-v2", format="cloudevents").body)
    assert event["headers"]["content-type"] == "application/cloudevents+json"
    assert json.loads(event["body"])["id"] == "d-1"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Class.OK),
        (204, Class.OK),
        (401, Class.AUTH),
        (403, Class.AUTH),
        (404, Class.GONE),
        (413, Class.TOO_LARGE),
        (422, Class.REJECTED),
        (429, Class.RATE_LIMITED),
        (500, Class.RETRY),
        (502, Class.RETRY),
    ],
)
def test_what_a_function_answers_is_understood(status: int, expected: Class) -> None:
    assert outcome("azure-function", status).kind is expected
