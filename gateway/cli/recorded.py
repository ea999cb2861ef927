"""What the running gateway recorded of an alert that came in: for each route, whether it was told and why."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.cli.client import Ops, rows_of
from gateway.cli.output import line, on_terminal, table
from gateway.domain.alert import JSON

_COLUMNS = ("route", "told", "state", "why")
_KEPT = (
    "id", "received_at", "source", "environment", "alert_id", "key", "alert_type", "severity", "score", "rule",
    "summary", "held", "change", "revision", "running_revision",
)  # fmt: skip


def recorded(ops: Ops, alert_id: str) -> dict[str, JSON]:
    """The alert without its body, and `routes`: one object for each, as `Account`."""
    found = ops.get("alerts", alert_id)
    routes: list[JSON] = [dict(account) for account in rows_of(found, "accounts")]
    return {name: found.get(name) for name in _KEPT} | {"routes": routes}


def routes_of(found: Mapping[str, JSON]) -> list[str]:
    return [str(account["route"]) for account in rows_of(found, "routes")]


def told_routes(found: Mapping[str, JSON]) -> set[str]:
    return {str(account["route"]) for account in rows_of(found, "routes") if account.get("told")}


def print_recorded(found: Mapping[str, JSON]) -> None:
    accounts = rows_of(found, "routes")
    if on_terminal():
        _print_alert(found)
    table(_COLUMNS, [_cells(account) for account in accounts])
    if found.get("held"):
        line(f"It could not be read as an alert, so no route was asked: {found['held']}.", error=True)
    elif not accounts:
        line("There is no route, and there was none.", error=True)
    elif not all(account.get("recorded") for account in accounts):
        line(_of_today(str(found.get("revision")), str(found.get("running_revision"))), error=True)


def _print_alert(found: Mapping[str, JSON]) -> None:
    change = found.get("change")
    line(f"{found.get('alert_id')}  {found.get('severity')}  {found.get('summary')}")
    line(f"came {found.get('received_at')} from {found.get('source')}, incident {found.get('key')}")
    if isinstance(change, dict):
        line(f"what it changed: {change.get('words')}")
    line()


def _cells(account: Mapping[str, JSON]) -> list[str]:
    """What is not recorded says that it is today's view."""
    reason, word = str(account.get("reason") or ""), str(account.get("word") or "")
    said = reason if word in ("told", "refused", "unrecorded") else ": ".join(filter(None, (word, reason)))
    why = said if account.get("recorded") else f"today: {said}"
    told = "told" if account.get("told") else "not told"
    return [str(account.get("route")), told, str(account.get("state") or ""), why]


def _of_today(decided: str, running: str) -> str:
    """Filters that refuse leave no record, so they are asked again."""
    if decided == running:
        return "What is not recorded is today's view, by the same configuration as when it came."
    return f"What is not recorded is today's view: the configuration {decided} decided, and {running} runs now."
