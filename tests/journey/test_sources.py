from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from gateway.web.listening import CannotStart
from tests.journey.journey_world import SAMPLE, SECRET, Receiver, a_body, a_gateway, a_route, environment


async def test_two_credentials_are_accepted_while_one_replaces_the_other(tmp_path: Path) -> None:
    environ = environment(tmp_path, GATEWAY_AUTH_VALUES="the-old-value,the-new-value")
    async with a_gateway(environ) as (_, client):
        for secret in ("the-old-value", "the-new-value"):
            await client.accepted(a_body(secret), secret=secret)
        status, _ = await client.post(SAMPLE, secret="the-old-value,the-new-value")
        assert status == 401


async def test_after_a_rotation_the_old_value_opens_nothing(tmp_path: Path) -> None:
    async with a_gateway(environment(tmp_path, GATEWAY_AUTH_VALUES="the-old-value,the-new-value")) as (_, client):
        await client.accepted(a_body("before"), secret="the-old-value")
    async with a_gateway(environment(tmp_path, GATEWAY_AUTH_VALUES="the-new-value")) as (_, client):
        assert (await client.post(a_body("after"), secret="the-old-value"))[0] == 401
        await client.accepted(a_body("after"), secret="the-new-value")


async def test_each_source_has_its_own_credentials_and_its_own_routes(tmp_path: Path) -> None:
    async with Receiver() as receiver:
        environ = environment(
            tmp_path,
            GATEWAY_SOURCES__NORTH__AUTH_HEADER="X-North",
            GATEWAY_SOURCES__NORTH__AUTH_VALUES="north-value",
            GATEWAY_SOURCES__SOUTH__AUTH_HEADER="X-South",
            GATEWAY_SOURCES__SOUTH__AUTH_VALUES="south-value",
            **a_route("north", URL=receiver.url("/north"), SOURCES="north"),
            **a_route("rest", URL=receiver.url("/rest"), NOT_SOURCES="north"),
        )
        async with a_gateway(environ) as (_, client):
            north = await client.accepted(SAMPLE, "north", header="X-North", secret="north-value")
            south = await client.accepted(SAMPLE, "south", header="X-South", secret="south-value")
            default = await client.accepted(SAMPLE)
            await client.until_state("delivered", (north, "north"), (south, "rest"), (default, "rest"))
            assert sorted(received.path for received in receiver.got) == ["/north", "/rest", "/rest"]
            for source, header, secret in [
                ("north", "X-South", "south-value"),
                ("north", "X-North", "south-value"),
                ("south", "X-South", SECRET),
                ("optix", "X-North", "north-value"),
            ]:
                assert (await client.post(SAMPLE, source, header=header, secret=secret))[0] == 401


async def test_webhooks_are_served_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.private_key_pem.write_to_path(str(key))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(chain), append=True)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    environ = environment(tmp_path, GATEWAY_TLS_CERT=str(chain), GATEWAY_TLS_KEY=str(key))
    async with a_gateway(environ, scheme="https") as (_, client):
        assert (await client.post(SAMPLE, ssl=trusted))[0] == 200
        assert (await client.post(SAMPLE, secret="wrong", ssl=trusted))[0] == 401


@pytest.mark.parametrize("missing", ["GATEWAY_TLS_CERT", "GATEWAY_TLS_KEY"])
async def test_a_key_that_does_not_fit_its_certificate_keeps_the_gateway_from_starting(
    tmp_path: Path, missing: str
) -> None:
    paths = {"GATEWAY_TLS_CERT": tmp_path / "chain.pem", "GATEWAY_TLS_KEY": tmp_path / "key.pem"}
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(str(paths["GATEWAY_TLS_CERT"]))
    certificate.private_key_pem.write_to_path(str(paths["GATEWAY_TLS_KEY"]))
    paths[missing].write_text("no PEM")
    with pytest.raises(CannotStart, match="GATEWAY_TLS_CERT and GATEWAY_TLS_KEY cannot be used together"):
        async with a_gateway(environment(tmp_path, **{name: str(path) for name, path in paths.items()})):
            pass
