"""What is said of several resources at once, and of a change whose answer was lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from email.utils import formatdate
from typing import cast

import pytest

from gateway.destinations import Destination, DestinationSettings
from gateway.destinations._remedy import Target
from gateway.destinations.s3_public_acl import DESTINATION, S3PublicAclSettings
from gateway.domain.message import Answer, AwsRequest, HttpAnswer, Message, NoAnswer
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.remediation import Guard, RemediationRow, StepRow, StepWord, Work
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.remedy import Remediator, _nothing_to_do, _together
from tests.pipeline.gateway_world import World, a_route

TARGET = Target("bucket", "123456789012", "AR-251")


ACL = b"""<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>us</ID></Owner><AccessControlList><Grant>
<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">
<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission>
</Grant></AccessControlList></AccessControlPolicy>"""


class Buckets:
    """Public ones, of which some never answer: then all the time goes by that they are given."""

    def __init__(self, world: World, *hanging: str) -> None:
        self._clock, self._hanging = world.clock, hanging
        self.asked: list[str] = []

    async def send(self, message: Message, timeout_s: float) -> Answer:
        assert isinstance(message, AwsRequest)
        self.asked.append(message.url.removeprefix("https://").partition(".")[0])
        if self.asked[-1] in self._hanging:
            self._clock.move(timeout_s)
            return NoAnswer(f"no answer within {timeout_s:g} s")
        return HttpAnswer(200, body=ACL if message.method == "GET" else b"")

    async def close(self) -> None: ...


def closing(timeout_s: float = 30.0) -> ConfiguredRoute:
    destination = cast("Destination[DestinationSettings]", DESTINATION)
    route = a_route("fix", timeout_s=timeout_s)
    return replace(route, destination=destination, settings=S3PublicAclSettings(region="eu-west-1"))


async def test_an_attempt_ends_in_time_and_what_was_not_reached_comes_first_the_next_time(world: World) -> None:
    route, names = closing(timeout_s=30.0), ["hangs-1", "hangs-2", "fine-1", "fine-2"]
    await world.start(route)
    buckets, targets = Buckets(world, "hangs-1", "hangs-2"), [TARGET._replace(resource=name) for name in names]
    work_id = await begun(world)
    remediator, before_s = Remediator(world.store, buckets, world.clock), world.clock.monotonic_s()
    outcome, _ = await remediator.carry_out(route, Guard(dry_run=False), work_id, targets)
    assert world.clock.monotonic_s() - before_s == 30
    assert (outcome.kind, outcome.reason.partition(";")[0]) == (OutcomeClass.RETRY, "4 failed")
    assert await said(world, work_id) == {
        "hangs-1": "no answer within 15 s",
        "hangs-2": "no answer within 15 s",
        "fine-1": "no time was left for it",
        "fine-2": "no time was left for it",
    }
    buckets.asked.clear()
    await remediator.carry_out(route, Guard(dry_run=False), work_id, targets)
    assert list(dict.fromkeys(buckets.asked)) == ["fine-1", "fine-2", "hangs-1", "hangs-2"]
    buckets.asked.clear()
    outcome, _ = await remediator.carry_out(route, Guard(dry_run=False), work_id, targets)
    assert buckets.asked == ["hangs-1", "hangs-2"]
    assert outcome.reason.startswith("2 failed, 2 changed")


async def test_what_was_undone_between_attempts_is_left_alone_by_the_next(world: World) -> None:
    route, targets = closing(), [TARGET._replace(resource=name) for name in ("fine", "hangs")]
    await world.start(route)
    buckets, work_id = Buckets(world, "hangs"), await begun(world)
    remediator = Remediator(world.store, buckets, world.clock)
    await remediator.carry_out(route, Guard(dry_run=False), work_id, targets)
    await world.store.put_undone(work_id, "fine", "ann")
    buckets.asked.clear()
    outcome, _ = await remediator.carry_out(route, Guard(dry_run=False), work_id, targets)
    assert buckets.asked == ["hangs"]
    assert outcome.reason.startswith("1 undone, 1 failed")


async def test_a_bucket_that_asks_for_time_is_given_it_by_the_clock_of_the_gateway(world: World) -> None:
    class Busy(Buckets):
        async def send(self, message: Message, timeout_s: float) -> Answer:  # noqa: ARG002 - the port's names
            later = formatdate(self._clock.now_us() / 1_000_000 + 90, usegmt=True)
            return HttpAnswer(503, {"retry-after": later}, b"<Error><Code>SlowDown</Code></Error>")

    route = closing()
    await world.start(route)
    remediator = Remediator(world.store, Busy(world), world.clock)
    outcome, _ = await remediator.carry_out(route, Guard(dry_run=False), await begun(world), [TARGET])
    assert (outcome.kind, outcome.hint_s) == (OutcomeClass.RATE_LIMITED, 90)


class Loses(Buckets):
    """The answer to the first that it is to write."""

    lost = 0

    async def send(self, message: Message, timeout_s: float) -> Answer:
        answer = await super().send(message, timeout_s)
        if isinstance(message, AwsRequest) and message.method == "PUT" and not self.lost:
            self.lost += 1
            return NoAnswer("no answer")
        return answer


async def test_what_was_undone_while_nobody_knew_whether_it_was_changed_is_left_alone_too(world: World) -> None:
    route = closing()
    await world.start(route)
    buckets, work_id = Loses(world), await begun(world)
    remediator = Remediator(world.store, buckets, world.clock)
    await remediator.carry_out(route, Guard(dry_run=False), work_id, [TARGET])
    row = await world.store.remediation(work_id)
    assert row is not None
    (step,) = await remediator.undo(route, row, "ann", force=False, within_s=60)
    assert step.word is StepWord.CHANGED
    buckets.asked.clear()
    outcome, _ = await remediator.carry_out(route, Guard(dry_run=False), work_id, [TARGET])
    assert (outcome.reason, buckets.asked) == ("1 undone", [])


async def begun(world: World) -> int:
    facts = ("d-1.fix", "d-1", "fix", "s3-public-acl", "k", TARGET.environment, TARGET.rule)
    found = await world.store.begin_work(Work(*facts, ("lock",), "plan", False, "", 10, 60_000_000))
    assert found.id is not None
    return found.id


async def said(world: World, work_id: int) -> dict[str, str]:
    row = await world.store.remediation(work_id)
    assert row is not None
    return {step.resource: step.said for step in row.steps}


async def test_undoing_ends_in_time_and_names_what_is_left(world: World) -> None:
    route = closing()
    steps = tuple([StepRow(name, StepWord.CHANGED, "", "open", "closed", 1) for name in ("hangs-1", "hangs-2")])
    facts = ("d-1.fix", "d-1", "fix", "s3-public-acl", "k", TARGET.environment, TARGET.rule, "plan")
    row = RemediationRow(7, *facts, False, "", 1, 1, 2, "ok", "2 changed", steps)
    await world.start(route)
    buckets = Buckets(world, "hangs-1", "hangs-2")
    left = await Remediator(world.store, buckets, world.clock).undo(route, row, "ann", force=False, within_s=15)
    assert [(step.resource, step.word) for step in left] == [
        ("hangs-1", StepWord.FAILED),
        ("hangs-2", StepWord.FAILED),
    ]
    assert left[1].said == "no time was left for it: undo it again"
    assert buckets.asked == ["hangs-1"]


@pytest.mark.parametrize("kind", [kind for kind in OutcomeClass if kind is not OutcomeClass.OK])
def test_one_that_failed_in_whatever_way_is_not_lost_among_those_that_went_well(kind: OutcomeClass) -> None:
    fine, failed = Outcome(OutcomeClass.OK, "written"), Outcome(kind, "why")
    words = Counter({StepWord.CHANGED: 1, StepWord.FAILED: 1})
    for outcomes in ([fine, failed], [failed, fine]):
        said = _together(outcomes, words, dry_run=False)
        assert said.kind is not OutcomeClass.OK
        assert said.reason == "1 changed, 1 failed; why"


@pytest.mark.parametrize("word", [StepWord.CHANGING, StepWord.CHANGED, StepWord.FAILED])
def test_what_an_earlier_attempt_wrote_is_its_own_change_also_when_the_answer_was_lost(word: StepWord) -> None:
    earlier = StepRow("bucket", word, "remove READ", before="open", after="closed", at_us=1)
    assert _nothing_to_do(TARGET, "closed", earlier).word is StepWord.CHANGED
    assert _nothing_to_do(TARGET, "closed otherwise", earlier).word is StepWord.SAFE
    assert _nothing_to_do(TARGET, "closed", None).word is StepWord.SAFE
