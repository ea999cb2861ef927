"""The tables, and how an older file becomes a newer one. Both engines keep the same shape."""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Sequence
from types import MappingProxyType

from gateway.domain.delivery import State

APPLICATION_ID = 0x4F505847  # "OPXG"

CODES = MappingProxyType(
    {
        State.PENDING: 0,
        State.SENDING: 1,
        State.PARKED: 2,
        State.DELIVERED: 3,
        State.DEAD: 4,
        State.SUPERSEDED: 5,
        State.CANCELLED: 6,
    }
)
"""States as stored. Below 2 a delivery keeps its incident's place in the queue, below 3 it is unfinished; the partial
indexes say the same in numbers, because SQLite uses one only where the query repeats its condition literally."""

STATES = tuple(CODES)

_VERSION_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL,
    source TEXT NOT NULL,
    received_us INTEGER NOT NULL,
    key TEXT NOT NULL,
    environment TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    alert_type TEXT NOT NULL,
    severity TEXT NOT NULL,
    score REAL,
    rule TEXT NOT NULL,
    summary TEXT NOT NULL,
    held TEXT,
    routes TEXT NOT NULL,
    revision TEXT NOT NULL,
    body_size INTEGER NOT NULL
);
CREATE UNIQUE INDEX alert_digest ON alert (digest);
CREATE INDEX alert_received ON alert (received_us);
CREATE INDEX alert_held ON alert (id) WHERE held IS NOT NULL;
CREATE TABLE body (
    alert INTEGER PRIMARY KEY REFERENCES alert (id) ON DELETE CASCADE,
    bytes BLOB NOT NULL
);
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alert INTEGER NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    state INTEGER NOT NULL,
    head INTEGER NOT NULL,
    fresh INTEGER NOT NULL,
    supersede INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    token INTEGER NOT NULL,
    claimed_us INTEGER NOT NULL,
    lease_until_us INTEGER NOT NULL,
    first_us INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    finished_us INTEGER,
    shrink INTEGER NOT NULL DEFAULT 0,
    progress TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX delivery_alert ON delivery (alert, route);
CREATE INDEX delivery_state ON delivery (state, route, alert);
CREATE INDEX delivery_live ON delivery (route, key, head) WHERE state < 2;
CREATE INDEX delivery_fresh ON delivery (route) WHERE state = 0 AND head = 1 AND fresh = 1;
CREATE INDEX delivery_retry ON delivery (route, due_us) WHERE state = 0 AND head = 1 AND fresh = 0;
CREATE TABLE attempt (
    delivery INTEGER NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (delivery, n)
) WITHOUT ROWID;
CREATE TABLE route_state (
    route TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    cause TEXT NOT NULL,
    reason TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    failing_since_us INTEGER NOT NULL,
    hold_until_us INTEGER NOT NULL,
    probe_at_us INTEGER NOT NULL,
    probe_wait_s REAL NOT NULL,
    recovered_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    selection TEXT NOT NULL,
    stopped TEXT NOT NULL,
    last_alert INTEGER NOT NULL,
    at_alert INTEGER NOT NULL DEFAULT 0,
    at_route TEXT NOT NULL DEFAULT '',
    total INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL DEFAULT 0,
    created_us INTEGER NOT NULL,
    ended_us INTEGER,
    cancelled INTEGER NOT NULL DEFAULT 0
);
"""

_VERSION_2 = """
ALTER TABLE alert ADD COLUMN before BLOB;
ALTER TABLE alert ADD COLUMN decisions TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN remembers INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN cluster TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN hold TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN stands_in_for TEXT NOT NULL DEFAULT '';
CREATE INDEX delivery_cluster ON delivery (route, cluster, id) WHERE state = 0 AND cluster <> '';
CREATE INDEX delivery_hold ON delivery (hold) WHERE state = 0 AND hold <> '';
CREATE INDEX delivery_held ON delivery (key) WHERE state = 0 AND (hold <> '' OR cluster <> '');
CREATE INDEX delivery_parked ON delivery (route, key) WHERE state = 2;
CREATE INDEX delivery_stand_in ON delivery (alert) WHERE state = 0 AND stands_in_for <> '';
CREATE TABLE incident (
    key TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    environment TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    open INTEGER NOT NULL,
    digest BLOB NOT NULL,
    memory BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX incident_rule ON incident (source, environment, rule) WHERE open > 0;
CREATE INDEX incident_last ON incident (last_us);
CREATE TABLE change (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    alert INTEGER NOT NULL,
    reasons TEXT NOT NULL,
    words TEXT NOT NULL
);
CREATE INDEX change_key ON change (key, id);
CREATE TABLE told (
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,
    state BLOB NOT NULL,
    asked_us INTEGER,
    flaps TEXT NOT NULL DEFAULT '',
    known_digest BLOB,
    known BLOB,
    told_us INTEGER,
    told_alert INTEGER NOT NULL DEFAULT 0,
    reference TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (route, key)
) WITHOUT ROWID;
CREATE INDEX told_key ON told (key);
CREATE TABLE cluster (
    route TEXT NOT NULL,
    name TEXT NOT NULL,
    flushed_us INTEGER NOT NULL,
    PRIMARY KEY (route, name)
) WITHOUT ROWID;
CREATE TABLE silence (id TEXT PRIMARY KEY, value TEXT NOT NULL, expires_us INTEGER NOT NULL) WITHOUT ROWID;
"""

_VERSION_3 = """
CREATE TABLE approval (
    delivery INTEGER PRIMARY KEY REFERENCES delivery (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    asked_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    verdict TEXT NOT NULL DEFAULT '',
    decided_us INTEGER,
    who TEXT NOT NULL DEFAULT '',
    why TEXT NOT NULL DEFAULT ''
);
CREATE INDEX approval_waiting ON approval (expires_us, delivery) WHERE verdict = '';
CREATE INDEX approval_key ON approval (key) WHERE verdict = '';
CREATE TABLE remediation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery TEXT NOT NULL,
    alert TEXT NOT NULL,
    route TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    environment TEXT NOT NULL,
    rule TEXT NOT NULL,
    plan TEXT NOT NULL,
    dry_run INTEGER NOT NULL,
    agreed TEXT NOT NULL,
    asked_us INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 1,
    ended_us INTEGER,
    outcome TEXT NOT NULL DEFAULT '',
    result TEXT NOT NULL DEFAULT ''
);
CREATE INDEX remediation_delivery ON remediation (delivery, id);
CREATE INDEX remediation_hour ON remediation (route, dry_run, asked_us);
CREATE INDEX remediation_asked ON remediation (asked_us);
CREATE TABLE remediation_step (
    remediation INTEGER NOT NULL REFERENCES remediation (id) ON DELETE CASCADE,
    resource TEXT NOT NULL,
    word TEXT NOT NULL,
    said TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    undone_us INTEGER,
    undone_by TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (remediation, resource)
) WITHOUT ROWID;
CREATE TABLE resource_lock (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX resource_lock_holder ON resource_lock (holder);
CREATE INDEX resource_lock_until ON resource_lock (until_us);
"""

_VERSION_4 = """
ALTER TABLE approval ADD COLUMN plan_id TEXT NOT NULL DEFAULT '';
CREATE INDEX silence_over ON silence (expires_us, id);
CREATE TABLE decision (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery INTEGER NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    at_us INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    plan_id TEXT NOT NULL
);
CREATE INDEX decision_delivery ON decision (delivery, id);
INSERT INTO decision (delivery, at_us, verdict, who, why, plan_id)
    SELECT delivery, decided_us, verdict, who, why, '' FROM approval WHERE decided_us IS NOT NULL;
"""

MIGRATIONS = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
"""Script n brings a file from version n to n + 1. A published one is never edited: a change is a further script."""

TABLES = tuple(re.findall(r"^CREATE TABLE (\w+)", "".join(MIGRATIONS), re.MULTILINE))
"""Those of both engines, each after those that it refers to."""

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def version_of(db: sqlite3.Connection) -> int:
    row: tuple[int] = db.execute("PRAGMA user_version").fetchone()
    return row[0]


def migrate(db: sqlite3.Connection, scripts: Sequence[str] = MIGRATIONS) -> None:
    """Bring the file to the newest version, all of it or nothing."""
    version = version_of(db)
    if version == len(scripts):
        return
    db.execute("BEGIN IMMEDIATE")
    for script in scripts[version:]:
        _run_script(db, script)
    if not version:
        _christen(db)
    db.execute(f"PRAGMA user_version = {len(scripts)}")
    db.execute("COMMIT")


def _run_script(db: sqlite3.Connection, script: str) -> None:
    """`executescript` would commit first, and a half-made schema must not stay."""
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


def _christen(db: sqlite3.Connection) -> None:
    """A new file gets a random name: ids made from it never meet those of an earlier or another store."""
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    name = "".join(secrets.choice(BASE32) for _ in range(6))
    db.execute("INSERT INTO meta (name, value) VALUES ('store', ?)", (name,))
