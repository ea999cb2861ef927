"""What the kinds that publish to a broker have in common, and how each reads what its broker declines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from gateway import samples
from gateway.destinations import Context, FormatFault, load
from gateway.destinations._broker import BrokerSettings
from gateway.domain import optix
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import CONNECTION_REFUSED, Declined, NoAnswer, Publication, Published
from gateway.domain.outcome import OutcomeClass as Class

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
KINDS = {"redis": "redis://h", "nats": "nats://h", "rabbitmq": "amqp://h", "mqtt": "mqtt://h", "kafka": "kafka://h"}
LIBRARIES = {"redis": "redis", "nats": "nats", "rabbitmq": "aio_pika", "mqtt": "paho", "kafka": "confluent_kafka"}
every_kind = pytest.mark.parametrize("kind", sorted(KINDS))
AlertOf = Callable[..., Alert]


def made(kind: str, **values: object) -> BrokerSettings:
    settings: BrokerSettings = load(kind).settings.model_validate({"url": KINDS[kind]} | values)
    return settings


def context(body: bytes = b'{"as": "received"}', *, test: bool = False, shrink: bool = False) -> Context:
    return Context("a-1.soc", "soc", body, NOW, test=test, shrink=shrink)


def published(kind: str, alert: Alert, said: Context, **values: object) -> Publication:
    message = load(kind).format(alert, said, made(kind, **values))
    assert isinstance(message, Publication)
    return message


@every_kind
def test_the_original_is_the_bytes_as_received_and_the_rest_stands_beside_it(kind: str, alert_of: AlertOf) -> None:
    message = published(kind, alert_of(key="optix-0123"), context(test=True))
    assert (message.body, message.content_type) == (b'{"as": "received"}', "application/json")
    assert message.message_id == "a-1.soc"
    assert [(name.lower().removeprefix("optix-gateway-"), value) for name, value in message.headers] == [
        ("key", "optix-0123"),
        ("test", "true"),
    ]


@every_kind
def test_only_a_test_is_marked_as_one(kind: str, alert_of: AlertOf) -> None:
    assert len(published(kind, alert_of(), context()).headers) == 1


@every_kind
def test_an_alert_as_json_has_the_incident_and_what_changed(kind: str, alert_of: AlertOf) -> None:
    body = json.loads(published(kind, alert_of(), context(), format="alert").body)
    assert (body["alert_id"], body["delivery_id"], body["change"]["reasons"]) == ("A-1", "a-1.soc", ["new"])


@every_kind
def test_a_cloudevent_is_identified_by_the_delivery(kind: str, alert_of: AlertOf) -> None:
    message = published(kind, alert_of(), context(), format="cloudevents")
    body = json.loads(message.body)
    assert message.content_type == "application/cloudevents+json"
    assert (body["specversion"], body["id"], body["subject"], body["data"]["alert_id"]) == (
        "1.0",
        "a-1.soc",
        "A-1",
        "A-1",
    )


@every_kind
@pytest.mark.parametrize("form", ["alert", "cloudevents"])
def test_an_alert_beyond_the_limit_says_less_and_how_much_less(kind: str, form: str, alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"bucket-{n}", "OPEN") for n in range(3000)))
    message = published(kind, alert, context(), format=form, max_bytes="64KiB")
    body = json.loads(message.body)
    assert len(message.body) <= 64 * 1024
    assert (body["data"] if form == "cloudevents" else body)["left_out"]["resources"]


@every_kind
def test_digests_need_a_form_that_can_hold_several_alerts(kind: str) -> None:
    assert "Set FORMAT to alert or cloudevents" in made(kind).against_digests()
    assert made(kind, format="alert").against_digests() == ""


@pytest.mark.parametrize(
    ("kind", "key", "value", "target"),
    [
        ("redis", "stream", "optix:{source}:{severity}", "optix:optix:high"),
        ("nats", "subject", "optix.{source}.{severity}", "optix.optix.high"),
        ("rabbitmq", "routing_key", "optix.{source}.{severity}", "optix.optix.high"),
        ("mqtt", "topic", "optix/{source}/{severity}", "optix/optix/high"),
        ("kafka", "topic", "optix.{source}-{severity}", "optix.optix-high"),
    ],
)
def test_source_and_severity_can_stand_in_where_it_goes(
    kind: str, key: str, value: str, target: str, alert_of: AlertOf
) -> None:
    message = published(kind, alert_of(), context(), **{key: value})
    assert (message.key if kind == "rabbitmq" else message.target) == target


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("redis", "stream", "optix:{rule}"),
        ("redis", "stream", ""),
        ("nats", "subject", "optix.*"),
        ("nats", "subject", "optix.>"),
        ("nats", "subject", "optix..alerts"),
        ("nats", "subject", "two words"),
        ("nats", "stream", "a.b"),
        ("rabbitmq", "routing_key", "{environment}"),
        ("rabbitmq", "exchange", "x" * 256),
        ("mqtt", "topic", "optix/#"),
        ("mqtt", "topic", "optix/+/alerts"),
        ("mqtt", "topic", "$SYS/alerts"),
        ("mqtt", "topic", "optix\0"),
        ("mqtt", "topic", "optix/}"),
        ("mqtt", "password", "alone"),
        ("redis", "maxlen", "0"),
        ("kafka", "topic", "optix/alerts"),
        ("kafka", "topic", "two words"),
        ("kafka", "url", "kafka://h,"),
        ("kafka", "url", "kafka://h:9092,user:hunter2@h"),
        ("kafka", "url", "kafka://h,kafka://h"),
    ],
)
def test_a_name_that_the_broker_would_not_take_is_refused(kind: str, key: str, value: str) -> None:
    with pytest.raises(ValidationError):
        made(kind, **{key: value})


@every_kind
@pytest.mark.parametrize(
    "url",
    [
        "{s}://user:hunter2@h",
        "{s}://h?a=hunter2",
        "{s}://h#hunter2",
        "{s}://",
        "http://h",
        "h",
        "{s}://h:0",
        "{s}://h x",
        "{s}://h:99999",
        "{s}://[::1",
        "{s}://h/a/b",
    ],
)
def test_an_address_with_a_login_or_of_another_kind_is_refused_without_being_shown(kind: str, url: str) -> None:
    scheme = KINDS[kind].partition(":")[0]
    with pytest.raises(ValidationError, match=f"{scheme}://host") as refused:
        made(kind, url=url.format(s=scheme))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("redis", "redis://h:6379/15"),
        ("redis", "rediss://h"),
        ("nats", "tls://h:4222"),
        ("rabbitmq", "amqps://h/soc"),
        ("rabbitmq", "amqp://h/%2Fa"),
        ("mqtt", "mqtts://[::1]:8883"),
        ("kafka", "kafkas://a:9093,b,[::1]:9093"),
    ],
)
def test_an_address_is_kept_as_it_was_given(kind: str, url: str, alert_of: AlertOf) -> None:
    assert published(kind, alert_of(), context(), url=url).url == url


@every_kind
def test_the_login_goes_with_the_message_and_does_not_print(kind: str, alert_of: AlertOf) -> None:
    message = published(kind, alert_of(), context(), username="optix", password="hunter2-hunter2")
    assert (message.username, message.password) == ("optix", "hunter2-hunter2")
    assert "hunter2" not in repr(message)
    assert made(kind, username="optix", password=SecretStr("hunter2")).secrets() == ("hunter2",)


@every_kind
def test_a_missing_package_is_told_at_the_start_with_the_command_that_installs_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = load(kind)
    assert destination.verify is not None
    destination.verify(made(kind), ())
    monkeypatch.setitem(sys.modules, LIBRARIES[kind], None)
    with pytest.raises(FormatFault, match=rf"pip install 'optix-gateway\[{kind}\]'$"):
        destination.verify(made(kind), ())


@every_kind
def test_what_is_acknowledged_is_delivered_and_what_is_not_answered_is_tried_again(kind: str) -> None:
    read: Any = load(kind).read
    acknowledged = read(Published("1-0\n"), NOW)
    assert (acknowledged.kind, acknowledged.reference) == (Class.OK, "1-0")
    assert read(NoAnswer(CONNECTION_REFUSED), NOW).kind is Class.RETRY
    assert read(NoAnswer(CONNECTION_REFUSED), NOW).nothing_listens


DECLINED = [
    ("redis", "OOM", "command not allowed when used memory > 'maxmemory'.", Class.RETRY),
    ("redis", "LOADING", "Redis is loading the dataset in memory", Class.RETRY),
    ("redis", "READONLY", "You can't write against a read only replica.", Class.RETRY),
    ("redis", "MOVED", "3999 127.0.0.1:6381", Class.RETRY),
    ("redis", "MISCONF", "Redis is configured to save RDB snapshots", Class.RETRY),
    ("redis", "NOAUTH", "Authentication required.", Class.AUTH),
    ("redis", "WRONGPASS", "invalid username-password pair", Class.AUTH),
    ("redis", "NOPERM", "this user has no permissions", Class.AUTH),
    ("redis", "WRONGTYPE", "Operation against a key holding the wrong kind", Class.GONE),
    ("nats", "no responders", "no stream takes this subject", Class.RETRY),
    ("nats", "10077", "maximum messages exceeded", Class.RETRY),
    ("nats", "10023", "insufficient resources", Class.RETRY),
    ("nats", "10054", "message size exceeds maximum allowed", Class.TOO_LARGE),
    ("nats", "max_payload", "", Class.TOO_LARGE),
    ("nats", "10060", "expected stream does not match", Class.GONE),
    ("nats", "authorization", "the login was refused", Class.AUTH),
    ("nats", "permissions", "permissions violation for publish", Class.AUTH),
    ("rabbitmq", "nack", "the broker took no charge of it", Class.RETRY),
    ("rabbitmq", "506", "RESOURCE_ERROR", Class.RETRY),
    ("rabbitmq", "312", "no queue is bound", Class.GONE),
    ("rabbitmq", "404", "NOT_FOUND - no exchange", Class.GONE),
    ("rabbitmq", "403", "ACCESS_REFUSED", Class.AUTH),
    ("rabbitmq", "530", "the virtual host does not exist", Class.AUTH),
    ("rabbitmq", "406", "PRECONDITION_FAILED - inequivalent arg", Class.REJECTED),
    ("rabbitmq", "406", "message size 5 is larger than configured max size 4", Class.TOO_LARGE),
    ("kafka", "NOT_ENOUGH_REPLICAS", "Broker: Not enough in-sync replicas", Class.RETRY),
    ("kafka", "_QUEUE_FULL", "too many messages wait for this cluster", Class.RETRY),
    ("kafka", "_AUTHENTICATION", "the login was refused", Class.AUTH),
    ("kafka", "TOPIC_AUTHORIZATION_FAILED", "Broker: Topic authorization failed", Class.AUTH),
    ("kafka", "MSG_SIZE_TOO_LARGE", "Broker: Message size too large", Class.TOO_LARGE),
    ("kafka", "_UNKNOWN_TOPIC", "Local: Unknown topic", Class.GONE),
    ("kafka", "TOPIC_EXCEPTION", "Broker: Invalid topic", Class.GONE),
    ("kafka", "POLICY_VIOLATION", "Broker: Policy violation", Class.REJECTED),
    ("kafka", "THROTTLING_QUOTA_EXCEEDED", "Broker: Throttling quota has been exceeded", Class.RATE_LIMITED),
    ("mqtt", "128", "Unspecified error", Class.RETRY),
    ("mqtt", "136", "Server unavailable", Class.RETRY),
    ("mqtt", "137", "Server busy", Class.RETRY),
    ("mqtt", "142", "Session taken over", Class.RETRY),
    ("mqtt", "134", "Bad user name or password", Class.AUTH),
    ("mqtt", "135", "Not authorized", Class.AUTH),
    ("mqtt", "144", "Topic name invalid", Class.GONE),
    ("mqtt", "149", "Packet too large", Class.TOO_LARGE),
    ("mqtt", "150", "Message rate too high", Class.RATE_LIMITED),
    ("mqtt", "151", "Quota exceeded", Class.RATE_LIMITED),
    ("mqtt", "153", "Payload format invalid", Class.REJECTED),
]


@pytest.mark.parametrize(("kind", "code", "text", "expected"), DECLINED)
def test_what_a_broker_declines_is_read_by_its_code(kind: str, code: str, text: str, expected: Class) -> None:
    outcome = load(kind).read(Declined(code, text), NOW)
    assert outcome.kind is expected
    assert outcome.reason == f"{code} {text}".strip()


@every_kind
def test_a_reason_is_one_printable_line_of_a_readable_length(kind: str) -> None:
    outcome = load(kind).read(Declined("x", "a\r\n\x1b[31m" + "b" * 1000), NOW)
    assert outcome.reason.isprintable()
    assert len(outcome.reason) <= 300


@every_kind
def test_a_hostile_alert_decides_nothing_but_the_body(kind: str) -> None:
    alert = optix.parse("optix", samples.load("hostile-text"))
    assert isinstance(alert, Alert)
    message = published(kind, alert, context(samples.load("hostile-text")))
    beside = f"{message.target} {message.key} {message.message_id} {message.headers}"
    assert beside.isprintable()
    assert alert.summary not in beside
