"""Mail to a server of aiosmtpd: recipients one by one, TLS, logins and addresses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest
import trustme
from aiosmtpd.controller import Controller

from gateway.domain.message import Answer, Mail, MailAnswer, NoAnswer, Tls
from gateway.outbound.transports import Transports
from tests.load.program import free_port
from tests.outbound.conftest import server_tls
from tests.outbound.mail_world import PASSWORD, ImplicitTls, Office, content
from tests.services import require

# aiosmtpd warns its operators of what some of these servers are there to do.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
    pytest.mark.filterwarnings("ignore:auth_required == True but auth_require_tls == False:UserWarning"),
    pytest.mark.filterwarnings("ignore:decode_data:DeprecationWarning"),
]


Open = Callable[..., Mail]


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def mailbox(office: Office) -> Iterator[Open]:
    """Start a server with these options; a mail to it that wants nothing of TLS."""
    running: list[Controller] = []

    def start(kind: type[Controller] = Controller, **options: Any) -> Mail:
        port = free_port()
        controller = kind(office, hostname="127.0.0.1", port=port, **options)
        controller.start()
        running.append(controller)
        return Mail("localhost", port, "gateway@example.com", ("soc@example.com",), content(), security="none")

    yield start
    for controller in running:
        controller.stop()


def reason(answer: Answer) -> str:
    assert isinstance(answer, NoAnswer), answer
    assert PASSWORD not in answer.reason
    return answer.reason


async def test_a_mail_arrives_as_it_was_composed(transports: Transports, office: Office, mailbox: Open) -> None:
    mail = mailbox()
    answer = await transports.send(mail, 10)
    assert answer == MailAnswer(250, "2.0.0 Ok: queued as 4ABC", accepted=("soc@example.com",))
    envelope = office.taken[0]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("gateway@example.com", ["soc@example.com"])
    assert envelope.content == content().replace(b"\n", b"\r\n")


async def test_each_recipient_is_answered_for(transports: Transports, office: Office, mailbox: Open) -> None:
    recipients = ("550@example.com", "soc@example.com", "450@example.com", "ops@example.com")
    answer = await transports.send(replace(mailbox(), recipients=recipients), 10)
    assert answer == MailAnswer(
        250,
        "2.0.0 Ok: queued as 4ABC",
        accepted=("soc@example.com", "ops@example.com"),
        refused={
            "550@example.com": (550, "5.1.1 <550@example.com> is not served here"),
            "450@example.com": (450, "5.1.1 <450@example.com> is not served here"),
        },
    )
    assert office.taken[0].rcpt_tos == ["soc@example.com", "ops@example.com"]


@pytest.mark.parametrize(
    ("recipients", "code"),
    [
        (("550@example.com",), 550),
        (("450@example.com",), 450),
        (("550@example.com", "451@example.com", "553@example.com"), 451),
    ],
)
async def test_when_all_are_refused_the_most_hopeful_answer_counts(
    recipients: tuple[str, ...], code: int, transports: Transports, office: Office, mailbox: Open
) -> None:
    answer = await transports.send(replace(mailbox(), recipients=recipients), 10)
    assert isinstance(answer, MailAnswer)
    assert (answer.code, answer.accepted, set(answer.refused)) == (code, (), set(recipients))
    assert office.taken == []


async def test_the_answer_to_the_data_keeps_its_code(transports: Transports, mailbox: Open) -> None:
    mail = replace(mailbox(), sender="later@example.com", recipients=("550@example.com", "soc@example.com"))
    answer = await transports.send(mail, 10)
    refused = {"550@example.com": (550, "5.1.1 <550@example.com> is not served here")}
    assert answer == MailAnswer(452, "4.3.1 no room", refused=refused)


async def test_a_mail_over_the_servers_size_is_refused_before_it_is_sent(
    transports: Transports, office: Office, mailbox: Open
) -> None:
    mail = mailbox(data_size_limit=1000)
    answer = await transports.send(replace(mail, content=content() + b"x" * 2000), 10)
    assert isinstance(answer, MailAnswer)
    assert (answer.code, office.taken) == (552, [])


async def test_starttls_protects_mail_and_password(
    transports: Transports, office: Office, mailbox: Open, authority: trustme.CA, ca_file: Path
) -> None:
    mail = mailbox(tls_context=server_tls(authority), require_starttls=True, authenticator=office.authenticate)
    tls = Tls(ca_file=str(ca_file))
    mail = replace(mail, security="starttls", tls=tls, username="gw", password=PASSWORD)
    answer = await transports.send(mail, 10)
    assert isinstance(answer, MailAnswer), answer
    assert (answer.code, office.over_tls) == (250, [True])
    assert office.logins == [("PLAIN", b"gw", PASSWORD.encode())]


async def test_implicit_tls_protects_mail_and_password(
    transports: Transports, office: Office, mailbox: Open, authority: trustme.CA, ca_file: Path
) -> None:
    mail = mailbox(
        ImplicitTls,
        ssl_context=server_tls(authority),
        authenticator=office.authenticate,
        auth_require_tls=False,
        auth_exclude_mechanism=["PLAIN"],
    )
    mail = replace(mail, security="tls", tls=Tls(ca_file=str(ca_file)), username="gw", password=PASSWORD)
    answer = await transports.send(mail, 10)
    assert isinstance(answer, MailAnswer), answer
    assert (answer.code, office.logins) == (250, [("LOGIN", b"gw", PASSWORD.encode())])


@dataclass(frozen=True)
class Mistrusted:
    name: str
    system_authorities: bool
    expected: str


@pytest.mark.parametrize(
    "case",
    [
        Mistrusted("localhost", True, "certificate not trusted: unable to get local issuer certificate"),
        Mistrusted("elsewhere.example", False, "certificate not trusted: Hostname mismatch"),
    ],
)
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_server_that_does_not_prove_itself_gets_nothing(
    case: Mistrusted,
    security: Literal["starttls", "tls"],
    transports: Transports,
    office: Office,
    mailbox: Open,
    authority: trustme.CA,
    ca_file: Path,
) -> None:
    context = server_tls(authority, case.name)
    mail = mailbox(ImplicitTls, ssl_context=context) if security == "tls" else mailbox(tls_context=context)
    tls = Tls() if case.system_authorities else Tls(ca_file=str(ca_file))
    mail = replace(mail, security=security, tls=tls, username="gw", password=PASSWORD)
    assert reason(await transports.send(mail, 10)).startswith(case.expected)
    assert (office.taken, office.logins) == ([], [])


async def test_without_starttls_on_offer_nothing_is_sent(transports: Transports, office: Office, mailbox: Open) -> None:
    mail = replace(mailbox(), security="starttls", username="gw", password=PASSWORD)
    assert reason(await transports.send(mail, 10)) == "the mail server offers no STARTTLS, so nothing was sent"
    assert (office.taken, office.logins) == ([], [])


async def test_a_wrong_password_is_tried_once_and_keeps_its_code(
    transports: Transports, office: Office, mailbox: Open
) -> None:
    mail = mailbox(authenticator=office.authenticate, auth_require_tls=False)
    answer = await transports.send(replace(mail, username="gw", password="wrong"), 10)
    assert isinstance(answer, MailAnswer)
    assert answer.code == 535
    assert len(office.logins) == 1


async def test_a_server_that_knows_no_login_is_named(transports: Transports, office: Office, mailbox: Open) -> None:
    answer = await transports.send(replace(mailbox(), username="gw", password=PASSWORD), 10)
    assert reason(answer).startswith("the mail server offers no way to log in")
    assert office.taken == []


def another_address() -> str:
    """An address of this machine that is not loopback; "" when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        address: str = sock.getsockname()[0]
        return address


async def test_credentials_leave_the_machine_over_tls_only(transports: Transports) -> None:
    address = another_address()
    require("an address besides loopback", bool(address), "this test needs any network interface that is up")
    heard: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        heard.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(handler, address, 0)
    port = server.sockets[0].getsockname()[1]
    mail = Mail(
        address, port, "a@example.com", ("b@example.com",), b"", security="none", username="gw", password=PASSWORD
    )
    answer = await transports.send(mail, 10)
    server.close()
    await server.wait_closed()
    assert reason(answer) == "refused: without TLS, credentials are sent to this machine only"
    assert b"".join(heard) == b""


@pytest.mark.parametrize("address", ["a@example.com>\r\nRCPT TO:<evil@example.com", "a b@example.com", "<a"])
async def test_an_address_cannot_smuggle_commands(
    address: str, transports: Transports, office: Office, mailbox: Open
) -> None:
    answer = await transports.send(replace(mailbox(), recipients=(address,)), 10)
    assert reason(answer) == "an address of the mail cannot be sent as it is"
    assert office.taken == []


async def test_an_address_outside_ascii_needs_a_server_that_takes_it(
    transports: Transports, office: Office, mailbox: Open
) -> None:
    mail = mailbox(enable_SMTPUTF8=False)
    answer = await transports.send(replace(mail, recipients=("süd@example.com",)), 10)
    assert reason(answer) == "the mail server takes no addresses outside ASCII"
    assert office.taken == []
