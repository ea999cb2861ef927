"""The commands that decide what waits for approval, and that look at what was changed."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.cli.cli_world import World
from tests.cli.conftest import Run, Start
from tests.cli.until import wait_for

KEY = "planted-approval-key-4c1e"
LINKS = {"GATEWAY_APPROVAL_URL": "http://localhost:8081", "GATEWAY_APPROVAL_KEY": KEY}
ASKS = {"GATEWAY_ROUTES__ALL__APPROVAL": "required"}
FIXES = {
    "GATEWAY_ROUTES__ALL__REMEDIATION": "true",
    "GATEWAY_ROUTES__ALL__ENVIRONMENTS": "44412345678075",
    "GATEWAY_ROUTES__ALL__RULES": "AR-2*",
}


@pytest.fixture
def asking(start: Start) -> World:
    return start(**ASKS, **LINKS, GATEWAY_ROUTES__ALL__APPROVAL_NOTIFY="critical")


def plan(world: World) -> str:
    return f"webhook ({urlsplit(world.receiver.url).netloc}) is sent the alert"


def waiting(run: Run, world: World, *more: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(run("approvals", "list", "--json", *more, env=world.env).stdout)[
        "approvals"
    ]
    return found


def gauge(world: World) -> str:
    with urlopen(f"http://{world.env['GATEWAY_OPS_LISTEN']}/metrics", timeout=20) as answer:
        text: str = answer.read().decode()
    return next(line for line in text.splitlines() if line.startswith("optix_gateway_approvals"))


def until_gauge(world: World, number: int) -> None:
    for _ in range(2000):
        if gauge(world) == f"optix_gateway_approvals_waiting {number}":
            return
    raise AssertionError(gauge(world))


def test_how_many_wait_is_a_metric(run: Run, asking: World) -> None:
    until_gauge(asking, 0)
    deliveries = [f"{asking.accept(name)}.all" for name in ("A-1", "A-2")]
    until_gauge(asking, 2)
    run("approvals", "reject", deliveries[0], env=asking.env)
    until_gauge(asking, 1)


def test_what_waits_is_listed_and_approved_once(run: Run, asking: World) -> None:
    delivery = f"{asking.accept()}.all"
    (row,) = waiting(run, asking)
    assert (row["delivery"], row["verdict"], row["plan"]) == (delivery, "waiting", plan(asking))
    assert delivery in run("approvals", "list", env=asking.env).stdout
    assert f"approvals approve {delivery}" in run("deliveries", "show", delivery, env=asking.env).stdout
    done = run("approvals", "approve", delivery, "--author", "ann", "--reason", "looked at it", env=asking.env)
    assert (done.exit_code, done.stdout) == (0, f"{delivery}: approved\n")
    wait_for(run, asking, delivery, "delivered")
    again = run("approvals", "reject", delivery, "--author", "bob", env=asking.env)
    assert again.exit_code == 1
    assert "approved by ann: looked at it" in again.stderr
    assert waiting(run, asking) == []
    (row,) = waiting(run, asking, "--decided")
    assert (row["who"], row["why"], row["verdict"]) == ("ann", "looked at it", "approved")


def test_a_request_is_shown_and_approved_as_it_was_shown(run: Run, asking: World) -> None:
    delivery = f"{asking.accept()}.all"
    found = json.loads(run("approvals", "show", delivery, "--json", env=asking.env).stdout)
    assert (found["delivery"], found["plan"], found["steps"]) == (delivery, plan(asking), [])
    assert found["plan_id"] in run("approvals", "show", delivery, env=asking.env).stdout
    assert found["settings"].startswith(f"URL=http://{urlsplit(asking.receiver.url).netloc}/****(sha256:")
    assert f"settings     {found['settings']}" in run("approvals", "show", delivery, env=asking.env).stdout
    other = run("approvals", "approve", delivery, "--plan", "0" * 12, env=asking.env)
    assert other.exit_code == 1
    assert (
        f"which is the plan {found['plan_id']}: {plan(asking)}. Where it reads as what you were shown" in other.stderr
    )
    assert found["settings"] in other.stderr
    assert f"approve the plan {found['plan_id']}" in other.stderr
    assert run("approvals", "approve", "--incident", "k", "--plan", "x", env=asking.env).exit_code == 2
    assert run("approvals", "approve", delivery, "--plan", found["plan_id"], env=asking.env).exit_code == 0
    wait_for(run, asking, delivery, "delivered")
    (row,) = waiting(run, asking, "--decided")
    assert row["plan_id"] == found["plan_id"]


def test_no_text_of_an_alert_stands_in_a_line_of_its_own(run: Run, asking: World) -> None:
    """There it could pass for the plan, or for the command."""
    evil = "a bucket\nplan         nothing\nplan_id      0123456789ab"
    delivery = f"{asking.accept(alertSummary=evil)}.all"
    shown = run("approvals", "show", delivery, env=asking.env).stdout.splitlines()
    assert [line for line in shown if line.startswith("plan ")] == [f"plan         {plan(asking)}"]
    (row,) = waiting(run, asking)
    assert row["summary"] == "a bucket plan nothing plan_id 0123456789ab"


def test_everything_of_one_incident_is_decided_at_once(run: Run, asking: World) -> None:
    delivery = f"{asking.accept()}.all"
    asking.accept("A-000002")
    key = next(row["key"] for row in waiting(run, asking) if row["delivery"] == delivery)
    assert [row["delivery"] for row in waiting(run, asking, "--incident", key)] == [delivery]
    done = run("approvals", "reject", "--incident", key, env=asking.env)
    assert done.stdout == f"{delivery}: rejected\n1 delivery rejected.\n"
    wait_for(run, asking, delivery, "cancelled")
    assert len(waiting(run, asking)) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        *[
            ("approve",),
            ("approve", "x-1.all", "--incident", "k"),
            ("reject", "x-1.all"),
            ("approve", "--incident", "k"),
        ],
        ("show", "x-1.all"),
    ],
)
def test_what_is_not_there_cannot_be_decided(run: Run, asking: World, arguments: tuple[str, ...]) -> None:
    result = run("approvals", *arguments, env=asking.env)
    assert result.exit_code in (1, 2)
    assert result.stderr


def test_a_replay_says_that_somebody_has_to_approve(run: Run, asking: World) -> None:
    result = run("deliveries", "replay", f"{asking.accept()}.all", env=asking.env)
    assert result.exit_code == 1
    assert "approve" in result.stderr


def link(run: Run, world: World) -> str:
    """As it reached the route that is told, on this machine."""
    delivery = f"{world.accept()}.all"
    (row,) = waiting(run, world)
    wait_for(run, world, _notification(run, world), "delivered")
    said = json.loads(world.receiver.bodies[0])["payloadData"]
    assert delivery in said["alertDetails"]
    assert KEY not in json.dumps(said)
    assert row["delivery"] == delivery
    found: str = said["decideAt"]
    return found.replace(LINKS["GATEWAY_APPROVAL_URL"], f"http://{world.env['GATEWAY_OPS_LISTEN']}")


def _notification(run: Run, world: World) -> str:
    for _ in range(200):
        rows = json.loads(run("deliveries", "list", "--route", "critical", "--json", env=world.env).stdout)[
            "deliveries"
        ]
        if rows:
            return str(rows[0]["id"])
    raise AssertionError("nobody was told")


def page(url: str, **form: str) -> tuple[int, str]:
    try:
        with urlopen(Request(url, urlencode(form).encode() if form else None), timeout=20) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_looking_at_a_link_decides_nothing_and_a_button_once(run: Run, asking: World) -> None:
    url = link(run, asking)
    text = ""
    for _ in range(2):
        status, text = page(url)
        assert (status, plan(asking) in text, "<form" in text) == (200, True, True)
    assert len(waiting(run, asking)) == 1
    plan_id = text.partition('name="plan" value="')[2][:12]
    assert f"<dd>{plan_id}</dd>" in text
    assert "<dt>Settings of the receiver</dt><dd>URL=http://" in text
    assert page(url, verdict="approve")[0] == 400
    assert page(url, verdict="burn", who="ann")[0] == 400
    assert len(waiting(run, asking)) == 1
    for other in ({}, {"plan": "0" * 12}):
        status, text = page(url, verdict="approve", who="ann", **other)
        assert (status, "not what would be done now" in text, "<form" in text) == (409, True, True)
    assert len(waiting(run, asking)) == 1
    status, text = page(url, verdict="approve", who="<b>ann</b>", why="it is mine", plan=plan_id)
    assert (status, "approved by &lt;b&gt;ann&lt;/b&gt; (by link): it is mine" in text) == (200, True)
    status, text = page(url, verdict="reject", who="bob")
    assert (status, "approved by" in text) == (409, True)
    status, text = page(url)
    assert (status, "<form" in text) == (200, False)
    (row,) = waiting(run, asking, "--decided")
    assert row["who"] == "<b>ann</b> (by link)"


def test_a_link_that_is_not_ours_shows_nothing(run: Run, asking: World) -> None:
    url = link(run, asking)
    for other in (
        url[:-1],
        url.replace("asked=1", "asked=2"),
        url.partition("?")[0],
        url.replace("delivery=", "delivery=x"),
    ):
        status, text = page(other)
        assert (status, "webhook is sent" in text) == (404, False)
        assert page(other, verdict="approve", who="ann")[0] == 404


def test_with_a_token_the_page_needs_the_link_alone(run: Run, start: Start) -> None:
    world = start(**ASKS, **LINKS, GATEWAY_ROUTES__ALL__APPROVAL_NOTIFY="critical", GATEWAY_OPS_TOKEN="planted-token-9")
    url = link(run, world)
    assert page(url)[0] == 200
    assert page(url, verdict="reject", who="ann")[0] == 200
    assert page(url.partition("/approval")[0] + "/api/v1/approvals")[0] == 401


def test_what_was_changed_is_listed_and_shown(run: Run, start: Start) -> None:
    world = start(**FIXES)
    delivery = f"{world.accept()}.all"
    wait_for(run, world, delivery, "delivered")
    assert world.receiver.bodies == []
    (row,) = json.loads(run("remediation", "list", "--json", env=world.env).stdout)["remediations"]
    assert (row["delivery"], row["dry_run"], row["outcome"]) == (delivery, True, "ok")
    assert "demo-bucket-1" in run("remediation", "show", str(row["id"]), env=world.env).stdout
    undone = run("remediation", "undo", str(row["id"]), env=world.env)
    assert (undone.exit_code, "cannot undo" in undone.stderr) == (1, True)
    assert run("remediation", "show", "99", env=world.env).exit_code == 1
    assert run("remediation", "show", "x", env=world.env).exit_code == 1


def test_a_guarded_route_says_in_check_and_explain_what_it_does(run: Run, world: World) -> None:
    env = world.env | FIXES | ASKS
    checked = run("check", env=env).stdout
    assert "approval" in checked
    assert "at most 10 alerts an hour, with 25 resources each, unless approved; DRY_RUN" in checked
    document = json.loads(run("check", "--json", env=env).stdout)["routes"][0]
    assert document["approval"] == {"expires_s": 86400.0, "notify": None}
    assert document["remediation"] == {"hourly": 10, "most_resources": 25, "dry_run": True}
    explained = run("explain", env=env).stdout
    told = f"plan: DRY_RUN, nothing is changed; otherwise: {plan(world)} with 2 OPEN resources: "
    assert told in explained


def test_who_decided_is_shown_also_when_it_is_asked_for_again(run: Run, asking: World) -> None:
    delivery = f"{asking.accept()}.all"
    run("approvals", "reject", delivery, "--author", "ann", "--reason", "our own site", env=asking.env)
    run("deliveries", "replay", delivery, env=asking.env)
    wait_for(run, asking, delivery, "parked")
    said = run("approvals", "show", delivery, env=asking.env).stdout
    assert "rejected by ann: our own site" in said
    assert "verdict      waiting" in said
