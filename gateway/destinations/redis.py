"""Redis streams: one entry for each message.

https://redis.io/docs/latest/commands/xadd/
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.destinations import Context, Destination
from gateway.destinations._broker import (
    PLACES,
    BrokerSettings,
    Pattern,
    broker_url,
    placed,
    publication,
    read_by,
)
from gateway.destinations._extra import needs
from gateway.domain.alert import Alert
from gateway.domain.message import Publication
from gateway.domain.outcome import OutcomeClass


def _checked(url: str) -> str:
    return broker_url(url, ("redis", "rediss"), path=r"/?|/\d{1,5}")


class RedisSettings(BrokerSettings):
    url: Annotated[str, AfterValidator(_checked)] = Field(
        description="redis://host:6379/0, or rediss:// for TLS; the path is the database"
    )
    stream: Pattern = Field("optix-alerts", min_length=1, max_length=512, description=f"key of the stream; {PLACES}")
    maxlen: Annotated[int, Field(ge=1)] | None = Field(
        None, description="about how many entries the stream keeps; all unless set"
    )


def _format(alert: Alert, context: Context, settings: RedisSettings) -> Publication:
    stream = placed(settings.stream, alert)
    message = publication("redis", settings.url, stream, alert, context, settings, prefix="")
    return replace(message, options=(("maxlen", str(settings.maxlen)),) if settings.maxlen else ())


CLASSES = {
    "NOAUTH": OutcomeClass.AUTH,
    "WRONGPASS": OutcomeClass.AUTH,
    "NOPERM": OutcomeClass.AUTH,
    "WRONGTYPE": OutcomeClass.GONE,
}
"""All else passes: OOM, LOADING, READONLY, MISCONF, CLUSTERDOWN, MOVED, NOREPLICAS."""

DESTINATION = Destination(
    summary="Redis: an entry in a stream for each message, acknowledged by its id",
    settings=RedisSettings,
    format=_format,
    read=read_by(CLASSES),
    verify=needs("redis", "redis"),
    backlog="all",
    can_shrink=True,
    limits={
        "body": "MAX_BYTES, 1 MiB unless set; FORMAT=original sends what was received",
        "fields": "id (the same in every attempt), content_type, key (of the incident), test, data",
        "repeats": "rare: drop entries whose id you have seen",
    },
    example=(
        "DESTINATION=redis\nURL=rediss://redis.example.com:6379/0\nUSERNAME=optix\nPASSWORD=change-me\n"
        "FORMAT=alert\nSTREAM=optix-alerts\nMAXLEN=100000\n"
    ),
)
