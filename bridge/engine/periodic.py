"""Work that comes round: done, then waited, then done again, until the process stops."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from bridge.domain.ports import Clock
from bridge.store.errors import StoreError

log = structlog.get_logger(__name__)


class Periodic:
    """One such piece of work. It is at its place in the database, so that being cut short does it no harm."""

    def __init__(
        self,
        clock: Clock,
        name: str,
        every: timedelta,
        work: Callable[[], Awaitable[None]],
        *,
        at_once: bool = False,
    ) -> None:
        self._clock, self._name, self._every, self._work = clock, name, every, work
        self._at_once = at_once
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first time comes `at_once`, or after one pause."""
        self._task = asyncio.create_task(self._loop(), name=self._name)

    async def stop(self) -> None:
        """End at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _loop(self) -> None:
        if self._at_once:
            await self._once()
        while True:
            await self._clock.sleep(self._every.total_seconds())
            await self._once()

    async def _once(self) -> None:
        try:
            await self._work()
        except StoreError as error:
            log.warning(f"{self._name}.store_unavailable", why=str(error))
        except Exception:
            log.exception(f"{self._name}.broken")
