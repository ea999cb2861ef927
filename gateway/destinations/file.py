"""A file on this machine that grows by one line of JSON (https://jsonlines.org) for each alert.

For a log shipper (Fluent Bit, Vector, Filebeat) to read. Rotate it by renaming: it is opened anew for each line. An
attempt that was cut off can leave a line twice: `delivery_id` tells.
"""

from __future__ import annotations

from pydantic import Field

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._event import FORMATS, EventFormat, fitted_event
from gateway.destinations._http import as_json
from gateway.domain.alert import Alert
from gateway.domain.message import Line

_LINE_BYTES = 5_000_000


class FileSettings(DestinationSettings):
    path: str = Field(
        min_length=1, max_length=4096, pattern=r"^[^\x00\r\n]+$", description="the file; its folder must exist"
    )
    format: EventFormat = Field("alert", description=FORMATS)


def format_message(alert: Alert, context: Context, settings: FileSettings) -> Line:
    return Line(settings.path, as_json(fitted_event(alert, context, settings.format, _LINE_BYTES)))


DESTINATION = Destination(
    summary="A file with one line of JSON for each alert, for a log shipper",
    settings=FileSettings,
    format=format_message,
    backlog="all",
    concurrency=8,
    limits={
        "line": "5 000 000 bytes; beyond that resources give way, with left_out as a true count",
        "file": "none: rotate it by renaming",
    },
    example="""\
# A file for a log shipper; the folder must exist and be writable
DESTINATION=file
PATH=data/alerts.jsonl
FORMAT=ocsf
""",
)
