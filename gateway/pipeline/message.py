from __future__ import annotations

from dataclasses import replace

from gateway.destinations import Context
from gateway.domain.alert import Alert
from gateway.domain.message import HttpRequest, Message
from gateway.pipeline.configured import ConfiguredRoute

_IDEMPOTENCY = "Idempotency-Key"


def format_message(route: ConfiguredRoute, alert: Alert, context: Context) -> Message:
    """What goes out, to the last header. Raises FormatFault.

    Where it changes things it has the key by which a function can tell that it is asked for the same thing again.
    """
    message = route.destination.format(alert, context, route.settings)
    if route.guard is None or route.destination.remedy is not None or not isinstance(message, HttpRequest):
        return message
    if any(name.lower() == _IDEMPOTENCY.lower() for name, _ in message.headers):
        return message
    return replace(message, headers=(*message.headers, (_IDEMPOTENCY, context.delivery_id)))
