from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.client import Url, call, reachable
from gateway.cli.configuration import AsJson, EnvFiles, load
from gateway.cli.output import as_json, fail, line
from gateway.cli.payload import PayloadFile, read_payload


def send(
    file: PayloadFile = None,
    *,
    env_file: EnvFiles = None,
    url: Url = None,
    source: Annotated[str, typer.Option(help="The source to send through.")] = "optix",
    json_: AsJson = False,
) -> None:
    """Post a payload to a running gateway with the configured credentials, as Cloud Optix would; print the answer."""
    settings = load(env_file, need_sources=False).gateway
    found = settings.credentials().get(source)
    if found is None:
        raise fail(f"There is no source {source!r}.", f"Known are {', '.join(settings.credentials())}.", code=2)
    headers = {"Content-Type": "application/json"}
    if found.auth_header and found.auth_values:
        headers[found.auth_header] = found.auth_values[0].get_secret_value()
    base = url or reachable(settings.listen, tls=settings.tls_cert is not None)
    reply = call("POST", f"{base.rstrip('/')}/webhooks/{source}", headers=headers, body=read_payload(file))
    if json_:
        as_json({"status": reply.status, "answer": reply.body})
    else:
        line(f"{reply.status} {reply.text.strip()}")
    if not reply.ok:
        raise typer.Exit(1)
