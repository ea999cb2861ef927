"""Standard output: one line of JSON for each alert, for platforms that gather what containers print.

The gateway's own log goes there too; its lines have `event` and `level`, an alert's have `delivery_id` (FORMAT=alert).
"""

from __future__ import annotations

from pydantic import Field

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._event import FORMATS, EventFormat, fitted_event
from gateway.destinations._http import as_json
from gateway.domain.alert import Alert
from gateway.domain.message import Line

# Container runtimes cut lines of more than 16 KiB into pieces; most shippers put them together again up to 256 KiB.
_LINE_BYTES = 250_000


class StdoutSettings(DestinationSettings):
    format: EventFormat = Field("alert", description=FORMATS)


def format_message(alert: Alert, context: Context, settings: StdoutSettings) -> Line:
    return Line("", as_json(fitted_event(alert, context, settings.format, _LINE_BYTES)))


DESTINATION = Destination(
    summary="Standard output: one line of JSON for each alert, between the lines of the gateway's own log",
    settings=StdoutSettings,
    format=format_message,
    backlog="all",
    concurrency=8,
    limits={"line": "250 000 bytes; beyond that resources give way, with left_out as a true count"},
    example="""\
# What a platform gathers from containers
DESTINATION=stdout
FORMAT=ecs
""",
)
