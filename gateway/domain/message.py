"""What a destination wants sent, and what came back: plain values, so that wording is tested without a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gateway.domain.grant import Grant


@dataclass(frozen=True, slots=True)
class Tls:
    """`ca_file`: PEM file with the authorities to trust instead of the system's; "" means the system's.
    `verify` False accepts any certificate (a choice the operator makes by name).
    """

    ca_file: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request. The URL is sent byte for byte as given (signatures live in some of them)."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tls: Tls = Tls()


@dataclass(frozen=True, slots=True)
class HttpRequests:
    """Requests to several servers that do not share what they are told; made at the same time."""

    requests: tuple[HttpRequest, ...]


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """Who asks AWS, and where. Two requests with the same access share their credentials.

    Keys, or else a `profile` of the AWS files, or else what AWS's default chain finds (environment, files, web
    identity, container, instance). `role_arn`: a role that these credentials are exchanged for at STS, whose address is
    `sts_url` ("" for that of the region); `tls` is how it is looked at.
    """

    region: str
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    profile: str = ""
    role_arn: str = ""
    external_id: str = field(default="", repr=False)
    sts_url: str = ""
    tls: Tls = Tls()


@dataclass(frozen=True, slots=True)
class AwsRequest(HttpRequest):
    """One request to AWS, which is signed (Signature Version 4) when it is sent. `service`: its name in signatures."""

    service: str = field(kw_only=True)
    access: AwsAccess = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class GrantedRequest(HttpRequest):
    """One request that gets its Authorization header when it is sent: from whoever gives `grant`."""

    grant: Grant = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class SyslogRecord:
    """One message for a log that answers nothing (syslog, GELF), without its framing; the transport frames it.

    `framing` over TCP and TLS: "octet" is RFC 6587 octet counting, "lf" a trailing newline, "gelf" a trailing NUL. Over
    UDP only "gelf" matters: in chunks where it is long.
    """

    host: str
    port: int
    transport: Literal["udp", "tcp", "tls"]
    data: bytes = field(repr=False)
    framing: Literal["octet", "lf", "gelf"] = "octet"
    tls: Tls = Tls()


@dataclass(frozen=True, slots=True)
class Mail:
    """One e-mail, already composed (RFC 5322, CRLF or LF). `recipients` are the envelope's: only those still to be
    served. `security`: STARTTLS is required when chosen, never a silent fallback to plain text.
    """

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    tls: Tls = Tls()


@dataclass(frozen=True, slots=True)
class Publication:
    """One message for a message broker, which has to acknowledge it.

    `url`: scheme, host, perhaps port and path; never a login; Kafka's may hold several hosts. `target`: the stream
    (Redis), subject (NATS), exchange (RabbitMQ) or topic (MQTT, Kafka). `key`: RabbitMQ's routing key, the record's key
    (Kafka), "" elsewhere. `message_id` is the same in every attempt.
    `headers`: what stands beside the body, as each protocol has room for it. `options`: name and value of what only
    this broker knows; its destination says which.
    """

    broker: Literal["redis", "nats", "rabbitmq", "mqtt", "kafka"]
    url: str
    target: str
    message_id: str
    content_type: str
    body: bytes = field(repr=False)
    key: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    tls: Tls = Tls()


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification for a service that a library knows by its URL. `bodies`: the same in plain text, from long to
    short; the first that the service takes is sent. `notify_type`: info, success, warning or failure.
    """

    url: str = field(repr=False)
    title: str
    bodies: tuple[str, ...] = field(repr=False)
    notify_type: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line for the end of a file on this machine, without its line end. `path` "" is standard output."""

    path: str
    data: bytes = field(repr=False)


Message: TypeAlias = (
    HttpRequest | HttpRequests | AwsRequest | GrantedRequest | SyslogRecord | Mail | Publication | Notification | Line
)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """`headers`: names in lower case. `body`: the first 64 KiB."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Written:
    """A transport without acknowledgement took all bytes (syslog, a file)."""

    byte_count: int


@dataclass(frozen=True, slots=True)
class MailAnswer:
    """What the mail server said last, and what it said of each recipient it refused: address -> (code, text).
    `accepted` holds the recipients that it took responsibility for.
    """

    code: int
    text: str
    accepted: tuple[str, ...] = ()
    refused: Mapping[str, tuple[int, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Published:
    """The broker acknowledged the message. `reference`: its own id or place of it, "" where it gives none."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Declined:
    """The broker answered, and did not take the message or the login. `code` is its own word or number for why (`OOM`,
    `10077`, `312`), which the destination reads; `text` is what it said, not yet masked. `credentials` is ours: nothing
    was sent, as there are none.
    """

    code: str
    text: str = ""


CONNECTION_REFUSED = "connection refused"
"""The one reason of a `NoAnswer` that rules act on: no program listens at the receiver's address."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The receiver could not be reached or did not finish. `reason` is safe to show: what failed in words
    ("connection refused", "no answer within 30 s", "certificate not trusted"), never a URL or a secret.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class NotGranted:
    """Whoever grants access said no, or could not be asked, so that the receiver got nothing. `reason` is safe to show.
    `status` is what the sign-in answered, None without an answer; `retry_after` is its header of that name.
    """

    reason: str
    status: int | None = None
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class HttpAnswers:
    """What came of each of `HttpRequests`, in its order."""

    answers: tuple[HttpAnswer | NoAnswer, ...]


Answer: TypeAlias = HttpAnswer | HttpAnswers | Written | MailAnswer | Published | Declined | NotGranted | NoAnswer
