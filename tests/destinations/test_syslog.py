"""What an alert says as a syslog message: RFC 5424 with text, CEF or LEEF."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import samples
from gateway.domain import optix
from gateway.domain.alert import Alert, Resource
from gateway.domain.severity import Severity
from tests.destinations.syslog_records import NOW, made, parse_5424, parse_cef, read, read_cef, sample, sent

odd_alerts = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


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
