"""AWS Lambda: a function that is called with each alert.

Sources: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html and the service model in
https://github.com/boto/botocore (202 for Event, 200 for RequestResponse, 204 for DryRun; 1 MB and 6 MB; the client
context for synchronous calls only; X-Amz-Function-Error on a 200; names and ARNs with a version or alias).

A test asks whether the function may be called, and calls it not (DryRun).
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import quote

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateway.destinations import Context, Destination
from gateway.destinations._aws import AwsSettings, aws_request, region_of_arn
from gateway.destinations._aws_answer import read_aws
from gateway.destinations._aws_event import AGAINST_DIGESTS, FORMS, Form, event_text, strict, type_of
from gateway.destinations._aws_gateway import Webhook, enveloped
from gateway.destinations._extra import needs
from gateway.destinations._http import as_json, json_object, text_of
from gateway.domain.alert import JSON, Alert
from gateway.domain.http_header import Headers, instructions, read_headers
from gateway.domain.message import Answer, AwsRequest, HttpAnswer
from gateway.domain.outcome import Outcome, OutcomeClass, class_of_status, status_line
from gateway.domain.text import cut, one_line

_MOST = {"event": 1_000_000, "request-response": 6_000_000}
_TYPES = {"event": "Event", "request-response": "RequestResponse"}
_FUNCTION = r"^(arn:aws[a-z-]*:lambda:[a-z0-9-]+:)?([0-9]{12}:)?(function:)?[A-Za-z0-9_-]+(:[A-Za-z0-9_$-]+)?$"
_NOISE = re.compile(r"(START|END|REPORT|INIT_START|XRAY) |Traceback \(most recent call last\):|\xa0{2}")
"""What Lambda writes around a run, and the frames of what was raised, which Python's runtime indents with U+00A0."""
_MOST_SAID = 300


def _readable_headers(given: SecretStr) -> SecretStr:
    read_headers(given.get_secret_value())
    return given


class LambdaSettings(AwsSettings):
    service: ClassVar[str] = "lambda"

    function: str = Field(
        pattern=_FUNCTION, max_length=170, description="name or ARN, perhaps with :alias or :version behind"
    )
    invocation: Literal["event", "request-response"] = Field(
        "event", description="event: Lambda queues it and tries it itself; request-response: its result is waited for"
    )
    format: Form = Field("original", description=FORMS)
    envelope: Literal["none", "apigateway-v1", "apigateway-v2"] = Field(
        "none", description="as a request that came through API Gateway, for functions written for that"
    )
    path: str = Field("/optix", pattern=r"^/[!-~]*$", description="the path that such a request came to")
    headers: Annotated[SecretStr, AfterValidator(_readable_headers)] = Field(
        SecretStr(""), description="headers of such a request, as in X-Api-Key: value | Name: value"
    )
    log: Literal["none", "tail"] = Field("none", description="tail: a failure is told with the function's last line")

    @cached_property
    def header_pairs(self) -> Headers:
        return read_headers(self.headers.get_secret_value())

    def secrets(self) -> tuple[str, ...]:
        values = {value for _, value in self.header_pairs if value}
        return tuple(sorted(values | set(super().secrets()), key=len, reverse=True))

    def instructions(self) -> Mapping[str, Headers]:
        return {"headers": instructions(self.header_pairs)}

    def receiver(self) -> str:
        return self.function

    def against_digests(self) -> str:
        return AGAINST_DIGESTS if self.format == "original" else ""

    def named_region(self) -> str:
        return region_of_arn(self.function)

    @model_validator(mode="after")
    def _what_goes_together(self) -> Self:
        if self.header_pairs and self.envelope == "none":
            raise ValueError("HEADERS go with ENVELOPE: without one the function sees the event alone")
        if self.log == "tail" and self.invocation == "event":
            raise ValueError("LOG=tail goes with INVOCATION=request-response")
        return self


def format_message(alert: Alert, context: Context, settings: LambdaSettings) -> AwsRequest:
    function = quote(settings.function, safe="")
    url = f"{settings.endpoint}/2015-03-31/functions/{function}/invocations"
    invocation = "DryRun" if context.test else _TYPES[settings.invocation]
    headers = (
        ("Content-Type", "application/json"),
        ("X-Amz-Invocation-Type", invocation),
        *((("X-Amz-Log-Type", "Tail"),) if settings.log == "tail" else ()),
        *((("X-Amz-Client-Context", _client_context(alert, context)),) if invocation == "RequestResponse" else ()),
        *((("Optix-Gateway-Test", "true"),) if context.test else ()),
    )
    return aws_request(settings, url, _payload(alert, context, settings), headers)


def _client_context(alert: Alert, context: Context) -> str:
    """The function finds it as `context.client_context.custom`."""
    custom: JSON = {"delivery_id": context.delivery_id, "incident": alert.key, "route": context.route}
    return b64encode(as_json({"custom": custom})).decode("ascii")


def _payload(alert: Alert, context: Context, settings: LambdaSettings) -> bytes:
    most = _MOST[settings.invocation]
    version = settings.envelope
    if version == "none":
        return _alone(alert, context, settings, most)
    wrap = Webhook(alert, context, settings.path, type_of(settings.format), settings.header_pairs)
    made = enveloped(version, wrap, context.body)
    if settings.format == "original" and len(made) <= most and not context.shrink:
        return made

    def cost(text: str) -> int:
        return len(enveloped(version, wrap, text.encode()))

    return enveloped(version, wrap, event_text(alert, context, settings.format, most, cost).encode())


def _alone(alert: Alert, context: Context, settings: LambdaSettings, most: int) -> bytes:
    """Byte for byte as received, unless Lambda would refuse it."""
    if settings.format == "original" and len(context.body) <= most and not context.shrink and _is_strict(context.body):
        return context.body
    return strict(event_text(alert, context, settings.format, most, lambda text: len(strict(text).encode()))).encode()


def _is_strict(body: bytes) -> bool:
    try:
        json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def read(answer: Answer, now: datetime, _context: Context, settings: LambdaSettings) -> Outcome:
    """A function that failed is a 200, and so is one that answers API Gateway with a status of its own."""
    outcome = read_aws(answer, now)
    if not isinstance(answer, HttpAnswer) or outcome.kind is not OutcomeClass.OK:
        return outcome
    outcome = replace(outcome, reference=text_of(answer.headers.get("x-amzn-requestid")))
    said = json_object(answer)
    if failed := text_of(answer.headers.get("x-amz-function-error")):
        error = text_of(said.get("errorType"))
        told = (failed, error, _words(said.get("errorMessage")), _last_line(answer, error))
        return _told(replace(outcome, kind=OutcomeClass.RETRY, reason="the function failed"), *told)
    if settings.envelope != "none" and "statusCode" in said:
        return _told(_as_api_gateway(outcome, said["statusCode"]), _words(said.get("body")))
    return _told(outcome, _result(answer))


def _told(outcome: Outcome, *said: str) -> Outcome:
    """Cut as a whole: what is cut before something else follows hides half a secret from whoever looks for it."""
    return replace(outcome, reason=cut(": ".join([outcome.reason, *filter(None, said)]), _MOST_SAID))


def _words(value: object) -> str:
    return one_line(value[: 4 * _MOST_SAID]) if isinstance(value, str) else ""


def _result(answer: HttpAnswer) -> str:
    """What the function returned: a text as such, anything else as it stands in JSON, "" for nothing."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        value = ""
    return _words(value if value is None or isinstance(value, str) else answer.body.decode("utf-8", "replace"))


def _as_api_gateway(outcome: Outcome, status: object) -> Outcome:
    """What a caller of the API would have got. A function is there also when it says 404."""
    if isinstance(status, str) and status.isascii() and status.isdigit():
        status = int(status[:3])
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status < 600:
        return outcome
    kind = class_of_status(status)
    kind = OutcomeClass.REJECTED if kind is OutcomeClass.GONE else kind
    return replace(outcome, kind=kind, reason=f"{outcome.reason}, the function answered {status_line(status)}")


def _last_line(answer: HttpAnswer, error: str) -> str:
    """Of what the function itself wrote. `error`: what it raised, which Python's runtime writes behind that."""
    try:
        log = b64decode(answer.headers.get("x-amz-log-result", ""), validate=True).decode("utf-8", "replace")
    except (NotBase64, ValueError):
        return ""
    raised = f"[ERROR] {error}" if error else "\n"
    lines = [one_line(line) for line in log.splitlines() if not (_NOISE.match(line) or line.startswith(raised))]
    return next((line for line in reversed(lines) if line), "")


DESTINATION = Destination(
    summary="AWS Lambda: a function called with the event as received, alone or as if through API Gateway",
    settings=LambdaSettings,
    format=format_message,
    read_for=read,
    verify=needs("botocore", "aws"),
    backlog="all",
    concurrency=8,
    can_shrink=True,
    harmless_test=True,
    limits={
        "event": "INVOCATION=event: 1 MB; request-response: 6 MB; beyond that lists give way, with left_out",
        "time": "INVOCATION=request-response: set TIMEOUT above the function's own",
        "result": "a function that fails is tried again; with ENVELOPE its statusCode counts",
        "test": "asks whether the function may be called (DryRun) and calls it not",
        "repeats": "rare: webhook-id in the headers of ENVELOPE, delivery_id in the client context",
        "permissions": "lambda:InvokeFunction",
    },
    example="""\
# Without ENVELOPE and HEADERS the function gets the event alone.
# Leave the two keys out where the environment, EKS, ECS or EC2 gives the credentials, ENDPOINT_URL without VPC endpoint
DESTINATION=lambda
FUNCTION=arn:aws:lambda:eu-west-1:111122223333:function:optix-remediation
ENVELOPE=apigateway-v2
HEADERS=X-Api-Key: example-key-not-a-real-one
ACCESS_KEY_ID=AKIAEXAMPLEKEYID0000
SECRET_ACCESS_KEY=example/not-a-real-secret-access-key
ENDPOINT_URL=https://vpce-0123456789abcdef0-example.lambda.eu-west-1.vpce.amazonaws.com
""",
)
