"""What the settings of a syslog route decide: facility, ports, limits, framing, names; and what cannot work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.destinations import Context
from gateway.domain.alert import Alert
from gateway.domain.message import NoAnswer, Tls, Written
from gateway.domain.outcome import OutcomeClass as Class
from tests.destinations.syslog_records import DELIVERY, KIND, NOW, made, parse_5424, read, sample, sent


@pytest.mark.parametrize(
    ("given_", "number"), [("local0", 16), ("LOCAL7", 23), ("0", 0), ("kern", 0), ("authpriv", 10)]
)
def test_a_facility_is_a_name_or_a_number(given_: str, number: int, alert_of: Callable[..., Alert]) -> None:
    assert read(alert_of(), facility=given_).facility == number


PORTS = [({}, 514), ({"transport": "tcp"}, 601), ({"transport": "tls"}, 6514), ({"transport": "tls", "port": "99"}, 99)]


@pytest.mark.parametrize(("keys", "port"), PORTS)
def test_each_transport_has_its_port(keys: dict[str, str], port: int, alert_of: Callable[..., Alert]) -> None:
    assert sent(alert_of(), keys=made(**keys)).port == port


@pytest.mark.parametrize(("transport", "limit"), [("udp", 2048), ("tcp", 8192), ("tls", 8192)])
def test_each_transport_has_its_limit(transport: str, limit: int) -> None:
    size = len(sent(sample("iac-many-branches"), keys=made(transport=transport)).data)
    assert limit - 200 < size <= limit


def test_the_record_carries_what_the_transport_needs(alert_of: Callable[..., Alert]) -> None:
    keys = made(transport="tls", ca_file="/ca.pem", tls_verify="false", hostname="gw-1", app_name="optix")
    record = sent(alert_of(), keys=keys)
    assert (record.host, record.transport, record.framing) == ("siem.example.com", "tls", "octet")
    assert record.tls == Tls("/ca.pem", verify=False)
    assert sent(alert_of(), keys=made(transport="tcp", framing="lf")).framing == "lf"
    found = parse_5424(record.data)
    assert (found.hostname, found.app_name) == ("gw-1", "optix")


def test_a_number_of_ones_own_names_the_structured_data(alert_of: Callable[..., Alert]) -> None:
    assert read(alert_of(), enterprise_id="41058").sd_id == "optix@41058"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"host": "https://siem"}, "not a host"),
    ({"host": "siem:514"}, "not a host"),
    ({"host": ""}, "not a host"),
    ({"transport": "tls", "framing": "lf"}, "FRAMING=lf"),
    ({"facility": "24"}, "facility"),
    ({"facility": "local8"}, "facility"),
    ({"hostname": "two words"}, "hostname"),
    ({"hostname": "h" * 256}, "hostname"),
    ({"app_name": "a" * 49}, "app_name"),
    ({"max_bytes": "479"}, "from 480 to 65507"),
    ({"max_bytes": "65508"}, "from 480 to 65507"),
    ({"max_bytes": "0"}, "from 480"),
    ({"port": "0"}, "port"),
    ({"enterprise_id": "0"}, "enterprise_id"),
]


@pytest.mark.parametrize(("keys", "said"), REFUSED)
def test_settings_that_cannot_work_are_refused(keys: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        made(**keys)


@pytest.mark.parametrize("host", ["10.0.0.1", "::1", "[2001:db8::1]", "rsyslog_1", "siem.example.com."])
def test_names_and_addresses_are_hosts(host: str) -> None:
    assert made(host=host).host == host.strip("[]")


def test_written_bytes_are_the_only_success_there_is() -> None:
    said = Context(DELIVERY, "soc", b"", NOW)
    assert KIND.outcome_of(Written(100), NOW, said, made()).kind is Class.OK
    assert KIND.outcome_of(NoAnswer("connection refused"), NOW, said, made()).kind is Class.RETRY
