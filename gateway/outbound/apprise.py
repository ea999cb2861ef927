"""The services behind Apprise's URLs. The library blocks, and says yes or no."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from apprise import Apprise, AppriseAsset, AppriseResult, NotifyBase, NotifyFormat, NotifyType, PersistentStoreMode

from gateway.domain.message import Declined, NoAnswer, Notification, Published
from gateway.outbound.address import ForbiddenAddress, refuse
from gateway.outbound.reasons import CONNECT_S, too_slow

_AT_ONCE = 8
_STATUS = re.compile(r"\berror=([1-5][0-9]{2})\b")
_PREFIX_MARGIN = 8

_QUOTING = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")
"""Whose records quote URLs, answers and bodies: none of that is logged."""


class AppriseTransport:
    """A call that outlasts its time is left to end by itself, at the latest by the time-outs of its sockets: it cannot
    be taken back, so that what it sends may still arrive.
    """

    def __init__(self, user_agent: str) -> None:
        self._user_agent = user_agent
        self._threads: ThreadPoolExecutor | None = None
        for log in map(logging.getLogger, _QUOTING):
            log.propagate = False
            log.handlers[:] = [logging.NullHandler()]

    async def send(self, message: Notification, timeout_s: float) -> Published | Declined | NoAnswer:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_AT_ONCE, "apprise")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                return await loop.run_in_executor(self._threads, _notify, message, self._user_agent, timeout_s)
        except TimeoutError:
            return NoAnswer(f"{too_slow(timeout_s)}; the message may still have arrived")
        except ForbiddenAddress as error:
            return NoAnswer(str(error))

    async def close(self) -> None:
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)


def _notify(message: Notification, user_agent: str, timeout_s: float) -> Published | Declined:
    asset = AppriseAsset(storage_mode=PersistentStoreMode.MEMORY, secure_logging=True)
    asset.app_id, asset.app_desc, asset.app_url = user_agent.partition("/")[0], "", ""
    asset.http_redirects = False
    service = Apprise.instantiate(message.url, asset=asset, suppress_exceptions=True)
    if not isinstance(service, NotifyBase):
        return Declined("url", "Apprise knows no service for this URL, or misses something in it")
    refuse(str(getattr(service, "host", "") or ""))
    _hurry(service, timeout_s)
    title, body = fitted(message, service.title_maxlen, service.body_maxlen)
    caller = Apprise(asset=asset)
    caller.add(service)
    with caller.notify(
        body=body, title=title, notify_type=NotifyType(message.notify_type), body_format=NotifyFormat.TEXT
    ) as result:
        return Published() if result else _declined(result)


def _hurry(service: NotifyBase, timeout_s: float) -> None:
    """The pace is the route's, and so is the time."""
    service.request_rate_per_sec = 0
    service.socket_connect_timeout = min(CONNECT_S, timeout_s)
    service.socket_read_timeout = timeout_s


def fitted(message: Notification, title_maxlen: int, body_maxlen: int) -> tuple[str, str]:
    """The title and the longest body that the service takes. Where it has no title, Apprise puts it into the body."""
    room = body_maxlen if title_maxlen > 0 else body_maxlen - len(message.title) - _PREFIX_MARGIN
    body = next((text for text in message.bodies if len(text) <= room), "")
    if not body:
        return "", message.title[:body_maxlen]
    return (message.title[:title_maxlen] if title_maxlen > 0 else message.title), body


def _declined(result: AppriseResult) -> Declined:
    """By the status of HTTP, where one stands in what the library would have logged; its words may hold secrets."""
    status = _last_status(entry.message for entry in result.logs())
    return Declined(status, "refused") if status else Declined("failed", "Apprise does not tell why")


def _last_status(said: Iterable[str]) -> str:
    found = [match[1] for line in said for match in _STATUS.finditer(line)]
    return found[-1] if found else ""
