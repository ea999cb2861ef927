from __future__ import annotations

from gateway.domain.alert import Alert

_MOST = 512
_MOST_BYTES = 16 * 1024
_PASSED_BY = 8 * _MOST


class Recent:
    """Alerts as they were read when they came, for those who deliver them a moment later and need not read them again.

    Bounded in number and by the size of their bodies, so that a backlog costs no memory. When it is full, newcomers are
    turned away: deliveries go out oldest first, and to push out the oldest would keep just those that come last. What
    nobody asked for in a long time (its route is stopped) does make room. By the gateway's alert id.
    """

    def __init__(self) -> None:
        self._alerts: dict[str, tuple[Alert, int, int]] = {}
        self._seen = 0

    def keep(self, alert_id: str, alert: Alert, body: bytes, uses: int) -> None:
        """`uses`: how many deliveries will ask for it."""
        self._seen += 1
        if len(body) <= _MOST_BYTES and self._has_room():
            self._alerts[alert_id] = alert, uses, self._seen

    def take(self, alert_id: str) -> Alert | None:
        """The alert for one of its uses; None when it is not here."""
        found = self._alerts.get(alert_id)
        if found is None:
            return None
        alert, uses, since = found
        if uses > 1:
            self._alerts[alert_id] = alert, uses - 1, since
        else:
            del self._alerts[alert_id]
        return alert

    def _has_room(self) -> bool:
        if len(self._alerts) < _MOST:
            return True
        oldest = next(iter(self._alerts))
        if self._seen - self._alerts[oldest][2] < _PASSED_BY:
            return False
        del self._alerts[oldest]
        return True
