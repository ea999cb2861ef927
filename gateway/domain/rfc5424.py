"""Syslog messages by RFC 5424: header, structured data and text, each kept inside what its grammar allows.

https://www.rfc-editor.org/rfc/rfc5424#section-6
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.domain.text import cut, one_line, utf8_bytes

NIL = "-"
BOM = "\ufeff"

FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip

MAX_HOSTNAME, MAX_APP_NAME, MAX_MSG_ID = 255, 48, 32
EVERY_RECEIVER_TAKES = 480
"""Bytes that a receiver must take (section 6.1); it should take 2048, over TLS 8192 (RFC 5425, 4.3.1)."""

VALUE_BYTES = 255
"""Ours: the longest value of a parameter, escapes included, so that one cannot crowd the others out."""


@dataclass(frozen=True, slots=True)
class Header:
    """`facility` 0 to 23, `severity` 0 (emergency) to 7 (debug). `at` is aware."""

    facility: int
    severity: int
    at: datetime
    hostname: str
    app_name: str
    msg_id: str

    def __str__(self) -> str:
        """Everything before the structured data. PROCID is nil: no process number means anything to the reader."""
        return " ".join((
            f"<{self.facility * 8 + self.severity}>1",
            timestamp(self.at),
            header_field(self.hostname, MAX_HOSTNAME),
            header_field(self.app_name, MAX_APP_NAME),
            NIL,
            header_field(self.msg_id, MAX_MSG_ID),
        ))  # fmt: skip


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with six digits of a second, the most that RFC 5424 allows."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def header_field(text: str, limit: int) -> str:
    """Printable ASCII without blanks, as all header fields must be; nil when nothing is left."""
    cleaned = "".join(c if "!" <= c <= "~" else "_" for c in one_line(text))
    return cleaned[:limit] or NIL


def escaped(value: str) -> str:
    r"""A parameter's value with `"`, `\` and `]` escaped (section 6.3.3), on one line."""
    return one_line(value).replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def element(sd_id: str, params: Sequence[tuple[str, str]], *, max_bytes: int) -> str:
    """One structured data element with as many parameters as fit, first ones first, long values cut; nil when none fit.

    Parameters without a value are left out. Names must be valid already.
    """
    text = f"[{sd_id}"
    for name, value in params:
        shown = cut(one_line(value), VALUE_BYTES, lambda part: utf8_bytes(escaped(part)))
        param = f' {name}="{escaped(shown)}"'
        if shown and utf8_bytes(text) + utf8_bytes(param) < max_bytes:
            text += param
    return text + "]" if "=" in text and utf8_bytes(text) < max_bytes else NIL


def message(header: Header, data: str, text: str) -> bytes:
    """The whole message, without framing. Text that begins with the byte order mark is declared to be UTF-8."""
    return f"{header} {data} {text}".encode()
