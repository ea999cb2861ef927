"""The id of a plan: another one as soon as another thing would be done, and no other for a secret that was rotated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.destinations import load
from gateway.domain.alert import Alert
from gateway.domain.approval import ApprovalRule
from gateway.domain.optix import parse
from gateway.domain.remediation import Guard
from gateway.pipeline.plan import Plan, plan_of
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


@pytest.mark.parametrize("other", [{"signing_secret": "planted-new-signing-secret"}, {"method": "POST"}])
def test_a_secret_or_a_default_that_is_written_out_is_no_other_plan(other: dict[str, str]) -> None:
    before = {"signing_secret": "planted-old-signing-secret"}
    assert plan(**before).id == plan(**before | other).id
