from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, sys
from gateway.domain.message import AwsAccess, AwsRequest, HttpRequest, Publication, SyslogRecord
from gateway.outbound.transports import Transports

BROKERS = {"redis", "nats", "aio_pika", "paho"}

async def main():
    transports = Transports("test")
    assert not {"aiohttp", "aiosmtplib"} & set(sys.modules), "making it imports nothing"
    await transports.send(SyslogRecord("127.0.0.1", 9, "udp", b"x"), 5)
    assert not {"aiohttp", "aiosmtplib"} & set(sys.modules), "syslog needs no library"
    await transports.send(HttpRequest("http://127.0.0.1:9/", b""), 5)
    assert "aiosmtplib" not in sys.modules, "who sends no mail does not load it"
    assert not BROKERS & set(sys.modules), "who publishes to no broker loads none"
    await transports.send(Publication("redis", "redis://127.0.0.1:9", "alerts", "1", "text/plain", b""), 5)
    assert BROKERS & set(sys.modules) == {"redis"}, "and otherwise that one"
    assert "botocore" not in sys.modules, "who asks nothing of AWS does not load its library"
    access = AwsAccess("eu-west-1", "AKIA", "secret")
    await transports.send(AwsRequest("http://127.0.0.1:9/", b"", service="sqs", access=access), 5)
    assert "botocore" in sys.modules and "boto3" not in sys.modules, "and otherwise no more than is needed"
    await transports.close()
    await transports.close()

asyncio.run(main())
"""


def test_a_transport_is_loaded_when_its_first_message_comes() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


CONFIGURATION = """
import sys
from gateway.settings.configuration import read_configuration
from gateway import wiring

routes = {"SOC": "DESTINATION=webhook URL=https://soar.example/", "BUS": "DESTINATION=%s %s"}
environ = {}
for name, keys in routes.items():
    environ |= {f"GATEWAY_ROUTES__{name}__{key}": value for key, _, value in (k.partition("=") for k in keys.split())}
configuration = read_configuration(environ, need_sources=False)
assert len(configuration.routes) == 2
assert not {"redis", "nats", "aio_pika", "aiormq", "paho", "botocore"} & set(sys.modules)
assert "asyncpg" not in sys.modules, "who keeps a file does not load what PostgreSQL needs"
"""


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("redis", "URL=redis://bus.example"),
        ("nats", "URL=nats://bus.example"),
        ("rabbitmq", "URL=amqp://bus.example"),
        ("mqtt", "URL=mqtt://bus.example"),
        ("sqs", "QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/111122223333/alerts"),
        ("lambda", "FUNCTION=arn:aws:lambda:eu-west-1:111122223333:function:fix"),
    ],
)
def test_reading_the_configuration_looks_for_a_library_and_does_not_load_it(kind: str, target: str) -> None:
    program = CONFIGURATION % (kind, target)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
