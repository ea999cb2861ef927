"""Syslog records, read back by parsers that were written from RFC 5424 and from the CEF guide, not from our code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway import samples
from gateway.destinations import Context, load
from gateway.destinations.syslog import SyslogSettings
from gateway.domain import optix
from gateway.domain.alert import Alert
from gateway.domain.message import SyslogRecord

KIND = load("syslog")
NOW = datetime(2026, 5, 4, 3, 2, 1, 250_000, tzinfo=UTC)
DELIVERY = "dlv-0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Parsed:
    facility: int
    severity: int
    timestamp: str
    hostname: str
    app_name: str
    proc_id: str
    msg_id: str
    sd_id: str
    params: dict[str, str]
    text: str
    has_bom: bool


# RFC 5424, section 6: the ABNF, rule by rule. One element at most is what we send.
_PRINTUSASCII = rb"[\x21-\x7e]"
_SD_NAME = rb"[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}"
_PARAM_VALUE = rb'(?:[^"\\\]]|\\["\\\]])*'
_PARAM = rb" " + _SD_NAME + rb'="' + _PARAM_VALUE + rb'"'
_MESSAGE = re.compile(
    rb"<(?P<pri>[1-9]?\d|1[0-8]\d|19[01])>1 "
    rb"(?P<timestamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) "
    rb"(?P<hostname>" + _PRINTUSASCII + rb"{1,255}) "
    rb"(?P<app_name>" + _PRINTUSASCII + rb"{1,48}) "
    rb"(?P<proc_id>" + _PRINTUSASCII + rb"{1,128}) "
    rb"(?P<msg_id>" + _PRINTUSASCII + rb"{1,32}) "
    rb"(?P<data>-|\[(?P<sd_id>" + _SD_NAME + rb")(?P<params>(?:" + _PARAM + rb")*)\])"
    rb"(?: (?P<text>.*))?",
    re.DOTALL,
)
_BOM = b"\xef\xbb\xbf"


def parse_5424(data: bytes) -> Parsed:
    match = _MESSAGE.fullmatch(data)
    assert match, data
    found = match.groupdict()
    params = re.findall(rb" (" + _SD_NAME + rb')="(' + _PARAM_VALUE + rb')"', found["params"] or b"")
    assert len({name for name, _ in params}) == len(params)
    text = found["text"] or b""
    assert not re.search(rb"[\x00-\x1f\x7f]", data), "a control character"
    return Parsed(
        facility=int(found["pri"]) // 8,
        severity=int(found["pri"]) % 8,
        **{key: found[key].decode("ascii") for key in ("timestamp", "hostname", "app_name", "proc_id", "msg_id")},
        sd_id=(found["sd_id"] or b"").decode("ascii"),
        params={name.decode("ascii"): re.sub(r'\\(["\\\]])', r"\1", value.decode()) for name, value in params},
        text=text.removeprefix(_BOM).decode(),
        has_bom=text.startswith(_BOM),
    )


def parse_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """Header fields and extension. In a value every equals sign is escaped, so a bare one ends a key."""
    *header, extension = _split_header(line)
    pairs = re.compile(r"(?P<key>[A-Za-z0-9]+)=(?P<value>(?:[^\\=]|\\[\\=nr])*?)(?: (?=[A-Za-z0-9]+=)|$)")
    found: dict[str, str] = {}
    position = 0
    while position < len(extension):
        match = pairs.match(extension, position)
        assert match, extension[position:]
        assert match["key"] not in found
        found[match["key"]] = re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), match["value"])
        position = match.end()
    return [re.sub(r"\\([\\|])", r"\1", field) for field in header], found


def _split_header(line: str) -> list[str]:
    """At the first seven bars that no backslash escapes."""
    match = re.fullmatch(r"((?:[^\\|]|\\[\\|])*)\|" * 7 + r"(.*)", line, re.DOTALL)
    assert match, line
    return list(match.groups())


def made(**keys: str) -> SyslogSettings:
    return SyslogSettings.model_validate({"host": "siem.example.com", **keys})


def sample(name: str) -> Alert:
    alert = optix.parse("optix", samples.load(name))
    assert isinstance(alert, Alert)
    return alert


def sent(
    alert: Alert, *, test: bool = False, keys: SyslogSettings | None = None, before: bytes | None = None
) -> SyslogRecord:
    message = KIND.format(alert, Context(DELIVERY, "soc", b"{}", NOW, test=test, before=before), keys or made())
    assert isinstance(message, SyslogRecord)
    return message


def read(alert: Alert, *, test: bool = False, before: bytes | None = None, **keys: str) -> Parsed:
    return parse_5424(sent(alert, test=test, keys=made(**keys), before=before).data)


def read_cef(
    alert: Alert, *, test: bool = False, before: bytes | None = None, **keys: str
) -> tuple[list[str], dict[str, str]]:
    return parse_cef(read(alert, test=test, before=before, format="cef", **keys).text)
