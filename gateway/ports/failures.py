"""Why what was asked of the store did not happen."""

from __future__ import annotations


class StoreUnavailable(Exception):
    """The store could not commit. Nothing of the call happened. `reason` is safe to show; `retry_after_s` is a guess at
    when to try again.
    """

    def __init__(self, reason: str, retry_after_s: int = 5) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class UnknownCursor(Exception):
    """A list was to go on after a place that is none of this store's. `cursor`: as it was given, unescaped."""

    def __init__(self, cursor: str) -> None:
        super().__init__("the cursor is of no page of this store")
        self.cursor = cursor
