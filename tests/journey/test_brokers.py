"""From the webhook to what a consumer of the broker reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.journey.journey_world import a_body, a_gateway, a_route, environment
from tests.outbound.brokers import ADDRESSES, INBOXES, address

TARGETS = {"redis": "STREAM", "nats": "SUBJECT", "rabbitmq": "EXCHANGE", "mqtt": "TOPIC", "kafka": "TOPIC"}


@pytest.mark.parametrize("broker", sorted(ADDRESSES))
async def test_an_alert_is_delivered_once_a_broker_has_it_and_names_itself_the_same_way_there(
    tmp_path: Path, broker: str
) -> None:
    url = address(broker)
    async with INBOXES[broker](url) as inbox:
        keys = {TARGETS[broker]: inbox.target} | ({"ROUTING_KEY": inbox.key} if broker == "rabbitmq" else {})
        route = a_route("bus", broker, URL=url, FORMAT="alert", **keys)
        async with a_gateway(environment(tmp_path, **route)) as (_, client):
            alert = await client.accepted(a_body("bus-1"))
            await client.until_state("delivered", (alert, "bus"))
        (received,) = await inbox.received(1)
        body = json.loads(received.body)
        assert received.id == body["delivery_id"] == f"{alert}.bus"
        assert body["key"] in received.headers.values()
