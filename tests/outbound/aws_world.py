"""AWS on this machine: the moto server in a process of its own, and what the tests ask it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.request import Request, urlopen
from uuid import uuid4

from botocore.config import Config
from botocore.session import Session

from tests.outbound.brokers import HERE, a_port
from tests.services import require

REGION, ACCOUNT = "eu-west-1", "123456789012"
KEY_ID, SECRET_KEY = "AKIAOPTIXTEST0000000", "optix/test-secret-access-key"
_STARTS_WITHIN_S = 60


class Aws:
    """A moto server. `client` is botocore's own for a service, with keys that the server takes or others."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://{HERE}:{port}"

    def client(self, service: str, key_id: str = KEY_ID, secret: str = SECRET_KEY) -> Any:
        made: Any = Session()
        return made.create_client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def queue(self, *, fifo: bool = False) -> Queue:
        return Queue(self, fifo=fifo)

    def function(self) -> str:
        """The ARN of a new function. The server runs none of its code, and answers for it all the same."""
        trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda"}}]}
        name = f"optix-{uuid4().hex}"
        role = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        code = {"ZipFile": b"no code that anybody runs"}
        made = self.client("lambda").create_function(
            FunctionName=name, Runtime="python3.13", Role=role, Handler="main.handler", Code=code
        )
        arn: str = made["FunctionArn"]
        return arn

    @contextmanager
    def recording(self) -> Iterator[list[Recorded]]:
        """The requests in between, once that is over."""
        found: list[Recorded] = []
        self.tell("/recorder/reset-recording")
        self.tell("/recorder/start-recording")
        yield found
        self.tell("/recorder/stop-recording")
        found += self.recorded()

    def recorded(self) -> list[Recorded]:
        with urlopen(f"{self.url}/moto-api/recorder/download-recording", timeout=10) as answer:  # noqa: S310
            lines = [json.loads(line) for line in answer.read().splitlines()]
        return [Recorded(line["headers"], _body_of(line)) for line in lines]

    def tell(self, path: str, body: bytes = b"") -> bytes:
        """Speak to the server itself: https://docs.getmoto.org/en/latest/docs/server_mode.html"""
        with urlopen(Request(f"{self.url}/moto-api{path}", body, method="POST"), timeout=10) as answer:  # noqa: S310
            read: bytes = answer.read()
        return read


class Recorded(NamedTuple):
    headers: dict[str, str]
    body: bytes


def _body_of(line: dict[str, Any]) -> bytes:
    text: str = line["body"]
    return b64decode(text) if line.get("body_encoded") else text.encode()


class Queue:
    """A queue in SQS that messages are read from."""

    def __init__(self, aws: Aws, *, fifo: bool) -> None:
        self._sqs = aws.client("sqs")
        attributes = {"FifoQueue": "true"} if fifo else {}
        name = f"optix-{uuid4().hex}{'.fifo' * fifo}"
        self.url: str = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def received(self) -> list[dict[str, Any]]:
        """All that is in it; they go."""
        found: list[dict[str, Any]] = []
        while got := self._sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages"):
            for message in got:
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            found += got
        return found


@contextmanager
def moto_server(**environ: str) -> Iterator[Aws]:
    require("moto", find_spec("moto") is not None, "pip install 'moto[server]'")
    aws = Aws(a_port())
    command = (sys.executable, "-m", "moto.server", "-H", HERE, "-p", str(aws.port))
    # Of this machine's own AWS nothing may be asked, nor found.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with TemporaryDirectory() as folder, _process(command, kept | environ, folder) as process:
        _wait_for(aws, process)
        aws.tell("/config", json.dumps({"lambda": {"use_docker": False}}).encode())
        yield aws


@contextmanager
def _process(command: Sequence[str], environ: dict[str, str], folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """In a folder of its own: what it records is written there."""
    none = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environ, cwd=folder, stdout=none, stderr=none, stdin=none)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait_for(aws: Aws, process: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < end_s:
        assert process.poll() is None, "moto's server ended at its start"
        with suppress(OSError), socket.create_connection((HERE, aws.port), timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError


def keys(aws_url: str) -> dict[str, str]:
    """Settings of every route to it."""
    return {"REGION": REGION, "ENDPOINT_URL": aws_url, "ACCESS_KEY_ID": KEY_ID, "SECRET_ACCESS_KEY": SECRET_KEY}
