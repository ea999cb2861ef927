from __future__ import annotations

import gzip
import json
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession
from structlog.testing import capture_logs

from gateway import samples
from gateway.domain import authenticate
from gateway.domain.authenticate import Source
from gateway.ports import StoreUnavailable
from gateway.web.receive import WebhookEndpoint
from tests.web.conftest import MAX_BYTES, OTHER_SECRET, SECRET, FakeIntake, FakeObserver, Serve

SAMPLE = samples.load(samples.DOCUMENTED)
KEY = {"X-Optix-Key": SECRET}
HELD = b'{"eventType":"ALERT"}'


@pytest.fixture
async def url(serve: Serve, endpoint: WebhookEndpoint) -> str:
    return f"{await serve(endpoint.handle)}/webhooks/optix"


async def answer_of(answer: ClientResponse) -> Any:
    """Every answer is JSON and names no version."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Server"] == "optix-gateway"
    return await answer.json()


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (SAMPLE, 200, {"status": "accepted", "id": "a-1", "routes": ["soc"]}),
        (b" \n" + SAMPLE + b"\n", 200, {"status": "accepted", "id": "a-1", "routes": ["soc"]}),
        (HELD, 200, {"status": "held", "id": "a-1"}),
        (b"", 400, {"error": "the body is empty"}),
        (b" \r\n", 400, {"error": "the body is empty"}),
        (b"[]", 400, {}),
        (b"null", 400, {}),
        (b'"text"', 400, {}),
        (b"{", 400, {}),
        (b"\xff\xfe\x00", 400, {}),
        (b"a=1&b=2", 400, {}),
        (b"[" * 100_000, 400, {}),
    ],
)
async def test_answers_to_an_authenticated_body(
    url: str, session: ClientSession, body: bytes, status: int, expected: dict[str, Any]
) -> None:
    async with session.post(url, data=body, headers=KEY) as answer:
        assert answer.status == status
        assert (await answer_of(answer)).items() >= expected.items()


async def test_an_identical_repeat_is_answered_with_the_first_ones_id(url: str, session: ClientSession) -> None:
    for status in ("accepted", "duplicate"):
        async with session.post(url, data=SAMPLE, headers=KEY) as answer:
            assert await answer_of(answer) == {"status": status, "id": "a-1", "routes": ["soc"]}


@pytest.mark.parametrize("value", [SECRET, OTHER_SECRET])
@pytest.mark.parametrize("name", ["X-Optix-Key", "x-optix-key", "X-OPTIX-KEY"])
async def test_every_accepted_value_opens_under_its_header_in_any_case(
    url: str, session: ClientSession, name: str, value: str
) -> None:
    async with session.post(url, data=SAMPLE, headers={name: value}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("source", "headers"),
    [
        ("optix", {}),
        ("optix", {"X-Optix-Key": ""}),
        ("optix", {"X-Optix-Key": SECRET + "x"}),
        ("optix", {"X-Optix-Key": SECRET[:-1]}),
        ("optix", {"Authorization": SECRET}),
        ("OPTIX", KEY),
        ("nobody", KEY),
        ("nobody", {}),
        ("closed", {"X-Key": ""}),
        ("caf%C3%A9%00", KEY),
    ],
)
async def test_unknown_sources_and_wrong_credentials_get_the_same_answer(
    url: str, session: ClientSession, source: str, headers: dict[str, str], intake: FakeIntake
) -> None:
    async with session.post(url.replace("/optix", f"/{source}"), data=SAMPLE, headers=headers) as answer:
        assert answer.status == 401
        assert await answer_of(answer) == {"error": "unknown source or wrong credentials"}
        assert sorted(answer.headers) == sorted(
            ["Content-Type", "Server", "WWW-Authenticate", "Content-Length", "Date"]
        )
    assert intake.bodies == []


def test_an_unknown_source_is_compared_like_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(len(one))
        return one == other

    monkeypatch.setattr(authenticate, "compare_digest", counting)
    sources = {"optix": Source("optix", "X-Key", (authenticate.digest_of(SECRET),))}
    for name in ("optix", "nobody"):
        assert authenticate.authenticate(name, {"X-Key": "wrong"}, sources) is None
    assert compared == [32, 32]


async def test_a_source_that_is_open_to_all_needs_no_credential(url: str, session: ClientSession) -> None:
    async with session.post(url.replace("/optix", "/open"), data=SAMPLE) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("source", ["optix", "nobody"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
async def test_other_methods_are_told_of_post_without_credentials(
    url: str, session: ClientSession, method: str, source: str
) -> None:
    async with session.request(method, url.replace("/optix", f"/{source}")) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert answer.headers["Content-Type"] == "application/json"
        assert method == "HEAD" or "POST" in (await answer.json())["error"]


@pytest.mark.parametrize("path", ["/", "/webhooks", "/webhooks/", "/webhooks/optix/", "/webhooks/a/b", "/favicon.ico"])
async def test_other_paths_say_that_nothing_is_there_and_name_no_source(
    url: str, session: ClientSession, path: str
) -> None:
    async with session.post(url.replace("/webhooks/optix", path), data=SAMPLE, headers=KEY) as answer:
        assert answer.status == 404
        text = json.dumps(await answer_of(answer))
    assert not any(name in text for name in ("optix", "open", "closed"))


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
async def test_the_content_type_is_never_looked_at(url: str, session: ClientSession, content_type: str) -> None:
    async with session.post(url, data=SAMPLE, headers={**KEY, "Content-Type": content_type}) as answer:
        assert answer.status == 200


async def test_a_body_of_ten_mebibytes_arrives_byte_for_byte(
    url: str, session: ClientSession, intake: FakeIntake
) -> None:
    filler = b'{"eventType":"ALERT","filler":"'
    body = filler + b"x" * (MAX_BYTES - len(filler) - 2) + b'"}'
    async with session.post(url, data=BytesIO(body), headers=KEY) as answer:
        assert answer.status == 200
    assert len(body) == MAX_BYTES
    assert intake.bodies == [body]


async def chunks(count: int) -> Any:
    for _ in range(count):
        yield b"x" * 2**20


@pytest.mark.parametrize("announced", [True, False])
async def test_one_byte_too_many_is_413_announced_or_not(
    url: str, session: ClientSession, intake: FakeIntake, *, announced: bool
) -> None:
    data = BytesIO(b"x" * (MAX_BYTES + 1)) if announced else chunks(11)
    async with session.post(url, data=data, headers=KEY) as answer:
        assert answer.status == 413
        assert await answer_of(answer) == {"error": f"the body is larger than {MAX_BYTES} bytes"}
    assert intake.bodies == []


async def test_a_compressed_body_is_stored_as_it_was_before(
    url: str, session: ClientSession, intake: FakeIntake
) -> None:
    headers = {**KEY, "Content-Encoding": "gzip"}
    async with session.post(url, data=gzip.compress(SAMPLE), headers=headers) as answer:
        assert answer.status == 200
    assert intake.bodies == [SAMPLE]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (gzip.compress(b"0" * (MAX_BYTES + 1)), 413),
        (gzip.compress(b"0" * (200 * 2**20), compresslevel=1), 413),
        (gzip.compress(SAMPLE)[:-9], 400),
        (gzip.compress(SAMPLE) + b"more", 400),
        (b"\x1f\x8bnonsense", 400),
        (gzip.compress(b""), 400),
        (SAMPLE, 200),
    ],
    ids=["bomb", "big bomb", "cut", "rest", "nonsense", "empty", "not compressed"],
)
async def test_bad_compression_is_the_senders_fault(url: str, session: ClientSession, body: bytes, status: int) -> None:
    async with session.post(url, data=body, headers={**KEY, "Content-Encoding": "gzip"}) as answer:
        assert answer.status == status


async def test_a_compression_that_is_not_known_is_not_json(url: str, session: ClientSession) -> None:
    async with session.post(url, data=b"\x8b\x00\x80\x03", headers={**KEY, "Content-Encoding": "br"}) as answer:
        assert answer.status == 400


async def test_a_store_that_cannot_commit_is_503_with_the_time_to_come_again(
    url: str, session: ClientSession, intake: FakeIntake, observer: FakeObserver
) -> None:
    intake.fault = StoreUnavailable("the disk is full", 30)
    async with session.post(url, data=SAMPLE, headers=KEY) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
        assert await answer_of(answer) == {"error": "the disk is full"}
    assert observer.refused == [("optix", 503, "the disk is full")]


async def test_a_gateway_that_is_shutting_down_answers_503_with_the_time_to_come_again(
    url: str, session: ClientSession, intake: FakeIntake
) -> None:
    intake.accepting = False
    async with session.post(url, data=SAMPLE, headers=KEY) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert await answer_of(answer) == {"error": "the gateway is shutting down"}
    async with session.post(url, data=SAMPLE) as answer:
        assert answer.status == 401


async def test_a_fault_of_ours_is_503_and_one_line_without_the_errors_text(
    url: str, session: ClientSession, intake: FakeIntake
) -> None:
    intake.fault = RuntimeError(f"text with {SECRET}")
    with capture_logs() as logs:
        async with session.post(url, data=SAMPLE, headers=KEY) as answer:
            assert answer.status == 503
            assert SECRET not in await answer.text()
            assert "Retry-After" in answer.headers
    (line,) = logs
    assert (line["event"], line["error"]) == ("request.failed", "RuntimeError")


async def test_refusals_are_told_with_known_source_names_only(
    url: str, session: ClientSession, observer: FakeObserver
) -> None:
    for path in ("/webhooks/optix", "/webhooks/attacker-chosen", "/elsewhere"):
        async with session.post(url.replace("/webhooks/optix", path), data=SAMPLE) as answer:
            assert answer.status in (401, 404)
    assert [(source, status) for source, status, _ in observer.refused] == [
        ("optix", 401), ("unknown", 401), ("unknown", 404),
    ]  # fmt: skip
