"""Who waits for which operation: one notifier per process, never one query loop per waiter."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence


class Notifier:
    """Wakes long-polls when an operation ends; `close` wakes them all at shutdown."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._closed = False

    def notify(self, operation_id: str) -> None:
        """The operation has reached a terminal state."""
        for event in self._waiting.get(operation_id, ()):
            event.set()

    async def wait(self, operation_id: str, seconds: float, ended: Callable[[], Awaitable[bool]]) -> None:
        """Sleep until the operation ended, the process stops or `seconds` are over.

        `ended` is asked once after registering, so that an end between the caller's look and this call is not missed.
        """
        if self._closed or seconds <= 0:
            return
        event = asyncio.Event()
        self._waiting[operation_id].add(event)
        try:
            if not await ended():
                await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self._forget(operation_id, event)

    def waited_for(self) -> Sequence[str]:
        """The operations somebody waits for, for the once-a-second look that sees other processes' work."""
        return list(self._waiting)

    def close(self) -> None:
        """Wake everybody; later waits return at once."""
        self._closed = True
        for events in self._waiting.values():
            for event in events:
                event.set()

    def _forget(self, operation_id: str, event: asyncio.Event) -> None:
        events = self._waiting[operation_id]
        events.discard(event)
        if not events:
            del self._waiting[operation_id]
