"""Event Grid, Event Hubs and Service Bus: ways in, limits, and what each of them answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations import load
from gateway.destinations._event import LEAST_BYTES
from gateway.domain.alert import Alert, Resource
from gateway.domain.grant import EntraGrant, SasGrant
from gateway.domain.message import GrantedRequest, HttpRequest
from gateway.domain.outcome import OutcomeClass as Class
from tests.destinations.examples import few_examples
from tests.destinations.on_call import huge, outcome, sent

AlertOf = Callable[..., Alert]
BUS = "https://contoso.servicebus.windows.net"
TOPIC = "https://optix.westeurope-1.eventgrid.azure.net/api/events"
PLACES = {
    "eventhubs": {"url": BUS, "hub": "alerts"},
    "servicebus": {"url": BUS, "queue": "alerts"},
    "eventgrid": {"url": TOPIC},
}
KEYS = {
    "eventhubs": {"key_name": "send", "key": "c2VjcmV0LWtleQ=="},
    "servicebus": {"key_name": "send", "key": "c2VjcmV0LWtleQ=="},
    "eventgrid": {"key": "c2VjcmV0LWtleQ=="},
}
APP = {"tenant": "contoso.onmicrosoft.com", "client_id": "a-1", "client_secret": "p~w+d/=&é"}
every_kind = pytest.mark.parametrize("kind", sorted(PLACES))


def made(kind: str, **values: object) -> Any:
    signs_in = values.keys() & {"client_secret", "identity", "key", "key_name"}
    return load(kind).settings.model_validate(PLACES[kind] | ({} if signs_in else KEYS[kind]) | values)


def grant(kind: str, alert: Alert, **values: object) -> object:
    request = sent(kind, alert, made=made(kind, **values))
    assert isinstance(request, GrantedRequest)
    return request.grant


@pytest.mark.parametrize("kind", ["eventhubs", "servicebus"])
@pytest.mark.parametrize("url", [BUS, f"{BUS}/", "sb://contoso.servicebus.windows.net/"])
def test_a_key_signs_for_the_queue_and_nothing_beyond_it(kind: str, url: str, alert_of: AlertOf) -> None:
    request = sent(kind, alert_of(), made=made(kind, url=url))
    assert request.url == f"{BUS}/alerts/messages"
    assert grant(kind, alert_of(), url=url) == SasGrant(f"{BUS}/alerts", "send", "c2VjcmV0LWtleQ==")
    assert ("x-ms-retrypolicy", "NoRetry") in request.headers


def test_a_key_of_event_grid_is_a_header(alert_of: AlertOf) -> None:
    request = sent("eventgrid", alert_of(), made=made("eventgrid"))
    assert request.url == f"{TOPIC}?api-version=2018-01-01"
    assert ("aeg-sas-key", "c2VjcmV0LWtleQ==") in request.headers
    assert not isinstance(request, GrantedRequest)


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        ("eventhubs", "https://eventhubs.azure.net/.default"),
        ("servicebus", "https://servicebus.azure.net/.default"),
        ("eventgrid", "https://eventgrid.azure.net/.default"),
    ],
)
def test_entra_gives_tokens_for_the_service_in_three_ways(kind: str, scope: str, alert_of: AlertOf) -> None:
    login = "https://login.microsoftonline.com"
    secret = EntraGrant(scope, "secret", login, "contoso.onmicrosoft.com", "a-1", "p~w+d/=&é")
    assert grant(kind, alert_of(), **APP) == secret
    assert grant(kind, alert_of(), identity="managed") == EntraGrant(scope, "managed", login)
    assert grant(kind, alert_of(), identity="workload", client_id="w") == EntraGrant(scope, "workload", login, "", "w")
    other = grant(kind, alert_of(), identity="managed", scope="https://x.azure.us/.default")
    assert other == EntraGrant("https://x.azure.us/.default", "managed", login)
    assert "p~w" not in repr(secret) + repr(sent(kind, alert_of(), made=made(kind, **APP)))
    assert made(kind, **APP).secrets() == ("p~w+d/=&é",)


@every_kind
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"key": None, "key_name": ""}, "set one of KEY, CLIENT_SECRET, IDENTITY"),
        ({"key": "k", "key_name": "n", "identity": "managed"}, "set one of"),
        ({**APP, "identity": "managed"}, "set one of"),
        ({**APP, "tenant": ""}, "CLIENT_SECRET needs TENANT and CLIENT_ID"),
        ({**APP, "client_secret": ""}, "at least 1"),
        ({**APP, "tenant": "a/../b"}, "pattern"),
        ({"identity": "arc"}, "managed"),
        ({"identity": "managed", "authority": "https://login?x"}, "must be a server's address"),
        ({"identity": "managed", "max_bytes": "1KB"}, "greater than or equal to"),
    ],
)
def test_ways_in_that_cannot_work_are_mistakes(kind: str, wrong: dict[str, Any], words: str) -> None:
    if kind == "eventgrid":
        wrong = {key: value for key, value in wrong.items() if key != "key_name"}
    with pytest.raises(ValidationError, match=words):
        made(kind, **wrong)


@pytest.mark.parametrize("kind", ["eventhubs", "servicebus"])
@pytest.mark.parametrize(
    "wrong", [{"key": "k"}, {"key_name": "n"}, {"url": "https://h/?sig=x"}, {"url": "sb://u:p@h"}, {"url": "h"}]
)
def test_addresses_and_keys_that_cannot_work_are_mistakes(kind: str, wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        made(kind, **wrong)


@pytest.mark.parametrize("name", ["", "../other", "a?b", "a b", "é", "a/", "x" * 261])
def test_the_name_of_a_queue_stays_in_its_place(name: str) -> None:
    for kind, key in (("eventhubs", "hub"), ("servicebus", "queue")):
        with pytest.raises(ValidationError):
            made(kind, **{key: name})


def properties(kind: str, alert: Alert, *, test: bool = False, **values: object) -> Any:
    return json.loads(dict(sent(kind, alert, made=made(kind, **values), test=test).headers)["BrokerProperties"])


def test_service_bus_drops_repeats_by_the_delivery_and_keeps_order_by_the_incident(alert_of: AlertOf) -> None:
    alert = alert_of(key="optix-0123")
    assert properties("servicebus", alert) == {
        "MessageId": "d-1",
        "CorrelationId": "optix-0123",
        "Label": "optix.alert",
    }
    assert properties("servicebus", alert, sessions="true")["SessionId"] == "optix-0123"
    assert properties("servicebus", alert, test=True)["Label"] == "optix.test"


def test_event_hubs_keep_order_by_the_incident(alert_of: AlertOf) -> None:
    assert properties("eventhubs", alert_of(key="optix-0123")) == {"PartitionKey": "optix-0123"}
    headers = dict(sent("eventhubs", alert_of(), made=made("eventhubs"), test=True).headers)
    assert (headers["Optix-Delivery"], headers["Optix-Test"]) == ("d-1", "true")


@pytest.mark.parametrize("kind", ["eventhubs", "servicebus"])
def test_the_event_goes_as_it_was_received_unless_a_form_is_asked_for(kind: str, alert_of: AlertOf) -> None:
    assert sent(kind, alert_of(), made=made(kind)).body == b"{}"
    event = sent(kind, alert_of(), made=made(kind, format="cloudevents"))
    assert from_http_event(HTTPMessage(dict(event.headers), event.body)).get_id() == "d-1"
    assert "Set FORMAT" in made(kind).against_digests()


def test_an_event_of_event_grid_is_a_cloudevent_that_others_can_read(alert_of: AlertOf) -> None:
    request = sent("eventgrid", alert_of(), made=made("eventgrid"))
    event = from_http_event(HTTPMessage(dict(request.headers), request.body))
    assert (event.get_id(), event.get_type(), event.get_subject()) == ("d-1", "com.sophos.optix.alert.v1", "A-1")
    data = event.get_data()
    assert isinstance(data, dict)
    assert data["alert_id"] == "A-1"


def test_a_topic_of_the_older_schema_gets_its_own_kind_of_event(alert_of: AlertOf) -> None:
    request = sent("eventgrid", alert_of(), made=made("eventgrid", input_schema="eventgrid"))
    [event] = json.loads(request.body)
    assert event.pop("data")["alert_id"] == "A-1"
    assert event == {
        "id": "d-1",
        "eventType": "com.sophos.optix.alert.v1",
        "subject": "/optix/optix/444123456789/A-1",
        "eventTime": "2026-05-04T03:02:01Z",
        "dataVersion": "1",
    }


FORMS: list[tuple[str, dict[str, object]]] = [
    ("eventhubs", {"format": "alert"}),
    ("eventhubs", {"format": "cloudevents"}),
    ("servicebus", {"format": "alert"}),
    ("eventgrid", {}),
    ("eventgrid", {"input_schema": "eventgrid"}),
]
every_form = pytest.mark.parametrize(("kind", "form"), FORMS)


@every_form
@few_examples
@given(data=st.data())
def test_no_alert_makes_a_body_over_the_limit(
    kind: str, form: dict[str, object], alerts: st.SearchStrategy[Alert], data: st.DataObject
) -> None:
    settings = made(kind, max_bytes=LEAST_BYTES, **form)
    assert len(sent(kind, data.draw(alerts), made=settings).body) <= LEAST_BYTES


@every_form
@pytest.mark.parametrize("sign", ["x", "🪣", '"'])
def test_a_huge_alert_fills_the_usual_limit_and_says_what_is_left_out(
    kind: str, form: dict[str, object], sign: str, alert_of: AlertOf
) -> None:
    settings = made(kind, **form)
    request: HttpRequest = sent(kind, alert_of(resources=(Resource(sign * 500, "OPEN"),) * 9000), made=settings)
    assert settings.max_bytes * 0.9 < len(request.body) <= settings.max_bytes
    assert len(sent(kind, alert_of(**huge(sign)), made=settings).body) <= settings.max_bytes
    body = json.loads(request.body)
    event = body[0] if isinstance(body, list) else body
    said = event.get("data", event)
    assert said["left_out"]["resources"] + len(said["resources"]) == 9000


def xml(code: int, detail: str) -> bytes:
    return f"<Error><Code>{code}</Code><Detail>{detail} TrackingId:1_G2, 2026</Detail></Error>".encode()


def error(code: str, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "details": []}}).encode()


@pytest.mark.parametrize(
    ("kind", "status", "body", "expected"),
    [
        ("eventhubs", 201, b"", Class.OK),
        ("eventhubs", 200, b"<html>", Class.RETRY),
        ("eventhubs", 401, xml(401, "ExpiredToken: The token is expired."), Class.AUTH),
        ("eventhubs", 404, xml(404, "The messaging entity could not be found."), Class.GONE),
        ("eventhubs", 410, b"", Class.GONE),
        ("eventhubs", 413, b"", Class.TOO_LARGE),
        ("eventhubs", 400, xml(400, "The received message is larger than the limit"), Class.TOO_LARGE),
        ("eventhubs", 400, xml(400, "Malformed"), Class.REJECTED),
        ("eventhubs", 429, b"", Class.RATE_LIMITED),
        ("eventhubs", 503, xml(50008, "ServerBusy"), Class.RETRY),
        ("servicebus", 201, b"", Class.OK),
        ("servicebus", 200, b"", Class.RETRY),
        ("servicebus", 403, b"", Class.AUTH),
        ("servicebus", 403, xml(403, "The maximum size of the queue has been reached: quota"), Class.RETRY),
        ("servicebus", 403, xml(403, "The message is too large"), Class.TOO_LARGE),
        ("servicebus", 403, xml(403, "Send claim is required"), Class.AUTH),
        ("servicebus", 410, xml(410, "Entity does not exist"), Class.GONE),
        ("servicebus", 503, b"", Class.RETRY),
        ("eventgrid", 200, b"", Class.OK),
        ("eventgrid", 202, b"", Class.RETRY),
        ("eventgrid", 401, error("Unauthorized", "The provided access key is wrong"), Class.AUTH),
        ("eventgrid", 413, error("RequestEntityTooLarge", "too large"), Class.TOO_LARGE),
        ("eventgrid", 400, error("BadRequest", "This resource takes the 'CloudEventV10' schema"), Class.GONE),
        ("eventgrid", 400, error("BadRequest", "The event size exceeds the maximum"), Class.TOO_LARGE),
        ("eventgrid", 400, error("BadRequest", "no"), Class.REJECTED),
        ("eventgrid", 404, b"", Class.GONE),
    ],
)
def test_what_azure_answers_is_understood(kind: str, status: int, body: bytes, expected: Class) -> None:
    assert outcome(kind, status, body).kind is expected


def test_the_words_of_an_error_are_shown() -> None:
    reason = outcome("eventhubs", 401, xml(401, "ExpiredToken.")).reason
    assert reason == "401 Unauthorized: ExpiredToken. TrackingId:1_G2, 2026"
    assert outcome("eventgrid", 404, error("NotFound", "no topic")).reason == "404 Not Found: NotFound: no topic"
