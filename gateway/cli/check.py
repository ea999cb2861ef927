from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.cli.configuration import AsJson, EnvFiles, load
from gateway.cli.output import as_json, counted, heading, line
from gateway.cli.words import attempts_in_words, backlog_in_words, pace_in_words, rate_as_written, waits_in_words
from gateway.domain.alert import JSON

if TYPE_CHECKING:
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
    line(f"database   {settings.database_file}")
    credentials = settings.credentials()
    for name, source in configuration.sources.items():
        values = counted(len(credentials[name].auth_values), "accepted value")
        admitted = "anyone" if source.open_to_all else f"header {source.header} with {values}"
        line(f"source     {name}: {admitted}")


def _print_route(route: ConfiguredRoute) -> None:
    heading(f"\nroute {route.name} -> {route.kind} ({route.origin})")
    if not route.policy.enabled:
        line("    disabled: its alerts are stored and wait")
    line(f"    takes    {route.filter.describe()}")
    line(f"    tries    {attempts_in_words(route.policy)}")
    line(f"    again    {waits_in_words(route.policy)}")
    line(f"    pace     {pace_in_words(route.policy)}")
    line(f"    backlog  {backlog_in_words(route.policy)}")


def _document(configuration: Configuration) -> dict[str, JSON]:
    settings = configuration.gateway
    credentials = settings.credentials()
    return {
        "listen": str(settings.listen),
        "tls": settings.tls_cert is not None,
        "ops_listen": str(settings.ops_listen) if settings.ops_listen else None,
        "database": str(settings.database_file),
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
    policy = route.policy
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
    }
