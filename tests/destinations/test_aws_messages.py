"""SNS, SQS, EventBridge and S3: what each is sent, against the library's models of the services."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway import samples
from gateway.destinations import Context, load
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import AwsRequest, HttpAnswer
from gateway.domain.outcome import OutcomeClass as Class

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
SAMPLE = samples.load(samples.DOCUMENTED)
MIB = 1024 * 1024
TARGETS: dict[str, dict[str, str]] = {
    "sns": {"topic_arn": "arn:aws:sns:eu-west-1:111122223333:alerts"},
    "sqs": {"queue_url": "https://sqs.eu-west-1.amazonaws.com/111122223333/alerts"},
    "eventbridge": {"event_bus": "arn:aws:events:eu-west-1:111122223333:event-bus/security"},
    "s3": {"bucket": "archive", "region": "eu-west-1"},
}
OPERATIONS = {"sqs": ("sqs", "SendMessage"), "eventbridge": ("events", "PutEvents")}
FORMS = ["original", "alert", "cloudevents", "ocsf", "ecs"]
AlertOf = Callable[..., Alert]


def sent(kind: str, alert: Alert, body: bytes = SAMPLE, *, before: bytes | None = None, **keys: Any) -> AwsRequest:
    made = load(kind).settings.model_validate(TARGETS[kind] | keys)
    message = load(kind).format(alert, Context("a-1.bus", "bus", body, NOW, before=before), made)
    assert isinstance(message, AwsRequest)
    return message


def fields(message: AwsRequest) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(message.body.decode(), strict_parsing=True).items()}


def check(kind: str, message: AwsRequest) -> dict[str, Any]:
    """What is sent, as the service's operation takes it."""
    service, operation = OPERATIONS[kind]
    said: dict[str, Any] = json.loads(message.body)
    model: Any = ServiceModel(Loader().load_service_model(service, "service-2"))
    report = ParamValidator().validate(said, model.operation_model(operation).input_shape)
    assert not report.has_errors(), report.generate_report()
    return said


def size_of_sqs(message: AwsRequest) -> int:
    said = check("sqs", message)
    beside = [(name, *value.values()) for name, value in said["MessageAttributes"].items()]
    return len(said["MessageBody"].encode()) + sum(len(text.encode()) for each in beside for text in each)


def size_of_sns(message: AwsRequest) -> int:
    return sum(len(text.encode()) for name, text in fields(message).items() if name.startswith("Message"))


def size_of_entry(message: AwsRequest) -> int:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html"""
    (entry,) = check("eventbridge", message)["Entries"]
    return 14 + sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


SIZES = {"sqs": (size_of_sqs, MIB), "sns": (size_of_sns, 256 * 1024), "eventbridge": (size_of_entry, 1_000_000 - 1)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", sorted(SIZES))
def test_an_alert_beyond_the_limit_says_less_and_how_much_less(kind: str, form: str, alert_of: AlertOf) -> None:
    size, most = SIZES[kind]
    alert = alert_of(resources=tuple(Resource(f"bucket-\ufffe-{n}" * 3, "OPEN") for n in range(40_000)))
    event = {
        "eventType": "ALERT",
        "payloadData": {"affectedResources": [{"resourceInfo": "bucket-\ufffe" * 5}] * 40_000},
    }
    message = sent(kind, alert, json.dumps(event, ensure_ascii=False).encode(), format=form)
    assert most * 0.8 < size(message) <= most + (size is size_of_sns) * 2000  # the names of its fields are not counted
    assert b"left_out" in message.body


@settings(max_examples=40, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", sorted(OPERATIONS))
def test_no_alert_is_too_odd_for_the_service(
    kind: str, alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    form = data.draw(st.sampled_from(FORMS))
    size, most = SIZES[kind]
    assert size(sent(kind, data.draw(alerts), before=data.draw(befores), format=form)) <= most


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_subject_is_short_plain_ascii_on_one_line(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    subject = fields(sent("sns", data.draw(alerts)))["Subject"]
    assert 1 <= len(subject) < 100
    assert subject.isascii()
    assert subject.isprintable()


def test_sns_can_send_text_for_people_who_read_mail(alert_of: AlertOf) -> None:
    said = fields(sent("sns", alert_of(), format="text"))
    assert "High: A bucket is public" in said["Message"]
    assert "https://optix.sophos.com/" in said["Message"]
    assert said["MessageAttributes.entry.3.Value.StringValue"] == "text/plain"


@pytest.mark.parametrize(("group", "expected"), [("environment", "444123456789"), ("incident", "optix-" + "0" * 32)])
@pytest.mark.parametrize("kind", ["sns", "sqs"])
def test_what_a_fifo_keeps_in_order_can_be_chosen(kind: str, group: str, expected: str, alert_of: AlertOf) -> None:
    ((name, target),) = TARGETS[kind].items()
    settings: dict[str, Any] = {name: f"{target}.fifo", "message_group": group}
    message = sent(kind, alert_of(), **settings)
    said = json.loads(message.body) if kind == "sqs" else fields(message)
    assert (said["MessageGroupId"], said["MessageDeduplicationId"]) == (expected, "a-1.bus")
    plain = sent(kind, alert_of())
    assert "MessageGroupId" not in (json.loads(plain.body) if kind == "sqs" else fields(plain))


@pytest.mark.parametrize(
    ("url", "region", "endpoint"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/1/a", "eu-west-1", "https://sqs.eu-west-1.amazonaws.com/"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/a", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn/"),
        ("https://eu-west-1.queue.amazonaws.com/1/a", "eu-west-1", "https://sqs.eu-west-1.amazonaws.com/"),
        (
            "https://vpce-0a-1b.sqs.us-east-1.vpce.amazonaws.com/1/a",
            "us-east-1",
            "https://vpce-0a-1b.sqs.us-east-1.vpce.amazonaws.com/",
        ),
    ],
)
def test_a_queue_says_where_it_is(url: str, region: str, endpoint: str, alert_of: AlertOf) -> None:
    message = sent("sqs", alert_of(), queue_url=url)
    assert (message.access.region, message.url) == (region, endpoint)
    assert json.loads(message.body)["QueueUrl"] == url


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("sqs", "queue_url", "https://sqs.eu-west-1.amazonaws.com/"),
        ("sqs", "queue_url", "https://localhost:4566/1/a"),  # where is that?
        ("sqs", "max_bytes", "2MiB"),
        ("sns", "topic_arn", "alerts"),
        ("sns", "max_bytes", "1KiB"),
        ("eventbridge", "event_bus", "a b"),
        ("eventbridge", "detail_type", "x" * 129),
        ("s3", "bucket", "Archive"),
        ("s3", "prefix", "no-slash"),
        ("s3", "prefix", "../"),
        ("s3", "kms_key_id", "alone"),
        ("s3", "bucket_owner", "12"),
    ],
)
def test_what_the_service_would_not_take_is_refused(kind: str, key: str, value: str) -> None:
    with pytest.raises(ValidationError):
        load(kind).settings.model_validate(TARGETS[kind] | {key: value})


@pytest.mark.parametrize(
    "body", [b'{"eventType": "a\x01b"}', b'{"eventType": NaN}', b'{"eventType": 1e999, "n": 18446744073709551616}']
)
def test_a_detail_is_json_that_the_bus_takes_whatever_came(body: bytes, alert_of: AlertOf) -> None:
    (entry,) = check("eventbridge", sent("eventbridge", alert_of(), body))["Entries"]
    detail = json.loads(entry["Detail"], parse_constant=pytest.fail)
    assert detail.get("n", "18446744073709551616") == "18446744073709551616"
    assert entry["Time"] == int(NOW.timestamp())


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}, Class.RATE_LIMITED),
        ({"ErrorCode": "InternalFailure"}, Class.RETRY),
        ({"ErrorCode": "NotAuthorizedForSourceException"}, Class.AUTH),
        ({"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}, Class.REJECTED),
        ({}, Class.REJECTED),
    ],
)
def test_an_entry_that_failed_is_what_counts_on_a_200(entry: dict[str, str], expected: Class) -> None:
    said = json.dumps({"FailedEntryCount": 1, "Entries": [entry]}).encode()
    outcome = load("eventbridge").read(HttpAnswer(200, {}, said), NOW)
    assert outcome.kind is expected
    assert outcome.reason.startswith("the bus did not take the event")


@pytest.mark.parametrize(
    ("kind", "body", "headers", "reference"),
    [
        ("sqs", b'{"MessageId": "5fea7756", "MD5OfMessageBody": "x"}', {}, "5fea7756"),
        ("sns", b"<PublishResponse><PublishResult><MessageId>567910cd</MessageId></PublishResult>", {}, "567910cd"),
        ("eventbridge", b'{"FailedEntryCount": 0, "Entries": [{"EventId": "11710aed"}]}', {}, "11710aed"),
        ("s3", b"", {"etag": '"6805f2cf"'}, '"6805f2cf"'),
    ],
)
def test_only_with_an_id_it_counts_as_delivered(
    kind: str, body: bytes, headers: dict[str, str], reference: str
) -> None:
    delivered = load(kind).read(HttpAnswer(200, headers, body), NOW)
    assert (delivered.kind, delivered.reference) == (Class.OK, reference)
    assert load(kind).read(HttpAnswer(200, {}, b"<html>Sign in</html>"), NOW).kind is Class.RETRY


def test_an_object_has_the_same_name_in_every_attempt_and_says_what_it_is(alert_of: AlertOf) -> None:
    alert = alert_of(seen_at=datetime(2026, 3, 4, 23, 59, tzinfo=UTC))
    message = sent("s3", alert)
    delivery = sha256(b"a-1.bus").hexdigest()[:32]
    where = f"cloud-optix/2026/03/04/{alert.key}-{delivery}.json"
    assert message.url == f"https://archive.s3.eu-west-1.amazonaws.com/{where}"
    assert (message.method, message.body) == ("PUT", SAMPLE)
    headers = dict(message.headers)
    assert headers["x-amz-checksum-sha256"] == b64encode(sha256(SAMPLE).digest()).decode()
    assert headers["x-amz-meta-severity"] == "high"
    assert "/cloud-optix/undated/" in sent("s3", alert_of()).url


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"bucket": "archive.example.com"}, "https://s3.eu-west-1.amazonaws.com/archive.example.com/"),
        ({"endpoint_url": "https://minio.example.com:9000"}, "https://minio.example.com:9000/archive/"),
        ({"region": "cn-north-1"}, "https://archive.s3.cn-north-1.amazonaws.com.cn/"),
    ],
)
def test_a_bucket_stands_in_the_path_where_no_certificate_would_cover_its_name(
    keys: dict[str, Any], place: str, alert_of: AlertOf
) -> None:
    assert sent("s3", alert_of(), **keys).url.startswith(place)


def test_what_the_bucket_asks_for_is_sent_along(alert_of: AlertOf) -> None:
    keys: dict[str, Any] = {
        "bucket_owner": "111122223333",
        "encryption": "aws:kms",
        "kms_key_id": "alias/optix",
        "storage_class": "GLACIER_IR",
    }
    headers = dict(sent("s3", alert_of(), **keys).headers)
    assert headers["x-amz-expected-bucket-owner"] == "111122223333"
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/optix"
    assert headers["x-amz-storage-class"] == "GLACIER_IR"


@pytest.mark.parametrize(("status", "code"), [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")])
def test_a_bucket_in_another_region_is_told_with_its_region(status: int, code: str) -> None:
    answer = HttpAnswer(status, {"x-amz-bucket-region": "eu-central-1"}, f"<Error><Code>{code}</Code></Error>".encode())
    outcome = load("s3").read(answer, NOW)
    assert outcome.kind is Class.GONE
    assert outcome.reason.endswith("the bucket is in eu-central-1: set REGION=eu-central-1")
