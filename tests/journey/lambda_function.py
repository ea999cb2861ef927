"""A function in Lambda: its code in a process of its own, which AWS's own runtime client loads and calls.

What Lambda does around it is done here: one call at a time, time-outs, and what is said of code that hangs or ends.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web

from tests.journey.lambda_signature import Fault
from tests.outbound.aws_world import ACCOUNT, KEY_ID, REGION, SECRET_KEY

_RUNTIME = "/2018-06-01/runtime"


@dataclass(eq=False)
class Call:
    """One run of a function. `context`: the client context in JSON, "" for none. `failed`: it raised, hung or ended."""

    payload: bytes
    context: str = ""
    id: str = field(default_factory=lambda: str(uuid4()))
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    answer: bytes = b""
    failed: bool = False

    def end(self, answer: bytes, *, failed: bool = False) -> None:
        self.answer, self.failed = answer, failed
        self.answered.set()

    @property
    def custom(self) -> Any:
        return json.loads(self.context)["custom"]


@dataclass
class Function:
    """A function and the process that it runs in. `requests`: the headers of all that Lambda was asked about it.
    `calls`: what its code was called with. `most`: so many calls were under way at once. `refusals` are answered
    first.
    """

    handler: str
    environ: Mapping[str, str]
    log: Path
    name: str = field(default_factory=lambda: f"optix-{uuid4().hex[:12]}")
    requests: list[Mapping[str, str]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    refusals: list[Fault] = field(default_factory=list)
    under_way: int = 0
    most: int = 0
    _time_is_up: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _work: asyncio.Queue[Call] = field(default_factory=asyncio.Queue)
    _at_work: Call | None = None
    _is_ending: bool = False  # its code could not be loaded
    _process: asyncio.subprocess.Process | None = None
    _address: str = ""

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"

    def forget(self) -> None:
        """What came so far, for a test that wants to count."""
        self.requests, self.calls, self.most = [], [], 0

    def end_by_time(self) -> None:
        """The call that is under way has run into its time-out."""
        self._time_is_up.set()

    async def call(self, call: Call) -> None:
        """Run the code once; `call` holds the answer then."""
        self.calls.append(call)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            async with self._turn:
                await self._run(call)
        finally:
            self.under_way -= 1

    async def _run(self, call: Call) -> None:
        process = await self._started()
        self._at_work = call
        self._work.put_nowait(call)
        waits = [asyncio.ensure_future(one) for one in (call.answered.wait(), process.wait(), self._time_is_up.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not call.answered.is_set():
            await self._broken_off(call, process)
        elif self._is_ending:
            await self.stop()

    async def _broken_off(self, call: Call, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            kind, said = "Sandbox.Timedout", "Task timed out after 3.00 seconds"
        else:
            kind, said = "Runtime.ExitError", f"Runtime exited with error: exit status {process.returncode}"
        self._time_is_up.clear()
        await self.stop()
        document = {"errorType": kind, "errorMessage": f"RequestId: {call.id} Error: {said}"}
        call.end(json.dumps(document).encode(), failed=True)

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._work, self._is_ending = asyncio.Queue(), False
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GATEWAY_"))}
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "awslambdaric", self.handler),
                cwd=Path(__file__).parent,
                env=kept | _of_lambda(self) | dict(self.environ) | {"AWS_LAMBDA_RUNTIME_API": self._address},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self._process

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def listen(self, open_: AsyncExitStack) -> None:
        self._address = await listening(open_, self._runtime)
        open_.push_async_callback(self.stop)

    async def _runtime(self, request: web.BaseRequest) -> web.Response:
        """What the runtime client asks for and says."""
        if request.path == f"{_RUNTIME}/invocation/next":
            return self._handed_over(await self._work.get())
        said, call = await request.read(), self._at_work
        assert call is not None
        self._is_ending = request.path == f"{_RUNTIME}/init/error"
        assert self._is_ending or request.path.split("/")[-2] == call.id, "it answers what it was not asked"
        call.end(said, failed=request.path.endswith("/error"))
        return web.json_response({"status": "OK"}, status=202)

    def _handed_over(self, call: Call) -> web.Response:
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": call.id,
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 60_000),
            "Lambda-Runtime-Invoked-Function-Arn": self.arn,
        }
        context = {"Lambda-Runtime-Client-Context": call.context} if call.context else {}
        return web.Response(body=call.payload, headers=headers | context)


def _of_lambda(function: Function) -> dict[str, str]:
    return {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }


async def listening(open_: AsyncExitStack, answer: Any) -> str:
    """Host and port of a server on loopback that answers until the stack is closed."""
    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    open_.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"127.0.0.1:{runner.addresses[0][1]}"
