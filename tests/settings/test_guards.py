"""The keys of routes that ask first, or that change something out there."""

from __future__ import annotations

import pytest

from gateway import samples
from gateway.domain.alert import Alert
from gateway.domain.approval import ApprovalRule
from gateway.domain.change import Reason
from gateway.domain.optix import parse
from gateway.domain.remediation import Guard
from gateway.pipeline.configured import ConfiguredRoute
from gateway.settings.configuration import read_configuration
from gateway.settings.mistakes import ConfigurationMistakes

NAMED = {"ENVIRONMENTS": "444123456780", "RULES": "AR-251"}
KEY = "a-long-text-chosen-by-chance"
HOUR_US = 3_600_000_000


def environ(name: str = "FIX", **keys: str) -> dict[str, str]:
    given = {"DESTINATION": "webhook", "URL": "https://receiver.example/", **keys}
    return {f"GATEWAY_ROUTES__{name}__{key}": value for key, value in given.items()}


def read(*routes: dict[str, str]) -> tuple[ConfiguredRoute, ...]:
    merged = {key: value for route in routes for key, value in route.items()}
    return read_configuration(merged, need_sources=False).routes


def mistakes(*routes: dict[str, str]) -> list[tuple[str, str]]:
    with pytest.raises(ConfigurationMistakes) as raised:
        read(*routes)
    return [(mistake.key.rpartition("__")[2], mistake.message) for mistake in raised.value.mistakes]


def test_a_route_that_says_nothing_of_it_asks_nobody_and_changes_nothing() -> None:
    (route,) = read(environ())
    assert (route.approval, route.guard) == (None, None)


def test_a_request_stands_for_a_day_unless_told_otherwise_and_is_about_changes() -> None:
    (route,) = read(environ(APPROVAL="required"))
    assert route.approval == ApprovalRule(24 * HOUR_US)
    assert Reason.UNCHANGED not in route.terms.notify


def test_a_request_may_be_told_to_another_route() -> None:
    asking, _ = read(environ("A", APPROVAL="required", APPROVAL_EXPIRES="2h", APPROVAL_NOTIFY="Chat"), environ("CHAT"))
    assert asking.approval == ApprovalRule(2 * HOUR_US, "chat")


def test_that_nobody_is_told_of_requests_is_doubted() -> None:
    asking, off = environ(APPROVAL="required", APPROVAL_NOTIFY="chat"), environ("CHAT", ENABLED="false")
    assert read_configuration(asking | off, need_sources=False).warnings == (
        (
            'route "fix": APPROVAL_NOTIFY names "chat", which has ENABLED=false: nobody is told of its requests until'
            " that is enabled, and what nobody approves in time is cancelled"
        ),
    )
    assert read_configuration(asking | environ("CHAT"), need_sources=False).warnings == ()


def test_a_remediation_only_says_what_it_would_do_unless_told_otherwise() -> None:
    (route,) = read(environ(REMEDIATION="true", **NAMED))
    assert route.guard == Guard(hourly=10, dry_run=True)
    more = {"DRY_RUN": "false", "HOURLY": "3", "MOST_RESOURCES": "7"}
    (route,) = read(environ(REMEDIATION="true", **more, **NAMED))
    assert route.guard == Guard(hourly=3, dry_run=False, most_resources=7)


@pytest.mark.parametrize(
    ("guarded", "key", "said"),
    [
        ("true", "", "each resource that is demo-bucket-1 is left out"),
        ("false", "NOT_RESOURCES", "no resource is demo-bucket-1"),
    ],
)
def test_one_excluded_resource_keeps_an_alert_from_a_route_that_tells_and_not_from_one_that_changes(
    guarded: str, key: str, said: str
) -> None:
    named = {"NOT_RESOURCES": "demo-bucket-1", "ENVIRONMENTS": "444*8075", "RULES": "AR-251"}
    (route,) = read(environ(REMEDIATION=guarded, **named))
    alert = parse("optix", samples.load(samples.DOCUMENTED))
    assert isinstance(alert, Alert)
    decision = route.filter.decide(alert)
    assert (decision.taken, decision.key) == (not key, key)
    assert said in route.filter.describe()


def test_a_kind_that_changes_things_has_its_guards_without_a_word() -> None:
    (route,) = read(_bucket_route())
    assert route.guard == Guard()


def _bucket_route(**more: str) -> dict[str, str]:
    keys = {"DESTINATION": "s3-public-acl", "REGION": "eu-west-1", **NAMED, **more}
    return {f"GATEWAY_ROUTES__FIX__{key}": value for key, value in keys.items()}


def test_the_guards_of_such_a_kind_cannot_be_switched_off() -> None:
    ((key, said),) = mistakes(_bucket_route(REMEDIATION="false"))
    assert (key, "cannot be switched off" in said) == ("REMEDIATION", True)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"RULES": "AR-251"}, "REMEDIATION"),
        ({"ENVIRONMENTS": "444"}, "REMEDIATION"),
        ({"ENVIRONMENTS": "*", "RULES": "AR-251"}, "ENVIRONMENTS"),
        ({"ENVIRONMENTS": "444", "RULES": "AR-251,**"}, "RULES"),
        ({"ENVIRONMENTS": "444,?*", "RULES": "AR-251"}, "ENVIRONMENTS"),
        ({"ENVIRONMENTS": "", "RULES": "AR-251"}, "ENVIRONMENTS"),
        ({"ENVIRONMENTS": "0*,1*,2*,3*,4*,5*,6*,7*,8*,9*", "RULES": "AR-251"}, "ENVIRONMENTS"),
        ({"ENVIRONMENTS": "444", "RULES": "AR-*"}, "RULES"),
        ({"ENVIRONMENTS": "444?????????", "RULES": "AR-251"}, "ENVIRONMENTS"),
        ({"ENVIRONMENTS": '["*"]', "RULES": "AR-251"}, "ENVIRONMENTS"),
        ({"NOT_ENVIRONMENTS": "444", "RULES": "AR-251"}, "REMEDIATION"),
    ],
)
def test_what_may_be_changed_has_to_be_named(given: dict[str, str], key: str) -> None:
    assert key in {found for found, _ in mistakes(environ(REMEDIATION="true", **given))}


@pytest.mark.parametrize(
    ("rules", "unknown"),
    [("AR-651", "AR-651"), ("AR-251,AR-65*", "AR-65*"), ("AR-2511", "AR-2511"), ('["AR-251", "NET-1"]', "NET-1")],
)
def test_a_rule_that_the_kind_is_not_about_is_a_mistake(rules: str, unknown: str) -> None:
    ((key, said),) = mistakes(_bucket_route(RULES=rules))
    assert key == "RULES"
    assert said == (
        f'"{unknown}" is none of the rules that s3-public-acl is about, so all it would do is fail.'
        " Choose from AR-251, AR-252, AR-267, AR-268."
    )


@pytest.mark.parametrize("rules", ["AR-251", " ar-268 ,AR-252", "AR-2*", "*-267", "AR-2?1"])
def test_a_rule_or_a_pattern_of_one_that_the_kind_is_about_is_none(rules: str) -> None:
    (route,) = read(_bucket_route(RULES=rules))
    assert route.guard is not None


@pytest.mark.parametrize("named", ["444123456780", "7", "prod-*", "4441????????", "prod"])
def test_a_name_is_enough_however_short_and_so_is_most_of_one(named: str) -> None:
    (route,) = read(environ(REMEDIATION="true", ENVIRONMENTS=named, RULES="AR-2*"))
    assert route.guard is not None


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"APPROVAL_EXPIRES": "1h"}, "APPROVAL_EXPIRES"),
        ({"APPROVAL_NOTIFY": "chat"}, "APPROVAL_NOTIFY"),
        ({"HOURLY": "3"}, "HOURLY"),
        ({"DRY_RUN": "false"}, "DRY_RUN"),
        ({"MOST_RESOURCES": "9"}, "MOST_RESOURCES"),
        ({"REMEDIATION": "true", "MOST_RESOURCES": "0", **NAMED}, "MOST_RESOURCES"),
        ({"APPROVAL": "perhaps"}, "APPROVAL"),
        ({"APPROVAL": "required", "APPROVAL_EXPIRES": "31d"}, "APPROVAL_EXPIRES"),
        ({"APPROVAL": "required", "APPROVAL_NOTIFY": "nobody"}, "APPROVAL_NOTIFY"),
        ({"APPROVAL": "required", "APPROVAL_NOTIFY": "fix"}, "APPROVAL_NOTIFY"),
        ({"APPROVAL": "required", "GROUP_BY": "rule", "FORMAT": "alert"}, "GROUP_BY"),
        ({"APPROVAL": "required", "FALLBACK": "other"}, "FALLBACK"),
        ({"REMEDIATION": "true", "HOURLY": "0", **NAMED}, "HOURLY"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake(given: dict[str, str], key: str) -> None:
    assert key in {found for found, _ in mistakes(environ(**given), environ("OTHER"))}


def test_what_a_guarded_route_is_sent_is_for_its_own_filter_to_say() -> None:
    routes = (environ("A", FALLBACK="fix"), environ("FIX", REMEDIATION="true", **NAMED))
    assert [key for key, _ in mistakes(*routes)] == ["FALLBACK"]
    routes = (environ("A", APPROVAL="required", APPROVAL_NOTIFY="fix"), environ("FIX", APPROVAL="required"))
    assert [key for key, _ in mistakes(*routes)] == ["APPROVAL_NOTIFY"]


@pytest.mark.parametrize(("given", "missing"), [("URL", "KEY"), ("KEY", "URL")])
def test_links_need_their_address_and_their_key(given: str, missing: str) -> None:
    values = {"URL": "https://optix.example.internal", "KEY": KEY}
    ((_, said),) = mistakes({f"GATEWAY_APPROVAL_{given}": values[given]})
    assert f"GATEWAY_APPROVAL_{missing} is missing" in said


LINKS = {"GATEWAY_APPROVAL_URL": "https://optix.example.internal", "GATEWAY_APPROVAL_KEY": KEY}


def test_links_that_the_ops_listener_would_refuse_are_a_mistake() -> None:
    ((key, said),) = mistakes(LINKS)
    assert key == "GATEWAY_APPROVAL_URL"
    assert said == (
        "without GATEWAY_OPS_TOKEN the ops listener answers to loopback names only, and to every such link with 403."
        " Set GATEWAY_OPS_TOKEN too; who follows a link needs no token."
    )


def test_links_to_no_listener_are_a_mistake() -> None:
    ((key, said),) = mistakes({**LINKS, "GATEWAY_OPS_LISTEN": "", "GATEWAY_OPS_TOKEN": "t"})
    assert key == "GATEWAY_APPROVAL_URL"
    assert said == "GATEWAY_OPS_LISTEN is empty, so nothing answers there. Set that as well."


@pytest.mark.parametrize(
    "more",
    [
        {"GATEWAY_OPS_TOKEN": "t"},
        {"GATEWAY_APPROVAL_URL": "http://127.0.0.1:8081"},
        {"GATEWAY_APPROVAL_URL": "http://LOCALHOST:8081/"},
        {"GATEWAY_APPROVAL_URL": "http://[::1]:8081"},
    ],
)
def test_links_that_are_answered_are_none(more: dict[str, str]) -> None:
    assert read_configuration(LINKS | more, need_sources=False).gateway.approval_url


@pytest.mark.parametrize("key", ["short", "nineteen-characters"])
def test_a_key_that_is_too_short_is_refused_and_not_shown(key: str) -> None:
    ((_, said),) = mistakes({"GATEWAY_APPROVAL_URL": "https://o.example", "GATEWAY_APPROVAL_KEY": key})
    assert "20 characters" in said
    assert key not in said


def test_the_key_is_a_secret_and_guards_are_part_of_the_revision() -> None:
    links = LINKS | {"GATEWAY_OPS_TOKEN": "t"}
    configuration = read_configuration(links | environ(), need_sources=False)
    assert KEY in configuration.secrets()
    asking = read_configuration(links | environ(APPROVAL="required"), need_sources=False)
    assert asking.revision != configuration.revision
