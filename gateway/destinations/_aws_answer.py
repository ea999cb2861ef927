"""What AWS answers: its error codes, which mean the same in all services and stand in four kinds of body.

Sources: https://docs.aws.amazon.com/awssupport/latest/user/CommonErrors.html, the service models in
https://github.com/boto/botocore (errors of each operation; `_retry.json`: what counts as throttling and as passing),
https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html#operation-error-serialization (`__type`, with a namespace
before and perhaps an address behind; X-Amzn-ErrorType), https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from typing import NamedTuple

from gateway.destinations._http import explained, json_object, text_of
from gateway.domain.message import Answer, Declined, HttpAnswer
from gateway.domain.outcome import Outcome, OutcomeClass, judge

_THROTTLED = """
    Throttling ThrottlingException ThrottledException Throttled RequestThrottled RequestThrottledException SlowDown
    TooManyRequests TooManyRequestsException RequestLimitExceeded LimitExceeded LimitExceededException OverLimit
    BandwidthLimitExceeded PriorRequestNotComplete EC2ThrottledException KMSThrottlingException KmsThrottled
    KMSThrottling ProvisionedThroughputExceededException
"""
_AUTH = """
    AccessDenied AccessDeniedException AllAccessDisabled AuthFailure AuthorizationError AuthorizationErrorException
    UnauthorizedOperation NotAuthorized UnrecognizedClientException InvalidClientTokenId InvalidAccessKeyId
    InvalidSecurity InvalidSecurityException InvalidAccessException InvalidToken ExpiredToken ExpiredTokenException
    SignatureDoesNotMatch InvalidSignatureException IncompleteSignature IncompleteSignatureException
    MissingAuthenticationToken MissingAuthenticationTokenException OptInRequired KMSAccessDenied KmsAccessDenied
    KMSAccessDeniedException NotAuthorizedForSourceException NotAuthorizedForDetailTypeException
    AuthorizationHeaderMalformed AccountProblem NotSignedUp SubscriptionRequiredException
"""
_GONE = """
    NotFound NotFoundException ResourceNotFoundException QueueDoesNotExist NonExistentQueue
    AWS.SimpleQueueService.NonExistentQueue NoSuchBucket EndpointDisabled EndpointDisabledException
"""
_PASSING = """
    InternalError InternalErrorException InternalFailure InternalException InternalServerError ServiceException
    ServiceUnavailable ServiceUnavailableException RequestTimeout RequestTimeoutException RequestExpired
    RequestTimeTooSkewed OperationAborted ConditionalRequestConflict ResourceNotReadyException ResourceConflictException
    QueueDeletedRecently KMSInvalidStateException KmsInvalidState CodeArtifactUserPendingException
"""
_TOO_LARGE = """
    RequestTooLargeException RequestEntityTooLargeException EntityTooLarge MessageTooLong BatchRequestTooLong
    SerializedRequestEntityTooLargeException SizeLimitExceeded
"""
CLASSES: Mapping[str, OutcomeClass] = {
    code: kind
    for codes, kind in (
        (_THROTTLED, OutcomeClass.RATE_LIMITED),
        (_AUTH, OutcomeClass.AUTH),
        (_GONE, OutcomeClass.GONE),
        (_PASSING, OutcomeClass.RETRY),
        (_TOO_LARGE, OutcomeClass.TOO_LARGE),
    )
    for code in codes.split()
}

_SIZE = re.compile(r"(?i)too long|must be shorter than|over the limit|too large|exceeds? the (?:maximum|limit)")
_CLOCK = re.compile(r"(?i)signature (?:expired|not yet current)|request ?time ?too ?skewed|requestexpired")
_XML_CODE = re.compile(rb"<Code>\s*([^<]{1,200}?)\s*</Code>")
_XML_MESSAGE = re.compile(rb"<Message>\s*([^<]{1,1000}?)\s*</Message>")
_SKEW_S = 60


class Fault(NamedTuple):
    """`code` "" where none is said."""

    code: str
    message: str


def read_aws(answer: Answer, now: datetime) -> Outcome:
    """By the code where there is one, else by the status; in either case with what AWS says of it."""
    outcome = judge(answer, now)
    if isinstance(answer, Declined):
        kind = OutcomeClass.AUTH if answer.code == "credentials" else outcome.kind
        return replace(outcome, kind=kind)
    if not isinstance(answer, HttpAnswer) or outcome.kind is OutcomeClass.OK:
        return outcome
    return judged(outcome, fault_of(answer), answer, now)


def judged(outcome: Outcome, fault: Fault, answer: HttpAnswer, now: datetime) -> Outcome:
    """The outcome with what the fault means and says."""
    told = explained(outcome, fault.code, fault.message)
    if _CLOCK.search(f"{fault.code} {fault.message}"):
        return replace(explained(told, _clock(answer, now)), kind=OutcomeClass.RETRY)
    return replace(told, kind=class_of(fault, outcome.kind))


def class_of(fault: Fault, otherwise: OutcomeClass) -> OutcomeClass:
    if fault.code in CLASSES:
        return CLASSES[fault.code]
    return OutcomeClass.TOO_LARGE if fault.code and _SIZE.search(fault.message) else otherwise


def fault_of(answer: HttpAnswer) -> Fault:
    said = json_object(answer)
    named = answer.headers.get("x-amzn-errortype") or said.get("__type") or said.get("code") or said.get("Code")
    message = text_of(said.get("message") or said.get("Message") or said.get("errorMessage"), 1000)
    return Fault(_bare(text_of(named)), message) if named or message else _of_xml(answer.body)


def _bare(code: str) -> str:
    """`com.amazonaws.sqs#QueueDoesNotExist` and `AccessDeniedException:http://…` without what is around."""
    return code.rpartition("#")[2].partition(":")[0].strip()


def _of_xml(body: bytes) -> Fault:
    """By pattern: an answer is not trusted enough for a parser of XML."""
    found = (pattern.search(body) for pattern in (_XML_CODE, _XML_MESSAGE))
    code, message = (text_of(unescape(match[1].decode("utf-8", "replace")), 1000) if match else "" for match in found)
    return Fault(code, message)


def _clock(answer: HttpAnswer, now: datetime) -> str:
    """AWS takes a request within five minutes of its own time."""
    advice = "set the clock of this machine (NTP)"
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, TypeError, IndexError, OverflowError):
        return advice
    off_s = (now - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))).total_seconds()
    if abs(off_s) < _SKEW_S:
        return advice
    return f"{advice}: it is {abs(off_s) / 60:.0f} min {'ahead of' if off_s > 0 else 'behind'} that of AWS"
