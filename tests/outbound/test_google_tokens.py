"""Tokens of Google: the assertion that a key signs is looked at by another library than the one that makes it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.domain.grant import GoogleGrant
from gateway.domain.message import HttpAnswer
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.outcome import judge
from tests.outbound.clouds import Answer, Cloud, answers, cloud, numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCOPE = "https://www.googleapis.com/auth/pubsub"
AUDIENCE = "https://svc.run.app"
TOKEN_SERVER = "https://oauth2.googleapis.com/token"
"""Whom an assertion is for, whatever address it goes to."""
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


@pytest.fixture
async def google() -> AsyncIterator[Cloud]:
    async with cloud() as made:
        made.moment.at_s = datetime.now(UTC).timestamp()  # the library looks at the clock itself
        yield made


def key_file(google: Cloud, **more: str) -> str:
    told = {
        "type": "service_account",
        "client_email": "optix@acme.iam.gserviceaccount.com",
        "private_key_id": "key-1",
        "private_key": PEM,
        "token_uri": f"{google.base}/token",
    }
    return json.dumps(told | more)


def strict(google: Cloud, wanted: dict[str, str], answer: dict[str, Any]) -> Answer:
    """Gives a token for an assertion that the key signed, and that claims what is wanted."""

    async def give(_request: web.Request) -> web.Response:
        form = google.forms[-1]
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        claims = jwt.decode(form["assertion"], KEY.public_key(), ["RS256"], audience=TOKEN_SERVER)
        assert jwt.get_unverified_header(form["assertion"])["kid"] == "key-1"
        assert claims["iss"] == "optix@acme.iam.gserviceaccount.com"
        assert claims["exp"] - claims["iat"] <= 3600
        assert {name: claims.get(name) for name in wanted} == wanted
        return web.json_response(answer)

    return give


async def test_a_key_signs_for_an_access_token(google: Cloud) -> None:
    google.login = strict(google, {"scope": SCOPE}, {"access_token": "ya29.token", "expires_in": 3599})
    transport = google.transport()
    for passed_s in (0, 3000):
        google.moment.at_s += passed_s
        answer = await transport.send(google.request(GoogleGrant(scope=SCOPE, credentials=key_file(google))), 5)
        assert isinstance(answer, HttpAnswer), answer
    assert google.tokens() == ["Bearer ya29.token"] * 2
    assert len(google.asked) == 1


async def test_a_key_signs_for_an_id_token_of_the_audience(google: Cloud) -> None:
    id_token = jwt.encode({"aud": AUDIENCE, "exp": int(google.moment.at_s) + 3600}, PEM, "RS256")
    google.login = strict(google, {"target_audience": AUDIENCE}, {"id_token": id_token})

    async def take(request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        jwt.decode(token, KEY.public_key(), ["RS256"], audience=AUDIENCE)
        return web.Response(status=204)

    google.take = take
    answer = await google.transport().send(
        google.request(GoogleGrant(audience=AUDIENCE, credentials=key_file(google))), 5
    )
    assert isinstance(answer, HttpAnswer)
    assert answer.status == 204


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            answers(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}),
            Class.AUTH,
            "400 Bad Request: invalid_grant: Invalid JWT Signature.",
        ),
        (answers(503, {"error": "backend_error"}), Class.RETRY, "503 Service Unavailable: backend_error"),
        (answers(429, None, **{"Retry-After": "7"}), Class.RATE_LIMITED, "429 Too Many Requests"),
    ],
)
@pytest.mark.parametrize("wanted", [{"scope": SCOPE}, {"audience": AUDIENCE}])
async def test_a_refused_sign_in_is_not_repeated_by_the_library(
    google: Cloud, answer: Answer, kind: Class, words: str, wanted: dict[str, str]
) -> None:
    google.login = answer
    grant = GoogleGrant(credentials=key_file(google), **wanted)
    outcome = judge(await google.transport().send(google.request(grant), 5), NOW)
    assert (outcome.kind, outcome.reason) == (kind, f"sign-in at 127.0.0.1: {words}")
    assert len(google.asked) == 1


async def test_a_key_that_is_none_is_told_without_being_shown(google: Cloud) -> None:
    grant = GoogleGrant(scope=SCOPE, credentials=key_file(google, private_key="hunter2"))
    outcome = judge(await google.transport().send(google.request(grant), 5), NOW)
    assert outcome.kind is Class.AUTH
    assert outcome.reason.startswith("sign-in: the credentials cannot be used")
    assert "hunter2" not in outcome.reason + repr(grant)


async def test_an_answer_without_a_token_is_no_token(google: Cloud) -> None:
    google.login = answers(200, {"welcome": "to the hotel"})
    grant = GoogleGrant(scope=SCOPE, credentials=key_file(google))
    assert judge(await google.transport().send(google.request(grant), 5), NOW).kind in {Class.AUTH, Class.RETRY}
    assert google.got == []


async def test_a_federated_workload_changes_its_own_token_for_one_of_google(google: Cloud, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-my-cluster.jwt")
    google.login = answers(
        200,
        {
            "access_token": "ya29.federated",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": 3600,
        },
    )
    told = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{google.base}/v1/token",
        "credential_source": {"file": str(tmp_path / "token")},
    }
    answer = await google.transport().send(google.request(GoogleGrant(scope=SCOPE, credentials=json.dumps(told))), 5)
    assert isinstance(answer, HttpAnswer), answer
    [form] = google.forms
    assert (form["subject_token"], form["scope"]) == ("of-my-cluster.jwt", SCOPE)
    assert google.tokens() == ["Bearer ya29.federated"]


async def test_a_machine_of_google_asks_its_metadata_server(google: Cloud) -> None:
    google.login = answers(200, {"access_token": "ya29.machine", "expires_in": 1000, "token_type": "Bearer"})
    transport = google.transport(GCE_METADATA_HOST=f"127.0.0.1:{google.server.port}")
    for passed_s in (0, 699, 2):
        google.moment.at_s += passed_s
        await transport.send(google.request(GoogleGrant(scope=SCOPE)), 5)
    asked = google.asked[0]
    assert asked.path == "/computeMetadata/v1/instance/service-accounts/default/token"
    assert (asked.headers["Metadata-Flavor"], dict(asked.query)) == ("Google", {"scopes": SCOPE})
    assert len(google.asked) == 2
    assert google.tokens() == ["Bearer ya29.machine"] * 3


async def test_a_machine_of_google_gets_an_id_token_as_it_is(google: Cloud) -> None:
    async def give(_request: web.Request) -> web.Response:
        return web.Response(text="eyJ.id.token\n")

    google.login = give
    transport = google.transport(GCE_METADATA_HOST=f"127.0.0.1:{google.server.port}")
    await transport.send(google.request(GoogleGrant(audience=AUDIENCE)), 5)
    assert google.asked[0].path == "/computeMetadata/v1/instance/service-accounts/default/identity"
    assert dict(google.asked[0].query) == {"audience": AUDIENCE}
    assert google.tokens() == ["Bearer eyJ.id.token"]


@pytest.mark.parametrize(
    ("answer", "kind"), [(answers(404), Class.AUTH), (answers(200, {}), Class.RETRY), (answers(500), Class.RETRY)]
)
async def test_a_machine_without_an_identity_says_so(google: Cloud, answer: Answer, kind: Class) -> None:
    google.login = answer
    transport = google.transport(GCE_METADATA_HOST=f"127.0.0.1:{google.server.port}")
    outcome = judge(await transport.send(google.request(GoogleGrant(scope=SCOPE)), 5), NOW)
    assert outcome.kind is kind
    assert outcome.reason.startswith("sign-in at the metadata server of this machine: ")


async def test_away_from_google_the_machine_has_no_metadata_server(google: Cloud) -> None:
    transport = google.transport(GCE_METADATA_HOST="127.0.0.1:9")
    outcome = judge(await transport.send(google.request(GoogleGrant(scope=SCOPE)), 5), NOW)
    assert (outcome.kind, outcome.nothing_listens) == (Class.RETRY, False)


async def test_who_signs_in_anew_each_time_does_so(google: Cloud) -> None:
    """A token that is over at once is used once."""
    google.login = numbered(google, lifetime_s=0)
    transport = google.transport(GCE_METADATA_HOST=f"127.0.0.1:{google.server.port}")
    for _ in range(2):
        await transport.send(google.request(GoogleGrant(scope=SCOPE)), 5)
    assert google.tokens() == ["Bearer eyJ.1", "Bearer eyJ.2"]


PROGRAM = """
import asyncio, sys
from gateway.domain.grant import EntraGrant, GoogleGrant, SasGrant
from gateway.domain.message import GrantedRequest, HttpRequest
from gateway.outbound.transports import Transports

OWN = {"gateway.outbound.granting", "gateway.outbound.entra", "gateway.outbound.google"}

async def main():
    transports = Transports("test")
    await transports.send(HttpRequest("http://127.0.0.1:9/", b""), 5)
    assert not OWN & set(sys.modules), "a plain request needs none of it"
    entra = EntraGrant("s", "secret", "http://127.0.0.1:9", "t", "c", "x")
    for grant in (SasGrant("http://127.0.0.1:9/", "n", "k"), entra):
        await transports.send(GrantedRequest("http://127.0.0.1:9/", b"", grant=grant), 5)
    await transports.send(GrantedRequest("http://127.0.0.1:9/", b"", grant=GoogleGrant(scope="s")), 5)
    assert not [name for name in sys.modules if name.startswith("google.")], "Azure and machines need no library"
    await transports.send(GrantedRequest("http://127.0.0.1:9/", b"", grant=GoogleGrant(scope="s", credentials="{}")), 5)
    assert "google.auth" in sys.modules, "a credentials file does"
    await transports.close()
    await transports.close()

asyncio.run(main())
"""


def test_the_library_is_loaded_for_a_credentials_file_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"GCE_METADATA_HOST": "127.0.0.1:9"},
    )
    assert (done.returncode, done.stderr) == (0, "")
