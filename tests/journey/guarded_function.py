"""Functions behind guards, the gateways that call them, and what both say of that afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.journey.journey_world import Client, a_gateway, a_route, environment
from tests.journey.lambda_function import Function
from tests.journey.lambda_world import Lambda
from tests.journey.s3_world import Door
from tests.outbound.aws_world import ACCOUNT, keys

RULES = ("AR-251", "AR-252", "AR-267", "AR-268")


@dataclass
class World:
    """`closes` reads the vendor's event, `behind_api` a request through API Gateway, `broken` cannot be loaded."""

    door: Door
    service: Lambda
    closes: Function
    behind_api: Function
    broken: Function

    @asynccontextmanager
    async def gateway(self, folder: Path, **more: str) -> AsyncIterator[Client]:
        async with a_gateway(environment(folder, **self.route(**more))) as (_, client):
            yield client

    def route(self, name: str = "fix", **more: str) -> dict[str, str]:
        called = {"FUNCTION": self.closes.arn, "INVOCATION": "request-response", **keys(self.service.url)}
        guards = {"REMEDIATION": "true", "ENVIRONMENTS": ACCOUNT, "RULES": ",".join(RULES), "DRY_RUN": "false"}
        return a_route(name, "lambda", **(called | guards | more))


async def only_entry(client: Client) -> dict[str, Any]:
    """What the audit trail says of the only thing that was asked for."""
    (found,) = (await client.get("/api/v1/remediations"))["remediations"]
    assert isinstance(found, dict)
    return found


def asked_for(function: Function) -> list[tuple[str, str]]:
    """By which delivery, each time: as the request says, and as the function is told."""
    told = [call.custom["delivery_id"] for call in function.calls]
    return list(zip([headers["Idempotency-Key"] for headers in function.requests], told, strict=True))
