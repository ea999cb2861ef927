"""E-mails, read back by the standard library's parser, and what becomes of each recipient."""

from __future__ import annotations

import email
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway import samples
from gateway.destinations import Context, load
from gateway.destinations.email import EmailSettings, Progress
from gateway.domain import optix
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import Mail, MailAnswer, NoAnswer, Tls
from gateway.domain.outcome import Outcome
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import Severity, severity_of
from gateway.domain.text import one_line
from gateway.domain.wording import summary as headline

KIND = load("email")
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DELIVERY = "dlv-0123456789abcdef"
ANN, BOB, CAT = "ann@example.com", "bob@example.com", "cat@example.org"
HEADERS = {
    "from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted", "x-priority",
    "x-auto-response-suppress", "importance", "mime-version", "content-type",
}  # fmt: skip
odd_alerts = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def made(**keys: str) -> EmailSettings:
    usual = {"host": "smtp.example.com", "from": "Optix <alerts@example.com>", "to": f"{ANN}, {BOB}, {CAT}"}
    return EmailSettings.model_validate(usual | keys)


def sample(name: str) -> Alert:
    alert = optix.parse("optix", samples.load(name))
    assert isinstance(alert, Alert)
    return alert


def context(
    *, test: bool = False, shrink: bool = False, progress: str = "", before: bytes | None = None, reference: str = ""
) -> Context:
    return Context(DELIVERY, "soc", b"{}", NOW, shrink, test, progress, reference, before)


def sent(alert: Alert, said: Context | None = None, keys: EmailSettings | None = None) -> Mail:
    message = KIND.format(alert, said or context(), keys or made())
    assert isinstance(message, Mail)
    return message


def parsed(mail: Mail) -> EmailMessage:
    message = email.message_from_bytes(mail.content, policy=default)
    assert isinstance(message, EmailMessage)
    assert [defect for part in message.walk() for defect in part.defects] == []
    return message


def part(message: EmailMessage, subtype: str) -> str:
    found = message.get_body((subtype,))
    assert isinstance(found, EmailMessage)
    content: str = found.get_content()
    return content


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "background")]

    def handle_data(self, data: str) -> None:
        self.text += data


def tags_of(markup: str) -> Tags:
    found = Tags()
    found.feed(markup)
    found.close()
    return found


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


def outcome(answer: MailAnswer | NoAnswer, progress: str = "") -> Outcome:
    return KIND.outcome_of(answer, NOW, context(progress=progress), made())


def recipients(progress: str) -> tuple[str, ...]:
    return sent(sample(samples.DOCUMENTED), context(progress=progress)).recipients


def test_all_accepted_is_delivered() -> None:
    found = outcome(MailAnswer(250, "2.0.0 queued as 4711", (ANN, BOB, CAT)))
    assert (found.kind, found.reason, found.progress) == (Class.OK, "250 2.0.0 queued as 4711", "")


def test_only_those_put_off_are_addressed_again() -> None:
    found = outcome(MailAnswer(250, "ok", (ANN,), {BOB: (450, "greylisted"), CAT: (550, "no such user")}))
    assert (found.kind, found.status) == (Class.RETRY, 450)
    assert found.reason == f"1 recipient put off: {BOB} (450 greylisted)"
    assert recipients(found.progress) == (BOB,)


def test_who_was_served_or_refused_earlier_counts_in_the_end() -> None:
    first = outcome(MailAnswer(250, "ok", (ANN,), {BOB: (450, "greylisted"), CAT: (550, "no such user")}))
    second = outcome(MailAnswer(451, "later", (), {BOB: (451, "later")}), first.progress)
    assert second.kind is Class.RETRY
    assert recipients(second.progress) == (BOB,)
    third = outcome(MailAnswer(250, "ok", (BOB,)), second.progress)
    assert third.kind is Class.OK
    assert third.reason == f"2 recipients served, 1 recipient refused: {CAT} (550 no such user)"


def test_a_last_recipient_refused_for_good_leaves_the_others_delivered() -> None:
    first = outcome(MailAnswer(250, "ok", (ANN, CAT), {BOB: (450, "greylisted")}))
    second = outcome(MailAnswer(550, "no", (), {BOB: (550, "no such user")}), first.progress)
    assert second.kind is Class.OK
    assert BOB in second.reason


def test_all_refused_for_good_is_a_failure() -> None:
    refused = dict.fromkeys((ANN, BOB, CAT), (550, "no such user"))
    found = outcome(MailAnswer(550, "no such user", (), refused))
    assert (found.kind, found.status) == (Class.REJECTED, 550)
    assert all(who in found.reason for who in (ANN, BOB, CAT))


def test_all_refused_for_want_of_a_login_is_about_our_credentials() -> None:
    refused = dict.fromkeys((ANN, BOB, CAT), (530, "authentication required"))
    assert outcome(MailAnswer(530, "authentication required", (), refused)).kind is Class.AUTH


MESSAGE_ANSWERS = [
    (421, Class.RETRY),
    (451, Class.RETRY),
    (535, Class.AUTH),
    (552, Class.TOO_LARGE),
    (554, Class.REJECTED),
]


@pytest.mark.parametrize(("code", "kind"), MESSAGE_ANSWERS)
@pytest.mark.parametrize("refused", [{}, {CAT: (550, "no such user")}])
def test_an_answer_to_the_whole_message_is_read_by_its_code(
    code: int, kind: Class, refused: Mapping[str, tuple[int, str]]
) -> None:
    found = outcome(MailAnswer(code, "said", (), refused))
    assert (found.kind, found.status) == (kind, code)
    assert recipients(found.progress) == tuple(who for who in (ANN, BOB, CAT) if who not in refused)


def test_no_answer_forgets_nothing() -> None:
    found = outcome(NoAnswer("connection refused"), str(Progress(frozenset({ANN}))))
    assert (found.kind, found.progress) == (Class.RETRY, "")


@pytest.mark.parametrize("progress", ["", "no json", "[]", "null", '{"served": 1}', '{"served": [], "refused": []}'])
def test_progress_that_cannot_be_read_sends_to_everybody(progress: str) -> None:
    assert recipients(progress) == (ANN, BOB, CAT)


def test_a_replay_serves_those_who_were_refused_and_then_everybody() -> None:
    assert recipients(str(Progress(frozenset({ANN}), {BOB: "550", CAT: "550"}))) == (BOB, CAT)
    assert recipients(str(Progress(frozenset({ANN, BOB, CAT})))) == (ANN, BOB, CAT)


@given(text=st.text(), code=st.integers(200, 599))
def test_what_a_server_says_is_told_in_one_short_line(text: str, code: int) -> None:
    found = outcome(MailAnswer(code, text, (), dict.fromkeys((ANN, BOB, CAT), (code, text))))
    assert found.reason == one_line(found.reason)
    assert 0 < len(found.reason) <= 700
