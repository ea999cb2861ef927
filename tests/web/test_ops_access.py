"""Whom the ops API answers: probes, who has the token, and without one this machine only."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession

from tests.web.ops_world import TOKEN, get


async def test_the_token_is_needed_for_everything_but_probes_and_metrics(guarded: str, session: ClientSession) -> None:
    for path in ("healthz", "readyz", "metrics"):
        async with session.get(f"{guarded}/{path}") as answer:
            assert answer.status == 200
    for path in ("", "api/v1/alerts", "api/v1/nothing"):
        status, content = await get(session, f"{guarded}/{path}")
        assert (status, content["error"]) == (401, "the ops token is missing or wrong")
    right = f"Bearer {TOKEN}"
    assert (await get(session, f"{guarded}/api/v1/alerts", Authorization=right))[0] == 200
    assert (await get(session, f"{guarded}/api/v1/alerts", Authorization=right.replace("Bearer", "bearer")))[0] == 200


@pytest.mark.parametrize("given", ["Bearer wrong", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer é"])
async def test_a_wrong_token_opens_nothing(guarded: str, session: ClientSession, given: str) -> None:
    status, content = await get(session, f"{guarded}/api/v1/alerts", Authorization=given)
    assert status == 401
    assert TOKEN not in str(content)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:8081", 200), ("127.0.0.1:8081", 200), ("127.9.9.9", 200), ("[::1]:8081", 200),
        ("attacker.example", 403), ("127.0.0.1.attacker.example", 403), ("10.0.0.1:8081", 403), ("[", 403), ("", 403),
    ],
)  # fmt: skip
async def test_without_a_token_only_loopback_names_are_answered(
    url: str, session: ClientSession, host: str, status: int
) -> None:
    assert (await get(session, f"{url}/api/v1/alerts", Host=host))[0] == status


async def test_without_a_token_other_sites_are_refused(url: str, session: ClientSession) -> None:
    for origin in ("https://attacker.example", "null", "http://localhost:1"):
        assert (await get(session, f"{url}/api/v1/alerts", Origin=origin))[0] == 403
    assert (await get(session, f"{url}/api/v1/alerts", Origin=url))[0] == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_form_of_another_site_changes_nothing(url: str, session: ClientSession, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    async with session.post(f"{url}/api/v1/replays", data=b"{}", headers=headers) as answer:
        assert answer.status == 415
        assert "application/json" in (await answer.json())["hint"]
