"""Forgetting what has been kept long enough: idempotency keys, changes, callbacks."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bridge.engine.context import Engine
from bridge.store import callbacks, changes, idempotency, reconcile_runs
from bridge.store.errors import StoreError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each kind of row is kept."""

    idempotency: timedelta = timedelta(days=30)
    changes: timedelta = timedelta(days=30)
    callbacks: timedelta = timedelta(days=30)


class Housekeeper:
    """Looks every hour."""

    def __init__(self, engine: Engine, retention: Retention, every: timedelta = timedelta(hours=1)) -> None:
        self._engine, self._retention, self._every = engine, retention, every
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._loop(), name="housekeeping")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def once(self) -> None:
        """Forget everything that is due."""
        now, database = self._engine.now(), self._engine.database
        keys = await database.run(idempotency.purge, now - self._retention.idempotency)
        told = await database.run(changes.purge, now - self._retention.changes)
        heard = await database.run(callbacks.purge, now - self._retention.callbacks)
        await database.run(reconcile_runs.purge, now - self._retention.changes)
        if keys or told or heard:
            log.info("housekeeping.done", idempotency_keys=keys, changes=told, callbacks=heard)

    async def _loop(self) -> None:
        while True:
            try:
                await self.once()
            except StoreError as error:
                log.warning("housekeeping.store_unavailable", why=str(error))
            await self._engine.clock.sleep(self._every.total_seconds())
