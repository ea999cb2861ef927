"""What every kind in AWS has in common: where it goes, who asks, and what an answer means."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.retries.standard import ThrottledRetryableChecker
from botocore.session import Session
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations import Context, DestinationSettings, FormatFault, load
from gateway.destinations._aws_answer import CLASSES, read_aws
from gateway.destinations._aws_event import Form, attributes_of, carried, event_text, name_of
from gateway.domain.alert import Alert
from gateway.domain.message import AwsRequest, Declined, HttpAnswer, NoAnswer
from gateway.domain.outcome import OutcomeClass as Class

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
TARGETS = {
    "sns": {"topic_arn": "arn:aws:sns:eu-west-1:111122223333:alerts"},
    "sqs": {"queue_url": "https://sqs.eu-west-1.amazonaws.com/111122223333/alerts"},
    "eventbridge": {"event_bus": "arn:aws:events:eu-west-1:111122223333:event-bus/security"},
    "lambda": {"function": "arn:aws:lambda:eu-west-1:111122223333:function:remediation"},
    "securityhub": {"account": "111122223333", "region": "eu-west-1"},
    "s3": {"bucket": "archive", "region": "eu-west-1"},
}
KEYS = {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "hunter2-hunter2"}
FORMS: tuple[Form, ...] = ("original", "alert", "cloudevents", "ocsf", "ecs")
AlertOf = Callable[..., Alert]

every_kind = pytest.mark.parametrize("kind", sorted(TARGETS))


def made(kind: str, **keys: Any) -> DestinationSettings:
    model: type[DestinationSettings] = load(kind).settings
    return model.model_validate(TARGETS[kind] | keys)


def sent(kind: str, alert: Alert, context: Context, **keys: Any) -> AwsRequest:
    message = load(kind).format(alert, context, made(kind, **keys))
    assert isinstance(message, AwsRequest)
    return message


def context(body: bytes = b'{"eventType":"ALERT"}', **more: Any) -> Context:
    return Context("a-1.bus", "bus", body, NOW, **more)


REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-7", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", "us-iso-east-1")


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("kind", ["eventbridge", "lambda", "securityhub", "s3"])
def test_it_goes_where_amazons_own_library_would_send_it(kind: str, region: str, alert_of: AlertOf) -> None:
    names = {"eventbridge": {"event_bus": "default"}, "lambda": {"function": "remediation"}}
    url = sent(kind, alert_of(), context(), **names.get(kind, {}), region=region).url
    client: Any = Session()
    service = load(kind).settings.service
    theirs = client.create_client(service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b").meta
    host = theirs.endpoint_url.removeprefix("https://")
    if (kind, region) == ("s3", "us-east-1"):
        host = "s3.us-east-1.amazonaws.com"  # the library keeps the global name for those who rely on it
    assert url.startswith(f"https://{'archive.' * (kind == 's3')}{host}/")


@every_kind
def test_a_target_that_names_its_region_needs_no_other_and_a_contradiction_is_told(kind: str) -> None:
    if "region" in TARGETS[kind]:
        with pytest.raises(ValidationError, match="REGION is missing"):
            made(kind, region="")
        return
    assert made(kind).place == "eu-west-1"  # type: ignore[attr-defined]  # every kind here has it
    with pytest.raises(ValidationError, match="REGION is us-east-1, but the target is in eu-west-1"):
        made(kind, region="us-east-1")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"access_key_id": "AKIA"}, "ACCESS_KEY_ID and SECRET_ACCESS_KEY go together"),
        ({"secret_access_key": "hunter2"}, "ACCESS_KEY_ID and SECRET_ACCESS_KEY go together"),
        ({"session_token": "hunter2"}, "SESSION_TOKEN goes with"),
        (KEYS | {"profile": "soc"}, "not both"),
        ({"external_id": "x"}, "EXTERNAL_ID goes with ROLE_ARN"),
        ({"role_arn": "soc"}, "role_arn"),
        ({"endpoint_url": "vpce.example"}, "endpoint_url"),
        ({"endpoint_url": "https://user:hunter2@vpce.example"}, "endpoint_url"),
        ({"region": "Ireland"}, "region"),
    ],
)
@every_kind
def test_settings_that_contradict_each_other_are_refused(kind: str, keys: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        made(kind, **keys)
    assert "hunter2" not in str(refused.value)


@every_kind
def test_who_asks_goes_with_the_request_and_does_not_print(kind: str, alert_of: AlertOf) -> None:
    role = {"role_arn": "arn:aws:iam::111122223333:role/soc/optix", "external_id": "outside"}
    message = sent(
        kind, alert_of(), context(), **KEYS, **role, session_token="token-token", sts_endpoint_url="http://sts"
    )
    access = message.access
    assert (access.access_key_id, access.secret_access_key, access.session_token) == (*KEYS.values(), "token-token")
    assert (access.role_arn, access.external_id, access.sts_url) == (*role.values(), "http://sts")
    assert not [word for word in ("hunter2", "token-token") if word in repr(message)]


@every_kind
def test_a_missing_package_is_told_at_the_start_with_the_command_that_installs_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = load(kind).verify
    assert verify is not None
    verify(made(kind), ())
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(FormatFault, match=r"pip install 'optix-gateway\[aws\]'$"):
        verify(made(kind), ())


def as_json(code: str, message: str) -> HttpAnswer:
    return HttpAnswer(400, {}, json.dumps({"__type": f"com.amazonaws.x#{code}", "message": message}).encode())


def as_query(code: str, message: str) -> HttpAnswer:
    error = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return HttpAnswer(400, {}, f"{error}<RequestId>1</RequestId></ErrorResponse>".encode())


def as_s3(code: str, message: str) -> HttpAnswer:
    return HttpAnswer(
        400, {}, f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>{message}</Message>'.encode()
    )


def as_rest(code: str, message: str) -> HttpAnswer:
    headers = {"x-amzn-errortype": f"{code}:http://internal.amazon.com/coral/x/"}
    return HttpAnswer(400, headers, json.dumps({"Message": message}).encode())


every_protocol = pytest.mark.parametrize("said", [as_json, as_query, as_s3, as_rest])


@every_protocol
@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("ThrottlingException", "Rate exceeded", Class.RATE_LIMITED),
        ("RequestThrottled", "Too fast", Class.RATE_LIMITED),
        ("SlowDown", "Please reduce your request rate", Class.RATE_LIMITED),
        ("TooManyRequestsException", "Rate Exceeded", Class.RATE_LIMITED),
        ("AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized", Class.AUTH),
        ("ExpiredToken", "The security token included in the request is expired", Class.AUTH),
        ("UnrecognizedClientException", "The security token is invalid", Class.AUTH),
        ("SignatureDoesNotMatch", "Check your key and signing method", Class.AUTH),
        ("QueueDoesNotExist", "The specified queue does not exist", Class.GONE),
        ("NoSuchBucket", "The specified bucket does not exist", Class.GONE),
        ("InternalFailure", "", Class.RETRY),
        ("InvalidParameter", "Invalid parameter: Message too long", Class.TOO_LARGE),
        ("InvalidParameterValue", "Reason: Message must be shorter than 1048576 bytes.", Class.TOO_LARGE),
        ("ValidationException", "Total size of the entries in the request is over the limit.", Class.TOO_LARGE),
        ("RequestTooLargeException", "", Class.TOO_LARGE),
        ("InvalidParameter", "Invalid parameter: TopicArn", Class.REJECTED),
    ],
)
def test_a_code_means_the_same_in_every_protocol(
    said: Callable[[str, str], HttpAnswer], code: str, message: str, expected: Class
) -> None:
    outcome = read_aws(said(code, message), NOW)
    assert outcome.kind is expected
    assert outcome.reason == ": ".join(filter(None, ["400 Bad Request", code, message]))


def test_what_amazons_own_library_takes_for_throttling_is_throttling_here() -> None:
    checker: Any = ThrottledRetryableChecker()
    passing = {"TransactionInProgressException", "RequestThrottledException"}
    codes = set(checker._THROTTLED_ERROR_CODES) - passing
    assert {code: CLASSES.get(code) for code in codes} == dict.fromkeys(codes, Class.RATE_LIMITED)


@every_protocol
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
        ("InvalidSignatureException", "Signature expired: 20260504T030201Z is now earlier than 20260504T031000Z"),
        ("SignatureDoesNotMatch", "Signature not yet current: 20260504T030201Z is still later than"),
    ],
)
def test_a_clock_that_is_off_is_told_with_by_how_much(
    said: Callable[[str, str], HttpAnswer], code: str, message: str
) -> None:
    answer = said(code, message)
    theirs = format_datetime(NOW + timedelta(minutes=14), usegmt=True)
    outcome = read_aws(HttpAnswer(403, {**answer.headers, "date": theirs}, answer.body), NOW)
    assert outcome.kind is Class.RETRY
    assert outcome.reason.endswith("set the clock of this machine (NTP): it is 14 min behind that of AWS")


def test_no_credentials_are_a_matter_of_credentials_and_no_answer_is_tried_again() -> None:
    assert read_aws(Declined("credentials", "none were found"), NOW).kind is Class.AUTH
    assert read_aws(NoAnswer("AWS STS gave no answer"), NOW).kind is Class.RETRY


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_event_is_larger_than_the_limit_whatever_the_vendor_sends(
    alerts: st.SearchStrategy[Alert], data: st.DataObject
) -> None:
    alert, form = data.draw(alerts), data.draw(st.sampled_from(FORMS))
    names = data.draw(st.lists(st.text(max_size=30), max_size=20)) * data.draw(st.sampled_from([1, 200, 2000]))
    event = {"eventType": "ALERT", "payloadData": {"alertSummary": "a" * len(names), "affectedResources": names}}
    limit = data.draw(st.sampled_from([32 * 1024, 256 * 1024]))
    text = event_text(alert, context(json.dumps(event).encode()), form, limit)
    assert len(text.encode()) <= limit
    assert carried(text) == text
    read = json.loads(text)
    if form == "original" and "left_out" in read:
        kept = read["payloadData"]["affectedResources"]
        assert read["left_out"].get("payloadData.affectedResources", 0) == len(names) - len(kept)


def test_an_original_that_no_list_makes_large_is_held_with_what_to_do() -> None:
    event = {f"key-{n}": "x" * 150 for n in range(1000)}
    with pytest.raises(FormatFault, match="FORMAT=alert says less"):
        event_text(Alert("optix", "ALERT", "", "", "", "high"), context(json.dumps(event).encode()), "original", 32768)  # type: ignore[arg-type]  # not looked at


@given(text=st.text(max_size=200))
def test_a_name_of_a_group_is_what_a_queue_takes_and_stays_the_same(text: str) -> None:
    name = name_of(text)
    assert name == name_of(text)
    assert name.isascii()
    assert 1 <= len(name) <= 128
    assert not set(name) & set(" \t\n\r")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_attributes_are_ten_at_most_and_each_says_something(
    alerts: st.SearchStrategy[Alert], data: st.DataObject
) -> None:
    found = attributes_of(data.draw(alerts), context(test=data.draw(st.booleans())), "application/json")
    assert 1 <= len(found) <= 10
    assert all(value.strip() and len(value.encode()) <= 256 and carried(value) == value for value in found.values())
