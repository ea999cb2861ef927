"""What becomes of each recipient of a mail: served, put off or refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import samples
from gateway.destinations.email import Progress
from gateway.domain.message import MailAnswer, NoAnswer
from gateway.domain.outcome import Outcome
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.text import one_line
from tests.destinations.mails import ANN, BOB, CAT, KIND, NOW, context, made, sample, sent


def outcome(answer: MailAnswer | NoAnswer, progress: str = "") -> Outcome:
    return KIND.outcome_of(answer, NOW, context(progress=progress), made())


def recipients(progress: str) -> tuple[str, ...]:
    return sent(sample(samples.DOCUMENTED), context(progress=progress)).recipients


def test_all_accepted_is_delivered() -> None:
    found = outcome(MailAnswer(250, "2.0.0 queued as 4711", (ANN, BOB, CAT)))
    assert (found.kind, found.reason, found.progress) == (Class.OK, "250 2.0.0 queued as 4711", "")


def test_only_those_put_off_are_addressed_again() -> None:
    found = outcome(MailAnswer(250, "ok", (ANN,), {BOB: (450, "greylisted"), CAT: (550, "no such user")}))
    assert (found.kind, found.status) == (Class.RETRY, 450)
    assert found.reason == f"1 recipient put off: {BOB} (450 greylisted)"
    assert recipients(found.progress) == (BOB,)


def test_who_was_served_or_refused_earlier_counts_in_the_end() -> None:
    first = outcome(MailAnswer(250, "ok", (ANN,), {BOB: (450, "greylisted"), CAT: (550, "no such user")}))
    second = outcome(MailAnswer(451, "later", (), {BOB: (451, "later")}), first.progress)
    assert second.kind is Class.RETRY
    assert recipients(second.progress) == (BOB,)
    third = outcome(MailAnswer(250, "ok", (BOB,)), second.progress)
    assert third.kind is Class.OK
    assert third.reason == f"2 recipients served, 1 recipient refused: {CAT} (550 no such user)"


def test_a_last_recipient_refused_for_good_leaves_the_others_delivered() -> None:
    first = outcome(MailAnswer(250, "ok", (ANN, CAT), {BOB: (450, "greylisted")}))
    second = outcome(MailAnswer(550, "no", (), {BOB: (550, "no such user")}), first.progress)
    assert second.kind is Class.OK
    assert BOB in second.reason


def test_all_refused_for_good_is_a_failure() -> None:
    refused = dict.fromkeys((ANN, BOB, CAT), (550, "no such user"))
    found = outcome(MailAnswer(550, "no such user", (), refused))
    assert (found.kind, found.status) == (Class.REJECTED, 550)
    assert all(who in found.reason for who in (ANN, BOB, CAT))


def test_all_refused_for_want_of_a_login_is_about_our_credentials() -> None:
    refused = dict.fromkeys((ANN, BOB, CAT), (530, "authentication required"))
    assert outcome(MailAnswer(530, "authentication required", (), refused)).kind is Class.AUTH


MESSAGE_ANSWERS = [
    (421, Class.RETRY),
    (451, Class.RETRY),
    (535, Class.AUTH),
    (552, Class.TOO_LARGE),
    (554, Class.REJECTED),
]


@pytest.mark.parametrize(("code", "kind"), MESSAGE_ANSWERS)
@pytest.mark.parametrize("refused", [{}, {CAT: (550, "no such user")}])
def test_an_answer_to_the_whole_message_is_read_by_its_code(
    code: int, kind: Class, refused: Mapping[str, tuple[int, str]]
) -> None:
    found = outcome(MailAnswer(code, "said", (), refused))
    assert (found.kind, found.status) == (kind, code)
    assert recipients(found.progress) == tuple(who for who in (ANN, BOB, CAT) if who not in refused)


def test_no_answer_forgets_nothing() -> None:
    found = outcome(NoAnswer("connection refused"), str(Progress(frozenset({ANN}))))
    assert (found.kind, found.progress) == (Class.RETRY, "")


@pytest.mark.parametrize("progress", ["", "no json", "[]", "null", '{"served": 1}', '{"served": [], "refused": []}'])
def test_progress_that_cannot_be_read_sends_to_everybody(progress: str) -> None:
    assert recipients(progress) == (ANN, BOB, CAT)


def test_a_replay_serves_those_who_were_refused_and_then_everybody() -> None:
    assert recipients(str(Progress(frozenset({ANN}), {BOB: "550", CAT: "550"}))) == (BOB, CAT)
    assert recipients(str(Progress(frozenset({ANN, BOB, CAT})))) == (ANN, BOB, CAT)


@given(text=st.text(), code=st.integers(200, 599))
def test_what_a_server_says_is_told_in_one_short_line(text: str, code: int) -> None:
    found = outcome(MailAnswer(code, text, (), dict.fromkeys((ANN, BOB, CAT), (code, text))))
    assert found.reason == one_line(found.reason)
    assert 0 < len(found.reason) <= 700
