"""Pub/Sub and Cloud Run: who signs in, what is sent, and what is answered."""

from __future__ import annotations

import json
import sys
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations import FormatFault, load
from gateway.destinations._event import LEAST_BYTES
from gateway.domain.alert import Alert, Resource
from gateway.domain.grant import GoogleGrant
from gateway.domain.message import GrantedRequest
from gateway.domain.outcome import OutcomeClass as Class
from tests.destinations.examples import few_examples
from tests.destinations.on_call import huge, outcome, sent

AlertOf = Callable[..., Alert]
RUN = "https://remediate-1.europe-west1.run.app"
PLACES = {"pubsub": {"project": "acme-soc", "topic": "alerts"}, "cloud-run": {"url": f"{RUN}/hook?a=%2F"}}
KEY = {
    "type": "service_account",
    "client_email": "optix@acme.iam.gserviceaccount.com",
    "private_key_id": "0123456789abcdef",
    "private_key": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWtleQ==\n-----END PRIVATE KEY-----\n",
    "token_uri": "https://oauth2.googleapis.com/token",
}
FEDERATED = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/x",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {"file": "/var/run/token"},
}
every_kind = pytest.mark.parametrize("kind", sorted(PLACES))


def made(kind: str, **values: object) -> Any:
    return load(kind).settings.model_validate(PLACES[kind] | values)


def request(kind: str, alert: Alert, *, test: bool = False, **values: object) -> GrantedRequest:
    message = sent(kind, alert, made=made(kind, **values), test=test)
    assert isinstance(message, GrantedRequest)
    return message


def published(alert: Alert, *, test: bool = False, **values: object) -> Any:
    [message] = json.loads(request("pubsub", alert, test=test, **values).body)["messages"]
    return message


@every_kind
def test_the_machine_signs_in_unless_there_is_a_file(kind: str, alert_of: AlertOf) -> None:
    text = json.dumps(KEY)
    assert isinstance(machine := request(kind, alert_of()).grant, GoogleGrant)
    assert isinstance(by_file := request(kind, alert_of(), credentials=text).grant, GoogleGrant)
    assert (machine.credentials, by_file.credentials) == ("", text)
    assert bool(machine.scope) != bool(machine.audience)


@every_kind
def test_nothing_of_a_key_prints(kind: str, alert_of: AlertOf) -> None:
    settings = made(kind, credentials=json.dumps(KEY))
    shown = repr(settings) + repr(sent(kind, alert_of(), made=settings))
    assert "c2VjcmV0LWtleQ==" not in shown
    assert {"c2VjcmV0LWtleQ==", "0123456789abcdef", json.dumps(KEY)} == set(settings.secrets())


@every_kind
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hunter2", "JSON of a credentials file"),
        ("[]", "JSON of a credentials file"),
        ('{"type":"authorized_user"}', "JSON of a credentials file"),
        ('{"type":"service_account","client_email":"a"}', "has no private_key, token_uri"),
        ('{"type":"external_account","audience":"a"}', "has no subject_token_type, token_url, credential_source"),
    ],
)
def test_a_file_that_holds_no_credentials_is_a_mistake(kind: str, text: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        made(kind, credentials=text)
    assert "hunter2" not in str(refused.value)


@every_kind
def test_a_file_needs_a_package_and_the_machine_needs_none(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    verify = load(kind).verify
    assert verify is not None
    verify(made(kind, credentials=json.dumps(KEY)), ())
    monkeypatch.setitem(sys.modules, "google.auth", None)
    verify(made(kind), ())
    with pytest.raises(FormatFault, match=r"pip install 'optix-gateway\[google\]'$"):
        verify(made(kind, credentials=json.dumps(KEY)), ())


def test_federation_is_for_access_tokens_only() -> None:
    made("pubsub", credentials=json.dumps(FEDERATED))
    with pytest.raises(ValidationError, match="federation gives no ID tokens"):
        made("cloud-run", credentials=json.dumps(FEDERATED))


@pytest.mark.parametrize(
    ("url", "audience", "wanted"),
    [
        (f"{RUN}/hook?a=1", "", RUN),
        (f"{RUN}:443/", "", f"{RUN}:443"),
        (
            "https://europe-west1-acme.cloudfunctions.net/fix?a=1",
            "",
            "https://europe-west1-acme.cloudfunctions.net/fix",
        ),
        ("https://fix.example.com/x", "https://custom.example.com", "https://custom.example.com"),
    ],
)
def test_the_token_is_for_the_service(url: str, audience: str, wanted: str, alert_of: AlertOf) -> None:
    message = request("cloud-run", alert_of(), url=url, audience=audience)
    assert message.url == url
    assert message.grant == GoogleGrant(audience=wanted)


@pytest.mark.parametrize("url", ["x", "https://u:p@h/", "https://h/#x", "ftp://h"])
def test_a_service_is_a_whole_url(url: str) -> None:
    with pytest.raises(ValidationError):
        made("cloud-run", url=url)


def test_a_service_gets_the_vendors_event_as_it_was_received_and_the_delivery_beside_it(alert_of: AlertOf) -> None:
    message = request("cloud-run", alert_of(), test=True)
    assert message.body == b"{}"
    assert dict(message.headers) == {
        "Content-Type": "application/json",
        "webhook-id": "d-1",
        "Optix-Gateway-Test": "true",
    }
    assert "Optix-Gateway-Test" not in dict(request("cloud-run", alert_of()).headers)
    event = request("cloud-run", alert_of(), format="cloudevents")
    assert from_http_event(HTTPMessage(dict(event.headers), event.body)).get_id() == "d-1"


def test_a_message_has_what_subscriptions_filter_by(alert_of: AlertOf) -> None:
    alert = alert_of(key="optix-0123")
    message = published(alert)
    assert b64decode(message["data"]) == b"{}"
    assert message["attributes"] == {
        "delivery": "d-1",
        "incident": "optix-0123",
        "content_type": "application/json",
        "source": "optix",
        "severity": "high",
        "state": "open",
        "environment": "444123456789",
        "alert_type": "Policy",
        "rule": "AR-251",
    }
    assert "orderingKey" not in message
    assert published(alert, ordered="true")["orderingKey"] == "optix-0123"
    assert published(alert_of(resources=(Resource("b", "SUPPRESS"),)))["attributes"]["state"] == "suppressed"
    assert published(alert, test=True)["attributes"]["test"] == "true"


def test_the_topic_is_in_the_address(alert_of: AlertOf) -> None:
    message = request("pubsub", alert_of(), url="https://europe-west1-pubsub.googleapis.com/")
    assert message.url == "https://europe-west1-pubsub.googleapis.com/v1/projects/acme-soc/topics/alerts:publish"


@pytest.mark.parametrize(
    "wrong", [{"topic": "a/b"}, {"topic": "x"}, {"project": "A"}, {"project": "a/../b"}, {"max_bytes": "8MB"}]
)
def test_names_that_cannot_be_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        made("pubsub", **wrong)


@few_examples
@given(data=st.data())
@pytest.mark.parametrize("form", ["alert", "cloudevents"])
def test_no_alert_makes_a_message_over_a_limit(
    form: str, alerts: st.SearchStrategy[Alert], data: st.DataObject
) -> None:
    alert = data.draw(alerts)
    message = published(alert, format=form, max_bytes=LEAST_BYTES)
    assert len(b64decode(message["data"])) <= LEAST_BYTES
    assert all(0 < len(value.encode()) <= 1024 for value in message["attributes"].values())
    assert len(request("cloud-run", alert, format=form, max_bytes=LEAST_BYTES).body) <= LEAST_BYTES


@pytest.mark.parametrize("sign", ["x", "🪣"])
def test_the_largest_message_stays_below_ten_megabytes(sign: str, alert_of: AlertOf) -> None:
    resources = (Resource(sign * 1000, "OPEN"),) * 12_000
    body = request("pubsub", alert_of(resources=resources), format="alert", max_bytes="7MB").body
    assert 8_000_000 < len(body) < 10_000_000
    long = published(alert_of(**huge(sign)), format="alert")
    assert 1000 < len(long["attributes"]["environment"].encode()) <= 1024


def error(status: str, message: str) -> bytes:
    return json.dumps({"error": {"code": 1, "message": message, "status": status}}).encode()


@pytest.mark.parametrize(
    ("kind", "status", "body", "expected"),
    [
        ("pubsub", 200, b'{"messageIds":["1234"]}', Class.OK),
        ("pubsub", 200, b'{"messageIds":[]}', Class.RETRY),
        ("pubsub", 200, b"<html>", Class.RETRY),
        ("pubsub", 400, error("INVALID_ARGUMENT", "Request payload size exceeds the limit: 10485760"), Class.TOO_LARGE),
        ("pubsub", 400, error("INVALID_ARGUMENT", "no"), Class.REJECTED),
        ("pubsub", 401, error("UNAUTHENTICATED", "no"), Class.AUTH),
        ("pubsub", 403, error("PERMISSION_DENIED", "no"), Class.AUTH),
        ("pubsub", 404, error("NOT_FOUND", "Resource not found (resource=alerts)."), Class.GONE),
        ("pubsub", 429, error("RESOURCE_EXHAUSTED", "quota"), Class.RATE_LIMITED),
        ("pubsub", 503, error("UNAVAILABLE", "later"), Class.RETRY),
        ("cloud-run", 204, b"", Class.OK),
        ("cloud-run", 401, b"<html>", Class.AUTH),
        ("cloud-run", 403, b"", Class.AUTH),
        ("cloud-run", 404, b"", Class.GONE),
        ("cloud-run", 429, b"Rate exceeded.", Class.RATE_LIMITED),
        ("cloud-run", 500, b"", Class.RETRY),
    ],
)
def test_what_google_answers_is_understood(kind: str, status: int, body: bytes, expected: Class) -> None:
    assert outcome(kind, status, body).kind is expected


def test_the_id_of_the_message_and_the_words_of_an_error_are_kept() -> None:
    assert outcome("pubsub", 200, b'{"messageIds":["1234"]}').reference == "1234"
    assert outcome("pubsub", 403, error("PERMISSION_DENIED", "no")).reason == "403 Forbidden: PERMISSION_DENIED: no"
