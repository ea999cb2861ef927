"""Putting back what a remediation replaced."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.journey.journey_world import a_gateway, environment, until
from tests.journey.s3_world import ALL_USERS, LOGS, Door, alert_about, fixing, private, public, trail


async def test_undoing_puts_back_exactly_what_was_there(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ"), public("FULL_CONTROL"), private("READ"), public("WRITE", LOGS))
    before = door.grants(bucket)
    async with a_gateway(environment(tmp_path, **fixing(door))) as (_, client):
        alert = await client.accepted(alert_about(bucket))
        await client.until_state("delivered", (alert, "fix"))
        assert door.grants(bucket) != before
        id_ = (await trail(client))["id"]
        undone = await client.change(f"/api/v1/remediations/{id_}/undo", author="ann")
        assert undone["undone"] is True
        assert door.grants(bucket) == before
        (step,) = (await client.get(f"/api/v1/remediations/{id_}"))["steps"]
        assert step["undone_by"] == "ann"
        again = await client.change(f"/api/v1/remediations/{id_}/undo", author="ann")
        assert "nothing to put back" in again["error"]


async def test_an_undo_that_is_refused_is_not_called_done_and_can_be_asked_for_again(
    tmp_path: Path, door: Door
) -> None:
    bucket = door.bucket(public("READ"))
    async with a_gateway(environment(tmp_path, **fixing(door))) as (_, client):
        alert = await client.accepted(alert_about(bucket))
        await client.until_state("delivered", (alert, "fix"))
        id_ = (await trail(client))["id"]
        door.unwritable.add(bucket)
        refused = await client.change(f"/api/v1/remediations/{id_}/undo")
        assert (refused["undone"], refused["steps"][0]["word"]) == (False, "failed")
        assert door.grants(bucket) == []
        door.unwritable.clear()
        assert (await client.change(f"/api/v1/remediations/{id_}/undo"))["undone"] is True
        assert door.grants(bucket) == [(ALL_USERS, "READ")]


async def test_what_somebody_else_changed_since_is_not_undone_unless_forced(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ"), private("READ"))
    before = door.grants(bucket)
    async with a_gateway(environment(tmp_path, **fixing(door))) as (_, client):
        alert = await client.accepted(alert_about(bucket))
        await client.until_state("delivered", (alert, "fix"))
        door.aws.client("s3").put_bucket_acl(Bucket=bucket, ACL="private")
        id_ = (await trail(client))["id"]
        refused = await client.change(f"/api/v1/remediations/{id_}/undo")
        assert (refused["undone"], refused["steps"][0]["word"]) == (False, "failed")
        assert door.grants(bucket) == []
        assert (await client.change(f"/api/v1/remediations/{id_}/undo", force=True))["undone"] is True
        assert door.grants(bucket) == before


async def test_two_undos_at_once_are_one(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ"))
    async with a_gateway(environment(tmp_path, **fixing(door))) as (_, client):
        alert = await client.accepted(alert_about(bucket))
        await client.until_state("delivered", (alert, "fix"))
        path = f"/api/v1/remediations/{(await trail(client))['id']}/undo"
        door.open.clear()
        door.written.clear()
        first = asyncio.create_task(client.change(path))
        await asyncio.wait_for(door.written.wait(), 30)
        second = await client.change(path)
        assert "something else acts on the same resource (undo of " in second["error"]
        door.open.set()
        assert (await first)["undone"] is True
    assert door.writes == [bucket, bucket]
    assert door.grants(bucket) == [(ALL_USERS, "READ")]


async def test_what_was_refused_was_not_changed_and_cannot_be_put_back(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ"))
    door.unwritable.add(bucket)
    async with a_gateway(environment(tmp_path, **fixing(door))) as (_, client):
        alert = await client.accepted(alert_about(bucket))
        await client.until_state("dead", (alert, "fix"))
        entry = await trail(client)
        assert [(step["word"], step["before"]) for step in entry["steps"]] == [("failed", "")]
        door.aws.client("s3").put_bucket_acl(Bucket=bucket, ACL="private")
        refused = await client.change(f"/api/v1/remediations/{entry['id']}/undo", force=True)
        assert "nothing to put back" in refused["error"]
    assert door.grants(bucket) == []


async def test_what_somebody_else_closed_after_a_refusal_is_not_called_the_gateways(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ"))
    door.lost = 1
    async with a_gateway(environment(tmp_path, **fixing(door))) as (_, client):
        alert = await client.accepted(alert_about(bucket))
        await asyncio.wait_for(door.written.wait(), 30)
        door.aws.client("s3").put_bucket_acl(Bucket=bucket, ACL="private")
        await client.until_state("delivered", (alert, "fix"))
        entry = await trail(client)
        assert [step["word"] for step in entry["steps"]] == ["already safe"]
        assert "nothing to put back" in (await client.change(f"/api/v1/remediations/{entry['id']}/undo"))["error"]
    assert (door.writes, door.grants(bucket)) == ([], [])


async def test_what_is_undone_between_two_attempts_stays_so(tmp_path: Path, door: Door) -> None:
    first, second = door.bucket(public("READ")), door.bucket(public("READ"))
    door.refusals[second] = (503, "SlowDown")
    async with a_gateway(environment(tmp_path, **fixing(door))) as (_, client):
        alert = await client.accepted(alert_about(first, second))
        await until(lambda: first in door.writes)
        await client.until_state("pending", (alert, "fix"))
        path = f"/api/v1/remediations/{(await trail(client))['id']}"
        assert (await client.change(path + "/undo", author="ann"))["undone"] is True
        door.refusals.clear()
        await client.until_state("delivered", (alert, "fix"))
        entry = await trail(client)
    assert entry["result"] == "1 undone, 1 changed"
    assert (door.grants(first), door.grants(second)) == ([(ALL_USERS, "READ")], [])


async def test_what_was_given_up_and_is_replayed_is_work_of_its_own(tmp_path: Path, door: Door) -> None:
    """It counts for the hour, and undoing the earlier one does not hold it back."""
    first, second = door.bucket(public("READ")), door.bucket(public("READ"))
    door.unwritable.add(second)
    async with a_gateway(environment(tmp_path, **fixing(door))) as (_, client):
        alert = await client.accepted(alert_about(first, second))
        await client.until_state("dead", (alert, "fix"))
        path = f"/api/v1/remediations/{(await trail(client))['id']}/undo"
        assert (await client.change(path, author="ann"))["undone"] is True
        door.unwritable.clear()
        await client.change(f"/api/v1/deliveries/{alert}.fix/replay")
        await client.until_state("delivered", (alert, "fix"))
        again, earlier = (await client.get("/api/v1/remediations"))["remediations"]
        assert (again["result"], again["tries"], earlier["outcome"]) == ("2 changed", 1, "rejected")
        assert (await client.change(f"/api/v1/remediations/{again['id']}/undo"))["undone"] is True
    assert door.grants(first) == [(ALL_USERS, "READ")]
