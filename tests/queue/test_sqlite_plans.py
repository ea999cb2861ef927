from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from gateway.domain.delivery import State
from gateway.domain.query import IncidentSelection, Selection
from gateway.queue import remembered
from gateway.queue.book import Rows, for_rows
from gateway.queue.choosing import slices
from gateway.queue.listing import DELIVERY, ORDER
from gateway.queue.opening import SqliteBook
from gateway.queue.schema import migrate
from tests.queue.hot_statements import HOT
from tests.queue.store_world import FakeClock

# Rows of the statement itself, of a recursion that has one row for each route, and of a group up to its limit.
SMALL_SCANS = {"SCAN asked", "SCAN result", "SCAN seen", "SCAN 4 CONSTANT ROWS", "SCAN last", "SCAN held"}


@pytest.fixture
def book(tmp_path: Path) -> SqliteBook:
    db = sqlite3.connect(tmp_path / "plans.db", isolation_level=None)
    migrate(db)
    return SqliteBook(db, FakeClock(), "aaaaaa")


def _plan(book: SqliteBook, statement: str) -> list[str]:
    numbered = [int(number) for number in re.findall(r"\?(\d)", statement)]
    values = [None] * (max(numbered) if numbered else statement.count("?"))
    return [row[3] for row in book.db.execute("EXPLAIN QUERY PLAN " + statement, values)]


@pytest.mark.parametrize("name", HOT)
def test_a_hot_statement_neither_scans_nor_sorts(book: SqliteBook, name: str) -> None:
    statement = HOT[name]
    plan = _plan(book, for_rows(statement, 4) if isinstance(statement, Rows) else statement)
    book.db.close()
    scans = [step for step in plan if step.startswith("SCAN") and step not in SMALL_SCANS]
    assert scans == []
    assert not [step for step in plan if "TEMP B-TREE" in step]


@pytest.mark.parametrize(
    ("selection", "index"),
    [
        (Selection(states=(State.DEAD,), routes=("a",)), "delivery_state (state=? AND route=? AND alert>"),
        (Selection(routes=("a",)), "delivery_state (state=? AND route=? AND alert>"),
        (Selection(alert="aaaaaa-1"), "delivery_alert (alert=?"),
        (Selection(ids=("aaaaaa-1.a",)), "delivery_alert (alert=? AND route=?"),
        (Selection(since_us=1), "delivery_alert (alert>? AND alert<?"),
        (Selection(), "delivery_alert (alert>? AND alert<?"),
    ],
)
def test_a_list_reads_an_index_in_its_order(book: SqliteBook, selection: Selection, index: str) -> None:
    for part in slices(book, selection, frozenset()):
        statement = f"{DELIVERY} WHERE d.alert >= ? AND d.alert <= ?{part.text} {ORDER}"
        plan = _plan(book, statement)
        assert index in plan[0]
        assert not [step for step in plan if "FOR ORDER BY" in step and "LAST TERM" not in step]
    book.db.close()


@pytest.mark.parametrize(
    ("selection", "step"),
    [
        (IncidentSelection(), "SEARCH incident USING INDEX incident_last (last_us<?)"),
        (IncidentSelection(open=True), "SEARCH incident USING INDEX incident_last (last_us<?)"),
        (
            IncidentSelection(source="a", environment="e", rule="r"),
            "SEARCH incident USING INDEX incident_last (last_us<?)",
        ),
        (
            IncidentSelection(source="a", environment="e", rule="r", open=True),
            "SEARCH incident USING INDEX incident_last (last_us<?)",
        ),
        (IncidentSelection(key="k"), "SEARCH incident USING PRIMARY KEY (key=?)"),
    ],
)
def test_a_list_of_incidents_reads_an_index_in_its_order(
    book: SqliteBook, selection: IncidentSelection, step: str
) -> None:
    where = remembered.which(selection, (1, ""))
    plan = _plan(book, f"{remembered.INCIDENTS} WHERE {where.text} {remembered.ORDER} LIMIT ?")
    book.db.close()
    assert plan == [step]
