"""When reconcile runs by itself: everything once a day, what has changed every hour."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bridge.engine.context import Engine
from bridge.engine.reconcile.run import Kind, Reconcile
from bridge.store import connections, reconcile_runs
from bridge.store.database import Transaction
from bridge.store.errors import StoreError
from bridge.store.reconcile_runs import RunUnderWay

log = structlog.get_logger(__name__)

_AGAIN = timedelta(minutes=5)
"""How long an interrupted run rests before it goes on."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """How often; zero = never."""

    full: timedelta = timedelta(days=1)
    light: timedelta = timedelta(hours=1)


class Scheduler:
    """Looks, every minute or so, whether a connection is due; one connection after the other."""

    def __init__(self, engine: Engine, reconcile: Reconcile, times: Timetable) -> None:
        self._engine, self._reconcile, self._times = engine, reconcile, times

    async def once(self) -> None:
        """Run for every connection that is due."""
        for connection_id, kind in await self._engine.database.read(_due, self._times, self._engine.now()):
            with structlog.contextvars.bound_contextvars(connection_id=connection_id):
                await self._safely(connection_id, kind)

    async def _safely(self, connection_id: str, kind: Kind) -> None:
        """What goes wrong with one connection does not keep the others from being compared."""
        try:
            report = await self._reconcile(connection_id, kind)
        except RunUnderWay:
            log.info("reconcile.under_way")
        except StoreError as error:
            log.warning("reconcile.store_unavailable", why=str(error))
        except Exception:
            log.exception("reconcile.broken")
        else:
            told = {"kind": report.run.kind, "outcome": report.outcome, "why": report.why}
            log.info("reconcile.ran", **told, found=dict(report.found))


def _due(conn: Transaction, times: Timetable, now: datetime) -> list[tuple[str, Kind]]:
    stored = [(each.id, each.created_at) for each in connections.page(conn, None, 10_000)]
    found = [
        (connection_id, _kind_due(conn, connection_id, made, times, now)) for connection_id, made in stored
    ]
    return [(connection_id, kind) for connection_id, kind in found if kind is not None]


def _kind_due(
    conn: Transaction, connection_id: str, made: datetime, times: Timetable, now: datetime
) -> Kind | None:
    """A connection that was never looked at counts from its making."""
    open_ = reconcile_runs.unfinished(conn, connection_id)
    if open_ is not None and now - open_.heartbeat_at < _AGAIN:
        return None
    kinds: tuple[tuple[Kind, timedelta, tuple[Kind, ...]], ...] = (
        ("full", times.full, ("full",)),
        ("light", times.light, ("full", "light")),
    )
    for kind, every, counting in kinds:
        last = reconcile_runs.latest(conn, connection_id, counting)
        begun = made if last is None else last.started_at
        if every and now - begun >= every:
            return kind
    return None
