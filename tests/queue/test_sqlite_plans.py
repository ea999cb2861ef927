from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from gateway.domain.delivery import State
from gateway.domain.query import IncidentSelection, Selection
from gateway.queue import (
    approvals,
    claims,
    clusters,
    holds,
    incidents,
    ingest,
    inhibitions,
    listing,
    order,
    remediations,
    remembered,
    retention,
    routes,
    stand_ins,
    told,
)
from gateway.queue.book import for_rows
from gateway.queue.choosing import slices
from gateway.queue.listing import DELIVERY, ORDER
from gateway.queue.opening import SqliteBook
from gateway.queue.schema import migrate
from tests.queue.store_world import FakeClock

HOT = {
    "put: is it known": for_rows(ingest.KNOWN, 4),
    "put: is the incident busy": for_rows(order.OCCUPIED, 4),
    "claim: fresh": claims.FRESH,
    "claim: retries": claims.RETRIES,
    "claim: next retry": claims.NEXT_RETRY,
    "claim: take": claims.TAKE,
    "claim: read": for_rows(claims.TAKEN, 4),
    "hasten": claims.HASTEN,
    "record": for_rows(claims.RECORD, 4),
    "record: promote": for_rows(order.PROMOTE, 4),
    "record: waiting": order.WAITING,
    "supersede": order.SUPERSEDE,
    "replay: head": order.HEAD,
    "sending": claims.SENDING,
    "sending: lost": for_rows(claims.SENT_FOR, 4),
    "sending: out of time": claims.OUT_OF_TIME,
    "renew": for_rows(claims.RENEW, 4),
    "purge": retention.OLD,
    "routes": routes.ROUTES_IN_STATE,
    "put: incidents": for_rows(incidents.RECALL, 4),
    "put: memory": incidents.MEMORY,
    "put: what was told": for_rows(told.RECALL, 4),
    "put: the state told": told.STATE,
    "put: group": clusters.WAITING,
    "put: untried": order.UNTRIED,
    "put: tried": order.TRIED,
    "put: parked": order.PARKED,
    "put: held": holds.HELD,
    "put: wider findings": inhibitions.FINDINGS,
    "put: wider rules": inhibitions.RULES,
    "claim: others of the group": clusters.OTHERS,
    "claim: members": clusters.MEMBERS,
    "claim: later states": clusters.LATER,
    "record: stand-ins": for_rows(stand_ins.STANDING_IN, 4),
    "record: reserves": stand_ins.RESERVES,
    "silence: release": holds.RELEASE,
    "start: anything held": holds.HELD_BY_WINDOW,
    "start: hours that are over": holds.END_WINDOW,
    "purge: incidents": retention.OLD_INCIDENTS,
    "alert: decisions": listing.DECIDED,
    "incident": remembered.INCIDENT,
    "approvals: waiting": approvals.WAITING,
    "approvals: of an incident": approvals.WAITING_OF,
    "approvals: the latest": approvals.LATEST,
    "approvals: overdue": approvals.OVERDUE,
    "put: approvals of an incident": approvals.OF_INCIDENT,
    "replay: approval": approvals.IS_WAITING,
    "work: locked": remediations.LOCKED,
    "work: unlock": remediations.UNLOCK,
    "work: unended": remediations.UNENDED,
    "work: spent": remediations.SPENT,
    "work: latest": remediations.LATEST,
    "work: steps": remediations.STEPS,
    "purge: works": remediations.OLD,
    "incident: changes": remembered.CHANGES,
    "incident: told": remembered.TOLD,
}
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
    plan = _plan(book, HOT[name])
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
