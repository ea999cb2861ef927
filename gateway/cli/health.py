from __future__ import annotations

import typer

from gateway.cli.client import Reply, Url, call, reachable
from gateway.cli.configuration import EnvFiles, load_settings
from gateway.cli.output import line


def health(*, env_file: EnvFiles = None, url: Url = None) -> None:
    """Ask a running gateway whether it makes progress.

    Exit code 0 if it does: for the health checks of containers.
    """
    settings = load_settings(env_file)
    if url is None and settings.ops_listen:
        url = reachable(settings.ops_listen, "GATEWAY_OPS_LISTEN")
    if url:
        reply = call("GET", f"{url.rstrip('/')}/healthz")
        _judge(reply, healthy=reply.ok)
        return
    # Without an ops listener, the webhook listener tells at least that it answers: it refuses every GET.
    base = reachable(settings.listen, "GATEWAY_LISTEN", tls=settings.tls_cert is not None)
    reply = call("GET", f"{base}/webhooks/optix")
    _judge(reply, healthy=reply.status == 405)


def _judge(reply: Reply, *, healthy: bool) -> None:
    if not healthy:
        line(f"unhealthy: {reply.status} {reply.excerpt}", error=True)
        raise typer.Exit(1)
    line("healthy")
