"""A cloud of one's own: a server that looks at what it gets as strictly as real ones do, and transports to ask it."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.domain.grant import EntraGrant, Grant
from gateway.domain.message import GrantedRequest
from gateway.outbound.granting import GrantingTransport
from gateway.outbound.http import HttpTransport
from gateway.outbound.proxies import Proxies
from gateway.outbound.tls import TlsContexts

SECRET = "hunter2-hunter2"
SCOPE = "https://monitor.azure.com/.default"
Answer = Callable[[web.Request], Awaitable[web.Response]]


@dataclass
class Moment:
    """A clock that stands still; monotonic and of the day at once."""

    at_s: float = 1_767_225_600.0

    def __call__(self) -> float:
        return self.at_s


@dataclass
class Cloud:
    """One server for everything. `login` and `take` can be replaced by a test. `asked` are the sign-ins, `got` the
    requests that reached the receiver.
    """

    server: TestServer
    moment: Moment = field(default_factory=Moment)
    asked: list[web.Request] = field(default_factory=list)
    forms: list[Mapping[str, str]] = field(default_factory=list)
    got: list[web.Request] = field(default_factory=list)
    login: Answer | None = None
    take: Answer | None = None
    transports: list[GrantingTransport | HttpTransport] = field(default_factory=list)

    @property
    def base(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    def entra(self, **more: str) -> EntraGrant:
        ordinary = {"scope": SCOPE, "way": "secret", "tenant": "contoso", "client_id": "app", "client_secret": SECRET}
        return EntraGrant(authority=self.base, **(ordinary | more))  # type: ignore[arg-type]  # a test names ways that exist

    def request(self, grant: Grant, path: str = "/messages") -> GrantedRequest:
        return GrantedRequest(f"{self.base}{path}", b"{}", grant=grant)

    def tokens(self) -> list[str]:
        return [request.headers["Authorization"] for request in self.got]

    def transport(self, **environ: str) -> GrantingTransport:
        http, local = (HttpTransport("test", TlsContexts(), Proxies({}), local=local) for local in (False, True))
        made = GrantingTransport(http, local, environ=environ, clock_s=self.moment, now_s=self.moment)
        self.transports += [made, http]
        return made


async def token(_request: web.Request) -> web.Response:
    return web.json_response({"token_type": "Bearer", "expires_in": 3600, "access_token": "eyJ.first.token"})


def numbered(cloud: Cloud, lifetime_s: int = 3600) -> Answer:
    """A new token every time."""

    async def give(_request: web.Request) -> web.Response:
        return web.json_response({"expires_in": lifetime_s, "access_token": f"eyJ.{len(cloud.asked)}"})

    return give


def answers(status: int, body: object = None, **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(body, status=status, headers=headers)

    return answer


@asynccontextmanager
async def cloud() -> AsyncIterator[Cloud]:
    async def login(request: web.Request) -> web.Response:
        made.asked.append(request)
        form = parse_qs((await request.read()).decode(), strict_parsing=True) if request.method == "POST" else {}
        made.forms.append({name: values[0] for name, values in form.items()})
        return await (made.login or token)(request)

    async def take(request: web.Request) -> web.Response:
        await request.read()
        made.got.append(request)
        return await made.take(request) if made.take else web.Response(status=201)

    application = web.Application()
    for path in ("/{tenant}/oauth2/v2.0/token", "/msi/token", "/computeMetadata/{rest:.*}", "/token", "/v1/token"):
        application.router.add_route("*", path, login)
    application.router.add_post("/{rest:.*}", take)
    made = Cloud(TestServer(application))
    await made.server.start_server()
    try:
        yield made
    finally:
        for transport in made.transports:
            await transport.close()
        await made.server.close()


def is_signed(header: str, address: str, keys: Mapping[str, str], now_s: float) -> bool:
    """As a namespace looks at a shared access signature: whose key, for which address, until when."""
    kind, _, parameters = header.partition(" ")
    found = dict(part.partition("=")[::2] for part in parameters.split("&"))
    if kind != "SharedAccessSignature" or set(found) != {"sr", "sig", "se", "skn"}:
        return False
    key = keys[unquote(found["skn"])].encode()
    wanted = b64encode(hmac.new(key, f"{found['sr']}\n{found['se']}".encode(), "sha256").digest()).decode()
    covers = address.startswith(unquote(found["sr"]))
    return covers and unquote(found["sig"]) == wanted and now_s < int(found["se"]) < now_s + 86_400
