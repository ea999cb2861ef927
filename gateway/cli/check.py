from __future__ import annotations

from gateway.cli.configuration import AsJson, EnvFiles, load
from gateway.cli.output import as_json, line
from gateway.domain.alert import JSON
from gateway.domain.policy import Policy
from gateway.pipeline.configured import ConfiguredRoute
from gateway.settings.configuration import Configuration


def check(*, env_file: EnvFiles = None, json_: AsJson = False) -> None:
    """Read the whole configuration and say what it amounts to. Nothing is started."""
    configuration = load(env_file)
    if json_:
        as_json(_document(configuration))
        return
    settings = configuration.gateway
    line(f"webhooks   {'https' if settings.tls_cert else 'http'}://{settings.listen}/webhooks/<source>")
    line(f"operators  {f'http://{settings.ops_listen}' if settings.ops_listen else 'off'}")
    line(f"database   {settings.database_file}")
    for name, source in configuration.sources.items():
        how = (
            "open to all" if source.open_to_all else f"header {source.header}, {len(source.accepted)} accepted value(s)"
        )
        line(f"source     {name}: {how}")
    for route in configuration.routes:
        line(f"\nroute {route.name} -> {route.kind} ({route.origin})")
        line(f"    takes    {route.filter.describe()}")
        line(f"    tries    {retries_in_words(route.policy)}")
        line(f"    pace     {pace_in_words(route.policy)}")
        if not route.policy.enabled:
            line("    disabled: its alerts are stored and wait")
    for warning in configuration.warnings:
        line(f"\nwarning: {warning}")
    line(f"\nThe configuration is right. Revision {configuration.revision}.")


def retries_in_words(policy: Policy) -> str:
    """The schedule as real time: `10 attempts, after 5s, 35s, 5m35s, … 51h35m; none later than 72h`."""
    moments, at_s = [], 0.0
    for wait_s in policy.retry.schedule_s:
        at_s += wait_s
        if at_s > policy.retry.window_s:
            break
        moments.append(duration_in_words(at_s))
    attempts = f"{len(moments) + 1} attempt{'s' if moments else ''}"
    after = f", again after {', '.join(moments)}" if moments else ""
    return (
        f"{attempts} of at most {duration_in_words(policy.timeout_s)}{after}; "
        f"none starts later than {duration_in_words(policy.retry.window_s)}"
    )


def pace_in_words(policy: Policy) -> str:
    pace = f"{policy.pace.per_s:g} a second, {policy.pace.burst} at once" if policy.pace else "as fast as it answers"
    return f"{pace}; {policy.concurrency} at a time; after an outage {policy.backlog}"


def duration_in_words(seconds: float) -> str:
    """`90m`, `1h30m`, `250ms`: two units at most, in the form that settings take."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    left, parts = round(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])


def _document(configuration: Configuration) -> dict[str, JSON]:
    settings = configuration.gateway
    return {
        "listen": str(settings.listen),
        "ops_listen": str(settings.ops_listen) if settings.ops_listen else None,
        "database": str(settings.database_file),
        "sources": [
            {"name": name, "header": source.header, "values": len(source.accepted), "open_to_all": source.open_to_all}
            for name, source in configuration.sources.items()
        ],
        "routes": [_route(route) for route in configuration.routes],
        "warnings": list(configuration.warnings),
        "revision": configuration.revision,
    }


def _route(route: ConfiguredRoute) -> dict[str, JSON]:
    return {
        "name": route.name,
        "destination": route.kind,
        "origin": route.origin,
        "enabled": route.policy.enabled,
        "filter": route.filter.describe(),
        "retry_schedule_s": list(route.policy.retry.schedule_s),
        "retry_for_s": route.policy.retry.window_s,
        "timeout_s": route.policy.timeout_s,
        "concurrency": route.policy.concurrency,
        "rate_limit_per_s": route.policy.pace.per_s if route.policy.pace else None,
        "backlog": route.policy.backlog,
    }
