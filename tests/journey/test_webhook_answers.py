"""The table of answers once more, through a whole gateway: what each leaves on disk counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.wiring import Gateway
from tests.journey.journey_world import (
    HEADER,
    SAMPLE,
    SECRET,
    Client,
    Receiver,
    a_body,
    a_gateway,
    a_route,
    environment,
)

MIB = 2**20
HELD = b'{"eventType": "ALERT", "payloadData": "a later version"}'


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def running(tmp_path: Path, receiver: Receiver) -> AsyncIterator[tuple[Gateway, Client]]:
    route = a_route("soc", URL=receiver.url(), SOURCES="optix", NOT_SEVERITIES="low")
    async with a_gateway(environment(tmp_path, **route)) as found:
        yield found


@pytest.fixture
def client(running: tuple[Gateway, Client]) -> Client:
    return running[1]


async def stored(client: Client) -> int:
    return len((await client.get("/api/v1/alerts"))["alerts"])


async def test_an_alert_is_accepted_named_and_delivered(client: Client, receiver: Receiver) -> None:
    status, answer = await client.post(SAMPLE)
    assert (status, answer["status"], answer["routes"]) == (200, "accepted", ["soc"])
    await receiver.until(1)
    assert receiver.bodies == [SAMPLE]
    await client.until_state("delivered", (answer["id"], "soc"))


async def test_an_alert_that_no_route_takes_is_accepted_and_stored(client: Client) -> None:
    status, answer = await client.post(a_body("low-one", score=3))
    assert (status, answer["status"], answer["routes"]) == (200, "accepted", [])
    assert (await client.get(f"/api/v1/alerts/{answer['id']}"))["alert_id"] == "low-one"


async def test_an_identical_repeat_is_a_duplicate_and_is_not_delivered_again(
    client: Client, receiver: Receiver
) -> None:
    first = await client.accepted(SAMPLE)
    status, answer = await client.post(SAMPLE)
    assert (status, answer) == (200, {"status": "duplicate", "id": first, "routes": ["soc"]})
    await client.until_state("delivered", (first, "soc"))
    assert len(receiver.got) == 1


async def test_what_cannot_be_read_as_an_alert_is_held(client: Client, receiver: Receiver) -> None:
    status, answer = await client.post(HELD)
    assert (status, answer["status"]) == (200, "held")
    (alert,) = (await client.get("/api/v1/alerts?held=true"))["alerts"]
    assert alert["id"] == answer["id"]
    assert receiver.got == []


@pytest.mark.parametrize("body", [b"", b" ", b"{", b"[]", b"null", b"7", b'"text"', b"a=1", b"\xff\xfe", b"<xml/>"])
async def test_what_is_no_json_object_is_refused_and_not_stored(client: Client, body: bytes) -> None:
    status, answer = await client.post(body)
    assert status == 400
    assert answer["error"]
    assert await stored(client) == 0


@pytest.mark.parametrize(
    ("source", "secret"),
    [
        ("optix", None),
        ("optix", ""),
        ("optix", "wrong"),
        ("optix", SECRET.upper()),
        ("nobody", SECRET),
        ("nobody", None),
    ],
)
async def test_the_unknown_and_the_unauthenticated_hear_the_same(
    client: Client, source: str, secret: str | None
) -> None:
    status, answer = await client.post(SAMPLE, source, secret=secret)
    assert (status, answer) == (401, {"error": "unknown source or wrong credentials"})
    assert await stored(client) == 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_probes_by_other_methods_get_405_with_what_is_allowed(client: Client, method: str) -> None:
    async with client.session.request(method, f"{client.webhooks}/webhooks/optix", headers={HEADER: SECRET}) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_ten_mebibytes_are_taken_and_one_byte_more_is_not(client: Client, receiver: Receiver) -> None:
    padding = 10 * MIB - len(a_body("large", padding=""))
    body = a_body("large", padding="x" * padding)
    assert len(body) == 10 * MIB
    alert = await client.accepted(body)
    await client.until_state("delivered", (alert, "soc"))
    assert receiver.bodies == [body]
    for too_large in (body + b" ", body + b" " * MIB):
        status, answer = await client.post(too_large)
        assert (status, answer["error"]) == (413, f"the body is larger than {10 * MIB} bytes")
    assert await stored(client) == 1


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "nonsense", "multipart/form-data"]
)
async def test_the_content_type_is_never_looked_at(client: Client, kind: str) -> None:
    headers = {HEADER: SECRET, "Content-Type": kind}
    async with client.session.post(f"{client.webhooks}/webhooks/optix", data=SAMPLE, headers=headers) as answer:
        assert answer.status == 200


async def test_a_gateway_that_shuts_down_says_503_and_when_to_come_again(
    running: tuple[Gateway, Client], tmp_path: Path
) -> None:
    del tmp_path
    gateway, client = running
    gateway.operations._intake.accepting = False
    async with client.session.post(
        f"{client.webhooks}/webhooks/optix", data=SAMPLE, headers={HEADER: SECRET}
    ) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert await client.status("/readyz") == 503
    assert await client.status("/healthz") == 200
