from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

from gateway import samples

HEADER, SECRET = "X-Optix-Auth", "planted-credential-77aa"
HOOK_TOKEN = "planted-hook-token-31f8"


@dataclass(slots=True)
class Receiver:
    """An HTTP server that keeps what it gets and answers as it is told."""

    url: str = ""
    status: int = 200
    says: str = "thank you"
    bodies: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class World:
    """A gateway that runs: `env` are its settings as commands need them."""

    env: dict[str, str]
    receiver: Receiver

    def accept(self, alert_id: str = "A-000001", **payload: str) -> str:
        """Have an alert stored; the gateway's id of it."""
        event = json.loads(samples.load(samples.DOCUMENTED))
        event["payloadData"] |= {"alertId": alert_id, **payload}
        url = f"http://{self.env['GATEWAY_LISTEN']}/webhooks/optix"
        request = Request(url, json.dumps(event).encode(), {HEADER: SECRET})
        with urlopen(request, timeout=20) as answer:  # noqa: S310 - the URL is ours
            return str(json.load(answer)["id"])


def basic_environment(folder: Path, receiver: Receiver) -> dict[str, str]:
    routes = folder / "routes"
    routes.mkdir(exist_ok=True)
    hook = f"DESTINATION=webhook\nURL={receiver.url}\nHEADERS=Authorization: Bearer {HOOK_TOKEN}\nRETRY_FOR=0s\n"
    (routes / "all.env").write_text(hook)
    (routes / "critical.env").write_text(hook + "MIN_SEVERITY=critical\n")
    return {
        "GATEWAY_LISTEN": "127.0.0.1:0",
        "GATEWAY_OPS_LISTEN": "127.0.0.1:0",
        "GATEWAY_DATABASE": f"sqlite:///{folder / 'gateway.db'}",
        "GATEWAY_DISK_RESERVE": "0",
        "GATEWAY_AUTH_HEADER": HEADER,
        "GATEWAY_AUTH_VALUES": SECRET,
        "GATEWAY_ROUTES_DIR": str(routes),
    }
