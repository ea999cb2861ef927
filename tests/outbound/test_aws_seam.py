"""What speaks to AWS beside the destinations needs an `AwsRequest` and nothing else: here the ACL of buckets, read and
written in two environments, each by its own role.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain.message import AwsAccess, AwsRequest, HttpAnswer
from gateway.outbound.transports import Transports
from tests.outbound.aws_world import ACCOUNT, KEY_ID, REGION, SECRET_KEY, Aws, moto_server

EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with moto_server() as server:
        yield server


async def ask(
    transports: Transports, aws: Aws, access: AwsAccess, method: str, bucket: str, body: bytes = b""
) -> HttpAnswer:
    request = AwsRequest(f"{aws.url}/{bucket}?acl", body, method, service="s3", access=access)
    answer = await transports.send(request, 20)
    assert isinstance(answer, HttpAnswer), answer
    return answer


def public(s3: Any, bucket: str) -> bool:
    grants = s3.get_bucket_acl(Bucket=bucket)["Grants"]
    return any(grant["Grantee"].get("URI") == EVERYBODY for grant in grants)


async def test_an_acl_is_read_and_written_in_each_environment_by_its_own_role(aws: Aws, transports: Transports) -> None:
    mine = AwsAccess(REGION, KEY_ID, SECRET_KEY, sts_url=aws.url)
    names = ("north", "south")
    s3: Any = aws.client("s3")
    with aws.recording() as requests:
        for name in names:
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}, ACL="public-read")
            assert public(s3, name)
            access = replace(mine, role_arn=f"arn:aws:iam::{ACCOUNT}:role/{name}")
            found = await ask(transports, aws, access, "GET", name)
            assert (found.status, EVERYBODY.encode() in found.body) == (200, True)
            grants = found.body.split(b"<Grant>")
            closed = b"<Grant>".join(grant for grant in grants if EVERYBODY.encode() not in grant)
            if not closed.rstrip().endswith(b"</AccessControlPolicy>"):
                closed += b"</AccessControlList></AccessControlPolicy>"
            assert (await ask(transports, aws, access, "PUT", name, closed)).status == 200
            assert not public(s3, name)
    roles = [
        request.body.partition(b"role%2F")[2].partition(b"&")[0]
        for request in requests
        if b"AssumeRole" in request.body
    ]
    assert roles == [name.encode() for name in names]
