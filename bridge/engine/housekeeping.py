"""Forgetting what has been kept long enough: idempotency keys, changes, callbacks."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from bridge.engine.context import Engine
from bridge.store import callbacks, changes, idempotency, reconcile_runs

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each kind of row is kept."""

    idempotency: timedelta = timedelta(days=30)
    changes: timedelta = timedelta(days=30)
    callbacks: timedelta = timedelta(days=30)


class Housekeeper:
    """To be called now and then."""

    def __init__(self, engine: Engine, retention: Retention) -> None:
        self._engine, self._retention = engine, retention

    async def once(self) -> None:
        """Forget everything that is due."""
        now, database = self._engine.now(), self._engine.database
        keys = await database.run(idempotency.purge, now - self._retention.idempotency)
        told = await database.run(changes.purge, now - self._retention.changes)
        heard = await database.run(callbacks.purge, now - self._retention.callbacks)
        await database.run(reconcile_runs.purge, now - self._retention.changes)
        if keys or told or heard:
            log.info("housekeeping.done", idempotency_keys=keys, changes=told, callbacks=heard)
