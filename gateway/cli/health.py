from __future__ import annotations

from gateway.cli.client import Ops, Url, call
from gateway.cli.configuration import EnvFiles, load
from gateway.cli.output import fail, line


def health(*, env_file: EnvFiles = None, url: Url = None) -> None:
    """Ask the gateway in this container whether it makes progress: exit 0 if so. For health checks."""
    ops = Ops.of(load(env_file, need_sources=False).gateway, url)
    reply = call("GET", f"{ops.url}/healthz")
    if not reply.ok:
        raise fail(f"unhealthy: {reply.status} {reply.text.strip()[:200]}")
    line("healthy")
