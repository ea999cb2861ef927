"""What rsyslog and its liblognorm make of the records that alerts become: parsers of RFC 5424 and CEF by others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import samples
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import Written
from gateway.outbound.transports import Transports
from tests.destinations.syslog_records import DELIVERY, made, parse_5424, parse_cef, sample, sent
from tests.journey.journey_world import until
from tests.load.program import free_port
from tests.outbound.brokers import answers
from tests.outbound.rsyslog import rsyslogd
from tests.services import require

CONFIG = """\
module(load="imtcp")
module(load="mmpstrucdata")
module(load="mmnormalize")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="all")
template(name="read" type="list" option.jsonf="on") {{
  property(outname="facility" name="syslogfacility" format="jsonf")
  property(outname="severity" name="syslogseverity" format="jsonf")
  property(outname="timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="hostname" name="hostname" format="jsonf")
  property(outname="app_name" name="app-name" format="jsonf")
  property(outname="proc_id" name="procid" format="jsonf")
  property(outname="msg_id" name="msgid" format="jsonf")
  property(outname="data" name="$!rfc5424-sd" format="jsonf")
  property(outname="text" name="msg" format="jsonf")
  property(outname="cef" name="$!cef" format="jsonf")
}}
ruleset(name="all") {{
  action(type="mmpstrucdata" sd_name.lowercase="off")
  action(type="mmnormalize" path="$!cef" rule=["rule=:%event:cef%"])
  action(type="omfile" file="{written}" template="read")
}}
"""
HOSTILE = 'a"b]c\\d|e=f "g=h" [i@1 j="k"] CEF:0|x|y ünï'
Read = Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="module", autouse=True)
def _rsyslog() -> None:
    require("rsyslog", bool(rsyslogd()), "apt-get install rsyslog")


@asynccontextmanager
async def rsyslog(folder: Path, port: int) -> AsyncIterator[Read]:
    """Gives what it has read so far, a record each."""
    written, config = folder / "written.log", folder / "rsyslog.conf"
    config.write_text(CONFIG.format(port=port, written=written))
    silent = asyncio.subprocess.DEVNULL
    command = [str(rsyslogd()), "-n", "-f", str(config), "-i", str(folder / "pid")]
    process = await asyncio.create_subprocess_exec(*command, stdout=silent, stderr=silent)

    def read() -> list[dict[str, Any]]:
        text = written.read_bytes().decode("utf-8", "replace") if written.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]  # it may be about to write the last one

    try:
        await until(lambda: answers(f"tcp://127.0.0.1:{port}"))
        yield read
    finally:
        process.terminate()
        await process.wait()


def alerts() -> list[Alert]:
    documented = sample(samples.DOCUMENTED)
    hostile = replace(
        documented, environment=HOSTILE, alert_id=HOSTILE, summary=HOSTILE, rule=HOSTILE, details=HOSTILE,
        resources=(Resource(HOSTILE, "OPEN"),),
    )  # fmt: skip
    return [documented, hostile]


async def read_back(folder: Path, transports: Transports, **keys: str) -> list[tuple[bytes, dict[str, Any]]]:
    """Each record as sent and as read."""
    port = free_port()
    settings = made(**{"host": "127.0.0.1", "port": str(port), "transport": "tcp"} | keys)
    records = [sent(alert, keys=settings) for alert in alerts()]
    async with rsyslog(folder, port) as read:
        for record in records:
            assert isinstance(await transports.send(record, 10), Written)
        await until(lambda: len(read()) == len(records))
        return [(record.data, found) for record, found in zip(records, read(), strict=True)]


async def test_header_structured_data_and_text_are_read_as_they_were_meant(
    tmp_path: Path, transports: Transports
) -> None:
    for data, found in await read_back(tmp_path, transports):
        meant = parse_5424(data)
        for name in ("timestamp", "hostname", "app_name", "proc_id", "msg_id"):
            assert found[name] == getattr(meant, name)
        assert (int(found["facility"]), int(found["severity"])) == (meant.facility, meant.severity)
        assert json.loads(found["data"]) == {meant.sd_id: meant.params}
        assert found["text"].removeprefix("\ufeff") == meant.text
        assert meant.params["delivery"] == DELIVERY


async def test_a_cef_event_is_read_field_by_field(tmp_path: Path, transports: Transports) -> None:
    for data, found in await read_back(tmp_path, transports, format="cef"):
        header, extension = parse_cef(parse_5424(data).text)
        event = json.loads(found["cef"])["event"]
        names = ("DeviceVendor", "DeviceProduct", "DeviceVersion", "SignatureID", "Name", "Severity")
        assert [event[name] for name in names] == header[1:]
        first = next(iter(extension))
        read = {first if name == first[1:] else name: value for name, value in event["Extensions"].items()}
        assert read == extension  # but for the first sign of all, which liblognorm 2.0.6 leaves out
