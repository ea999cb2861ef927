"""What receivers have in common that keep an incident open until it is closed."""

from __future__ import annotations

from gateway.destinations import DestinationSettings


class ClosesEach(DestinationSettings):
    """An incident there is one alert's, so that it can be closed with it. A digest would open one for several: it would
    stay open when each of them is suppressed alone, and be closed by a digest of others.
    """

    def against_digests(self) -> str:
        return "an incident there is closed with its alert. Leave GROUP_BY out, and group where the incidents are"
