"""What any HTTP receiver gets: checked by the libraries that such receivers use."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gateway import samples
from gateway.domain.alert import Alert, Resource
from gateway.domain.document import change_document, document
from gateway.domain.message import HttpAnswer, NoAnswer, Tls
from gateway.domain.outcome import OutcomeClass as Class
from tests.destinations.webhooks import DELIVERY, KIND, KNOWN, NOW, URL, context, made, sample, sent, worded

KEY = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def refusal(**keys: str) -> str:
    with pytest.raises(ValidationError) as found:
        made(**keys)
    assert "s3cr3t" not in str(found.value)
    return str(found.value)


@given(body=st.binary(), before=st.sampled_from([None, b"", KNOWN]))
def test_the_original_is_sent_byte_for_byte(body: bytes, before: bytes | None) -> None:
    alert, _ = sample(samples.DOCUMENTED)
    message = worded(alert, context(body, before=before), made())
    assert (message.body, message.url, message.method) == (body, URL, "POST")


def test_without_further_settings_only_type_and_delivery_id_are_said() -> None:
    assert sent().headers == (("Content-Type", "application/json"), ("webhook-id", DELIVERY))


def test_a_test_delivery_is_marked_in_a_header() -> None:
    assert ("Optix-Gateway-Test", "true") in sent(test=True).headers


@pytest.mark.parametrize("before", [None, b"", KNOWN])
def test_the_alert_format_is_the_alerts_document_and_the_change(before: bytes | None) -> None:
    alert, _ = sample("hostile-text")
    said = context(before=before)
    found = json.loads(worded(alert, said, made(format="alert")).body)
    assert found == document(alert) | {"change": change_document(said.change(alert))}
    assert found["change"]["reasons"] == {None: ["new"], b"": ["unchanged"]}.get(before, ["grew", "shrank", "raised"])


def test_an_alert_of_thousands_of_changes_lists_the_first_500_of_each_kind_and_counts_all(
    alert_of: Callable[..., Alert], known: Callable[..., bytes]
) -> None:
    alert = alert_of(resources=tuple(Resource(f"new-{n:04}", "OPEN") for n in range(3000)))
    before = known(80, *(f"old-{n:04}" for n in range(4000)))
    change = json.loads(worded(alert, context(before=before), made(format="alert")).body)["change"]
    assert (len(change["came"]), len(change["went"])) == (500, 500)
    assert change["counts"] == {"came": 3000, "went": 4000, "suppressed": 0, "reopened": 0, "restated": 0}
    assert change["words"] == "3000 new of 3000 open, 4000 gone"


@pytest.mark.parametrize("mode", ["structured", "binary"])
@pytest.mark.parametrize("name", samples.names())
def test_the_cloudevents_library_reads_every_sample(mode: str, name: str) -> None:
    alert, _ = sample(name)
    message = sent(name, format="cloudevents", cloudevents_mode=mode)
    event = from_http_event(HTTPMessage(headers=dict(message.headers), body=message.body))
    assert event.get_id() == DELIVERY
    assert event.get_type() == "com.sophos.optix.alert.v1"
    assert event.get_source().startswith("/optix/optix/")
    assert event.get_subject() == alert.alert_id
    assert event.get_time() == alert.seen_at
    assert event.get_data() == document(alert) | {"change": change_document(context().change(alert))}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_text_breaks_out_of_a_header(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    alert = data.draw(alerts)
    message = worded(alert, context(), made(format="cloudevents", cloudevents_mode="binary"))
    for name, value in message.headers:
        assert all("!" <= c <= "~" for c in name + value)
    event = from_http_event(HTTPMessage(headers=dict(message.headers), body=message.body))
    subject = event.get_subject() or ""
    assert subject == alert.alert_id if len(alert.alert_id.encode()) <= 1024 else subject[:80] == alert.alert_id[:80]


@pytest.mark.parametrize("secret", [KEY, KEY.removesuffix("oD"), "any text, also ünusual"])
def test_the_standard_webhooks_library_accepts_the_signature(secret: str) -> None:
    now = datetime.now(UTC)
    message = sent(sent_at=now, signing_secret=secret)
    verifier = Webhook(secret if secret.startswith("whsec_") else secret.encode())
    assert verifier.verify(message.body, dict(message.headers)) == json.loads(message.body)
    with pytest.raises(WebhookVerificationError):
        verifier.verify(message.body + b" ", dict(message.headers))


def test_a_retry_keeps_its_id_and_is_signed_anew() -> None:
    first, second = (dict(sent(sent_at=NOW + timedelta(s), signing_secret=KEY).headers) for s in (0, 1))
    assert first["webhook-id"] == second["webhook-id"] == DELIVERY
    assert first["webhook-signature"] != second["webhook-signature"]


def test_headers_method_and_trust_come_from_the_settings() -> None:
    message = sent(headers="X-Api-Key: k3y | X-Team: cloud: west", method="put", ca_file="/ca.pem", tls_verify="false")
    assert message.method == "PUT"
    assert message.tls == Tls("/ca.pem", verify=False)
    assert message.headers[-2:] == (("X-Api-Key", "k3y"), ("X-Team", "cloud: west"))


def test_a_content_type_among_the_headers_replaces_ours() -> None:
    message = sent(headers='{"content-type": "application/vnd.acme+json"}')
    assert [value for name, value in message.headers if name.lower() == "content-type"] == ["application/vnd.acme+json"]


REFUSED = [
    ({"url": "ftp://s3cr3t"}, "whole URL"),
    ({"headers": "Authorization s3cr3t"}, "no colon"),
    ({"headers": "X-A: 1 | x-a: s3cr3t"}, "given twice"),
    ({"headers": "Bad Name: s3cr3t"}, "header's name"),
    ({"headers": "Content-Length: 1"}, "set by the connection"),
    ({"headers": "Transfer-Encoding: chunked"}, "set by the connection"),
    ({"headers": "webhook-id: 1"}, "must not hold webhook-id"),
    ({"headers": "optix-gateway-test: 1"}, "must not hold"),
    ({"headers": "Content-Type: a/b", "content_type": "a/b"}, "must not hold Content-Type"),
    ({"headers": "ce-id: 1", "format": "cloudevents"}, "must not hold ce-id"),
    ({"headers": '{"X-A": 1}'}, "quotation marks"),
    ({"headers": '{"X-A": "s3cr3t'}, "not JSON"),
    ({"headers": '{"X-A": "s3cr3t\\r\\nX-B: 1"}'}, "not printable"),
    ({"method": "DELETE"}, "POST"),
    ({"format": "template"}, "needs a BODY"),
    ({"body": "{}"}, "FORMAT=template only"),
    ({"content_type": "a/b", "format": "cloudevents"}, "prescribes"),
    ({"content_type": "json"}, "content_type"),
    ({"signing_secret": "whsec_s3cr3t!"}, "not base64"),
    ({"signing_secret": "whsec_"}, "empty"),
    ({"success": "2xx"}, "200-299, 409"),
    ({"success": "299-200"}, "200-299, 409"),
    ({"success": "99"}, "200-299, 409"),
    ({"success": ""}, "200-299, 409"),
]


@pytest.mark.parametrize(("keys", "said"), REFUSED)
def test_settings_that_cannot_work_are_refused_without_showing_secrets(keys: dict[str, str], said: str) -> None:
    assert said in refusal(**keys)


def test_secrets_do_not_print_and_are_known_for_masking() -> None:
    keys = made(headers="Authorization: Bearer t0ken-of-mine | Accept: text/plain", signing_secret=KEY)
    for secret in (URL, "Bearer t0ken-of-mine", "t0ken-of-mine", KEY):
        assert secret in keys.secrets()
        assert secret not in repr(keys)
        assert secret not in repr(sent(headers="Authorization: Bearer t0ken-of-mine", signing_secret=KEY))
    assert "text/plain" not in keys.secrets()


ANSWERS = [
    ("200-299", 200, Class.OK),
    ("200-299", 299, Class.OK),
    ("200-299", 300, Class.REJECTED),
    ("200-299", 199, Class.REJECTED),
    ("200-299", 404, Class.GONE),
    ("200-299", 410, Class.GONE),
    ("200-299", 503, Class.RETRY),
    ("202", 202, Class.OK),
    ("202", 200, Class.REJECTED),
    ("200 - 204, 409", 409, Class.OK),
    ("200 - 204, 409", 204, Class.OK),
    ("200 - 204, 409", 205, Class.REJECTED),
    ("200,302", 302, Class.OK),
]


@pytest.mark.parametrize(("success", "status", "kind"), ANSWERS)
def test_success_is_what_the_settings_call_success(success: str, status: int, kind: Class) -> None:
    outcome = KIND.outcome_of(HttpAnswer(status), NOW, context(), made(success=success))
    assert (outcome.kind, outcome.status) == (kind, status)


def test_no_answer_is_tried_again_whatever_success_is() -> None:
    assert KIND.outcome_of(NoAnswer("connection refused"), NOW, context(), made()).kind is Class.RETRY


def test_an_ocsf_finding_is_made_for_the_delivery_and_says_what_changed() -> None:
    alert, body = sample(samples.DOCUMENTED)
    message = worded(alert, context(body, before=KNOWN), made(format="ocsf"))
    said = json.loads(message.body)
    assert (said["class_uid"], said["activity_name"], said["metadata"]["uid"]) == (2003, "Update", DELIVERY)
    assert said["unmapped"]["change"]["went"] == ["old"]
    assert ("Content-Type", "application/json") in message.headers


def test_the_elastic_common_schema_is_made_for_the_delivery() -> None:
    said = json.loads(sent(format="ecs", test=True).body)
    assert (said["event"]["id"], said["tags"]) == (DELIVERY, ["high", "test"])
