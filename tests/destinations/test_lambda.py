from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.destinations import Context, load
from gateway.domain.alert import Alert
from gateway.domain.message import AwsRequest, HttpAnswer
from gateway.domain.outcome import Outcome
from gateway.domain.outcome import OutcomeClass as Class

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
EVENT = b'{"eventType": "ALERT",\r\n "payloadData": {"alertId": "A-1", "alertSummary": "\xc3\xa9 \\u00e9"}}'
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:remediation"
AlertOf = Callable[..., Alert]


def settings(**keys: Any) -> Any:
    return load("lambda").settings.model_validate({"function": FUNCTION} | keys)


def sent(alert: Alert, body: bytes = EVENT, *, test: bool = False, shrink: bool = False, **keys: Any) -> AwsRequest:
    context = Context("a-1.fix", "fix", body, NOW, test=test, shrink=shrink)
    message = load("lambda").format(alert, context, settings(**keys))
    assert isinstance(message, AwsRequest)
    return message


def headers(message: AwsRequest) -> dict[str, str]:
    return dict(message.headers)


def read(
    status: int, body: object = None, *, test: bool = False, said: dict[str, str] | None = None, **keys: Any
) -> Outcome:
    context = Context("a-1.fix", "fix", EVENT, NOW, test=test)
    answer = HttpAnswer(status, said or {}, json.dumps(body).encode())
    return load("lambda").outcome_of(answer, NOW, context, settings(**keys))


@pytest.mark.parametrize("invocation", ["event", "request-response"])
def test_the_function_gets_the_bytes_of_the_webhook(invocation: str, alert_of: AlertOf) -> None:
    message = sent(alert_of(), invocation=invocation)
    assert message.body == EVENT
    assert message.url.endswith(
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A111122223333%3Afunction%3Aremediation/invocations"
    )
    assert headers(message)["X-Amz-Invocation-Type"] == {"event": "Event"}.get(invocation, "RequestResponse")


@pytest.mark.parametrize(
    "body",
    [
        b'{"eventType": "a\x01b"}',
        b'{"eventType": NaN}',
        '{"eventType": "é"}'.encode("utf-16"),
        b'{"eventType": "\xff"}',
    ],
)
def test_what_lambda_would_refuse_is_written_so_that_it_does_not(body: bytes, alert_of: AlertOf) -> None:
    payload = sent(alert_of(), body).body
    assert set(json.loads(payload.decode("utf-8"))) == {"eventType"}


@pytest.mark.parametrize(("invocation", "most"), [("event", 1_000_000), ("request-response", 6_000_000)])
@pytest.mark.parametrize("envelope", ["none", "apigateway-v1", "apigateway-v2"])
def test_an_event_beyond_the_limit_is_the_same_event_with_shorter_lists(
    invocation: str, most: int, envelope: str, alert_of: AlertOf
) -> None:
    event = {"eventType": "ALERT", "payloadData": {"affectedResources": [{"resourceInfo": 'a"b' * 20}] * 120_000}}
    payload = sent(alert_of(), json.dumps(event).encode(), invocation=invocation, envelope=envelope).body
    assert most * 0.85 < len(payload) <= most
    read_back = json.loads(payload)
    inner = read_back if envelope == "none" else json.loads(read_back["body"])
    kept = len(inner["payloadData"]["affectedResources"])
    assert inner["left_out"] == {"payloadData.affectedResources": 120_000 - kept}


def test_a_test_asks_whether_the_function_may_be_called(alert_of: AlertOf) -> None:
    found = headers(sent(alert_of(), test=True, invocation="request-response", log="tail"))
    assert found["X-Amz-Invocation-Type"] == "DryRun"
    assert "X-Amz-Client-Context" not in found


def test_a_function_that_is_waited_for_is_told_of_the_delivery_beside_the_event(alert_of: AlertOf) -> None:
    found = headers(sent(alert_of(), invocation="request-response", log="tail"))
    custom = json.loads(b64decode(found["X-Amz-Client-Context"]))["custom"]
    assert custom == {"delivery_id": "a-1.fix", "incident": "optix-" + "0" * 32, "route": "fix"}
    assert found["X-Amz-Log-Type"] == "Tail"


def test_version_1_of_a_request_through_api_gateway(alert_of: AlertOf) -> None:
    event = json.loads(sent(alert_of(), envelope="apigateway-v1", headers="X-Api-Key: hunter2", path="/hook").body)
    assert event["body"].encode() == EVENT
    assert event["isBase64Encoded"] is False
    assert (event["version"], event["httpMethod"], event["path"], event["resource"]) == (
        "1.0",
        "POST",
        "/hook",
        "/hook",
    )
    assert event["headers"]["X-Api-Key"] == "hunter2"
    assert event["multiValueHeaders"]["X-Api-Key"] == ["hunter2"]
    assert event["headers"]["webhook-id"] == "a-1.fix"
    about = event["requestContext"]
    assert (about["httpMethod"], about["requestId"], about["stage"]) == ("POST", "a-1.fix", "$default")
    assert (about["requestTime"], about["requestTimeEpoch"]) == ("04/May/2026:03:02:01 +0000", 1777863721000)
    absent = ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables")
    assert [event[name] for name in absent] == [None] * 4


def test_version_2_of_a_request_through_api_gateway(alert_of: AlertOf) -> None:
    event = json.loads(sent(alert_of(), envelope="apigateway-v2", headers="X-Api-Key: hunter2", path="/hook").body)
    assert event["body"].encode() == EVENT
    assert event["isBase64Encoded"] is False
    assert (event["version"], event["routeKey"], event["rawPath"], event["rawQueryString"]) == (
        "2.0",
        "$default",
        "/hook",
        "",
    )
    assert event["headers"]["x-api-key"] == "hunter2"
    assert event["headers"]["content-type"] == "application/json"
    http = event["requestContext"]["http"]
    assert (http["method"], http["path"], http["protocol"]) == ("POST", "/hook", "HTTP/1.1")
    assert (event["requestContext"]["time"], event["requestContext"]["timeEpoch"]) == (
        "04/May/2026:03:02:01 +0000",
        1777863721000,
    )


@pytest.mark.parametrize("envelope", ["apigateway-v1", "apigateway-v2"])
def test_a_body_that_is_no_text_goes_encoded_as_api_gateway_does(envelope: str, alert_of: AlertOf) -> None:
    body = b'{"eventType": "\xff"}'
    event = json.loads(sent(alert_of(), body, envelope=envelope).body)
    assert (event["isBase64Encoded"], event["body"]) == (True, b64encode(body).decode())


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"headers": "X-Api-Key: hunter2"}, "HEADERS go with ENVELOPE"),
        ({"log": "tail"}, "LOG=tail goes with INVOCATION=request-response"),
        ({"function": "a b"}, "function"),
        ({"function": "arn:aws:sns:eu-west-1:111122223333:alerts"}, "function"),
        ({"envelope": "apigateway-v2", "headers": "hunter2"}, "one has no colon"),
        ({"path": "hook"}, "path"),
    ],
)
def test_settings_that_say_nothing_sensible_are_refused(keys: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        settings(**keys)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "function",
    ["remediation", "remediation:prod", "111122223333:function:remediation", f"{FUNCTION}:$LATEST", f"{FUNCTION}:7"],
)
def test_a_function_can_be_named_in_every_way_that_lambda_knows(function: str) -> None:
    assert settings(function=function, region="eu-west-1").function == function


@pytest.mark.parametrize(
    ("status", "keys"), [(202, {}), (200, {"invocation": "request-response"}), (204, {"test": True})]
)
def test_each_way_to_call_has_its_own_success(status: int, keys: dict[str, Any]) -> None:
    outcome = read(status, said={"x-amzn-requestid": "c6af9ac6"}, **keys)
    assert (outcome.kind, outcome.reference) == (Class.OK, "c6af9ac6")


def test_a_function_that_failed_is_called_again_and_says_why() -> None:
    log = b"START RequestId: 1\nlooking\nno such bucket\x1b[0m\nEND RequestId: 1\nREPORT RequestId: 1 Duration: 2 ms\n"
    said = {"x-amz-function-error": "Unhandled", "x-amz-log-result": b64encode(log).decode()}
    failure = {"errorType": "KeyError", "errorMessage": "'payloadData'", "stackTrace": ["..."]}
    outcome = read(200, failure, said=said, invocation="request-response", log="tail")
    assert outcome.kind is Class.RETRY
    assert outcome.reason == "the function failed: Unhandled: KeyError: 'payloadData': no such bucket[0m"


def test_what_python_itself_logs_of_an_exception_is_not_taken_for_the_last_line() -> None:
    """The frames are indented with U+00A0; where its log has no frames of its own they are parted by CR."""
    frames = 'Traceback (most recent call last):{0}\xa0\xa0File "a.py", line 3{0}\xa0\xa0\xa0\xa0raise'
    report = f"[ERROR] KeyError: 'a'{{0}}{frames}"
    for end in ("\r", "\n"):
        log = f"START RequestId: 1\n[ERROR] no such bucket\n{report.format(end)}\nEND RequestId: 1\n".encode()
        said = {"x-amz-function-error": "Unhandled", "x-amz-log-result": b64encode(log).decode()}
        outcome = read(200, {"errorType": "KeyError", "errorMessage": "'a'"}, said=said)
        assert outcome.reason == "the function failed: Unhandled: KeyError: 'a': [ERROR] no such bucket"


@pytest.mark.parametrize("log", ["%%%", "", b64encode(b"\xff\xfe").decode(), b64encode(b"END RequestId: 1").decode()])
def test_a_log_that_says_nothing_adds_nothing(log: str) -> None:
    said = {"x-amz-function-error": "Unhandled", "x-amz-log-result": log}
    assert read(200, {"errorMessage": "x" * 900}, said=said).reason.startswith("the function failed: Unhandled: xxx")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"statusCode": 200, "body": "ok"}, Class.OK),
        ({"statusCode": "200"}, Class.OK),
        ({"statusCode": 500}, Class.RETRY),
        ({"statusCode": 429}, Class.RATE_LIMITED),
        ({"statusCode": 401}, Class.AUTH),
        ({"statusCode": 404}, Class.REJECTED),
        ({"statusCode": 400}, Class.REJECTED),
        ({"statusCode": True}, Class.OK),
        ({"statusCode": 99999}, Class.OK),
        (None, Class.OK),
        (["statusCode"], Class.OK),
    ],
)
def test_with_an_envelope_the_status_that_the_function_gives_counts(answer: object, expected: Class) -> None:
    with_one: dict[str, Any] = {"invocation": "request-response", "envelope": "apigateway-v2"}
    assert read(200, answer, **with_one).kind is expected
    assert read(200, answer, invocation="request-response").kind is Class.OK


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("closed the bucket", ": closed the bucket"),
        ("closed\nthe bucket", ": closed the bucket"),
        ({"closed": ["a"]}, ': {"closed": ["a"]}'),
        (7, ": 7"),
        (None, ""),
        ("", ""),
    ],
)
def test_what_the_function_returned_is_told(answer: object, told: str) -> None:
    assert read(200, answer, invocation="request-response").reason == f"200 OK{told}"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"statusCode": 200, "body": "closed"}, "200 OK, the function answered 200 OK: closed"),
        ({"statusCode": 500, "body": None}, "200 OK, the function answered 500 Internal Server Error"),
        ("closed", "200 OK: closed"),
    ],
)
def test_of_an_answer_for_api_gateway_the_body_is_told(answer: object, told: str) -> None:
    assert read(200, answer, invocation="request-response", envelope="apigateway-v2").reason == told


def test_a_long_message_is_cut_where_it_ends_and_not_before_what_follows() -> None:
    """Half a secret is found at the end of a text, and nowhere else."""
    log = b64encode(b"the last line").decode()
    said = {"x-amz-function-error": "Unhandled", "x-amz-log-result": log}
    reason = read(200, {"errorType": "ValueError", "errorMessage": "x" * 900}, said=said).reason
    assert (len(reason), reason[-2:]) == (300, "x…")
