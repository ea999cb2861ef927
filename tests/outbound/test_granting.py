"""Requests that need a token first, against servers that look at what they get."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from aiohttp import web

from gateway.domain.grant import SasGrant
from gateway.domain.message import GrantedRequest, HttpAnswer, NoAnswer, NotGranted
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.outcome import judge
from gateway.outbound.address import ForbiddenAddress, guarded_socket, open_socket
from gateway.outbound.granting import GrantingTransport
from tests.outbound.clouds import SCOPE, SECRET, Cloud, answers, cloud, is_signed, numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def azure() -> AsyncIterator[Cloud]:
    async with cloud() as made:
        yield made


async def status(transport: GrantingTransport, request: GrantedRequest) -> int:
    answer = await transport.send(request, 5)
    assert isinstance(answer, HttpAnswer), answer
    return answer.status


async def test_a_secret_is_changed_for_a_token_that_is_used_again(azure: Cloud) -> None:
    transport = azure.transport()
    for _ in range(3):
        assert await status(transport, azure.request(azure.entra())) == 201
    assert [request.path for request in azure.asked] == ["/contoso/oauth2/v2.0/token"]
    assert azure.forms == [
        {"grant_type": "client_credentials", "client_id": "app", "client_secret": SECRET, "scope": SCOPE}
    ]
    assert azure.tokens() == ["Bearer eyJ.first.token"] * 3


async def test_deliveries_that_start_together_sign_in_once(azure: Cloud) -> None:
    transport = azure.transport()
    found = await asyncio.gather(*(status(transport, azure.request(azure.entra())) for _ in range(20)))
    assert (set(found), len(azure.asked), len(azure.got)) == ({201}, 1, 20)


async def test_who_signs_in_otherwise_gets_another_token(azure: Cloud) -> None:
    azure.login = numbered(azure)
    transport = azure.transport()
    for grant in (azure.entra(), azure.entra(client_id="other"), azure.entra(scope="https://x/.default")):
        await status(transport, azure.request(grant))
    assert azure.tokens() == ["Bearer eyJ.1", "Bearer eyJ.2", "Bearer eyJ.3"]


async def test_a_token_is_renewed_before_it_ends(azure: Cloud) -> None:
    azure.login = numbered(azure)
    transport = azure.transport()
    for passed_s in (0, 3299, 1):
        azure.moment.at_s += passed_s
        await status(transport, azure.request(azure.entra()))
    assert azure.tokens() == ["Bearer eyJ.1", "Bearer eyJ.1", "Bearer eyJ.2"]


async def test_while_no_new_token_can_be_had_the_old_one_is_used_up(azure: Cloud) -> None:
    transport = azure.transport()
    await status(transport, azure.request(azure.entra()))
    azure.login = answers(503)
    azure.moment.at_s += 3500
    assert await status(transport, azure.request(azure.entra())) == 201
    azure.moment.at_s += 100
    assert isinstance(await transport.send(azure.request(azure.entra()), 5), NotGranted)
    assert len(azure.got) == 2


async def test_a_refused_token_is_forgotten_and_the_next_attempt_signs_in_anew(azure: Cloud) -> None:
    azure.login, azure.take = numbered(azure), answers(401)
    transport = azure.transport()
    await status(transport, azure.request(azure.entra()))
    azure.moment.at_s += 120
    for _ in range(5):
        assert await status(transport, azure.request(azure.entra())) == 401
    assert azure.tokens() == ["Bearer eyJ.1", "Bearer eyJ.1", *["Bearer eyJ.2"] * 4], "one request for each attempt"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            answers(
                401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid secret.\r\nTrace: 1"}
            ),
            Class.AUTH,
            "401 Unauthorized: invalid_client: AADSTS7000215: Invalid secret.",
        ),
        (answers(400, {"error": "unauthorized_client"}), Class.AUTH, "400 Bad Request: unauthorized_client"),
        (answers(404, "x"), Class.AUTH, "404 Not Found"),
        (answers(429, {"error": "temporarily_unavailable"}, **{"Retry-After": "9"}), Class.RATE_LIMITED, "429"),
        (answers(503), Class.RETRY, "503 Service Unavailable"),
        (answers(200, {"token_type": "Bearer"}), Class.RETRY, "200 OK, but it holds no token"),
        (answers(200, {"access_token": "two\nlines"}), Class.RETRY, "200 OK, but it holds no token"),
        (answers(302, None, Location="http://elsewhere/"), Class.AUTH, "302 Found"),
    ],
)
async def test_a_refused_sign_in_is_not_the_receivers_answer(
    azure: Cloud, answer: object, kind: Class, words: str
) -> None:
    azure.login = answer  # type: ignore[assignment]  # pytest's parameters are objects
    got = await azure.transport().send(azure.request(azure.entra()), 5)
    outcome = judge(got, NOW)
    assert (outcome.kind, outcome.status, azure.got) == (kind, None, [])
    assert outcome.reason.startswith(f"sign-in at 127.0.0.1:{azure.server.port}: {words}")
    assert SECRET not in outcome.reason
    assert outcome.hint_s == (9 if kind is Class.RATE_LIMITED else None)


async def test_a_login_server_that_is_away_is_no_receiver_that_is_away(azure: Cloud) -> None:
    request, transport = azure.request(azure.entra()), azure.transport()
    await azure.server.close()
    outcome = judge(await transport.send(request, 5), NOW)
    assert (outcome.kind, outcome.nothing_listens) == (Class.RETRY, False)
    assert outcome.reason.endswith("connection refused")


async def test_the_time_out_is_for_sign_in_and_request_together(azure: Cloud) -> None:
    ends = asyncio.Event()

    async def never(_request: web.Request) -> web.Response:
        await ends.wait()
        return web.Response()

    azure.login = never
    transport = azure.transport()
    answer = await transport.send(azure.request(azure.entra()), 0.05)
    assert answer == NoAnswer("sign-in: no answer within 0.05 s")
    ends.set()
    await transport.close()


async def test_closing_ends_a_sign_in_that_is_under_way(azure: Cloud) -> None:
    begun = asyncio.Event()

    async def never(_request: web.Request) -> web.Response:
        begun.set()
        await asyncio.Event().wait()
        return web.Response()

    azure.login = never
    transport = azure.transport()
    sending = asyncio.create_task(transport.send(azure.request(azure.entra()), 60))
    await begun.wait()
    await transport.close()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_a_token_that_the_receiver_quotes_is_masked(azure: Cloud) -> None:
    async def quote(request: web.Request) -> web.Response:
        told = request.headers["Authorization"]
        return web.Response(status=403, text=f"not with {told}", headers={"X-Request-Id": told})

    azure.take = quote
    for grant in (azure.entra(), SasGrant(azure.base, "send", SECRET)):
        answer = await azure.transport().send(azure.request(grant), 5)
        assert isinstance(answer, HttpAnswer)
        told = azure.tokens()[-1]
        secret = told.partition("sig=")[2].partition("&")[0] or told.removeprefix("Bearer ")
        assert not [form for form in (secret, unquote(secret)) if form in str(answer)]
        assert b"****" in answer.body


async def test_a_workload_shows_the_token_that_its_cluster_gave_it_as_it_is_now(azure: Cloud, tmp_path: Path) -> None:
    azure.login = numbered(azure, lifetime_s=0)
    file = tmp_path / "token"
    transport = azure.transport(
        AZURE_FEDERATED_TOKEN_FILE=str(file), AZURE_TENANT_ID="of-cluster", AZURE_CLIENT_ID="of-pod"
    )
    for text in ("first.jwt\n", "second.jwt"):
        file.write_text(text)
        await status(transport, azure.request(azure.entra(way="workload", tenant="", client_id="")))
    assert {request.path for request in azure.asked} == {"/of-cluster/oauth2/v2.0/token"}
    assert [form["client_assertion"] for form in azure.forms] == ["first.jwt", "second.jwt"]
    assert azure.forms[0]["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert azure.forms[0]["client_id"] == "of-pod"
    assert "client_secret" not in azure.forms[0]


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "AZURE_FEDERATED_TOKEN_FILE is not in the environment"),
        ({"AZURE_FEDERATED_TOKEN_FILE": "/nowhere"}, "AZURE_FEDERATED_TOKEN_FILE=/nowhere cannot be read"),
    ],
)
async def test_where_there_is_no_workload_identity_it_says_so(
    azure: Cloud, environ: dict[str, str], words: str
) -> None:
    outcome = judge(await azure.transport(**environ).send(azure.request(azure.entra(way="workload")), 5), NOW)
    assert outcome.kind is Class.AUTH
    assert words in outcome.reason


async def test_a_machine_asks_its_own_identity_service(azure: Cloud) -> None:
    azure.login = answers(200, {"access_token": "eyJ.machine", "expires_on": str(int(azure.moment.at_s) + 900)})
    transport = azure.transport(IDENTITY_ENDPOINT=f"{azure.base}/msi/token", IDENTITY_HEADER="of-this-machine")
    grant = azure.entra(way="managed", client_id="user-assigned")
    for passed_s in (0, 599, 2):
        azure.moment.at_s += passed_s
        await status(transport, azure.request(grant))
    assert len(azure.asked) == 2
    asked = azure.asked[0]
    assert asked.headers["X-IDENTITY-HEADER"] == "of-this-machine"
    assert dict(asked.query) == {
        "resource": "https://monitor.azure.com",
        "client_id": "user-assigned",
        "api-version": "2019-08-01",
    }
    assert azure.tokens() == ["Bearer eyJ.machine"] * 3


async def test_an_identity_service_that_is_being_updated_is_asked_again_later(azure: Cloud) -> None:
    azure.login = answers(410)
    transport = azure.transport(IDENTITY_ENDPOINT=f"{azure.base}/msi/token", IDENTITY_HEADER="x")
    assert judge(await transport.send(azure.request(azure.entra(way="managed")), 5), NOW).kind is Class.RETRY


async def test_an_identity_of_azure_arc_is_told_not_to_be_spoken_to(azure: Cloud) -> None:
    transport = azure.transport(IDENTITY_ENDPOINT=f"{azure.base}/msi/token")
    outcome = judge(await transport.send(azure.request(azure.entra(way="managed")), 5), NOW)
    assert (outcome.kind, azure.asked) == (Class.AUTH, [])
    assert "Azure Arc" in outcome.reason


def test_only_questions_about_this_machine_may_go_to_its_metadata_service() -> None:
    import socket  # noqa: PLC0415 - constants of an address

    address = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("169.254.169.254", 80))
    with pytest.raises(ForbiddenAddress):
        guarded_socket(address)
    open_socket(address).close()


async def test_a_shared_access_signature_stands_the_look_of_a_namespace(azure: Cloud) -> None:
    keys = {"send": SECRET}

    async def take(request: web.Request) -> web.Response:
        address = f"{azure.base}{request.path}"
        good = is_signed(request.headers["Authorization"], address, keys, azure.moment())
        return web.Response(status=201 if good else 401)

    azure.take = take
    transport = azure.transport()
    for passed_s in (0, 3299, 3299):
        azure.moment.at_s += passed_s
        assert (
            await status(transport, azure.request(SasGrant(f"{azure.base}/hub", "send", SECRET), "/hub/messages"))
            == 201
        )
    assert len(set(azure.tokens())) == 2
    assert (
        await status(transport, azure.request(SasGrant(f"{azure.base}/hub", "send", "other"), "/hub/messages")) == 401
    )
    assert (
        await status(transport, azure.request(SasGrant(f"{azure.base}/hub", "send", SECRET), "/other/messages")) == 401
    )
    assert azure.asked == []
