from __future__ import annotations

from collections.abc import Mapping

from gateway.domain.alert import Alert, Resource
from gateway.domain.delivery import NewAlert, NewDelivery
from gateway.domain.incident import decode
from gateway.domain.severity import Severity
from gateway.domain.snapshot import OPEN, Snapshot
from gateway.domain.snapshot import decode as decode_state
from gateway.domain.telling import NO_RULES, Told
from gateway.queue.book import Book

RULES = "SELECT DISTINCT rule FROM incident WHERE source = ? AND environment = ? AND open > 0"
FINDINGS = """
SELECT incident.key, memory, told.state FROM incident
    LEFT JOIN told ON told.route = ? AND told.key = incident.key AND told.asked_us IS NOT NULL
WHERE source = ? AND environment = ? AND rule = ? AND open > 0 LIMIT 500
"""


def inhibited(book: Book, alert: NewAlert, delivery: NewDelivery, told: Mapping[tuple[str, str], Told]) -> str:
    """Why wider findings mute this one on its route; "" when they do not: those of which its receiver was told, or
    will be. `told`: what is not on paper yet.
    """
    inhibitor = delivery.terms.inhibitor if delivery.terms else NO_RULES
    if not inhibitor or alert.state is None or not inhibitor.dominated_by(alert.rule):
        return ""
    place = (alert.source, alert.environment)
    wider = [rule for (rule,) in book.db.execute(RULES, place) if inhibitor.mutes(rule, alert.rule)]
    found: dict[str, set[str]] = {rule: set() for rule in wider}
    for rule in wider:
        for key, memory, packed in book.db.execute(FINDINGS, (delivery.route, *place, rule)):
            if known := _known(told.get((delivery.route, key)), packed):
                found[rule].update(_open(decode(memory).snapshot) & _open(known))
    resources = tuple(Resource(info, "OPEN") for info in sorted(_open(alert.state.snapshot)))
    finding = Alert("", "", "", "", "", Severity.UNKNOWN, rule=alert.rule, resources=resources)
    inhibition = inhibitor.decide(finding, found)
    return inhibition.reason if inhibition.inhibited else ""


def _known(told: Told | None, packed: bytes | None) -> Snapshot | None:
    """The state that the receiver knows of; None when there is none."""
    if told is not None:
        return told.state.snapshot if told.asked_us is not None else None
    return None if packed is None else decode_state(packed)


def _open(snapshot: Snapshot) -> set[str]:
    return {info for info, state in snapshot.resources if state == OPEN}
