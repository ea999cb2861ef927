"""Deliveries that a person has to approve: asked for, decided once, over when their time is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from typing import Any, NamedTuple

from gateway.domain.approval import APPROVAL_HOLD, ApprovalRow, DecisionRow, Ruling, Verdict
from gateway.queue.book import Book, storable
from gateway.queue.order import place
from gateway.queue.told import undelivered

_MOST_TEXT = 500
ASK = "INSERT INTO approval (delivery, key, asked_us, expires_us) VALUES (?, ?, ?, ?)"
# Nobody can decide it any more, or what was approved is not what would be done now: nobody has agreed to that. What
# has ended keeps its decision, whoever comes late.
_ASK_AGAIN = """
INSERT INTO approval (delivery, key, asked_us, expires_us) VALUES (?, ?, ?, ?)
ON CONFLICT (delivery) DO UPDATE SET asked_us = excluded.asked_us, expires_us = excluded.expires_us, verdict = '',
    decided_us = NULL, who = '', plan_id = '', why = CASE
    WHEN approval.verdict <> 'approved' THEN ''
    WHEN approval.plan_id = '' THEN 'asked again: it was approved by an older version, which did not keep what exactly'
    ELSE 'asked again: what ' || approval.who || ' approved has changed since' END
WHERE CASE approval.verdict WHEN '' THEN approval.expires_us <= excluded.asked_us
           WHEN 'approved' THEN approval.plan_id <> ? ELSE true END
      AND EXISTS (SELECT 1 FROM delivery WHERE delivery.id = approval.delivery AND delivery.state < 3)
RETURNING delivery
"""
_HOLD = "UPDATE delivery SET hold = ? WHERE id = ?"
_PLACE = "SELECT id, route, key, state, remembers FROM delivery WHERE alert = ? AND route = ?"
_ROWS = """
SELECT d.alert, d.route, p.key, a.environment, a.rule, a.severity, a.summary, p.asked_us, p.expires_us,
       CASE WHEN p.verdict <> '' THEN p.verdict WHEN d.state > 2 THEN 'withdrawn' ELSE 'waiting' END,
       p.decided_us, p.who, p.why, p.plan_id
FROM approval AS p JOIN delivery AS d ON d.id = p.delivery JOIN alert AS a ON a.id = d.alert
"""
WAITING = (
    _ROWS
    + """
WHERE p.verdict = '' AND (p.expires_us, p.delivery) > (?, ?) AND d.state < 3 ORDER BY p.expires_us, p.delivery LIMIT ?
"""
)
WAITING_OF = _ROWS + " WHERE p.verdict = '' AND p.key = ? AND d.state < 3 ORDER BY p.delivery LIMIT ?"
LATEST = _ROWS + " WHERE p.delivery > 0 ORDER BY p.delivery DESC LIMIT ?"
_ONE = _ROWS + " WHERE p.delivery = ?"
_DECIDE = """
UPDATE approval SET verdict = ?, decided_us = ?, who = ?, why = ?, plan_id = ? WHERE delivery = ? AND verdict = ''
"""
_REMEMBER = "INSERT INTO decision (delivery, at_us, verdict, who, why, plan_id) VALUES (?, ?, ?, ?, ?, ?)"
# What a gateway decided that is older than such rows.
_REMEMBER_OLDER = """
INSERT INTO decision (delivery, at_us, verdict, who, why, plan_id)
SELECT delivery, decided_us, verdict, who, why, plan_id FROM approval
WHERE delivery = ? AND plan_id = '' AND decided_us IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM decision WHERE decision.delivery = approval.delivery AND at_us = decided_us)
"""
DECISIONS = "SELECT at_us, verdict, who, why, plan_id FROM decision WHERE delivery = ? ORDER BY id"
_EXPIRES = "SELECT expires_us FROM approval WHERE delivery = ?"
_GO = """
UPDATE delivery SET state = 0, head = ?, fresh = 0, due_us = ?, attempts = 0, first_us = 0, hold = '', reason = ?
WHERE id = ?
"""
_END = "UPDATE delivery SET state = 6, head = 0, finished_us = ?, reason = ? WHERE id = ?"
OVERDUE = """
SELECT d.alert, d.route FROM approval AS p
JOIN delivery AS d ON d.id = p.delivery WHERE p.verdict = '' AND p.expires_us <= ? ORDER BY p.expires_us LIMIT 200
"""
OF_INCIDENT = """
SELECT d.id, d.head, d.alert, d.route FROM approval AS p JOIN delivery AS d ON d.id = p.delivery
WHERE p.key = ? AND p.verdict = '' AND d.state = 2
"""
IS_WAITING = "SELECT 1 FROM approval WHERE delivery = ? AND verdict = ''"
_SENDING, _PARKED = 1, 2


class Request(NamedTuple):
    """For one delivery, until that time, to do that."""

    delivery_id: str
    expires_us: int
    plan_id: str


def ask(book: Book, requests: Sequence[Request]) -> list[ApprovalRow | None]:
    """How it stands with each, asking where nobody is asked; None for a delivery that does not exist."""
    return [_ask(book, request) for request in requests]


def _ask(book: Book, request: Request) -> ApprovalRow | None:
    at = book.delivery_place(request.delivery_id)
    found = book.db.execute(_PLACE, at).fetchone() if at else None
    if found is None:
        return None
    row, _, key, *_ = found
    values = (row, key, book.now_us(), request.expires_us, request.plan_id)
    book.db.execute(_REMEMBER_OLDER, (row,))
    if book.db.execute(_ASK_AGAIN, values).fetchone():
        book.db.execute(_HOLD, (APPROVAL_HOLD, row))
    return _for_plan(request.plan_id, _row(book, book.db.execute(_ONE, (row,)).fetchone()))


def _for_plan(plan_id: str, row: ApprovalRow) -> ApprovalRow:
    """What ended as another plan keeps that approval, and whoever asks now has none."""
    if row.verdict is Verdict.APPROVED and row.plan_id != plan_id:
        return replace(row, verdict=Verdict.WITHDRAWN)
    return row


def rule(book: Book, rulings: Sequence[Ruling]) -> list[tuple[str, ...]]:
    """The deliveries that each ruling decided: those that waited for one."""
    return [tuple(name for name in ruling.delivery_ids if _rule(book, name, ruling)) for ruling in rulings]


def _rule(book: Book, name: str, ruling: Ruling) -> bool:
    at = book.delivery_place(name)
    found = book.db.execute(_PLACE + book.for_update, at).fetchone() if at else None
    if found is None or found[3] != _PARKED:
        return False
    row, route, key, *_ = found
    now_us, who, why = book.now_us(), storable(ruling.who[:_MOST_TEXT]), storable(ruling.why[:_MOST_TEXT])
    (expires_us,) = book.db.execute(_EXPIRES, (row,)).fetchone() or (0,)
    decision = DecisionRow(now_us, ruling.verdict, who, why, ruling.plan_ids.get(name, ""))
    if expires_us <= now_us or not _decide(book, row, decision):
        return False
    reason = f"{ruling.verdict} by {who}" + (f": {why}" if why else "")
    if ruling.verdict is Verdict.APPROVED:
        book.db.execute(_GO, (int(place(book, row, (route, key))), now_us, reason, row))
    else:
        book.db.execute(_END, (now_us, reason, row))
    return True


def overdue(book: Book) -> tuple[str, ...]:
    """Whose time is over, some at a time."""
    return tuple(book.delivery_name(*row) for row in book.db.execute(OVERDUE, (book.now_us(),)).fetchall())


def expire(book: Book, asked: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Requests whose time is over: their deliveries end, and what comes next is asked for anew; those that ended."""
    return [tuple(name for name in names if _expire(book, name)) for names in asked]


def _expire(book: Book, name: str) -> bool:
    at, now_us = book.delivery_place(name), book.now_us()
    found = book.db.execute(_PLACE + book.for_update, at).fetchone() if at else None
    if found is None:
        return False
    row, route, key, state, remembers = found
    if state == _SENDING:
        return False  # its attempt is about to park it, and what is parked needs a request that can end
    (expires_us,) = book.db.execute(_EXPIRES, (row,)).fetchone() or (now_us + 1,)
    verdict = Verdict.WITHDRAWN if state > _PARKED else Verdict.EXPIRED
    if expires_us > now_us or not _decide(book, row, DecisionRow(now_us, verdict, "", "", "")):
        return False
    if state != _PARKED:
        return False
    book.db.execute(_END, (now_us, "nobody approved it in time", row))
    undelivered(book, [(route, key)] if remembers else [])
    return True


def _decide(book: Book, row: int, decision: DecisionRow) -> bool:
    """Whether it was undecided. A request that is made anew later takes nothing of what was decided before."""
    at_us, verdict, who, why, plan_id = astuple(decision)
    if not book.db.execute(_DECIDE, (verdict, at_us, who, why, plan_id, row)).rowcount:
        return False
    book.db.execute(_REMEMBER, (row, at_us, verdict, who, why, plan_id))
    return True


def is_waiting(book: Book, row: int) -> bool:
    return book.db.execute(IS_WAITING, (row,)).fetchone() is not None


def listed(book: Book, key: str, *, decided: bool, limit: int, after: ApprovalRow | None) -> tuple[ApprovalRow, ...]:
    """Those that wait, of an incident where a key is given, first those that expire first; or with `decided` all, the
    youngest first. `after`: the last one of the page before, of all that wait.
    """
    if decided:
        return tuple(_rows(book, book.db.execute(LATEST, (limit,)).fetchall(), key))
    if key:
        return tuple(_rows(book, book.db.execute(WAITING_OF, (key, limit)).fetchall()))
    last = (after.expires_us, _id(book, after.delivery) or 0) if after else (0, 0)
    return tuple(_rows(book, book.db.execute(WAITING, (*last, limit)).fetchall()))


def one(book: Book, delivery_id: str) -> ApprovalRow | None:
    row = book.db.execute(_ONE, (_id(book, delivery_id),)).fetchone()
    return _row(book, row) if row else None


def decisions(book: Book, delivery_id: str) -> tuple[DecisionRow, ...]:
    """All of one delivery, the oldest first."""
    found = book.db.execute(DECISIONS, (_id(book, delivery_id),)).fetchall()
    return tuple(DecisionRow(at_us, Verdict(verdict), *rest) for at_us, verdict, *rest in found)


def _id(book: Book, delivery_id: str) -> int | None:
    at = book.delivery_place(delivery_id)
    found = book.db.execute(_PLACE, at).fetchone() if at else None
    return int(found[0]) if found else None


def _rows(book: Book, rows: Sequence[tuple[Any, ...]], key: str = "") -> Iterator[ApprovalRow]:
    for row in rows:
        if not key or row[2] == key:
            yield _row(book, row)


def _row(book: Book, row: tuple[Any, ...]) -> ApprovalRow:
    alert, route, *texts, verdict, decided_us, who, why, plan_id = row
    values = (route, *texts, Verdict(verdict), decided_us, who, why, plan_id)
    return ApprovalRow(book.delivery_name(alert, route), book.alert_name(alert), *values)
