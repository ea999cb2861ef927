"""Requests to AWS: signed so that AWS believes it, with credentials that are found, exchanged and renewed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.destinations import Context, load
from gateway.domain.alert import Alert
from gateway.domain.message import AwsAccess, AwsRequest, NoAnswer
from gateway.domain.outcome import Outcome
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import Severity
from gateway.outbound.transports import Transports
from tests.outbound.aws_world import ACCOUNT, KEY_ID, REGION, SECRET_KEY, Aws, keys, moto_server
from tests.outbound.brokers import HERE, a_port
from tests.outbound.conftest import Serve

ALERT = Alert("optix", "ALERT", "444100000000", "A-1", "optix-1", Severity.HIGH, score=80, summary="A bucket is public")


class Guarded:
    """A server that looks at who asks: a user who may send to one queue, and a role that may."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        iam = aws.client("iam")
        iam.create_user(UserName="gateway")
        made = iam.create_access_key(UserName="gateway")["AccessKey"]
        self.key_id, self.secret = made["AccessKeyId"], made["SecretAccessKey"]
        allow = [{"Effect": "Allow", "Action": ["sqs:SendMessage", "sts:AssumeRole"], "Resource": "*"}]
        iam.put_user_policy(UserName="gateway", PolicyName="send", PolicyDocument=policy(allow))
        trust = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]
        self.role = iam.create_role(RoleName="sender", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName="sender", PolicyName="send", PolicyDocument=policy(allow[:1]))
        self.queue = aws.client("sqs").create_queue(QueueName="alerts")["QueueUrl"]

    ACTIONS = 6

    def settings(self, **more: str) -> dict[str, str]:
        given = {"queue_url": self.queue, "region": REGION, "endpoint_url": self.aws.url}
        return given | {"access_key_id": self.key_id, "secret_access_key": self.secret} | more


def policy(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with moto_server(INITIAL_NO_AUTH_ACTION_COUNT=str(Guarded.ACTIONS)) as aws:
        yield Guarded(aws)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with moto_server() as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials are found but those that a test puts there."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


async def outcome(transports: Transports, kind: str, settings: dict[str, str]) -> Outcome:
    destination = load(kind)
    made = destination.settings.model_validate(settings)
    now = datetime.now(UTC)
    context = Context("a-1.bus", "bus", b'{"eventType": "ALERT"}', now)
    answer = await transports.send(destination.format(ALERT, context, made), 20)
    return destination.outcome_of(answer, now, context, made)


async def test_aws_finds_the_signature_right_and_the_message_is_in_the_queue(
    guarded: Guarded, transports: Transports
) -> None:
    found = await outcome(transports, "sqs", guarded.settings())
    assert (found.kind, found.status) == (Class.OK, 200)
    assert found.reference


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"access_key_id": "AKIANOBODYKNOWSTHIS0"}, "InvalidClientTokenId"),
        ({"secret_access_key": "not-the-secret"}, "SignatureDoesNotMatch"),
    ],
)
async def test_wrong_keys_are_a_matter_of_credentials(
    guarded: Guarded, transports: Transports, keys: dict[str, str], code: str
) -> None:
    found = await outcome(transports, "sqs", guarded.settings(**keys))
    assert found.kind is Class.AUTH
    assert code in found.reason


TARGETS = {
    "sns": {"topic_arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"},
    "eventbridge": {"event_bus": "default"},
    "lambda": {"function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:fix:prod"},
    "securityhub": {"account": ACCOUNT},
    "s3": {"bucket": "archive", "prefix": "a=b/c_d-e.f/"},
}


@pytest.mark.parametrize("kind", sorted(TARGETS))
async def test_each_service_finds_the_signature_right_and_says_what_the_keys_may_not_do(
    guarded: Guarded, transports: Transports, kind: str
) -> None:
    settings = guarded.settings(**TARGETS[kind])
    del settings["queue_url"]
    wrong = await outcome(transports, kind, settings | {"secret_access_key": "not-the-secret"})
    assert (wrong.kind, "SignatureDoesNotMatch" in wrong.reason) == (Class.AUTH, True), wrong.reason
    right = await outcome(transports, kind, settings)
    assert (right.kind, "AccessDenied" in right.reason) == (Class.AUTH, True), right.reason


async def test_a_role_is_assumed_once_and_used_for_what_follows(guarded: Guarded, transports: Transports) -> None:
    settings = guarded.settings(role_arn=guarded.role, external_id="outside", sts_endpoint_url=guarded.aws.url)
    with guarded.aws.recording() as requests:
        found = [await outcome(transports, "sqs", settings) for _ in range(3)]
    assert [each.kind for each in found] == [Class.OK] * 3
    asked = [request for request in requests if b"AssumeRole" in request.body]
    assert len(asked) == 1
    assert b"ExternalId=outside" in asked[0].body
    assert b"RoleSessionName=optix-gateway" in asked[0].body
    signed_by = [request.headers["Authorization"] for request in requests if request not in asked]
    assert not [header for header in signed_by if guarded.key_id in header]


async def test_a_role_that_may_not_be_assumed_is_told_as_sts_says_it(guarded: Guarded, transports: Transports) -> None:
    settings = guarded.settings(
        role_arn=guarded.role, sts_endpoint_url=guarded.aws.url, access_key_id="AKIANOBODYKNOWSTHIS0"
    )
    found = await outcome(transports, "sqs", settings)
    assert (found.kind, found.status) == (Class.AUTH, 403)
    assert "InvalidClientTokenId: AssumeRole: " in found.reason


async def test_sts_that_is_away_is_tried_again(aws: Aws, transports: Transports) -> None:
    settings = lowered(aws) | {
        "queue_url": f"{aws.url}/{ACCOUNT}/alerts",
        "role_arn": f"arn:aws:iam::{ACCOUNT}:role/sender",
        "sts_endpoint_url": f"http://{HERE}:{a_port()}",
    }
    found = await outcome(transports, "sqs", settings)
    assert (found.kind, found.reason) == (Class.RETRY, "AWS STS gave no answer (EndpointConnectionError)")


async def test_what_is_no_answer_of_sts_is_tried_again(aws: Aws, transports: Transports, serve: Serve) -> None:
    async def sign_in_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\nConnection: close\r\n\r\n<html>Sign in</html>\r\n")
        await writer.drain()

    page = await serve(sign_in_page)
    settings = lowered(aws) | {
        "queue_url": f"{aws.url}/{ACCOUNT}/alerts",
        "role_arn": f"arn:aws:iam::{ACCOUNT}:role/sender",
        "sts_endpoint_url": f"http://{HERE}:{page.port}",
    }
    found = await outcome(transports, "sqs", settings)
    assert (found.kind, found.reason) == (Class.RETRY, "what answered in the place of AWS STS is something else")


async def test_a_token_that_is_not_there_is_told_with_its_file(
    aws: Aws, transports: Transports, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", f"arn:aws:iam::{ACCOUNT}:role/sender")
    found = await outcome(transports, "sqs", {"queue_url": f"{aws.url}/{ACCOUNT}/alerts", "region": REGION})
    assert found.kind is Class.AUTH
    assert found.reason == f"credentials {tmp_path / 'token'}: No such file or directory"


def lowered(aws: Aws) -> dict[str, str]:
    return {key.lower(): value for key, value in keys(aws.url).items()}


async def test_without_keys_the_environment_is_asked(
    aws: Aws, transports: Transports, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = aws.queue()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFROMENVIRONMENT0")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    with aws.recording() as requests:
        found = await outcome(transports, "sqs", {"queue_url": queue.url, "region": REGION})
    assert found.kind is Class.OK
    assert "AKIAFROMENVIRONMENT0" in requests[0].headers["Authorization"]


async def test_a_profile_is_read_and_read_again_once_aws_no_longer_knows_its_keys(
    guarded: Guarded, transports: Transports, tmp_path: Path
) -> None:
    settings = guarded.settings(profile="soc")
    del settings["access_key_id"], settings["secret_access_key"]
    written = "[soc]\naws_access_key_id = {}\naws_secret_access_key = {}\n"
    (tmp_path / "credentials").write_text(written.format("AKIANOBODYKNOWSTHIS0", "x"))
    assert (await outcome(transports, "sqs", settings)).kind is Class.AUTH
    (tmp_path / "credentials").write_text(written.format(guarded.key_id, guarded.secret))
    assert (await outcome(transports, "sqs", settings)).kind is Class.OK


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "none were found in the environment"),
        ({"profile": "nobody"}, "The config profile (nobody) could not be found"),
    ],
)
async def test_no_credentials_are_told_before_anything_is_sent(
    aws: Aws, transports: Transports, settings: dict[str, str], said: str
) -> None:
    queue = f"{aws.url}/{ACCOUNT}/alerts"
    with aws.recording() as requests:
        found = await outcome(transports, "sqs", {"queue_url": queue, "region": REGION} | settings)
    assert found.kind is Class.AUTH
    assert said in found.reason
    assert requests == []


async def test_what_a_program_prints_that_gives_credentials_is_not_shown(
    aws: Aws, transports: Transports, tmp_path: Path
) -> None:
    program = tmp_path / "credentials.sh"
    program.write_text("#!/bin/sh\necho hunter2-hunter2 >&2; exit 1\n")
    program.chmod(0o755)
    (tmp_path / "config").write_text(f"[profile soc]\ncredential_process = {program}\n")
    found = await outcome(transports, "sqs", {"queue_url": f"{aws.url}/1/alerts", "region": REGION, "profile": "soc"})
    assert (found.kind, found.reason) == (Class.AUTH, "credentials credential_process of the AWS files failed")


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("sqs", {"queue_url": "{url}/123456789012/nobody"}),
        ("sns", {"topic_arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:nobody"}),
        ("s3", {"bucket": "nobody-made-this"}),
    ],
)
async def test_a_target_that_is_not_there_is_gone(
    aws: Aws, transports: Transports, kind: str, target: dict[str, str]
) -> None:
    settings = lowered(aws) | {key: value.format(url=aws.url) for key, value in target.items()}
    assert (await outcome(transports, kind, settings)).kind is Class.GONE


async def slow_sts(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Takes the question and keeps it."""
    await reader.read(10)
    await asyncio.Event().wait()


async def test_sts_that_says_nothing_delays_nobody_else(aws: Aws, transports: Transports, serve: Serve) -> None:
    silent = await serve(slow_sts)
    access = AwsAccess(
        REGION, KEY_ID, SECRET_KEY, role_arn="arn:aws:iam::1:role/x", sts_url=f"http://{HERE}:{silent.port}"
    )
    stuck = AwsRequest(f"{aws.url}/", b"", service="sqs", access=access)
    waiting = [asyncio.ensure_future(transports.send(stuck, 1)) for _ in range(20)]
    queue = aws.queue()
    found = await outcome(transports, "sqs", lowered(aws) | {"queue_url": queue.url})
    assert found.kind is Class.OK
    assert not any(each.done() for each in waiting)
    assert await asyncio.gather(*waiting) == [NoAnswer("no AWS credentials within 1 s")] * 20
    assert silent.connections == 1, "all of them wait for one question"
