"""From the webhook to the ACL of a bucket, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.journey.journey_world import Process, a_gateway, environment, session, until
from tests.journey.s3_world import (
    ALL_USERS,
    AUTHENTICATED,
    DENIED,
    LOGS,
    OTHER,
    RULES,
    SWITCHED_OFF,
    Door,
    alert_about,
    fixing,
    private,
    public,
    trail,
)
from tests.outbound.aws_world import ACCOUNT, KEY_ID


async def run(door: Door, folder: Path, body: bytes, state: str = "delivered", **more: str) -> dict[str, Any]:
    """One alert through a gateway of its own; what the audit trail says."""
    async with a_gateway(environment(folder, **fixing(door, **more))) as (_, client):
        alert = await client.accepted(body)
        await client.until_state(state, (alert, "fix"))
        return await trail(client)


def words(entry: dict[str, Any]) -> dict[str, str]:
    return {step["resource"]: step["word"] for step in entry["steps"]}


@pytest.mark.parametrize("rule", RULES)
async def test_the_grants_that_the_rule_is_about_go_and_all_others_stay(tmp_path: Path, door: Door, rule: str) -> None:
    kept = [private("READ"), private("FULL_CONTROL"), public("READ", LOGS), public("READ", AUTHENTICATED)]
    bucket = door.bucket(*[public(permission) for permission in RULES.values()], *kept)
    entry = await run(door, tmp_path, alert_about(bucket, rule=rule))
    left = sorted((ALL_USERS, permission) for permission in RULES.values() if permission != RULES[rule])
    others = [(OTHER, "READ"), (OTHER, "FULL_CONTROL"), (LOGS, "READ"), (AUTHENTICATED, "READ")]
    assert door.grants(bucket) == sorted([*left, *others])
    assert words(entry) == {bucket: "changed"}
    assert (entry["rule"], entry["dry_run"], entry["outcome"], entry["result"]) == (rule, False, "ok", "1 changed")


@pytest.mark.parametrize("rule", RULES)
async def test_a_grant_of_full_control_beside_the_one_of_the_rule_does_not_survive(
    tmp_path: Path, door: Door, rule: str
) -> None:
    """Whoever takes entries out of the list that they go through skips the one after each."""
    bucket = door.bucket(public(RULES[rule]), public("FULL_CONTROL"), private("READ"))
    await run(door, tmp_path, alert_about(bucket, rule=rule))
    assert door.grants(bucket) == [(OTHER, "READ")]


async def test_a_bucket_that_is_safe_is_not_written_also_after_one_that_was_changed(tmp_path: Path, door: Door) -> None:
    wrong, safe = door.bucket(public("READ")), door.bucket(private("READ"), public("WRITE"))
    entry = await run(door, tmp_path, alert_about(wrong, safe))
    assert door.writes == [wrong]
    assert words(entry) == {wrong: "changed", safe: "already safe"}
    assert entry["result"] == "1 changed, 1 already safe"


async def test_nothing_is_called_changed_when_nothing_was(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(private("READ"))
    entry = await run(door, tmp_path, alert_about(bucket))
    assert entry["result"] == "1 already safe"
    assert door.writes == []


async def test_a_bucket_that_may_not_be_written_is_not_called_changed(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ"))
    door.unwritable.add(bucket)
    entry = await run(door, tmp_path, alert_about(bucket), "dead")
    assert words(entry) == {bucket: "failed"}
    assert door.grants(bucket) == [(ALL_USERS, "READ")]


async def test_a_bucket_that_fails_keeps_no_other_from_its_turn(tmp_path: Path, door: Door) -> None:
    first, denied, odd, last = (
        door.bucket(public("READ")),
        door.bucket(public("READ")),
        "not a bucket!",
        door.bucket(public("READ")),
    )
    door.refusals[denied] = DENIED
    entry = await run(door, tmp_path, alert_about(denied, odd, first, last), "dead")
    assert words(entry) == {first: "changed", last: "changed", denied: "failed", odd: "failed"}
    assert door.grants(first) == door.grants(last) == []


async def test_a_bucket_of_another_account_is_left_alone(tmp_path: Path, door: Door) -> None:
    ours, theirs = door.bucket(public("READ")), door.bucket(public("READ"), owner="999999999999")
    entry = await run(door, tmp_path, alert_about(theirs, ours), "dead")
    assert words(entry) == {ours: "changed", theirs: "not ours"}
    assert door.grants(theirs) == [(ALL_USERS, "READ")]


async def test_the_vendors_own_example_of_an_account_number_checks_nothing_and_so_changes_nothing(
    tmp_path: Path, door: Door
) -> None:
    bucket = door.bucket(public("READ"))
    body = alert_about(bucket, accountId="44412345678075")
    entry = await run(door, tmp_path, body, "dead", ENVIRONMENTS="44412345678075")
    assert words(entry) == {bucket: "failed"}
    assert door.reads == []


async def test_a_bucket_that_is_gone_or_without_acls_is_safe(tmp_path: Path, door: Door) -> None:
    off = door.bucket(public("READ"))
    door.refusals[off] = SWITCHED_OFF
    entry = await run(door, tmp_path, alert_about("optix-gone-long-ago", off))
    assert words(entry) == {"optix-gone-long-ago": "already safe", off: "already safe"}


async def test_a_bucket_in_another_region_is_found_there(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ"))
    door.regions[bucket] = "ap-south-1"
    assert words(await run(door, tmp_path, alert_about(bucket))) == {bucket: "changed"}
    assert door.grants(bucket) == []


async def test_suppressed_resources_are_left_alone(tmp_path: Path, door: Door) -> None:
    wrong, muted = door.bucket(public("READ")), door.bucket(public("READ"))
    assert words(await run(door, tmp_path, alert_about(wrong, f"-{muted}"))) == {wrong: "changed"}
    assert door.grants(muted) == [(ALL_USERS, "READ")]


async def test_anyone_with_an_account_is_meant_only_where_that_is_asked_for(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ", AUTHENTICATED), public("FULL_CONTROL", AUTHENTICATED), public("WRITE"))
    await run(door, tmp_path, alert_about(bucket), AUTHENTICATED_USERS="true")
    assert door.grants(bucket) == [(ALL_USERS, "WRITE")]


async def test_without_more_it_only_says_what_it_would_do(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ"), public("FULL_CONTROL"))
    entry = await run(door, tmp_path, alert_about(bucket), DRY_RUN="true")
    assert door.writes == []
    assert words(entry) == {bucket: "would change"}
    assert entry["steps"][0]["said"] == "remove FULL_CONTROL of AllUsers, READ of AllUsers"
    assert entry["result"] == "DRY_RUN: 1 would change"


async def test_four_alerts_about_one_bucket_take_turns_and_lose_no_grant(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(*[public(permission) for permission in RULES.values()], private("READ"), public("READ", LOGS))
    routes: dict[str, str] = {}
    for number, rule in enumerate(RULES):
        routes |= fixing(door, f"fix{number}", RULES=rule)
    async with a_gateway(environment(tmp_path, **routes)) as (_, client):
        alerts = await asyncio.gather(*[client.accepted(alert_about(bucket, rule=rule)) for rule in RULES])
        await client.until_state("delivered", *[(alert, f"fix{n}") for n, alert in enumerate(alerts)])
        entries = (await client.get("/api/v1/remediations"))["remediations"]
    assert door.grants(bucket) == sorted([(OTHER, "READ"), (LOGS, "READ")])
    assert (len(door.writes), door.most) == (4, 1)
    assert [entry["result"] for entry in entries] == ["1 changed"] * 4


async def test_a_webhook_that_comes_twice_changes_once(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ"))
    body = alert_about(bucket)
    async with a_gateway(environment(tmp_path, **fixing(door))) as (_, client):
        alert = await client.accepted(body)
        assert (await client.post(body))[1]["status"] == "duplicate"
        await client.until_state("delivered", (alert, "fix"))
        assert len((await client.get("/api/v1/remediations"))["remediations"]) == 1
    assert door.writes == [bucket]


async def test_a_crash_between_the_change_and_its_record_changes_once_and_can_be_undone(
    tmp_path: Path, door: Door
) -> None:
    bucket = door.bucket(public("READ"), private("READ"))
    before = door.grants(bucket)
    environ = environment(tmp_path, **fixing(door))
    door.open.clear()
    async with Process(environ) as gateway, session() as made:
        client = await gateway.client(made)
        alert = await client.accepted(alert_about(bucket))
        await asyncio.wait_for(door.written.wait(), 30)
    door.open.set()
    async with a_gateway(environ) as (_, client):
        await client.until_state("delivered", (alert, "fix"))
        entry = await trail(client)
        assert (words(entry), entry["tries"]) == ({bucket: "changed"}, 2)
        assert door.writes == [bucket]
        assert door.grants(bucket) == [(OTHER, "READ")]
        assert (await client.change(f"/api/v1/remediations/{entry['id']}/undo"))["undone"] is True
    assert door.grants(bucket) == before


async def test_a_crash_before_the_change_arrived_changes_once(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ"), private("READ"))
    environ = environment(tmp_path, **fixing(door))
    door.open.clear()
    door.lost = 1
    async with Process(environ) as gateway, session() as made:
        client = await gateway.client(made)
        alert = await client.accepted(alert_about(bucket))
        await asyncio.wait_for(door.written.wait(), 30)
    assert door.grants(bucket) != [(OTHER, "READ")]
    door.open.set()
    async with a_gateway(environ) as (_, client):
        await client.until_state("delivered", (alert, "fix"))
        assert words(await trail(client)) == {bucket: "changed"}
    assert door.writes == [bucket]
    assert door.grants(bucket) == [(OTHER, "READ")]


async def test_what_passes_is_tried_again_for_the_buckets_that_are_left(tmp_path: Path, door: Door) -> None:
    first, second = door.bucket(public("READ")), door.bucket(public("READ"))
    door.lost = 1
    entry = await run(door, tmp_path, alert_about(first, second))
    assert words(entry) == {first: "changed", second: "changed"}
    assert (entry["tries"], sorted(door.writes)) == (2, sorted([first, second]))


async def test_each_account_is_entered_by_its_own_role(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ"))
    role = "arn:aws:iam::{environment}:role/optix-close-buckets"
    entry = await run(door, tmp_path, alert_about(bucket), ROLE_ARN=role, STS_ENDPOINT_URL=door.aws.url)
    assert words(entry) == {bucket: "changed"}
    assert KEY_ID not in door.signers
    assert len(door.signers) == 1


async def test_a_test_of_the_route_asks_who_we_are_and_touches_no_bucket(tmp_path: Path, door: Door) -> None:
    route = fixing(door, STS_ENDPOINT_URL=door.aws.url)
    async with a_gateway(environment(tmp_path, **route)) as (_, client):
        report = await client.change("/api/v1/routes/fix/test")
    assert report["ok"] is True, report
    assert "GetCallerIdentity" in report["request"]["body"]
    assert door.reads == door.writes == []


async def test_an_approval_given_twice_changes_once_and_says_who_gave_it(tmp_path: Path, door: Door) -> None:
    bucket = door.bucket(public("READ"))
    async with a_gateway(environment(tmp_path, **fixing(door, APPROVAL="required"))) as (_, client):
        alert = await client.accepted(alert_about(bucket))
        (request,) = (await client.get("/api/v1/approvals"))["approvals"]
        assert (
            request["plan"] == f"remove READ and FULL_CONTROL of AllUsers from the bucket {bucket} in account {ACCOUNT}"
        )
        assert door.reads == []
        path = f"/api/v1/deliveries/{alert}.fix/approve"
        both = await asyncio.gather(*[client.change(path, author=who, reason="mine") for who in ("ann", "bob")])
        await client.until_state("delivered", (alert, "fix"))
        agreed = (await trail(client))["agreed"]
    assert sorted("approval" in answer for answer in both) == [False, True]
    assert agreed in ("ann: mine", "bob: mine")
    assert door.writes == [bucket]


async def test_more_in_an_hour_than_is_allowed_waits_for_somebody(tmp_path: Path, door: Door) -> None:
    buckets = [door.bucket(public("READ")) for _ in range(3)]
    async with a_gateway(environment(tmp_path, **fixing(door, HOURLY="2", CONCURRENCY="1"))) as (_, client):
        alerts = [await client.accepted(alert_about(bucket)) for bucket in buckets]
        await until(lambda: len(door.writes) == 2)
        await client.until_state("parked", (alerts[2], "fix"))
        said = (await client.delivery(alerts[2], "fix"))["reason"]
    assert said.startswith("HOURLY=2 is reached")
    assert door.grants(buckets[2]) == [(ALL_USERS, "READ")]
