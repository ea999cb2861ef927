"""A function in Lambda behind guards: from the webhook to the bucket that AWS's own runtime lets the function close."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from tests.journey.guarded_function import RULES, World, asked_for, only_entry
from tests.journey.journey_world import Client, Process, a_gateway, environment, session, until
from tests.journey.lambda_world import THROTTLED, a_lambda
from tests.journey.s3_world import ALL_USERS, a_door, alert_about, public
from tests.outbound.aws_world import SECRET_KEY, Aws

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERY_WAY = {"request-response": "RequestResponse", "event": "Event"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_world(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with a_door(aws) as door, a_lambda(tmp_path_factory.mktemp("lambda")) as service:
        s3 = {"AWS_ENDPOINT_URL_S3": door.url}
        handlers = ("close_buckets.handler", "close_buckets.behind_api", "closes_buckets.handler")
        yield World(door, service, *[await service.function(handler, **s3) for handler in handlers])


@pytest.fixture
def world(module_world: World) -> Iterator[World]:
    yield module_world
    module_world.door.open.set()
    module_world.door.written.clear()
    for function in module_world.service.functions.values():
        assert function.refusals == []
        function.forget()


@pytest.mark.parametrize("invocation", EVERY_WAY)
async def test_an_alert_that_is_approved_closes_the_bucket_and_the_function_gets_the_bytes_of_the_webhook(
    tmp_path: Path, world: World, invocation: str
) -> None:
    bucket, closes = world.door.bucket(public("READ")), world.closes
    body = alert_about(bucket, vendorKey="é \u2028").replace(b'", "', b'",\r\n\t"')
    async with world.gateway(tmp_path, INVOCATION=invocation, APPROVAL="required") as client:
        alert = await client.accepted(body)
        await client.until_state("parked", (alert, "fix"))
        assert (closes.requests, world.door.grants(bucket)) == ([], [(ALL_USERS, "READ")])
        await client.change(f"/api/v1/deliveries/{alert}.fix/approve", author="ann", reason="not meant to be public")
        await client.until_state("delivered", (alert, "fix"))
        entry = await only_entry(client)
    await until(lambda: world.door.grants(bucket) == [])
    assert [headers["X-Amz-Invocation-Type"] for headers in closes.requests] == [EVERY_WAY[invocation]]
    assert [call.payload for call in closes.calls] == [body]
    assert (entry["outcome"], entry["agreed"], entry["tries"]) == ("ok", "ann: not meant to be public", 1)


async def test_the_audit_trail_says_what_the_function_answered(tmp_path: Path, world: World) -> None:
    bucket = world.door.bucket(public("READ"))
    async with world.gateway(tmp_path) as client:
        alert = await client.accepted(alert_about(bucket))
        await client.until_state("delivered", (alert, "fix"))
        entry, delivery = await only_entry(client), await client.delivery(alert, "fix")
    assert entry["result"] == f"200 OK: closed {bucket}"
    assert delivery["reason"] == entry["result"]


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_function_behind_api_gateway_reads_the_webhook_as_it_came(
    tmp_path: Path, world: World, version: str
) -> None:
    bucket = world.door.bucket(public("READ"))
    body = alert_about(bucket, vendorKey="é \u2028").replace(b'", "', b'",\r\n\t"')
    api = {"ENVELOPE": f"apigateway-{version}", "HEADERS": "X-Api-Key: api-key-5a1f"}
    async with world.gateway(tmp_path, FUNCTION=world.behind_api.arn, **api) as client:
        alert = await client.accepted(body)
        await client.until_state("delivered", (alert, "fix"))
        entry = await only_entry(client)
    assert world.door.grants(bucket) == []
    (event,) = [json.loads(call.payload) for call in world.behind_api.calls]
    assert (event["body"].encode(), event["headers"]["webhook-id"]) == (body, f"{alert}.fix")
    assert entry["result"] == f"200 OK, the function answered 200 OK: closed {bucket}"


async def test_a_function_that_looks_at_a_key_sends_us_away_without_it(tmp_path: Path, world: World) -> None:
    bucket = world.door.bucket(public("READ"))
    api = {"ENVELOPE": "apigateway-v2", "HEADERS": "X-Api-Key: another-key", "RETRY_SCHEDULE": "50ms"}
    async with world.gateway(tmp_path, FUNCTION=world.behind_api.arn, **api) as client:
        alert = await client.accepted(alert_about(bucket))
        await client.until_state("dead", (alert, "fix"))
        entry = await only_entry(client)
    refused = "200 OK, the function answered 401 Unauthorized: who is there?"
    assert (entry["outcome"], entry["result"], entry["tries"]) == ("auth", refused, 2)
    assert world.door.grants(bucket) == [(ALL_USERS, "READ")]


async def test_what_a_function_raises_is_told_and_it_is_called_again_until_it_is_given_up(
    tmp_path: Path, world: World
) -> None:
    async with world.gateway(tmp_path, RETRY_SCHEDULE="50ms", LOG="tail") as client:
        alert = await client.accepted(alert_about("nobody-made-this"))
        await client.until_state("dead", (alert, "fix"))
        entry, delivery = await only_entry(client), await client.delivery(alert, "fix")
    raised = (
        "An error occurred (NoSuchBucket) when calling the PutBucketAcl operation: The specified bucket does not exist"
    )
    told = f"the function failed: Unhandled: NoSuchBucket: {raised}: asked for {alert}.fix"
    assert (entry["outcome"], entry["result"], entry["tries"]) == ("retry", told, 2)
    assert [attempt["reason"] for attempt in delivery["attempts"]] == [told, told]
    assert delivery["attempts"][0]["headers"]["x-amz-function-error"] == "Unhandled"
    assert asked_for(world.closes) == [(f"{alert}.fix",) * 2] * 2


async def test_code_that_cannot_be_loaded_is_told_as_lambda_tells_it(tmp_path: Path, world: World) -> None:
    async with world.gateway(tmp_path, FUNCTION=world.broken.arn, RETRY_SCHEDULE="50ms") as client:
        alert = await client.accepted(alert_about("some-bucket"))
        await client.until_state("dead", (alert, "fix"))
        entry = await only_entry(client)
    said = "Runtime.ImportModuleError: Unable to import module 'closes_buckets': No module named 'closes_buckets'"
    assert (entry["outcome"], entry["result"]) == ("retry", f"the function failed: Unhandled: {said}")


async def test_a_function_that_runs_into_its_time_out_is_called_again_for_the_same_delivery(
    tmp_path: Path, world: World
) -> None:
    bucket, closes = world.door.bucket(public("READ")), world.closes
    world.door.open.clear()
    async with world.gateway(tmp_path) as client:
        alert = await client.accepted(alert_about(bucket))
        await asyncio.wait_for(world.door.written.wait(), 30)
        closes.end_by_time()
        world.door.open.set()
        await client.until_state("delivered", (alert, "fix"))
        entry, delivery = await only_entry(client), await client.delivery(alert, "fix")
    timed_out, closed = [attempt["reason"] for attempt in delivery["attempts"]]
    assert timed_out.startswith("the function failed: Unhandled: Sandbox.Timedout: RequestId: ")
    assert timed_out.endswith("Task timed out after 3.00 seconds")
    assert (closed, entry["result"], entry["tries"]) == (f"200 OK: closed {bucket}", closed, 2)
    assert (asked_for(closes), closes.most) == ([(f"{alert}.fix",) * 2] * 2, 1)


async def test_with_dry_run_nothing_is_asked_of_lambda(tmp_path: Path, world: World) -> None:
    bucket = world.door.bucket(public("READ"))
    async with world.gateway(tmp_path, DRY_RUN="true") as client:
        alert = await client.accepted(alert_about(bucket))
        await client.until_state("delivered", (alert, "fix"))
        entry = await only_entry(client)
    assert world.closes.requests == []
    assert (entry["dry_run"], bucket in entry["result"]) == (True, True)


async def test_a_test_of_the_route_asks_whether_the_function_may_be_called(tmp_path: Path, world: World) -> None:
    async with world.gateway(tmp_path) as client:
        report = await client.change("/api/v1/routes/fix/test")
    assert (report["ok"], report["status"]) == (True, 204)
    assert [headers["X-Amz-Invocation-Type"] for headers in world.closes.requests] == ["DryRun"]
    assert world.closes.calls == []


@pytest.mark.slow
async def test_four_alerts_about_one_bucket_take_turns(tmp_path: Path, world: World) -> None:
    bucket, closes = world.door.bucket(public("READ")), world.closes
    routes: dict[str, str] = {}
    for number, rule in enumerate(RULES):
        routes |= world.route(f"fix{number}", RULES=rule)
    world.door.open.clear()
    async with a_gateway(environment(tmp_path, **routes)) as (_, client):
        alerts = [await client.accepted(alert_about(bucket, rule=RULES[0]))]
        await asyncio.wait_for(world.door.written.wait(), 30)
        for number, rule in enumerate(RULES[1:], 1):
            alerts.append(await client.accepted(alert_about(bucket, rule=rule)))
            await until_busy(client, f"{alerts[number]}.fix{number}")
        assert len(closes.calls) == 1
        world.door.open.set()
        await client.until_state("delivered", *[(alert, f"fix{n}") for n, alert in enumerate(alerts)])
        entries = (await client.get("/api/v1/remediations"))["remediations"]
    assert (len(closes.calls), closes.most) == (4, 1)
    assert [entry["result"] for entry in entries] == [f"200 OK: closed {bucket}"] * 4


async def test_with_event_the_turn_of_a_bucket_ends_when_lambda_has_taken_the_event(
    tmp_path: Path, world: World
) -> None:
    bucket, closes = world.door.bucket(public("READ")), world.closes
    world.door.open.clear()
    async with world.gateway(tmp_path, INVOCATION="event") as client:
        for rule in RULES[:2]:
            alert = await client.accepted(alert_about(bucket, rule=rule))
            await client.until_state("delivered", (alert, "fix"))
    assert closes.under_way == 2
    world.door.open.set()
    await until(lambda: closes.under_way == 0)


async def until_busy(client: Client, delivery: str) -> None:
    async def waits() -> bool:
        said: str = (await client.get(f"/api/v1/deliveries/{delivery}"))["reason"]
        return said.startswith("another delivery acts on the same resource")

    await until(waits)


async def test_more_in_an_hour_than_is_allowed_waits_for_somebody(tmp_path: Path, world: World) -> None:
    buckets = [world.door.bucket(public("READ")) for _ in range(3)]
    async with world.gateway(tmp_path, HOURLY="2") as client:
        alerts = [await client.accepted(alert_about(bucket)) for bucket in buckets[:2]]
        await client.until_state("delivered", *[(alert, "fix") for alert in alerts])
        beyond = await client.accepted(alert_about(buckets[2]))
        await client.until_state("parked", (beyond, "fix"))
        said = (await client.delivery(beyond, "fix"))["reason"]
    assert said.startswith("HOURLY=2 is reached")
    assert len(world.closes.requests) == 2
    assert world.door.grants(buckets[2]) == [(ALL_USERS, "READ")]


async def test_an_approval_given_twice_and_a_webhook_that_comes_twice_call_once(tmp_path: Path, world: World) -> None:
    body = alert_about(world.door.bucket(public("READ")))
    async with world.gateway(tmp_path, APPROVAL="required") as client:
        alert = await client.accepted(body)
        assert (await client.post(body))[1]["status"] == "duplicate"
        await client.until_state("parked", (alert, "fix"))
        path = f"/api/v1/deliveries/{alert}.fix/approve"
        both = await asyncio.gather(*[client.change(path, author=who) for who in ("ann", "bob")])
        await client.until_state("delivered", (alert, "fix"))
        assert (await client.post(body))[1]["status"] == "duplicate"
        assert "approval" not in await client.change(path, author="cem")
        entry = await only_entry(client)
    assert sorted("approval" in answer for answer in both) == [False, True]
    assert (asked_for(world.closes), entry["tries"]) == ([(f"{alert}.fix",) * 2], 1)


async def test_lambda_that_is_busy_is_asked_again_for_the_same_delivery(tmp_path: Path, world: World) -> None:
    bucket, closes = world.door.bucket(public("READ")), world.closes
    closes.refusals += [THROTTLED]
    async with world.gateway(tmp_path) as client:
        alert = await client.accepted(alert_about(bucket))
        await client.until_state("delivered", (alert, "fix"))
        entry, delivery = await only_entry(client), await client.delivery(alert, "fix")
    refused, _ = [attempt["reason"] for attempt in delivery["attempts"]]
    assert refused == "429 Too Many Requests: TooManyRequestsException: Rate Exceeded."
    assert (entry["tries"], entry["outcome"]) == (2, "ok")
    keys_ = {headers["Idempotency-Key"] for headers in closes.requests}
    contexts = {headers["X-Amz-Client-Context"] for headers in closes.requests}
    assert (keys_, len(contexts), len(closes.calls)) == ({f"{alert}.fix"}, 1, 1)
    assert closes.calls[0].custom["delivery_id"] == f"{alert}.fix"


async def test_a_crash_while_the_function_runs_asks_again_for_the_same_delivery(tmp_path: Path, world: World) -> None:
    bucket, closes = world.door.bucket(public("READ")), world.closes
    environ = environment(tmp_path, **world.route())
    world.door.open.clear()
    async with Process(environ) as gateway, session() as made:
        client = await gateway.client(made)
        alert = await client.accepted(alert_about(bucket))
        await asyncio.wait_for(world.door.written.wait(), 30)
    world.door.open.set()
    async with a_gateway(environ) as (_, client):
        await client.until_state("delivered", (alert, "fix"))
        entry = await only_entry(client)
    assert asked_for(closes) == [(f"{alert}.fix",) * 2] * 2
    assert (entry["tries"], entry["result"], world.door.grants(bucket)) == (2, f"200 OK: closed {bucket}", [])


async def test_a_signature_by_another_key_calls_nothing_and_is_told(tmp_path: Path, world: World) -> None:
    async with world.gateway(tmp_path, SECRET_ACCESS_KEY="not-the-secret", RETRY_SCHEDULE="50ms") as client:
        alert = await client.accepted(alert_about("some-bucket"))
        await client.until_state("dead", (alert, "fix"))
        entry = await only_entry(client)
    assert (entry["outcome"], "InvalidSignatureException" in entry["result"]) == ("auth", True)
    assert world.closes.requests == []


async def test_amazons_own_client_is_understood_here_as_by_lambda(world: World) -> None:
    """Or nothing that these tests say of the gateway would hold for Lambda."""

    def called(way: str, function: str, secret: str = SECRET_KEY) -> Any:
        client = world.service.client(secret)
        return client.invoke(FunctionName=function, InvocationType=way, Payload=b'{"eventType": "TEST"}')

    ok = await asyncio.to_thread(called, "DryRun", f"{world.closes.arn}:$LATEST")
    assert ok["StatusCode"] == 204
    failed = await asyncio.to_thread(called, "RequestResponse", world.closes.name)
    assert (failed["StatusCode"], failed["FunctionError"]) == (200, "Unhandled")
    assert json.loads(failed["Payload"].read())["errorMessage"] == "'payloadData'"
    for wrong in ((world.closes.arn, "not-the-secret"), ("nobody-made-this", SECRET_KEY)):
        with pytest.raises(ClientError, match=r"InvalidSignatureException|ResourceNotFoundException"):
            await asyncio.to_thread(called, "Event", *wrong)
