"""Syslog messages, read back by parsers that were written from RFC 5424 and from the CEF guide, not from our code."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway import samples
from gateway.destinations import Context, load
from gateway.destinations.syslog import SyslogSettings
from gateway.domain import optix
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import NoAnswer, SyslogRecord, Tls, Written
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import Severity

KIND = load("syslog")
NOW = datetime(2026, 5, 4, 3, 2, 1, 250_000, tzinfo=UTC)
DELIVERY = "dlv-0123456789abcdef"
odd_alerts = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


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


def test_the_documented_alert_is_read_back_whole() -> None:
    found = read(sample(samples.DOCUMENTED))
    assert (found.facility, found.severity) == (16, 3)
    assert found.timestamp == "2020-11-02T15:56:18.000000Z"
    assert (found.hostname, found.app_name, found.proc_id) == ("optix-gateway", "optix-gateway", "-")
    assert (found.msg_id, found.sd_id) == ("Policy", "optix@32473")
    assert found.params["alert"] == "A-000001"
    assert found.params["environment"] == "44412345678075"
    assert (found.params["resources"], found.params["open"], found.params["suppressed"]) == ("2", "2", "0")
    assert found.params["link"].startswith("https://optix.sophos.com/")
    assert found.has_bom
    assert found.text.endswith("demo-bucket-1, demo-bucket-2")


def test_the_documented_alert_is_read_back_from_cef() -> None:
    header, extension = read_cef(sample(samples.DOCUMENTED))
    said = "Ensure S3 buckets do not allow public read/list permission"
    assert header == ["CEF:0", "Sophos", "Cloud Optix", "1.0", "AR-251", said, "8"]
    assert extension["rt"] == "1604332578000"
    assert (extension["externalId"], extension["act"], extension["cnt"]) == ("A-000001", "OPEN", "2")
    assert (extension["cs1Label"], extension["cs1"]) == ("Environment", "44412345678075")
    assert extension["request"] == optix.console_url(sample(samples.DOCUMENTED))
    assert (extension["cs4Label"], extension["cs4"]) == ("Resources", "demo-bucket-1, demo-bucket-2")
    assert (extension["cn1Label"], extension["cn1"]) == ("Score", "80")


def test_a_follow_up_says_why_for_programs_and_for_people(known: Callable[..., bytes]) -> None:
    alert, before = sample(samples.DOCUMENTED), known(70, "demo-bucket-0", "demo-bucket-1")
    news = "1 new of 2 open, 1 gone, score 70 -> 80 (medium -> high)"
    found = read(alert, before=before)
    assert found.params["change"] == "grew,shrank,raised"
    assert f"(AWS, 44412345678075, AR-251, 2 open); {news}: demo-bucket-1, demo-bucket-2" in found.text
    extension = read_cef(alert, before=before)[1]
    assert (extension["reason"], extension["act"]) == ("grew,shrank,raised", "OPEN")
    assert (extension["flexString1Label"], extension["flexString1"]) == ("Changed", news)


def test_a_new_incident_and_a_repeat_say_that_they_are_such() -> None:
    alert = sample(samples.DOCUMENTED)
    assert (read(alert).params["change"], read_cef(alert)[1]["reason"]) == ("new", "new")
    assert "flexString1" not in read_cef(alert)[1]
    assert read(alert, before=b"").params["change"] == read_cef(alert, before=b"")[1]["reason"] == "unchanged"


def test_cef_stands_where_the_text_begins() -> None:
    found = read(sample("hostile-text"), format="cef")
    assert (found.has_bom, found.sd_id) == (False, "")
    assert found.text.startswith("CEF:0|")


def test_hostile_texts_come_back_as_they_were() -> None:
    alert = sample("hostile-text")
    assert read(alert).params["environment"] == "prod|eu\\1"
    header, extension = read_cef(alert)
    assert header[5] == alert.summary
    assert extension["cs1"] == "prod|eu\\1"
    assert extension["msg"] == "line one\nline two\nline three]; DROP"
    assert extension["cs4"] == '=HYPERLINK("http://evil"), емкость-🪣'


@odd_alerts
@given(data=st.data())
@pytest.mark.parametrize("limit", [480, 481, 2048, 8192])
def test_any_alert_is_one_message_within_the_limit(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], limit: int, data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    record = sent(alert, keys=made(max_bytes=str(limit), hostname="h" * 255, app_name="a" * 48), before=before)
    assert len(record.data) <= limit
    found = parse_5424(record.data)
    assert set(found.params) <= SD_NAMES
    assert found.params.get("incident", alert.key) == alert.key


@odd_alerts
@given(data=st.data())
@pytest.mark.parametrize("limit", [480, 2048, 8192])
def test_any_alert_is_one_cef_event_within_the_limit(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], limit: int, data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    record = sent(alert, keys=made(max_bytes=str(limit), format="cef"), before=before)
    assert len(record.data) <= limit
    header, extension = parse_cef(parse_5424(record.data).text)
    assert header[0] == "CEF:0"
    assert set(extension) <= CEF_KEYS
    assert extension["rt"] == str(int((alert.seen_at or NOW).timestamp() * 1000))
    for key, width in WIDTHS.items():
        assert len(extension.get(key, "")) <= width


SD_NAMES = {
    "alert", "severity", "environment", "rule", "incident", "test", "resources", "open", "suppressed", "score", "type",
    "provider", "source", "delivery", "policies", "link", "change",
}  # fmt: skip
CEF_KEYS = {"rt", "externalId", "act", "cnt", "cat", "request", "msg", "cn1", "cn1Label", "cfp1", "cfp1Label"} | {
    *("reason", "flexString1", "flexString1Label"),
    *(f"cs{number}{end}" for number in range(1, 7) for end in ("", "Label")),
}
WIDTHS = {"externalId": 40, "act": 63, "cat": 1023, "msg": 1023, "request": 1023, "reason": 1023} | {
    f"cs{n}": 4000 for n in range(1, 7)
}


@pytest.mark.parametrize(("key", "field", "width"), [("externalId", "alert_id", 40), ("msg", "details", 1023)])
def test_a_cef_value_fills_its_width_and_is_cut_one_over(
    key: str, field: str, width: int, alert_of: Callable[..., Alert]
) -> None:
    _, full = read_cef(alert_of(**{field: "x" * width}), transport="tcp")
    _, over = read_cef(alert_of(**{field: "x" * (width + 1)}), transport="tcp")
    assert full[key] == "x" * width
    assert over[key] == "x" * (width - 1) + "…"


def test_a_cef_name_is_at_most_512_characters(alert_of: Callable[..., Alert]) -> None:
    assert read_cef(alert_of(summary="x" * 512), transport="tcp")[0][5] == "x" * 512
    assert read_cef(alert_of(summary="x" * 513), transport="tcp")[0][5] == "x" * 511 + "…"


@pytest.mark.parametrize(("limit", "form"), [("2048", "text"), ("8192", "text"), ("2048", "cef"), ("8192", "cef")])
def test_the_resources_left_out_are_counted(limit: str, form: str) -> None:
    alert = sample("iac-many-branches")
    found = read(alert, max_bytes=limit, format=form)
    text = found.text if form == "text" else parse_cef(found.text)[1]["cs4"]
    left_out = re.search(r", \+(\d+) more$", text)
    assert left_out
    assert text.count("branch: ") + int(left_out[1]) == len(alert.resources) == 210


def test_a_list_of_resources_that_just_fits_is_whole(alert_of: Callable[..., Alert]) -> None:
    alert = alert_of(resources=tuple(Resource(f"bucket-{number:03}", "OPEN") for number in range(40)))
    whole = len(sent(alert, keys=made(max_bytes="60000")).data)
    assert "more" not in read(alert, max_bytes=str(max(whole * 2, 480))).text
    text = read(alert, max_bytes="700").text
    left_out = re.search(r"\+(\d+) more$", text)
    assert left_out
    assert len(re.findall(r"bucket-\d\d\d", text)) + int(left_out[1]) == 40


def test_cuts_do_not_split_a_character(alert_of: Callable[..., Alert]) -> None:
    for length in range(150, 190):
        alert = alert_of(summary="🪣" * length, resources=())
        assert set(read(alert, max_bytes="900").text) <= set("High: 🪣…(AWS, 444123456789, AR-251)")


@pytest.mark.parametrize(
    ("severity", "number", "cef"),
    [
        (Severity.CRITICAL, 2, "10"),
        (Severity.HIGH, 3, "8"),
        (Severity.MEDIUM, 4, "5"),
        (Severity.LOW, 5, "3"),
        (Severity.UNKNOWN, 4, "5"),
    ],
)
def test_severities_are_those_of_the_receivers(
    severity: Severity, number: int, cef: str, alert_of: Callable[..., Alert]
) -> None:
    alert = alert_of(severity=severity)
    assert read(alert).severity == number
    assert read_cef(alert)[0][6] == cef


def test_a_closed_alert_is_informational_and_says_suppress() -> None:
    alert = sample("suppressed")
    assert read(alert).severity == 6
    assert read(alert).text.startswith("[SUPPRESSED] High: ")
    assert read_cef(alert)[1]["act"] == "SUPPRESS"


def test_a_test_is_marked_in_data_and_text(alert_of: Callable[..., Alert]) -> None:
    found = read(alert_of(), test=True)
    assert found.params["test"] == "true"
    assert found.text.startswith("[TEST] ")
    assert read_cef(alert_of(), test=True)[0][5] == "[TEST] A bucket is public"


def test_a_score_that_is_not_whole_has_a_key_for_such_numbers(alert_of: Callable[..., Alert]) -> None:
    extension = read_cef(alert_of(score=80.5))[1]
    assert (extension["cfp1"], extension["cfp1Label"]) == ("80.5", "Score")
    assert read_cef(alert_of(score=80.0))[1]["cn1"] == "80"
    assert "cn1" not in read_cef(alert_of(score=None))[1]


def test_without_a_readable_time_the_time_of_sending_is_said(alert_of: Callable[..., Alert]) -> None:
    assert read(alert_of(seen_at=None)).timestamp == "2026-05-04T03:02:01.250000Z"


def test_the_message_id_is_the_alert_type_in_32_printable_characters(alert_of: Callable[..., Alert]) -> None:
    assert read(alert_of(alert_type="Serverless Storage Protection")).msg_id == "Serverless_Storage_Protection"
    assert read(alert_of(alert_type="é\n漢 " + "x" * 40)).msg_id == "__" + "_" + "_" + "x" * 28
    assert read(alert_of(alert_type="", event_type="")).msg_id == "-"


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


@odd_alerts
@given(data=st.data())
@pytest.mark.parametrize("limit", [480, 2048, 8192])
def test_any_alert_is_one_leef_event_within_the_limit(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], limit: int, data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    record = sent(alert, keys=made(max_bytes=str(limit), format="leef", hostname="h" * 100), before=before)
    assert len(record.data) <= limit
    text = parse_5424(record.data).text
    *header, attributes = text.split("|", 6)
    assert header[:4] == ["LEEF:2.0", "Sophos", "Cloud Optix", "1.0"]
    keys = [part.partition("=")[0] for part in attributes.split("^")]
    assert keys[:3] == ["devTime", "devTimeFormat", "sev"]
    assert len(set(keys)) == len(keys)


def test_a_leef_event_of_a_follow_up_says_what_changed(
    alert_of: Callable[..., Alert], known: Callable[..., bytes]
) -> None:
    text = read(alert_of(), before=known(80, "bucket-0"), format="leef").text
    assert "^change=grew,shrank^changed=1 new of 1 open, 1 gone^" in text
