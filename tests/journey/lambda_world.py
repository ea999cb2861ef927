"""Lambda on this machine: its Invoke API, which looks at signatures, limits and kinds of calls as Amazon's does.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from aiohttp import web
from botocore.config import Config
from botocore.session import Session

from tests.journey.lambda_function import Call, Function, listening
from tests.journey.lambda_signature import Fault, fault_of
from tests.outbound.aws_world import ACCOUNT, KEY_ID, REGION
from tests.services import require

_INVOKE = re.compile(r"/2015-03-31/functions/([^/?]+)/invocations")
_NAME = re.compile(rf"(?:arn:aws:lambda:{REGION}:)?(?:{ACCOUNT}:)?(?:function:)?([\w-]+)(?::[\w$-]+)?")
_MOST_BYTES = {"RequestResponse": 6_291_456, "Event": 1_048_576, "DryRun": 6_291_456}
_MOST_CONTEXT = 3583
_TAIL_BYTES = 4096
THROTTLED: Fault = (429, "TooManyRequestsException", "Rate Exceeded.")


@dataclass
class Lambda:
    """The service. `url`: where its API is."""

    folder: Path
    functions: dict[str, Function] = field(default_factory=dict)
    url: str = ""
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)
    _later: set[asyncio.Task[None]] = field(default_factory=set)

    async def function(self, handler: str, **environ: str) -> Function:
        made = Function(handler, environ, self.folder / f"{handler}.log")
        await made.listen(self._open)
        self.functions[made.name] = made
        return made

    def client(self, secret: str) -> Any:
        """Amazon's own for Python."""
        made: Any = Session()
        return made.create_client(
            "lambda",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}),
        )

    async def answer(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        asked = _INVOKE.fullmatch(request.raw_path)
        if asked is None or request.method != "POST":
            return _refused((404, "UnknownOperationException", ""))
        if fault := fault_of(request, body):
            return _refused(fault)
        named = _NAME.fullmatch(unquote(asked[1]))
        function = self.functions.get(named[1]) if named else None
        if function is None:
            return _refused((404, "ResourceNotFoundException", f"Function not found: {unquote(asked[1])}"))
        function.requests.append(dict(request.headers))
        return await self._invoked(function, request.headers, body)

    async def _invoked(self, function: Function, headers: Mapping[str, str], body: bytes) -> web.Response:
        way = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if fault := function.refusals.pop(0) if function.refusals else _unfit(way, headers, body):
            return _refused(fault)
        if way == "DryRun":
            return _ok(204, str(uuid4()))
        context = _context(headers).decode() if way == "RequestResponse" else ""
        call = Call(body, context)
        if way == "Event":
            task = asyncio.create_task(function.call(call))
            self._later.add(task)
            task.add_done_callback(self._later.discard)
            return _ok(202, call.id)
        start = function.log.stat().st_size if function.log.exists() else 0
        await function.call(call)
        return _done(call, function.log.read_bytes()[start:] if headers.get("X-Amz-Log-Type") == "Tail" else None)

    async def close(self) -> None:
        for task in self._later:
            task.cancel()
        await self._open.aclose()


def _unfit(way: str, headers: Mapping[str, str], body: bytes) -> Fault | None:
    if way not in _MOST_BYTES:
        return 400, "InvalidParameterValueException", f"no such invocation type: {way}"
    if len(body) > _MOST_BYTES[way]:
        return 413, "RequestTooLargeException", f"{len(body)} byte payload is too large for {way}"
    if len(headers.get("X-Amz-Client-Context", "")) > _MOST_CONTEXT:
        return 400, "InvalidRequestContentException", "Client context must be no more than 3583 bytes when decoded."
    try:
        json.loads(body.decode() or "{}"), json.loads(_context(headers) or "{}")
    except ValueError as error:
        return 400, "InvalidRequestContentException", f"Could not parse request body into json: {error}"
    return None


def _context(headers: Mapping[str, str]) -> bytes:
    return b64decode(headers.get("X-Amz-Client-Context", ""), validate=True)


def _refused(fault: Fault) -> web.Response:
    status, code, message = fault
    headers = {"x-amzn-ErrorType": code, "x-amzn-RequestId": str(uuid4())} | (
        {"Retry-After": "1"} if status == 429 else {}
    )
    return web.json_response({"Type": "User", "message": message}, status=status, headers=headers)


def _ok(status: int, id_: str) -> web.Response:
    return web.Response(status=status, headers={"x-amzn-RequestId": id_})


def _done(call: Call, log: bytes | None) -> web.Response:
    headers = {"x-amzn-RequestId": call.id, "X-Amz-Executed-Version": "$LATEST", "Content-Type": "application/json"}
    if call.failed:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if log is not None:
        framed = b"START RequestId: %b\n%bEND RequestId: %b\nREPORT RequestId: %b\tDuration: 2.10 ms\n"
        id_ = call.id.encode()
        headers["X-Amz-Log-Result"] = b64encode((framed % (id_, log, id_, id_))[-_TAIL_BYTES:]).decode()
    return web.Response(body=call.answer, headers=headers)


@asynccontextmanager
async def a_lambda(folder: Path) -> AsyncIterator[Lambda]:
    require("awslambdaric", find_spec("awslambdaric") is not None, "pip install awslambdaric (wheels for Linux only)")
    service = Lambda(folder)
    service.url = f"http://{await listening(service._open, service.answer)}"
    try:
        yield service
    finally:
        await service.close()
