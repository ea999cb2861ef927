"""What the tests of all kinds that open tickets ask in the same way."""

from __future__ import annotations

import json
from typing import Any

from gateway.destinations import Context, load
from gateway.domain.alert import Alert
from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome
from gateway.domain.snapshot import encode, snapshot_of
from tests.destinations.examples import example_settings, example_values
from tests.destinations.on_call import NOW


def settings_of(kind: str, **changed: str | None) -> Any:
    """The example's settings with some of them changed; None takes one away."""
    own = {**{k: v for k, v in example_values(kind).items() if k not in ("DESTINATION", "MIN_SEVERITY")}, **changed}
    values = {
        key.lower(): value for key, value in own.items() if value is not None and changed.get(key, "") is not None
    }
    return load(kind).settings.model_validate(values)


def context(*, before: Alert | None = None, **said: Any) -> Context:
    told = encode(snapshot_of(before)) if before else None
    return Context("d-1", "r", b"{}", NOW, before=told, **said)


def asked(kind: str, alert: Alert, *, made: Any = None, before: Alert | None = None, **said: Any) -> HttpRequest:
    message = load(kind).format(alert, context(before=before, **said), made or example_settings(kind))
    assert isinstance(message, HttpRequest)
    return message


def line_of(request: HttpRequest) -> str:
    """`POST /path?query`."""
    return f"{request.method} /{request.url.split('/', 3)[3]}"


def payload_of(request: HttpRequest) -> Any:
    return json.loads(request.body)


def answered(
    kind: str, status: int, body: object = "", headers: dict[str, str] | None = None, *, made: Any = None, **said: Any
) -> Outcome:
    """What an answer means; `body` is JSON unless it is text."""
    text = body if isinstance(body, str) else json.dumps(body)
    answer = HttpAnswer(status, headers or {}, text.encode())
    return load(kind).outcome_of(answer, NOW, context(**said), made or example_settings(kind))
