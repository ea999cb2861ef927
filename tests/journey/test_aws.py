"""From the webhook to what a consumer in AWS reads, with the moto server as AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journey.journey_world import SAMPLE, a_body, a_gateway, a_route, environment
from tests.outbound.aws_world import ACCOUNT, REGION, Aws, keys, moto_server
from tests.outbound.brokers import a_proxy


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with moto_server() as server:
        server.client("securityhub").enable_security_hub()
        yield server


def findings(aws: Aws, alert_id: str) -> list[dict[str, Any]]:
    found = aws.client("securityhub").get_findings()["Findings"]
    return [each for each in found if each["ProductFields"]["optix/alert_id"] == alert_id]


async def deliver(folder: Path, kind: str, body: bytes, **settings: str) -> str:
    """Through a gateway with one route, until it is delivered; the delivery's id."""
    route = a_route("bus", kind, **settings)
    async with a_gateway(environment(folder, **route)) as (_, client):
        alert = await client.accepted(body)
        await client.until_state("delivered", (alert, "bus"))
    return f"{alert}.bus"


def said(message: dict[str, Any]) -> dict[str, str]:
    return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}


async def test_sqs_holds_the_event_as_it_came_and_attributes_to_filter_by(tmp_path: Path, aws: Aws) -> None:
    queue = aws.queue()
    delivery = await deliver(tmp_path, "sqs", SAMPLE, QUEUE_URL=queue.url, **keys(aws.url))
    (message,) = queue.received()
    assert message["Body"].encode() == SAMPLE
    attributes = said(message)
    assert attributes["delivery_id"] == delivery
    assert (attributes["severity"], attributes["state"], attributes["content_type"]) == (
        "high",
        "open",
        "application/json",
    )
    assert "test" not in attributes


async def test_a_fifo_queue_takes_an_attempt_that_is_repeated_once(tmp_path: Path, aws: Aws) -> None:
    queue = aws.queue(fifo=True)
    body = a_body("fifo-1", accountId="444100000000")
    delivery = await deliver(tmp_path, "sqs", body, QUEUE_URL=queue.url, FORMAT="alert", **keys(aws.url))
    (message,) = queue.received()
    assert message["Attributes"]["MessageGroupId"] == "444100000000"
    assert message["Attributes"]["MessageDeduplicationId"] == delivery
    read = json.loads(message["Body"])
    assert (read["alert_id"], read["delivery_id"]) == ("fifo-1", delivery)


async def test_characters_that_no_message_may_hold_arrive_as_escapes(tmp_path: Path, aws: Aws) -> None:
    queue = aws.queue()
    body = a_body("odd-1", alertSummary="a\x01b\ufffec🪣").replace(b"\\u0001", b"\x01")
    assert b"\x01" in body
    await deliver(tmp_path, "sqs", body, QUEUE_URL=queue.url, **keys(aws.url))
    (message,) = queue.received()
    assert json.loads(message["Body"])["payloadData"]["alertSummary"] == "a\x01b\ufffec🪣"


@pytest.mark.parametrize("fifo", [False, True])
async def test_sns_hands_the_message_on_to_a_queue_that_subscribes(tmp_path: Path, aws: Aws, fifo: bool) -> None:  # noqa: FBT001
    queue, sns = aws.queue(fifo=fifo), aws.client("sns")
    name = queue.arn.rpartition(":")[2]
    topic = sns.create_topic(Name=name, Attributes={"FifoTopic": "true"} if fifo else {})["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    delivery = await deliver(tmp_path, "sns", SAMPLE, TOPIC_ARN=topic, **keys(aws.url))
    (message,) = queue.received()
    notification = json.loads(message["Body"])
    assert notification["Message"].encode() == SAMPLE
    assert notification["Subject"].startswith("High: ")
    assert notification["MessageAttributes"]["delivery_id"] == {"Type": "String", "Value": delivery}
    if fifo:
        assert message["Attributes"]["MessageGroupId"] == json.loads(SAMPLE)["payloadData"]["accountId"]


async def test_a_subscription_can_filter_by_severity(tmp_path: Path, aws: Aws) -> None:
    queue, sns = aws.queue(), aws.client("sns")
    topic = sns.create_topic(Name=queue.arn.rpartition(":")[2])["TopicArn"]
    policy = json.dumps({"severity": ["critical"]})
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue.arn,
        Attributes={"FilterPolicy": policy, "RawMessageDelivery": "true"},
    )
    for number, score in ((1, 60), (2, 95)):
        body = a_body(f"filtered-{number}", score=score)
        await deliver(tmp_path, "sns", body, TOPIC_ARN=topic, FORMAT="alert", **keys(aws.url))
    (message,) = queue.received()
    assert json.loads(message["Body"])["alert_id"] == "filtered-2"


async def test_a_rule_of_eventbridge_matches_what_the_event_says(tmp_path: Path, aws: Aws) -> None:
    queue, events = aws.queue(), aws.client("events")
    bus = queue.arn.rpartition(":")[2]
    arn = events.create_event_bus(Name=bus)["EventBusArn"]
    pattern = {"source": ["sophos.cloud-optix"], "detail": {"payloadData": {"ruleNumber": ["AR-251"]}}}
    events.put_rule(Name="ar-251", EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule="ar-251", EventBusName=bus, Targets=[{"Id": "1", "Arn": queue.arn}])
    for number, rule in ((1, "AR-251"), (2, "AR-100")):
        body = a_body(f"matched-{number}", ruleNumber=rule)
        await deliver(tmp_path, "eventbridge", body, EVENT_BUS=arn, **keys(aws.url))
    (message,) = queue.received()
    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"]) == ("sophos.cloud-optix", "Cloud Optix Alert")
    assert event["detail"] == json.loads(a_body("matched-1", ruleNumber="AR-251"))


async def test_s3_holds_an_object_under_the_day_and_the_incident(tmp_path: Path, aws: Aws) -> None:
    s3, bucket = aws.client("s3"), "optix-archive"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    body = a_body("kept-1", lastSeen="2026-03-04T05:06:07.000Z")
    delivery = await deliver(tmp_path, "s3", body, BUCKET=bucket, PREFIX="archive/", **keys(aws.url))
    (found,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert found["Key"].startswith("archive/2026/03/04/optix-")
    kept = s3.get_object(Bucket=bucket, Key=found["Key"])
    assert kept["Body"].read() == body
    assert kept["Metadata"]["delivery-id"] == delivery
    assert kept["ContentType"] == "application/json"


async def test_a_function_is_called_with_the_event_byte_for_byte(tmp_path: Path, aws: Aws) -> None:
    function = aws.function()
    with aws.recording() as requests:
        await deliver(tmp_path, "lambda", SAMPLE, FUNCTION=function, **keys(aws.url))
    (request,) = requests
    assert request.body == SAMPLE
    assert request.headers["X-Amz-Invocation-Type"] == "Event"


async def test_the_test_of_a_route_to_a_function_calls_it_not(tmp_path: Path, aws: Aws) -> None:
    route = a_route("fix", "lambda", FUNCTION=aws.function(), **keys(aws.url))
    with aws.recording() as requests:
        async with a_gateway(environment(tmp_path, **route)) as (_, client):
            report = await client.change("/api/v1/routes/fix/test")
    assert (report["outcome"], report["status"]) == ("ok", 204)
    assert [request.headers["X-Amz-Invocation-Type"] for request in requests] == ["DryRun"]


async def test_a_finding_follows_its_incident_from_open_to_archived(tmp_path: Path, aws: Aws) -> None:
    route = a_route("hub", "securityhub", ACCOUNT=ACCOUNT, **keys(aws.url))
    states = [("OPEN", "ACTIVE"), ("SUPPRESS", "ARCHIVED")]
    async with a_gateway(environment(tmp_path, **route)) as (_, client):
        for sent, kept in states:
            resources = [{"resourceInfo": "bucket-1", "state": sent}]
            alert = await client.accepted(a_body("found-1", affectedResources=resources))
            await client.until_state("delivered", (alert, "hub"))
            (finding,) = findings(aws, "found-1")
            assert finding["RecordState"] == kept
            assert finding["Resources"][0]["Id"] == "bucket-1"
            assert finding["FindingProviderFields"]["Severity"]["Label"] == "HIGH"


@pytest.mark.parametrize("kind", ["eventbridge", "lambda", "s3", "securityhub", "sns", "sqs"])
async def test_what_is_sent_while_aws_is_away_arrives_once_when_it_is_back(tmp_path: Path, aws: Aws, kind: str) -> None:
    queue = aws.queue()
    name = queue.arn.rpartition(":")[2]
    settings, arrived = PLACES[kind](aws, queue, name)
    async with a_proxy(aws.url) as way:
        route = a_route("bus", kind, **(keys(way.url) | settings), RETRY_SCHEDULE=",".join(["50ms"] * 9))
        async with a_gateway(environment(tmp_path, **route)) as (_, client):
            port = way.port
            await way.stop()
            alert = await client.accepted(a_body(f"away-{kind}"))
            await client.until_state("parked", (alert, "bus"))
            assert arrived() == []
            await way.start(port)
            await client.until_state("delivered", (alert, "bus"))
    (one,) = arrived()
    assert f"away-{kind}" in one


def sqs_place(_aws: Aws, queue: Any, _name: str) -> tuple[dict[str, str], Any]:
    return {"QUEUE_URL": queue.url}, lambda: [message["Body"] for message in queue.received()]


def sns_place(aws: Aws, queue: Any, name: str) -> tuple[dict[str, str], Any]:
    topic = aws.client("sns").create_topic(Name=name)["TopicArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    return {"TOPIC_ARN": topic}, sqs_place(aws, queue, name)[1]


def eventbridge_place(aws: Aws, queue: Any, name: str) -> tuple[dict[str, str], Any]:
    events = aws.client("events")
    events.create_event_bus(Name=name)
    events.put_rule(Name=name[:60], EventBusName=name, EventPattern='{"source": ["sophos.cloud-optix"]}')
    events.put_targets(Rule=name[:60], EventBusName=name, Targets=[{"Id": "1", "Arn": queue.arn}])
    return {"EVENT_BUS": name}, sqs_place(aws, queue, name)[1]


def s3_place(aws: Aws, _queue: Any, name: str) -> tuple[dict[str, str], Any]:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def arrived() -> list[str]:
        found = s3.list_objects_v2(Bucket=name).get("Contents", [])
        return [s3.get_object(Bucket=name, Key=each["Key"])["Body"].read().decode() for each in found]

    return {"BUCKET": name}, arrived


def lambda_place(aws: Aws, _queue: Any, _name: str) -> tuple[dict[str, str], Any]:
    aws.tell("/recorder/reset-recording")
    aws.tell("/recorder/start-recording")

    def arrived() -> list[str]:
        return [call.body.decode() for call in aws.recorded() if "X-Amz-Invocation-Type" in call.headers]

    return {"FUNCTION": aws.function()}, arrived


def securityhub_place(aws: Aws, _queue: Any, _name: str) -> tuple[dict[str, str], Any]:
    alert_id = "away-securityhub"
    return {"ACCOUNT": ACCOUNT}, lambda: [alert_id for _ in findings(aws, alert_id)]


PLACES = {
    "lambda": lambda_place,
    "securityhub": securityhub_place,
    "sqs": sqs_place,
    "sns": sns_place,
    "eventbridge": eventbridge_place,
    "s3": s3_place,
}
