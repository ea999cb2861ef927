"""The id of a plan: another one as soon as another thing would be done, and no other for a secret that was rotated."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from dotenv import dotenv_values

from gateway.destinations import kinds, load
from gateway.domain.alert import Alert
from gateway.domain.approval import ApprovalRule
from gateway.domain.optix import parse
from gateway.domain.remediation import Guard
from gateway.pipeline.mask import mask
from gateway.pipeline.plan import Plan, plan_of
from gateway.pipeline.receiver import receiver_settings
from gateway.settings.kinds import kind_of
from tests.pipeline.gateway_world import a_body, a_route
from tests.pipeline.guarding import listed

KINDS: dict[str, dict[str, str]] = {
    "webhook": {"url": "https://functions.example.com/close"},
    "lambda": {"function": "close-buckets", "region": "eu-west-1", "envelope": "apigateway-v2"},
}
BODY = a_body(affectedResources=listed("bucket"))


def plan(kind: str = "webhook", **keys: Any) -> Plan:
    destination = load(kind)
    settings = destination.settings.model_validate(KINDS[kind] | keys)
    route = replace(a_route(), kind=kind, destination=destination, settings=settings)
    alert = parse("optix", BODY)
    assert isinstance(alert, Alert)
    return plan_of(replace(route, approval=ApprovalRule(1), guard=Guard(dry_run=False)), alert)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", ["X-Action: delete", "X-Action-2: close", "X-Action: close | X-Force: yes", ""])
def test_what_other_headers_tell_the_receiver_is_another_plan(kind: str, other: str) -> None:
    assert plan(kind, headers="X-Action: close").id != plan(kind, headers=other).id


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key"])
def test_a_credential_in_the_headers_may_be_rotated(kind: str, name: str) -> None:
    old, new = (f"X-Action: close | {name}: planted-{age}-value" for age in ("old", "new"))
    assert plan(kind, headers=old).id == plan(kind, headers=new).id
    assert plan(kind, headers=old).id != plan(kind, headers="X-Action: close").id


def test_the_id_of_an_access_key_changes_with_its_secret_and_is_no_other_plan() -> None:
    old, new = ({"access_key_id": f"AKIA{age}", "secret_access_key": f"planted-{age}"} for age in ("OLD", "NEW"))
    assert plan("lambda", **old).id == plan("lambda", **new).id
    assert "AKIA" not in plan("lambda", **old).settings


@pytest.mark.parametrize("other", [{"signing_secret": "planted-new-signing-secret"}, {"method": "POST"}])
def test_a_secret_or_a_default_that_is_written_out_is_no_other_plan(other: dict[str, str]) -> None:
    before = {"signing_secret": "planted-old-signing-secret"}
    assert plan(**before).id == plan(**before | other).id


@pytest.mark.parametrize(
    "other",
    [
        {"url": "https://functions.example.com/delete"},
        {"url": "https://elsewhere.example.com/close"},
        {"headers": "X-Action: delete"},
        {"method": "PUT"},
        {"format": "template", "body": '{"do": "close"}'},
        {"format": "template", "body": '{"do": "delete"}'},
        {"signing_secret": "planted-signing-secret"},
        {"ca_file": "/etc/ssl/with a blank.pem"},
    ],
)
def test_what_makes_another_plan_is_seen_in_the_settings(other: dict[str, str]) -> None:
    before = plan(headers="X-Action: close", format="template", body='{"do": "nothing"}')
    after = plan(**{"headers": "X-Action: close", "format": "template", "body": '{"do": "nothing"}'} | other)
    assert before.id != after.id
    assert before.settings != after.settings
    assert after.settings.isprintable()


def test_of_the_settings_nothing_is_shown_that_could_be_a_secret() -> None:
    secrets = [f"planted-{word}" for word in ("path", "query", "token", "action", "signing-secret", "body-0123")]
    path, query, token, action, signing, body = secrets
    shown = plan(
        url=f"https://u:{token}@functions.example.com/{path}?code={query}",
        headers=f"X-Action: {action} | Authorization: Bearer {token}",
        signing_secret=signing,
        format="template",
        body=f'{{"token": "{body}"}}',
    ).settings
    assert [secret for secret in secrets if secret in shown] == []
    assert re.sub(r"sha256:[0-9a-f]{4}\b", "sha256:…", shown) == (
        "URL=https://functions.example.com/****(sha256:…) HEADERS=authorization,x-action(sha256:…) FORMAT=template "
        "BODY=sha256:… SIGNING_SECRET=****"
    )


def test_a_setting_of_a_few_letters_is_shown_as_it_is() -> None:
    assert plan("lambda").settings == "REGION=eu-west-1 FUNCTION=close-buckets ENVELOPE=apigateway-v2"


@pytest.mark.parametrize("name", kinds())
def test_of_no_kind_a_secret_is_shown(name: str) -> None:
    kind = kind_of(name)
    example = dotenv_values(stream=StringIO(kind.destination.example), interpolate=False)
    given = {kind.keys[key]: value for key, value in example.items() if key in kind.keys}
    settings = kind.destination.settings.model_validate(given)
    shown = receiver_settings(settings)
    assert [secret for secret in settings.secrets() if secret in shown] == []
    assert shown == mask(shown, settings.secrets())
