"""A function that reads the event as the vendor sends it, behind the gateway: it needs to know nothing of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from tests.journey.journey_world import Client, a_gateway, a_route, environment
from tests.journey.s3_world import ALL_USERS, Door, alert_about, private, public
from tests.outbound.aws_world import ACCOUNT, Aws
from tests.outbound.clouds import cloud

Handler = Callable[[dict[str, Any], object], str]


@dataclass
class Host:
    """Runs a function for each request, as whoever hosts functions does."""

    handler: Handler
    url: str = ""
    keys: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)  # what Azure's and Google's hosts ask for

    async def answer(self, request: web.BaseRequest) -> web.Response:
        event = json.loads(await request.read())
        self.events.append(event)
        self.keys.append(request.headers.get("Idempotency-Key", ""))
        self.signed.append(request.headers.get("x-functions-key", request.headers.get("Authorization", "")))
        try:
            said = await asyncio.to_thread(self.handler, event, None)
        except Exception as error:  # noqa: BLE001 - whatever a function raises is its failure
            return web.Response(status=500, text=type(error).__name__)
        return web.json_response(said)


@asynccontextmanager
async def a_host(handler: Handler) -> AsyncIterator[Host]:
    host = Host(handler)
    runner = web.ServerRunner(web.Server(host.answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}/function"
    try:
        yield host
    finally:
        await runner.cleanup()


def closes_buckets(s3: Any) -> Handler:
    """Makes every open bucket of such an alert private."""

    def handler(event: dict[str, Any], _context: object) -> str:
        payload = event["payloadData"]
        if event["eventType"] != "ALERT" or payload["alertType"] != "Policy" or payload["ruleNumber"] != "AR-251":
            return "nothing to do"
        for resource in payload["affectedResources"]:
            if resource["state"] == "OPEN":
                s3.put_bucket_acl(Bucket=resource["resourceInfo"], ACL="private")
        return "done"

    return handler


@asynccontextmanager
async def behind(folder: Path, handler: Handler, **more: str) -> AsyncIterator[tuple[Host, Client]]:
    """The function behind a gateway with one guarded route to it."""
    async with a_host(handler) as host, a_gateway(environment(folder, **function(host, **more))) as (_, client):
        yield host, client


def function(host: Host, kind: str = "webhook", **more: str) -> dict[str, str]:
    guards = {"REMEDIATION": "true", "ENVIRONMENTS": ACCOUNT, "RULES": "AR-251", "DRY_RUN": "false"}
    return a_route("fix", kind, URL=host.url, **(guards | more))


async def test_an_alert_comes_in_and_the_bucket_is_closed(tmp_path: Path, aws: Aws, door: Door) -> None:
    wrong, muted = door.bucket(public("READ"), private("READ")), door.bucket(public("READ"))
    async with behind(tmp_path, closes_buckets(aws.client("s3"))) as (host, client):
        alert = await client.accepted(alert_about(wrong, f"-{muted}", vendorKey="kept"))
        await client.until_state("delivered", (alert, "fix"))
        (entry,) = (await client.get("/api/v1/remediations"))["remediations"]
    assert (door.grants(wrong), door.grants(muted)) == ([], [(ALL_USERS, "READ")])
    assert host.events[0]["payloadData"]["vendorKey"] == "kept"
    assert host.events[0]["payloadData"]["affectedResources"] == [{"resourceInfo": wrong, "state": "OPEN"}]
    assert host.keys == [f"{alert}.fix"]
    assert (entry["outcome"], entry["result"]) == ("ok", "200 OK")


async def test_a_function_that_fails_is_asked_again_with_the_same_key(tmp_path: Path, aws: Aws, door: Door) -> None:
    bucket, calls = door.bucket(public("READ")), list[int]()
    closes = closes_buckets(aws.client("s3"))

    def stumbles(event: dict[str, Any], context: object) -> str:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError
        return closes(event, context)

    async with a_host(stumbles) as host, a_gateway(environment(tmp_path, **function(host))) as (_, client):
        alert = await client.accepted(alert_about(bucket))
        await client.until_state("delivered", (alert, "fix"))
    assert host.keys == [f"{alert}.fix"] * 2
    assert door.grants(bucket) == []


async def test_a_function_is_not_called_before_somebody_approves(tmp_path: Path, aws: Aws, door: Door) -> None:
    bucket = door.bucket(public("READ"))
    async with behind(tmp_path, closes_buckets(aws.client("s3")), APPROVAL="required") as (host, client):
        alert = await client.accepted(alert_about(bucket))
        await client.until_state("parked", (alert, "fix"))
        assert host.events == []
        await client.change(f"/api/v1/deliveries/{alert}.fix/approve", author="ann")
        await client.until_state("delivered", (alert, "fix"))
    assert door.grants(bucket) == []


async def test_without_more_a_function_is_not_called_at_all(tmp_path: Path, aws: Aws, door: Door) -> None:
    bucket = door.bucket(public("READ"))
    async with behind(tmp_path, closes_buckets(aws.client("s3")), DRY_RUN="true") as (host, client):
        alert = await client.accepted(alert_about(bucket))
        await client.until_state("delivered", (alert, "fix"))
    assert host.events == []
    assert door.grants(bucket) == [(ALL_USERS, "READ")]


async def test_a_function_at_azure_is_called_once_it_is_approved_with_its_key(
    tmp_path: Path, aws: Aws, door: Door
) -> None:
    bucket = door.bucket(public("READ"))
    keys = {"kind": "azure-function", "KEY": "planted-function-key", "APPROVAL": "required"}
    async with behind(tmp_path, closes_buckets(aws.client("s3")), **keys) as (host, client):
        await approved(client, host, await client.accepted(alert_about(bucket)))
    assert (door.grants(bucket), host.signed) == ([], ["planted-function-key"])


async def test_a_function_in_cloud_run_is_called_once_it_is_approved_as_the_machine_itself(
    tmp_path: Path, aws: Aws, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = door.bucket(public("READ"))
    async with cloud() as google:
        token = "planted.id.token"
        google.login = lambda _request: says(token)
        monkeypatch.setenv("GCE_METADATA_HOST", urlsplit(google.base).netloc)
        keys = {"kind": "cloud-run", "APPROVAL": "required"}
        async with behind(tmp_path, closes_buckets(aws.client("s3")), **keys) as (host, client):
            await approved(client, host, await client.accepted(alert_about(bucket)))
    assert (door.grants(bucket), host.signed) == ([], [f"Bearer {token}"])
    assert google.asked[0].query["audience"] == host.url


async def says(text: str) -> web.Response:
    return web.Response(text=text)


async def approved(client: Client, host: Host, alert: str) -> None:
    await client.until_state("parked", (alert, "fix"))
    assert host.events == []
    await client.change(f"/api/v1/deliveries/{alert}.fix/approve", author="ann")
    await client.until_state("delivered", (alert, "fix"))
    assert host.keys == [f"{alert}.fix"]
