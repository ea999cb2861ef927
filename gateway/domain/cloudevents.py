"""Alerts as CloudEvents 1.0: attributes, and how they travel in HTTP headers.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md and …/bindings/http-protocol-binding.md
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

from gateway.domain.alert import Alert
from gateway.domain.text import cut, utf8_bytes

TYPE = "com.sophos.optix.alert.v1"
"""Ours: the vendor defines none. `v1` is the version of the document in `data`."""

CONTENT_TYPE = "application/cloudevents+json"

_LONGEST = 1024

# Binding, 3.1.3.2: everything outside ! to ~, and the blank, the double quote and the percent sign.
_KEPT_IN_HEADERS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def attributes(alert: Alert, event_id: str, sent_at: datetime) -> Mapping[str, str]:
    """The context attributes, a few KB at most. Consumers drop repeats by `source` and `id`. An empty `subject` is not
    allowed. An environment or an id that nobody can have meant as such is a hash, or cut.
    """
    environment = quote(alert.environment, safe="", errors="replace")
    if len(environment) > _LONGEST:
        environment = sha256(environment.encode("ascii")).hexdigest()
    moment = (alert.seen_at or sent_at).astimezone(UTC)
    found = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/optix/{quote(alert.source, safe='')}/{environment}",
        "type": TYPE,
        "subject": cut(alert.alert_id, _LONGEST, utf8_bytes),
        "time": moment.replace(tzinfo=None).isoformat() + "Z",
        "datacontenttype": "application/json",
    }
    return {name: value for name, value in found.items() if value}


def binary_headers(found: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The attributes as HTTP headers; the type of the data is the Content-Type."""
    named = (("Content-Type" if n == "datacontenttype" else f"ce-{n}", v) for n, v in found.items())
    return tuple((name, quote(value, safe=_KEPT_IN_HEADERS, errors="replace")) for name, value in named)
