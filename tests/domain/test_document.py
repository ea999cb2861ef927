from __future__ import annotations

import json

from hypothesis import given

from gateway.domain.change import compare
from gateway.domain.change_wording import words
from gateway.domain.document import MOST_CHANGED, change_document
from gateway.domain.snapshot import Snapshot
from tests.domain.states import snapshot, snapshots


def test_a_change_is_said_in_full() -> None:
    before = snapshot(70, gone="OPEN", muted="OPEN", back="SUPPRESS", odd="OPEN")
    after = snapshot(95, muted="SUPPRESS", back="OPEN", odd="RESOLVED", new="OPEN")
    assert change_document(compare(before, after)) == {
        "reasons": ["grew", "shrank", "raised", "suppressed", "reopened", "changed"],
        "words": words(compare(before, after)),
        "came": [{"info": "new", "state": "open"}],
        "went": ["gone"],
        "suppressed": ["muted"],
        "reopened": ["back"],
        "restated": [{"info": "odd", "before": "open", "state": "resolved"}],
        "counts": {"came": 1, "went": 1, "suppressed": 1, "reopened": 1, "restated": 1},
        "score_before": 70,
        "score_after": 95,
        "open_before": 3,
        "open_now": 2,
    }


@given(before=snapshots, after=snapshots)
def test_every_key_is_always_there_and_all_is_json(before: Snapshot, after: Snapshot) -> None:
    empty = change_document(None)
    for change in (compare(before, after), compare(None, after), compare(after, after)):
        found = change_document(change)
        assert found.keys() == empty.keys()
        assert json.loads(json.dumps(found)) == found
        assert found["reasons"]
    assert (empty["reasons"], empty["words"]) == ([], "")


def test_a_list_holds_as_much_as_the_limit_and_no_more() -> None:
    for count in (MOST_CHANGED, MOST_CHANGED + 1):
        change = compare(None, snapshot(80, **{f"r{number:04}": "OPEN" for number in range(count)}))
        found = change_document(change)
        assert isinstance(found["came"], list)
        assert isinstance(found["counts"], dict)
        assert (len(found["came"]), found["counts"]["came"]) == (MOST_CHANGED, count)
