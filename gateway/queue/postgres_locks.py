"""What a transaction locks before it reads anything: several replicas write at once.

Everything that decides about the deliveries of an incident has the incident's lock, so that for one incident all is as
if there were one writer: the statements need not know of others, and rows are numbered in the order in which they are
committed. A transaction takes all its locks at its beginning and in one order, so nobody waits for each other. Claims
take none: they pass over rows that somebody holds, and whoever changes a row that may be claimed locks it first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gateway.domain.delivery import Claim, NewAlert, Result
from gateway.queue import approvals, changes, handing_back, ingest, jobs, leases, remediations, results, retention
from gateway.queue.book import Book
from gateway.queue.transaction import Call

LOCK = """
SELECT count(pg_advisory_xact_lock(name)), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM (
    SELECT DISTINCT name FROM (
        SELECT hashtextextended(unnest($1::text[]), 20312)
        UNION ALL SELECT hashtextextended(key, 20312) FROM delivery WHERE id = ANY($2::bigint[]) AND key <> ''
        UNION ALL SELECT hashtextextended(key, 20312) FROM delivery WHERE alert = ANY($3::bigint[]) AND key <> ''
    ) AS wanted (name) ORDER BY name OFFSET 0) AS sorted
"""
TRY_GROUPS = """
SELECT cluster FROM (
    SELECT DISTINCT cluster FROM delivery WHERE route = $1 AND state = 0 AND cluster <> '' AND head = 1
        AND (fresh = 1 OR due_us <= $2) LIMIT 100) AS due
WHERE pg_try_advisory_xact_lock(hashtextextended('group ' || $1 || ' ' || cluster, 20312))
"""


@dataclass(slots=True)
class Wanted:
    """`names`: incident keys, and what else has a name. `rows`: of deliveries whose incidents are meant. `alerts`: rows
    of alerts, the same.
    """

    names: set[str] = field(default_factory=set)
    rows: set[int] = field(default_factory=set)
    alerts: set[int] = field(default_factory=set)

    @property
    def values(self) -> tuple[list[str], list[int], list[int]]:
        return [name.replace("\0", "\ufffd") for name in self.names], list(self.rows), list(self.alerts)


def wanted(book: Book, calls: Iterable[Call]) -> Wanted:
    """The locks of all these calls together."""
    found = Wanted()
    for call in calls:
        if add := _ADD.get(call.work):
            add(found, book, call.argument)
    return found


def _alert(found: Wanted, alert: NewAlert) -> None:
    found.names.add(alert.key or alert.digest.hex())
    found.names.update(f"group {d.route} {d.group}" for d in alert.deliveries if d.group)


def _arrival(found: Wanted, _: Book, arrival: ingest.Arrival) -> None:
    _alert(found, arrival.alert)


def _rereading(found: Wanted, book: Book, rereading: ingest.Rereading) -> None:
    _alert(found, rereading.alert)
    found.alerts.update(row for row in [book.alert_row(rereading.alert_id)] if row)


def _result(found: Wanted, _: Book, result: Result) -> None:
    found.rows.update((result.row, *(member.row for member in result.members)))


def _claims(found: Wanted, _: Book, handed_back: Sequence[Claim]) -> None:
    for claim in handed_back:
        found.rows.update((claim.row, *(member.row for member in claim.members)))


def _put_off(found: Wanted, book: Book, asked: tuple[Claim, object]) -> None:
    _claims(found, book, [asked[0]])


def _resources(found: Wanted, _: Book, __: object) -> None:
    """Who may change what is decided by all that is being changed."""
    found.names.add("resources")


def _lost(found: Wanted, _: Book, lost: leases.Lost) -> None:
    found.rows.update(lost.rows)


def _names(found: Wanted, book: Book, names: Sequence[str]) -> None:
    found.alerts.update(place[0] for place in map(book.delivery_place, names) if place)


def _slice(found: Wanted, _: Book, chosen: jobs.Slice) -> None:
    found.alerts.update(alert for alert, _ in chosen.places)


def _old(found: Wanted, _: Book, moments: Sequence[retention.Moment]) -> None:
    found.alerts.update(row for _, row in moments)


def _incidents(found: Wanted, _: Book, asked: retention.Forgotten) -> None:
    found.names.update(asked.keys)


_ADD: MappingProxyType[Callable[..., Any], Callable[[Wanted, Book, Any], None]] = MappingProxyType(
    {
        ingest.put: _arrival,
        ingest.readmit: _rereading,
        results.record: _result,
        handing_back.release: _claims,
        handing_back.put_off: _put_off,
        leases.interrupt: _lost,
        changes.replay: _names,
        changes.cancel: _names,
        jobs.carry_out: _slice,
        retention.delete: _old,
        retention.forget: _incidents,
        approvals.ask: lambda found, book, asked: _names(found, book, [asked.delivery_id]),
        approvals.expire: _names,
        approvals.rule: lambda found, book, ruling: _names(found, book, ruling.delivery_ids),
        remediations.begin: _resources,
        remediations.lock: _resources,
    }
)
