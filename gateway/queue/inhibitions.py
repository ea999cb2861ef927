from __future__ import annotations

from gateway.domain.alert import Alert, Resource
from gateway.domain.delivery import NewAlert
from gateway.domain.incident import decode
from gateway.domain.severity import Severity
from gateway.domain.snapshot import OPEN, Snapshot
from gateway.domain.telling import Terms
from gateway.queue.book import Book

RULES = "SELECT DISTINCT rule FROM incident WHERE source = ? AND environment = ? AND open > 0"
FINDINGS = """
SELECT memory FROM incident WHERE source = ? AND environment = ? AND rule = ? AND open > 0 LIMIT 500
"""


def inhibited(book: Book, alert: NewAlert, terms: Terms) -> str:
    """Why wider findings mute this one on a route with such terms; "" when they do not."""
    inhibitor = terms.inhibitor
    if not inhibitor or alert.state is None or not inhibitor.dominated_by(alert.rule):
        return ""
    place = (alert.source, alert.environment)
    wider = [rule for (rule,) in book.db.execute(RULES, place) if inhibitor.mutes(rule, alert.rule)]
    found: dict[str, set[str]] = {rule: set() for rule in wider}
    for rule in wider:
        for (memory,) in book.db.execute(FINDINGS, (*place, rule)):
            found[rule].update(_open(decode(memory).snapshot))
    resources = tuple(Resource(info, "OPEN") for info in _open(alert.state.snapshot))
    finding = Alert("", "", "", "", "", Severity.UNKNOWN, rule=alert.rule, resources=resources)
    inhibition = inhibitor.decide(finding, found)
    return inhibition.reason if inhibition.inhibited else ""


def _open(snapshot: Snapshot) -> list[str]:
    return [info for info, state in snapshot.resources if state == OPEN]
