from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.client import Reply, Url, call, reachable
from gateway.cli.configuration import AsJson, EnvFiles, load_settings
from gateway.cli.output import as_json, line, unknown
from gateway.cli.payload import PayloadFile, read_payload

if TYPE_CHECKING:
    from gateway.settings.gateway import GatewaySettings

_ELSEWHERE = "Webhooks arrive at GATEWAY_LISTEN; what answers there is the ops listener, or no gateway. See --url."
_REMEDIES = {
    401: "Are GATEWAY_AUTH_HEADER and GATEWAY_AUTH_VALUES those of the running gateway, and does it know the source?",
    404: _ELSEWHERE,
    405: _ELSEWHERE,
    413: "GATEWAY_MAX_BODY of the running gateway is the limit.",
}


def send(
    file: PayloadFile = None,
    *,
    source: Annotated[str, typer.Option(metavar="NAME", help="The source to send through.")] = "optix",
    env_file: EnvFiles = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Post a payload to a running gateway, as Cloud Optix would.

    With the configured credentials; the answer is printed.
    """
    settings = load_settings(env_file)
    headers = {"Content-Type": "application/json", **_credentials(settings, source)}
    base = url or reachable(settings.listen, "GATEWAY_LISTEN", tls=settings.tls_cert is not None)
    reply = call("POST", f"{base.rstrip('/')}/webhooks/{source}", headers=headers, body=read_payload(file))
    if json_:
        as_json({"status": reply.status, "answer": reply.body})
    else:
        _print(reply)
    if not reply.ok:
        raise typer.Exit(1)


def _credentials(settings: GatewaySettings, source: str) -> dict[str, str]:
    known = settings.credentials()
    if source not in known:
        raise unknown("source", source, tuple(known))
    found = known[source]
    if not found.auth_header or not found.auth_values:
        return {}
    return {found.auth_header: found.auth_values[0].get_secret_value()}


def _print(reply: Reply) -> None:
    line(f"{reply.status} {reply.excerpt}")
    if reply.status in _REMEDIES:
        line(_REMEDIES[reply.status], error=True)
