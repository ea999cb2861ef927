"""Settings of a whole gateway with a secret wherever one can stand, and receivers that answer in every way."""

from __future__ import annotations

from pathlib import Path

from gateway.destinations import kinds
from gateway.settings.kinds import kind_of
from tests.journey.journey_world import a_route, environment
from tests.journey.planting import Planted, Receivers, planted_routes

STATUSES = {"fine": 200, "failing": 503, "refusing": 401, "rejecting": 422, "large": 413, "gone": 404}
NEVER_READ = "{% if alert.alert_id == 'unwordable' %}{{ there_is_no_such_name }}{% endif %}{{ alert.summary|tojson }}"


def receivers_at(port: int, mail: int, closed: int) -> Receivers:
    return Receivers(mail, closed, dict.fromkeys(STATUSES, port) | {"unreachable": closed})


def plant(folder: Path, planted: Planted, receivers: Receivers) -> dict[str, str]:
    """Settings with a secret wherever one can stand, for routes to receivers that answer in every way."""
    settings = environment(
        folder,
        GATEWAY_AUTH_VALUES=f"{planted.word('auth value')},{planted.word('second auth value')}",
        GATEWAY_SOURCES__NORTH__AUTH_HEADER="X-North",
        GATEWAY_SOURCES__NORTH__AUTH_VALUES=planted.word("auth value of a source"),
        GATEWAY_OPS_TOKEN=planted.word("ops token"),
        GATEWAY_APPROVAL_URL="http://127.0.0.1:1",
        GATEWAY_APPROVAL_KEY=planted.word("approval key"),
        GATEWAY_LOG_LEVEL="debug",
    )
    routes: dict[str, dict[str, str]] = {}
    for kind in kinds():
        routes |= planted_routes(kind_of(kind), planted, receivers)
    for how, port in receivers.http.items():
        routes |= _beyond_the_examples(f"http://127.0.0.1:{port}/{how}", how, planted)
    for name, keys in routes.items():
        settings |= a_route(name, **({"RETRY_SCHEDULE": "50ms,50ms", "RATE_LIMIT": "off"} | keys))
    return settings


def _beyond_the_examples(base: str, how: str, planted: Planted) -> dict[str, dict[str, str]]:
    """Secrets in places that no example shows, because another way to say them is the usual one."""
    user, special = planted.word(f"password in URL, {how}"), planted.special(f"header, {how}")
    return {
        f"webhook_login_{how}": {
            "DESTINATION": "webhook",
            "URL": f"{base}/login".replace("http://", f"http://user:{user}@"),
        },
        f"webhook_template_{how}": {
            "DESTINATION": "webhook",
            "URL": f"{base}/{planted.word(f'template URL, {how}')}",
            "HEADERS": f"X-Api-Key: {special.encode('ascii', 'ignore').decode()}",
            "FORMAT": "template",
            "BODY": NEVER_READ,
        },
        f"ntfy_login_{how}": {
            "DESTINATION": "ntfy",
            "URL": base,
            "TOPIC": planted.word(f"second topic, {how}"),
            "USERNAME": "gateway",
            "PASSWORD": planted.special(f"ntfy password, {how}"),
        },
        f"alertmanager_token_{how}": {
            "DESTINATION": "alertmanager",
            "URL": base,
            "TOKEN": planted.word(f"Alertmanager's token, {how}"),
        },
        f"servicenow_token_{how}": {
            "DESTINATION": "servicenow",
            "URL": base,
            "TOKEN": planted.word(f"ServiceNow's token, {how}"),
        },
        f"slack_bot_{how}": {
            "DESTINATION": "slack",
            "API_URL": base,
            "CHANNEL": "C0000000000",
            "TOKEN": planted.word(f"token of a bot, {how}"),
        },
        f"webex_hook_{how}": {"DESTINATION": "webex", "URL": f"{base}/{planted.word(f'hook of Webex, {how}')}"},
        f"rocketchat_api_{how}": {
            "DESTINATION": "rocketchat",
            "SERVER_URL": base,
            "USER_ID": "rocket1",
            "ROOM_ID": "GENERAL",
            "TOKEN": planted.word(f"token of Rocket.Chat, {how}"),
        },
    } | _further_sign_ins(base, how, planted)


def _further_sign_ins(base: str, how: str, planted: Planted) -> dict[str, dict[str, str]]:
    """Of kinds that are signed in to by a token or by name, and whose example shows one way at most."""
    routes = _by_entra(base, how, planted)
    for kind in ("elasticsearch", "loki", "gelf"):
        common = {"DESTINATION": kind, "URL": base}
        password = planted.special(f"password of {kind}, {how}")
        routes[f"{kind}_token_{how}"] = common | {"TOKEN": planted.word(f"token of {kind}, {how}")}
        routes[f"{kind}_name_{how}"] = common | {"USERNAME": "gateway", "PASSWORD": password}
    return routes


def _by_entra(base: str, how: str, planted: Planted) -> dict[str, dict[str, str]]:
    """Of kinds in Azure whose example shows a key. The login server is the receiver: it quotes what it gets."""
    named = {
        "eventhubs": {"HUB": "h"},
        "servicebus": {"QUEUE": "q"},
        "eventgrid": {},
        "azure-function": {"SCOPE": "api://a/.default"},
    }
    app = {"AUTHORITY": base, "TENANT": "t", "CLIENT_ID": "c"}
    return {
        f"{kind}_entra_{how}": app
        | keys
        | {"DESTINATION": kind, "URL": base, "CLIENT_SECRET": planted.special(f"client secret of {kind}, {how}")}
        for kind, keys in named.items()
    }


def status_of(path: str) -> int:
    """What the receiver answers there."""
    return STATUSES[path.split("/")[1]]
