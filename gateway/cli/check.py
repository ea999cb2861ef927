from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.cli.configuration import AsJson, EnvFiles, load
from gateway.cli.output import as_json, counted, heading, line
from gateway.cli.words import (
    attempts_in_words,
    backlog_in_words,
    pace_in_words,
    pairs_as_written,
    rate_as_written,
    telling_in_words,
    waits_in_words,
)
from gateway.domain.alert import JSON
from gateway.domain.notify import written

if TYPE_CHECKING:
    from gateway.domain.chain import Chain
    from gateway.domain.grouping import Grouping
    from gateway.domain.remediation import Guard
    from gateway.pipeline.configured import ConfiguredRoute
    from gateway.settings.configuration import Configuration


def check(*, env_file: EnvFiles = None, json_: AsJson = False) -> None:
    """Read the whole configuration and say what it amounts to.

    Or say every mistake in it, with exit code 2. Nothing is started.
    """
    configuration = load(env_file)
    if json_:
        as_json(_document(configuration))
        return
    _print_gateway(configuration)
    for route in configuration.routes:
        _print_route(route)
    for warning in configuration.warnings:
        line(f"\nwarning: {warning}")
    routes = counted(len(configuration.routes), "route")
    line(f"\nNo mistakes: {routes}, revision {configuration.revision}.")


def _print_gateway(configuration: Configuration) -> None:
    settings = configuration.gateway
    scheme = "https" if settings.tls_cert else "http"
    line(f"webhooks   {scheme}://{settings.listen}/webhooks/<source>")
    line(
        f"operators  {f'http://{settings.ops_listen}' if settings.ops_listen else 'off (GATEWAY_OPS_LISTEN is empty)'}"
    )
    line(f"database   {settings.database}")
    credentials = settings.credentials()
    for name, source in configuration.sources.items():
        values = counted(len(credentials[name].auth_values), "accepted value")
        admitted = "anyone" if source.open_to_all else f"header {source.header} with {values}"
        line(f"source     {name}: {admitted}")


def _print_route(route: ConfiguredRoute) -> None:
    heading(f"\nroute {route.name} -> {route.kind} ({route.origin})")
    if not route.policy.enabled:
        line("    disabled: its alerts are stored and wait")
    _print_row("takes", route.filter.describe())
    for label, said in telling_in_words(route):
        _print_row(label, said)
    _print_row("tries", attempts_in_words(route.policy))
    _print_row("again", waits_in_words(route.policy))
    _print_row("pace", pace_in_words(route.policy))
    _print_row("backlog", backlog_in_words(route.policy))


def _print_row(label: str, said: str) -> None:
    line(f"    {label:<8} {said}")


def _document(configuration: Configuration) -> dict[str, JSON]:
    settings = configuration.gateway
    credentials = settings.credentials()
    return {
        "listen": str(settings.listen),
        "tls": settings.tls_cert is not None,
        "ops_listen": str(settings.ops_listen) if settings.ops_listen else None,
        "database": str(settings.database),
        "sources": [
            {
                "name": name,
                "header": source.header,
                "values": len(credentials[name].auth_values),
                "open_to_all": source.open_to_all,
            }
            for name, source in configuration.sources.items()
        ],
        "routes": [_route_document(route) for route in configuration.routes],
        "warnings": list(configuration.warnings),
        "revision": configuration.revision,
    }


def _route_document(route: ConfiguredRoute) -> dict[str, JSON]:
    policy, flap, schedule = route.policy, route.terms.flap, route.schedule
    return {
        "name": route.name,
        "destination": route.kind,
        "origin": route.origin,
        "enabled": policy.enabled,
        "filter": route.filter.describe(),
        "retry_schedule_s": list(policy.retry.schedule_s),
        "retry_for_s": policy.retry.window_s,
        "timeout_s": policy.timeout_s,
        "concurrency": policy.concurrency,
        "rate_limit": rate_as_written(policy.pace),
        "backlog": policy.backlog,
        "notify": written(route.terms.notify),
        "remind_after_s": _seconds(route.terms.remind_after_us),
        "group": _group_document(route.terms.grouping),
        "inhibit": list(pairs_as_written(route.terms.inhibitor)),
        "flap": {"max": flap.most, "window_s": _seconds(flap.window_us)} if flap else None,
        "active": schedule.active.describe() if schedule and schedule.active else None,
        "mute": schedule.mute.describe() if schedule and schedule.mute else None,
        "muted": route.when_muted.value if schedule else None,
        "when": route.when.text if route.when else None,
        "approval": _approval_document(route),
        "remediation": _guard_document(route.guard) if route.guard else None,
        **_chain_document(route.chain),
    }


def _guard_document(guard: Guard) -> JSON:
    return {"hourly": guard.hourly, "most_resources": guard.most_resources, "dry_run": guard.dry_run}


def _group_document(grouping: Grouping | None) -> JSON:
    if grouping is None:
        return None
    return {
        "by": list(grouping.by),
        "wait_s": _seconds(grouping.wait_us),
        "interval_s": _seconds(grouping.interval_us),
        "max": grouping.most,
        "bypass": grouping.bypass.value if grouping.bypass else None,
    }


def _approval_document(route: ConfiguredRoute) -> JSON:
    if route.approval is None:
        return None
    return {"expires_s": _seconds(route.approval.expires_us), "notify": route.approval.notify or None}


def _chain_document(chain: Chain) -> dict[str, JSON]:
    return {
        "catch_all": chain.catch_all,
        "stop": chain.stop,
        "order": chain.order,
        "fallback": chain.fallback or None,
        "fallback_after_s": _seconds(chain.fallback_after_us),
        "fallback_only": chain.fallback_only,
    }


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1_000_000
