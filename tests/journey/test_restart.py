from __future__ import annotations

from pathlib import Path

from tests.journey.journey_world import Client, Receiver, a_body, a_gateway, a_route, environment, until


async def test_what_was_not_delivered_is_delivered_after_a_restart(tmp_path: Path) -> None:
    async with Receiver(503) as receiver:
        route = a_route("soc", URL=receiver.url(), RETRY_SCHEDULE="2s,2s,2s,2s")
        async with a_gateway(environment(tmp_path, **route)) as (_, client):
            alerts = [await client.accepted(a_body(f"alert-{n}")) for n in range(5)]
            await until(lambda: _all_tried(client, alerts))
        receiver.statuses = [200]
        async with a_gateway(environment(tmp_path, **route)) as (_, client):
            await client.until_state("delivered", *((alert, "soc") for alert in alerts))


async def test_a_delivery_in_flight_when_the_gateway_ends_is_made_again(tmp_path: Path) -> None:
    async with Receiver() as receiver:
        environ = environment(tmp_path, GATEWAY_SHUTDOWN_GRACE="0s", **a_route("soc", URL=receiver.url()))
        receiver.shut()
        async with a_gateway(environ) as (_, client):
            alert = await client.accepted(a_body("in-flight"))
            await receiver.until(1)
        receiver.open()
        async with a_gateway(environ) as (_, client):
            await client.until_state("delivered", (alert, "soc"))
            (attempt,) = (await client.delivery(alert, "soc"))["attempts"]
        assert attempt["outcome"] == "ok", "what was broken off at the end is not charged"
        names = {received.headers["webhook-id"] for received in receiver.got}
        assert names == {f"{alert}.soc"}, "a receiver must be able to drop the second one"
        assert len(receiver.got) == 2


async def test_deliveries_of_a_route_that_is_gone_wait_for_it_and_are_shown(tmp_path: Path) -> None:
    async with Receiver(503, 200) as receiver:
        route = a_route("soc", URL=receiver.url(), RETRY_SCHEDULE="1h")
        async with a_gateway(environment(tmp_path, **route)) as (_, client):
            alert = await client.accepted(a_body("orphan"))
            await until(lambda: _all_tried(client, [alert]))
        async with a_gateway(environment(tmp_path)) as (_, client):
            (shown,) = (await client.get("/api/v1/routes"))["routes"]
            assert (shown["name"], shown["status"]) == ("soc", "unconfigured")
            assert (await client.delivery(alert, "soc"))["state"] == "parked"
        async with a_gateway(environment(tmp_path, **route)) as (_, client):
            await client.change("/api/v1/routes/soc/resume")
            await client.until_state("delivered", (alert, "soc"))


async def _all_tried(client: Client, alerts: list[str]) -> bool:
    return all([(await client.delivery(alert, "soc"))["attempts"] for alert in alerts])
