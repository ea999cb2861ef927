"""What is said of several resources at once, and of a change whose answer was lost."""

from __future__ import annotations

from collections import Counter

import pytest

from gateway.destinations._remedy import Target
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.remediation import StepRow, StepWord
from gateway.pipeline.remedy import _nothing_to_do, _together

TARGET = Target("bucket", "123456789012", "AR-251")


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
