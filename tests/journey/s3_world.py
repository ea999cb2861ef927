"""Buckets of a moto server, behind a door that does what Amazon's does and moto's does not.

The door knows whose each bucket is (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html),
which have their ACLs switched off, which may not be touched, and in which region they are. It counts what is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import ClientSession, web

from tests.journey.journey_world import Client, a_body, a_route
from tests.outbound.aws_world import ACCOUNT, REGION, Aws, keys

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOGS = "http://acs.amazonaws.com/groups/s3/LogDelivery"
OTHER = "a" * 64
DENIED = (403, "AccessDenied")
SWITCHED_OFF = (400, "AccessControlListNotSupported")
RULES = {"AR-251": "READ", "AR-252": "READ_ACP", "AR-267": "WRITE", "AR-268": "WRITE_ACP"}


def public(permission: str, group: str = ALL_USERS) -> dict[str, Any]:
    return {"Grantee": {"Type": "Group", "URI": group}, "Permission": permission}


def private(permission: str, who: str = OTHER) -> dict[str, Any]:
    return {"Grantee": {"Type": "CanonicalUser", "ID": who}, "Permission": permission}


@dataclass
class Door:
    """`owners`, `refusals`, `regions`: by bucket. `writes`: the buckets that were written, in order. `most`: requests
    for one bucket that were under way at once. `signers`: the ids of the keys that requests were signed with. While
    `open` is not set, what is written is not answered; as many writes as `lost` says are never carried out.
    """

    aws: Aws
    session: ClientSession
    owners: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    unwritable: set[str] = field(default_factory=set)  # may be read, not written
    regions: dict[str, str] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    under_way: dict[str, int] = field(default_factory=dict)
    most: int = 0
    lost: int = 0
    signers: set[str] = field(default_factory=set)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    written: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def answer(self, request: web.BaseRequest) -> web.Response:
        bucket = request.path.strip("/").partition("/")[0]
        self.under_way[bucket] = self.under_way.get(bucket, 0) + 1
        self.most = max(self.most, self.under_way[bucket])
        try:
            return await self._answered(request, bucket)
        finally:
            self.under_way[bucket] -= 1

    async def _answered(self, request: web.BaseRequest, bucket: str) -> web.Response:
        signed_for = request.headers.get("Authorization", "").partition("Credential=")[2].split("/")
        self.signers.add(signed_for[0])
        region = self.regions.get(bucket, REGION)
        if bucket in self.regions and signed_for[2:3] != [region]:
            return _refusal(301, "PermanentRedirect", {"x-amz-bucket-region": region})
        expected = request.headers.get("x-amz-expected-bucket-owner")
        if expected is not None and expected != self.owners.get(bucket, ACCOUNT):
            return _refusal(*DENIED)
        refusal = self.refusals.get(bucket)
        if refusal and (refusal != SWITCHED_OFF or request.method == "PUT"):
            return _refusal(*refusal)
        if request.method == "PUT" and bucket in self.unwritable:
            return _refusal(*DENIED)
        if request.method == "PUT" and self.lost:
            self.lost -= 1
            self.written.set()
            await self.open.wait()
            return _refusal(503, "SlowDown")
        (self.writes if request.method == "PUT" else self.reads).append(bucket)
        response = await self._handed_on(request)
        if request.method == "PUT":
            self.written.set()
            await self.open.wait()
        return response

    async def _handed_on(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        async with self.session.request(
            request.method, f"{self.aws.url}{request.path_qs}", data=body, headers=_kept(request.headers)
        ) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type="application/xml")

    def bucket(self, *grants: Mapping[str, Any], owner: str = ACCOUNT) -> str:
        """A bucket with its owner's own grant and these."""
        name = f"optix-{uuid4().hex[:20]}"
        s3 = self.aws.client("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        id_ = s3.get_bucket_acl(Bucket=name)["Owner"]["ID"]
        policy = {"Owner": {"ID": id_}, "Grants": [private("FULL_CONTROL", id_), *grants]}
        s3.put_bucket_acl(Bucket=name, AccessControlPolicy=policy)
        self.owners[name] = owner
        return name

    def grants(self, bucket: str) -> list[tuple[str, str]]:
        """(grantee, permission) of all but the owner."""
        acl = self.aws.client("s3").get_bucket_acl(Bucket=bucket)
        named = [(g["Grantee"].get("URI") or g["Grantee"].get("ID"), g["Permission"]) for g in acl["Grants"]]
        owner = (acl["Owner"]["ID"], "FULL_CONTROL")
        assert owner in named, "the owner's own grant is lost"
        return sorted(grant for grant in named if grant != owner)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    dropped = {"host", "content-length", "transfer-encoding"}
    return {name: value for name, value in headers.items() if name.lower() not in dropped}


def _refusal(status: int, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>said by the door</Message></Error>'
    return web.Response(status=status, text=text, content_type="application/xml", headers=headers)


@asynccontextmanager
async def a_door(aws: Aws) -> AsyncIterator[Door]:
    async with ClientSession() as session:
        door = Door(aws, session)
        door.open.set()
        runner = web.ServerRunner(web.Server(door.answer), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        door.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield door
        finally:
            door.open.set()
            await runner.cleanup()


def alert_about(*buckets: str, rule: str = "AR-251", alert_id: str = "", **more: object) -> bytes:
    """`-bucket` is suppressed."""
    listed = [
        {"resourceInfo": name.removeprefix("-"), "state": "SUPPRESS" if name.startswith("-") else "OPEN"}
        for name in buckets
    ]
    return a_body(
        alert_id or uuid4().hex, **({"accountId": ACCOUNT, "ruleNumber": rule, "affectedResources": listed} | more)
    )


def fixing(door: Door, name: str = "fix", **more: str) -> dict[str, str]:
    keys_ = {"ENVIRONMENTS": ACCOUNT, "RULES": ",".join(RULES), "DRY_RUN": "false", "NOTIFY": "all", "BACKLOG": "all"}
    return a_route(name, "s3-public-acl", **({**keys_, **keys(door.url)} | more))


async def trail(client: Client) -> dict[str, Any]:
    (found,) = (await client.get("/api/v1/remediations"))["remediations"]
    assert isinstance(found, dict)
    return found
