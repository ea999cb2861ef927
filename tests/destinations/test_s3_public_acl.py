"""Which grants a plan takes away, and what answers mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations._remedy import Target
from gateway.destinations._s3_acl import (
    ALL_USERS,
    AUTHENTICATED_USERS,
    PERMISSIONS,
    Acl,
    Grant,
    NotUnderstood,
    acl_of,
    read_acl,
    write_acl,
)
from gateway.destinations.s3_public_acl import REMEDY, S3PublicAclSettings
from gateway.domain.message import Answer, AwsRequest, Declined, HttpAnswer, NoAnswer
from gateway.domain.outcome import OutcomeClass
from gateway.domain.remediation import StepWord

OWNER = "0" * 64
ACCOUNT = "123456789012"
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
SETTINGS = S3PublicAclSettings(region="eu-west-1")
BOTH = S3PublicAclSettings(region="eu-west-1", authenticated_users=True)
LOGS = "http://acs.amazonaws.com/groups/s3/LogDelivery"

_groups = st.sampled_from([ALL_USERS, AUTHENTICATED_USERS, LOGS])
_people = st.text("0123456789abcdef", min_size=1, max_size=6)
_addresses = st.sampled_from(["a@example.com", "<&>\"'@example.com"])
_permissions = st.sampled_from(["READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL", "SOMETHING_NEW"])
_grants = st.one_of(
    st.builds(Grant, st.just("Group"), _groups, _permissions),
    st.builds(Grant, st.just("CanonicalUser"), _people, _permissions),
    st.builds(Grant, st.just("AmazonCustomerByEmail"), _addresses, _permissions),
)
_acls = st.builds(Acl, st.just(OWNER), st.lists(_grants, max_size=12).map(tuple))
_rules = st.sampled_from([*PERMISSIONS, "ar-251"])


def target(rule: str = "AR-251", **more: Any) -> Target:
    return Target(**{"resource": "bucket", "environment": ACCOUNT, "rule": rule} | more)


@given(_acls, _rules, st.booleans())
def test_no_plan_touches_a_grant_that_the_rule_is_not_about(acl: Acl, rule: str, authenticated: bool) -> None:  # noqa: FBT001
    plan = REMEDY.plan(target(rule), acl.written(), BOTH if authenticated else SETTINGS)
    after = acl_of(plan.after)
    permission = PERMISSIONS[rule.upper()]
    groups = {ALL_USERS, AUTHENTICATED_USERS} if authenticated else {ALL_USERS}

    def about(grant: Grant) -> bool:
        return grant[0] == "Group" and grant[1] in groups and grant[2] in (permission, "FULL_CONTROL")

    assert sorted(after.grants) == sorted(grant for grant in acl.grants if not about(grant))
    assert after.owner == acl.owner
    assert bool(plan.said) == any(map(about, acl.grants))
    assert not REMEDY.plan(target(rule), plan.after, BOTH if authenticated else SETTINGS).said


@given(_acls)
def test_an_acl_is_the_same_after_it_was_written_and_read(acl: Acl) -> None:
    assert acl_of(read_acl(write_acl(acl)).written()) == acl_of(acl.written())


@given(st.binary(max_size=200))
def test_no_answer_is_too_odd_to_be_read(body: bytes) -> None:
    found = REMEDY.read(target(), HttpAnswer(200, {}, body), NOW)
    assert found.ended is not None
    assert found.ended.word is StepWord.FAILED


@pytest.mark.parametrize(
    "change",
    [
        (b'xsi:type="Group"', b'xsi:type="Planet"'),
        (b"<Permission>READ</Permission>", b""),
        (b"<ID>" + OWNER.encode() + b"</ID>", b""),
        (b"?>", b'?><!DOCTYPE x [<!ENTITY a "b">]>'),
    ],
)
def test_an_acl_that_is_not_understood_is_left_alone(change: tuple[bytes, bytes]) -> None:
    body = write_acl(Acl(OWNER, (Grant("Group", ALL_USERS, "READ"),)))
    assert change[0] in body
    with pytest.raises(NotUnderstood):
        read_acl(body.replace(*change, 1))


def test_the_owner_is_named_in_every_request() -> None:
    setting = Acl(OWNER, ()).written()
    for request in (REMEDY.look(target(), SETTINGS), REMEDY.write(target(), setting, SETTINGS)):
        assert ("x-amz-expected-bucket-owner", ACCOUNT) in request.headers
        assert request.url == "https://bucket.s3.eu-west-1.amazonaws.com/?acl="
    assert request.method == "PUT"
    assert "x-amz-checksum-sha256" in dict(request.headers)


@pytest.mark.parametrize(
    ("bucket", "url"),
    [
        ("my-bucket", "https://my-bucket.s3.eu-west-1.amazonaws.com/?acl="),
        ("with.dots", "https://s3.eu-west-1.amazonaws.com/with.dots?acl="),
        ("Old_Name", "https://s3.eu-west-1.amazonaws.com/Old_Name?acl="),
    ],
)
def test_a_bucket_has_the_address_that_its_name_allows(bucket: str, url: str) -> None:
    assert REMEDY.look(target(resource=bucket), SETTINGS).url == url


def test_each_account_has_its_own_role() -> None:
    settings = S3PublicAclSettings(region="eu-west-1", role_arn="arn:aws:iam::{environment}:role/fix")
    request: AwsRequest = REMEDY.look(target(), settings)
    assert request.access.role_arn == f"arn:aws:iam::{ACCOUNT}:role/fix"


@pytest.mark.parametrize(
    "wrong",
    [
        {"rule": "AR-153"},
        {"environment": "44412345678075"},
        {"environment": "12345678901２"},
        {"environment": "123456789012:role/other"},
        {"resource": "log_profile (Ref: no_reference_found, File: main.tf) branch: dev"},
        {"resource": "bucket?policy"},
        {"resource": "arn:aws:s3:::bucket"},
        {"resource": " bucket"},
        {"resource": "a/../b"},
        {"resource": ""},
    ],
)
def test_what_cannot_be_checked_or_asked_is_refused(wrong: dict[str, str]) -> None:
    assert REMEDY.refuses(target(**({"rule": "AR-251"} | wrong)))
    assert not REMEDY.refuses(target())


def answer(status: int, code: str = "", **headers: str) -> HttpAnswer:
    return HttpAnswer(status, headers, f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode())


def test_where_the_owner_may_be_another_it_is_asked_once_more_without_naming_one() -> None:
    found = REMEDY.read(target(), answer(403, "AccessDenied"), NOW)
    assert found.next is not None
    assert "x-amz-expected-bucket-owner" not in dict(REMEDY.look(found.next, SETTINGS).headers)
    ended = REMEDY.read(found.next, HttpAnswer(200, {}, write_acl(Acl(OWNER, ()))), NOW).ended
    assert ended is not None
    assert ended.word is StepWord.NOT_OURS
    denied = REMEDY.read(found.next, answer(403, "AccessDenied"), NOW)
    assert denied.ended is not None
    assert (denied.ended.word, denied.outcome.kind) == (StepWord.FAILED, OutcomeClass.REJECTED)


@pytest.mark.parametrize(
    "refused",
    [
        answer(403, "AccessDenied"),
        answer(301, "PermanentRedirect", **{"x-amz-bucket-region": "us-east-2"}),
        answer(400, "EntityTooLarge"),
        answer(500, "InternalError"),
        NoAnswer("connection reset"),
    ],
)
def test_a_change_that_is_refused_has_failed_and_is_asked_for_nowhere_else(refused: Answer) -> None:
    wrote = REMEDY.wrote(target(), refused, NOW)
    assert wrote.next is None
    assert wrote.ended is not None
    assert wrote.ended.word is StepWord.FAILED
    assert wrote.outcome.kind is not OutcomeClass.OK


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (answer(503, "SlowDown"), OutcomeClass.RATE_LIMITED),
        (answer(500, "InternalError"), OutcomeClass.RETRY),
        (NoAnswer("no answer within 5 s"), OutcomeClass.RETRY),
        (answer(403, "InvalidAccessKeyId"), OutcomeClass.AUTH),
        (Declined("credentials", "none"), OutcomeClass.AUTH),
        (answer(400, "MalformedACLError"), OutcomeClass.REJECTED),
    ],
)
def test_what_fails_is_tried_again_where_that_may_help(said: Any, kind: OutcomeClass) -> None:
    for found in (REMEDY.read(target(), said, NOW), REMEDY.wrote(target(), said, NOW)):
        assert found.ended is not None
        assert (found.ended.word, found.outcome.kind) == (StepWord.FAILED, kind)


_XML = "<Error><Code>{}</Code></Error>"


@pytest.mark.parametrize(
    ("answer", "certain"),
    [
        (HttpAnswer(403, body=_XML.format("AccessDenied").encode()), True),
        (HttpAnswer(404, body=_XML.format("NoSuchBucket").encode()), True),
        (HttpAnswer(503, body=_XML.format("SlowDown").encode()), True),
        (HttpAnswer(500, body=_XML.format("InternalError").encode()), False),
        (HttpAnswer(503), False),
        (NoAnswer("no answer within 15 s"), False),
    ],
)
def test_only_a_refusal_is_certain_to_have_written_nothing(answer: Answer, *, certain: bool) -> None:
    assert REMEDY.wrote(target(), answer, NOW).refused is certain
