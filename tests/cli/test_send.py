from __future__ import annotations

import json
from pathlib import Path

import pytest
import trustme

from gateway import samples
from tests.cli.cli_world import SECRET, World
from tests.cli.conftest import Run, Start


def test_the_documented_alert_is_accepted_and_then_a_duplicate(run: Run, world: World) -> None:
    first = run("send", env=world.env)
    assert first.exit_code == 0, first.stderr
    assert first.stdout.startswith('200 {"status":"accepted","id":"')
    assert '"status":"duplicate"' in run("send", env=world.env).stdout


def test_any_body_is_sent_as_it_is_and_its_answer_decides_the_exit_code(run: Run, world: World) -> None:
    held = run("send", "-", env=world.env, body=b'{"a": 1}')
    assert (held.exit_code, '"status":"held"' in held.stdout) == (0, True)
    refused = run("send", "-", env=world.env, body=b"no json")
    assert (refused.exit_code, refused.stdout[:4]) == (1, "400 ")
    empty = run("send", "-", env=world.env, body=b"")
    assert (empty.exit_code, empty.stdout[:4]) == (1, "400 ")
    assert json.loads(run("send", "spend", "--json", env=world.env).stdout)["answer"]["routes"] == ["all"]


def test_wrong_credentials_are_told_with_what_to_look_at(run: Run, world: World) -> None:
    result = run("send", env=world.env | {"GATEWAY_AUTH_VALUES": "wrong"})
    assert result.exit_code == 1
    assert result.stdout.startswith("401 ")
    assert "GATEWAY_AUTH_VALUES" in result.stderr
    assert SECRET not in result.output


def test_a_further_source_is_sent_through_with_its_own_credentials(run: Run, start: Start) -> None:
    acme = {"GATEWAY_SOURCES__ACME__AUTH_HEADER": "X-Key", "GATEWAY_SOURCES__ACME__AUTH_VALUES": "acme-value"}
    world = start(**acme)
    assert run("send", "--source", "acme", env=world.env).exit_code == 0
    missing = run("send", "--source", "tenant", env=world.env)
    assert missing.exit_code == 1
    assert missing.stderr.splitlines() == ['There is no source "tenant".', "Known: optix, acme."]


def test_a_route_that_is_wrong_or_whose_secret_may_not_be_read_does_not_matter(
    run: Run, world: World, tmp_path: Path
) -> None:
    (tmp_path / "routes/wrong.env").write_text("DESTINATION=discord\nURL_FILE=/run/secrets/not-for-you\n")
    assert run("check", env=world.env).exit_code == 2
    assert run("send", env=world.env).exit_code == 0


def test_where_nobody_listens_it_says_so_and_what_to_do(run: Run, environment: dict[str, str]) -> None:
    result = run("send", "--url", "http://127.0.0.1:1", env=environment)
    assert result.exit_code == 1
    assert result.stderr.startswith("No gateway answers at http://127.0.0.1:1: connection refused.\nIs it running")


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://localhost", "http://", "http://h:99999", "http://[::1"])
def test_what_is_no_url_is_a_mistake_of_the_command(run: Run, environment: dict[str, str], url: str) -> None:
    result = run("send", "--url", url, env=environment)
    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, "--url is not a URL.")


def test_the_ops_listener_is_no_place_for_webhooks(run: Run, world: World) -> None:
    result = run("send", "--url", f"http://{world.env['GATEWAY_OPS_LISTEN']}", env=world.env)
    assert result.exit_code == 1
    assert "GATEWAY_LISTEN" in result.stderr


def test_a_port_that_the_system_chooses_has_to_be_told(run: Run, environment: dict[str, str]) -> None:
    result = run("send", env=environment)
    assert result.exit_code == 1
    assert "--url" in result.stderr


def test_over_tls_it_reaches_a_gateway_on_this_machine_whatever_name_its_certificate_has(
    run: Run, start: Start, tmp_path: Path
) -> None:
    certificate = trustme.CA().issue_cert("gateway.example.com")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    world = start(GATEWAY_TLS_CERT=str(tmp_path / "cert.pem"), GATEWAY_TLS_KEY=str(tmp_path / "key.pem"))
    assert run("send", env=world.env).exit_code == 0
    plainly = run("send", "--url", f"http://{world.env['GATEWAY_LISTEN']}", env=world.env)
    assert plainly.exit_code == 1
    assert "https://" in plainly.stderr


def test_every_sample_can_be_named(run: Run, world: World) -> None:
    assert [run("send", name, env=world.env).exit_code for name in samples.names()] == [0] * len(samples.names())
