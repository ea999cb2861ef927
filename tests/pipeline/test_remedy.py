"""What is said of several resources at once, and of a change whose answer was lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import cast

import pytest

from gateway.destinations import Destination, DestinationSettings
from gateway.destinations._remedy import Target
from gateway.destinations.s3_public_acl import DESTINATION, S3PublicAclSettings
from gateway.domain.message import Answer, Message
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.remediation import RemediationRow, StepRow, StepWord
from gateway.pipeline.remedy import Remediator, _nothing_to_do, _together
from tests.pipeline.gateway_world import World, a_route

TARGET = Target("bucket", "123456789012", "AR-251")


class Hangs:
    """A transport whose receiver never answers."""

    def __init__(self) -> None:
        self.asked = 0

    async def send(self, _message: Message, _timeout_s: float) -> Answer:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self) -> None: ...


async def test_undoing_ends_in_time_and_names_what_is_left(world: World) -> None:
    destination = cast("Destination[DestinationSettings]", DESTINATION)
    route = replace(a_route("fix"), destination=destination, settings=S3PublicAclSettings(region="eu-west-1"))
    steps = tuple([StepRow(name, StepWord.CHANGED, "", "open", "closed", 1) for name in ("one", "two")])
    facts = ("d-1.fix", "d-1", "fix", "s3-public-acl", "k", TARGET.environment, TARGET.rule, "plan")
    row = RemediationRow(7, *facts, False, "", 1, 1, 2, "ok", "2 changed", steps)
    await world.start(route)
    transport = Hangs()
    left = await Remediator(world.store, transport).undo(route, row, "ann", force=False, within_s=0.01)
    assert [(step.resource, step.word) for step in left] == [("one", StepWord.FAILED), ("two", StepWord.FAILED)]
    assert {step.said for step in left} == {"no time was left for it: undo it again"}
    assert transport.asked == 1


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
