"""E-mails, read back by the standard library's parsers."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway import samples
from gateway.domain import optix
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import MailAnswer, NoAnswer, Tls
from gateway.domain.severity import Severity, severity_of
from gateway.domain.wording import summary as headline
from tests.destinations.mails import (
    ANN,
    BOB,
    CAT,
    DELIVERY,
    KIND,
    NOW,
    context,
    made,
    parsed,
    part,
    sample,
    sent,
    tags_of,
)

HEADERS = {
    "from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted", "x-priority",
    "x-auto-response-suppress", "importance", "mime-version", "content-type",
}  # fmt: skip
odd_alerts = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def test_the_documented_alert_reads_well_in_both_parts() -> None:
    message = parsed(sent(sample(samples.DOCUMENTED)))
    assert message["Subject"] == "[High] Ensure S3 buckets do not allow public read/list permission"
    assert message["From"] == "Optix <alerts@example.com>"
    assert message["To"] == f"{ANN}, {BOB}, {CAT}"
    assert message["Date"].datetime == NOW
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    for text in (part(message, "plain"), tags_of(part(message, "html")).text):
        for said in ("44412345678075", "AR-251", "demo-bucket-1", "demo-bucket-2", "2 open", "80 of 100"):
            assert said in text
    assert optix.console_url(sample(samples.DOCUMENTED)) in part(message, "plain")


def test_messages_of_one_incident_are_one_thread() -> None:
    first, second = (parsed(sent(sample(name))) for name in (samples.DOCUMENTED, "suppressed"))
    key = sample(samples.DOCUMENTED).key
    assert first["Message-ID"] == f"<{DELIVERY}@example.com>"
    assert first["References"] == second["References"] == first["In-Reply-To"] == f"<{key}@example.com>"


def test_a_follow_up_answers_the_message_before_it() -> None:
    message = parsed(sent(sample(samples.DOCUMENTED), context(before=b"", reference="<dlv-first@example.com>")))
    assert message["In-Reply-To"] == "<dlv-first@example.com>"
    assert message["References"] == f"<{sample(samples.DOCUMENTED).key}@example.com> <dlv-first@example.com>"


@pytest.mark.parametrize(
    "reference", ["7", "spaces/A/messages/B", f"<{DELIVERY}@example.com>", "<a@b>\r\nBcc: eve@x", "<a b@c>", "<é@x>"]
)
def test_what_is_not_the_id_of_a_mail_before_is_not_answered(reference: str) -> None:
    alert = sample(samples.DOCUMENTED)
    assert sent(alert, context(before=b"", reference=reference)) == sent(alert, context(before=b""))


def test_the_id_of_a_mail_that_was_taken_is_kept_for_the_next_one() -> None:
    answer = MailAnswer(250, "ok", accepted=(ANN, BOB, CAT))
    assert KIND.outcome_of(answer, NOW, context(), made()).reference == f"<{DELIVERY}@example.com>"
    assert KIND.outcome_of(MailAnswer(550, "no"), NOW, context(), made()).reference == ""
    assert KIND.outcome_of(NoAnswer("connection refused"), NOW, context(), made()).reference == ""


@pytest.mark.parametrize(("score", "states"), [(80, "OPEN OPEN"), (95, "OPEN"), (20, "SUPPRESS"), (None, "")])
def test_the_subject_is_the_same_over_a_thread_but_for_brackets(
    score: int | None, states: str, alert_of: Callable[..., Alert]
) -> None:
    resources = tuple(Resource(f"b-{at}", state) for at, state in enumerate(states.split()))
    alert = alert_of(severity=severity_of(score), score=score, resources=resources)
    subject = parsed(sent(alert, context(before=b"", test=True), made(subject_prefix="[Optix]")))["Subject"]
    assert re.sub(r"\[[^\[\]]*\] *", "", subject) == "A bucket is public"


def test_a_follow_up_says_first_what_changed_in_both_parts(known: Callable[..., bytes]) -> None:
    said = context(before=known(70, "demo-bucket-1", "<b>&amp;"))
    message = parsed(sent(sample(samples.DOCUMENTED), said))
    changed = "Changed: 1 new of 2 open, 1 gone, score 70 -> 80 (medium -> high)\n+ demo-bucket-2\n- <b>&amp;\n"
    for text in (part(message, "plain"), tags_of(part(message, "html")).text):
        _, found, rest = text.replace("\r\n", "\n").partition(changed)
        assert found
        assert "Severity" in rest


@pytest.mark.parametrize(("shrink", "shown"), [(False, 100), (True, 20)])
def test_changes_are_cut_with_a_true_count(
    shrink: bool,  # noqa: FBT001
    shown: int,
    known: Callable[..., bytes],
) -> None:
    said = context(before=known(80, *(f"old-{number:04}" for number in range(3000))), shrink=shrink)
    text = part(parsed(sent(sample(samples.DOCUMENTED), said)), "plain").replace("\r\n", "\n")
    assert text.count("\n- old-") == shown - 2  # two came
    assert f"\n+{3002 - shown} more\n" in text


def test_the_ids_survive_a_long_domain() -> None:
    domain = ".".join(["a" * 60] * 4)
    before = f"<dlv-first@{domain}>"
    message = sent(sample(samples.DOCUMENTED), context(reference=before), made(**{"from": f"alerts@{domain}"}))
    key = sample(samples.DOCUMENTED).key
    assert f"\r\nReferences: <{key}@{domain}>\r\n {before}\r\n".encode() in message.content
    assert f"\r\nIn-Reply-To: {before}\r\n".encode() in message.content
    assert f"\r\nMessage-ID: <{DELIVERY}@{domain}>\r\n".encode() in message.content


@odd_alerts
@given(data=st.data())
def test_any_alert_is_one_mail_and_nothing_else(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before, reference = data.draw(alerts), data.draw(befores), data.draw(st.text(max_size=30))
    mail = sent(alert, context(before=before, reference=reference))
    message = parsed(mail)
    assert {name.lower() for name in message} == HEADERS
    assert len(message.keys()) == len(HEADERS)
    assert [found.get_content_type() for found in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    assert mail.content.isascii()
    assert all(len(line) <= 998 for line in mail.content.split(b"\r\n"))
    assert b"\n" not in mail.content.replace(b"\r\n", b"")
    assert len(str(message["Subject"])) <= 150
    assert "\n" not in str(message["Subject"])
    assert mail.recipients == (ANN, BOB, CAT)


@odd_alerts
@given(data=st.data())
def test_no_text_becomes_markup_or_loads_anything(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    alert, before = data.draw(alerts), data.draw(befores)
    found = tags_of(part(parsed(sent(alert, context(before=before))), "html"))
    assert found.names <= {"html", "body", "h2", "table", "tr", "th", "td", "p", "ul", "li", "a"}
    assert found.links == [optix.console_url(alert)]


@given(summary=st.text(max_size=300))
@example("=?utf-8?q?spoofed?= =?us-ascii?b?!!?=")
@example("a  b @everyone@everyone " * 12)
@example("🪣" * 140)
@example("Подозрительный доступ " * 20)
@example("x" * 400)
@example("=?utf-8?q?spoofed?= \r\nBcc: eve@example.com")
def test_a_subject_comes_back_as_one_line_cut_to_its_length(summary: str) -> None:
    alert = Alert("optix", "ALERT", "444", "A-1", "optix-" + "0" * 32, Severity.HIGH, summary=summary, alert_type="T")
    subject = " ".join(str(parsed(sent(alert))["Subject"]).split())
    whole = f"[High] {headline(alert)}"
    if len(whole) <= 150:
        assert subject == whole
    assert len(subject) <= 150
    assert parsed(sent(alert))["Bcc"] is None


@pytest.mark.parametrize("length", [143, 144])
def test_a_subject_may_have_150_characters_and_no_more(length: int, alert_of: Callable[..., Alert]) -> None:
    subject = parsed(sent(alert_of(summary="x" * length)))["Subject"]
    assert subject == ("[High] " + "x" * 143 if length == 143 else "[High] " + "x" * 142 + "…")


def test_a_prefix_and_a_test_mark_stand_first() -> None:
    message = parsed(sent(sample(samples.DOCUMENTED), context(test=True), made(subject_prefix="[Optix]")))
    assert str(message["Subject"]).startswith("[Optix] [TEST] [High] Ensure")
    assert message["Optix-Gateway-Test"] == "true"


@pytest.mark.parametrize(
    ("severity", "priority", "importance"),
    [
        (Severity.CRITICAL, "1", "high"),
        (Severity.HIGH, "2", "high"),
        (Severity.MEDIUM, "3", "normal"),
        (Severity.UNKNOWN, "3", "normal"),
        (Severity.LOW, "4", "low"),
    ],
)
def test_priorities_follow_the_severity(
    severity: Severity, priority: str, importance: str, alert_of: Callable[..., Alert]
) -> None:
    message = parsed(sent(alert_of(severity=severity)))
    assert (message["X-Priority"], message["Importance"]) == (priority, importance)


def test_a_closed_alert_is_not_urgent() -> None:
    message = parsed(sent(sample("suppressed")))
    assert (message["X-Priority"], message["Importance"]) == ("5", "low")


@pytest.mark.parametrize(
    ("count", "shrink", "shown"), [(500, False, 500), (501, False, 500), (20, True, 20), (21, True, 20)]
)
def test_resources_are_cut_with_a_true_count(
    count: int,
    shrink: bool,  # noqa: FBT001
    shown: int,
    alert_of: Callable[..., Alert],
) -> None:
    alert = alert_of(resources=tuple(Resource(f"bucket-{number:04}", "OPEN") for number in range(count)))
    text = part(parsed(sent(alert, context(shrink=shrink))), "plain").replace("\r\n", "\n")
    assert len(re.findall(r"^- bucket-\d{4}$", text, re.MULTILINE)) == shown
    assert (f"- +{count - shown} more" in text) == (count > shown)


def test_the_transport_is_told_where_how_and_as_whom() -> None:
    keys = {"username": "gw", "password": "p4ssw0rd", "ca_file": "/ca.pem", "tls_verify": "false"}
    mail = sent(sample(samples.DOCUMENTED), keys=made(**keys))
    assert (mail.host, mail.port, mail.security, mail.sender) == (
        "smtp.example.com",
        587,
        "starttls",
        "alerts@example.com",
    )
    assert (mail.username, mail.password, mail.tls) == ("gw", "p4ssw0rd", Tls("/ca.pem", verify=False))
    assert "p4ssw0rd" not in repr(mail) + repr(made(**keys)) + str(made(**keys).model_dump())
    assert made(**keys).secrets() == ("p4ssw0rd",)
    assert sent(sample(samples.DOCUMENTED), keys=made(security="tls")).port == 465
    assert sent(sample(samples.DOCUMENTED), keys=made(security="none")).port == 25
    assert sent(sample(samples.DOCUMENTED), keys=made(security="none", port="2525")).port == 2525


REFUSED = [
    ({"from": "no address"}, "mail address"),
    ({"from": f"{ANN}, {BOB}"}, "one mail address"),
    ({"from": ""}, "missing"),
    ({"to": ""}, "missing"),
    ({"to": "ann@example.com bob"}, "mail addresses"),
    ({"to": "a..b@example.com"}, "mail addresses"),
    ({"to": "ann@example.com\r\nBcc: eve@example.com"}, "mail addresses"),
    ({"to": "änn@example.com"}, "mail addresses"),
    ({"to": ", ".join(f"a{number}@example.com" for number in range(101))}, "to"),
    ({"host": "smtp.example.com:25"}, "not a host"),
    ({"username": "gw"}, "go together"),
    ({"password": "p4ssw0rd"}, "go together"),
    ({"username": "gw", "password": "p4ssw0rd", "security": "none"}, "in the clear"),
    ({"security": "ssl"}, "starttls"),
    ({"subject_prefix": "x" * 51}, "subject_prefix"),
]


@pytest.mark.parametrize(("keys", "said"), REFUSED)
def test_settings_that_cannot_work_are_refused_without_showing_secrets(keys: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as found:
        made(**keys)
    assert "p4ssw0rd" not in str(found.value)


def test_a_password_may_go_in_the_clear_to_this_machine() -> None:
    assert made(host="127.0.0.1", security="none", username="gw", password="x").port_number == 25


def test_a_hundred_recipients_and_names_with_commas_are_taken() -> None:
    assert len(made(to=", ".join(f"a{number}@example.com" for number in range(100))).to) == 100
    message = parsed(sent(sample(samples.DOCUMENTED), keys=made(to=f'"Team, Cloud ünit" <{ANN}>, {ANN}, {BOB}')))
    assert [(a.display_name, a.addr_spec) for a in message["To"].addresses] == [("Team, Cloud ünit", ANN), ("", BOB)]
