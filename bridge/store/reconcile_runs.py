"""Runs of reconcile: how far each has come, who is at it, and which machines it has seen.

A run survives its process: whoever goes on with it takes its token over, and the one before can save nothing more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.store import connections
from bridge.store.schema import reconcile_runs as table
from bridge.store.schema import sightings


class LostRun(Exception):
    """Somebody else goes on with this run; this process stops here."""


class RunUnderWay(Exception):
    """Another process is at a run of this connection just now; let it finish."""


@dataclass(frozen=True, slots=True)
class Run:
    """One comparison of a connection. `since`: only machines that changed after it (light runs)."""

    id: str
    connection_id: str
    kind: str
    dry: bool
    started_at: datetime
    since: datetime | None
    token: str
    heartbeat_at: datetime
    phase: str
    cursor: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    finished_at: datetime | None = None
    outcome: str | None = None

    def counted(self, **more: int) -> "Run":
        """With these numbers added."""
        return replace(
            self, counts={**self.counts, **{n: self.counts.get(n, 0) + m for n, m in more.items()}}
        )


def begin(conn: Connection, fresh: Run, *, abandoned_before: datetime, outdated_before: datetime) -> Run:
    """Go on with an interrupted run of the same kind, or begin the fresh one; either is ours then.

    Raises:
        RunUnderWay: somebody who showed a sign of life after `abandoned_before` is at one.
        LookupError: there is no such connection.
    """
    if connections.lock(conn, fresh.connection_id) is None:
        raise LookupError(f"there is no connection {fresh.connection_id}")
    open_ = unfinished(conn, fresh.connection_id)
    if open_ is not None:
        if open_.token and open_.heartbeat_at > abandoned_before:
            raise RunUnderWay(fresh.connection_id)
        same = (open_.kind, open_.dry) == (fresh.kind, fresh.dry) and not fresh.dry
        if same and open_.started_at > outdated_before:
            return _take_over(conn, open_, fresh)
        _write(conn, replace(open_, finished_at=fresh.started_at, outcome="abandoned"))
    conn.execute(table.insert(), _to_row(fresh))
    return fresh


def save(conn: Connection, run: Run) -> Run:
    """Write how far the run has come.

    Raises:
        LostRun: somebody else goes on with it.
    """
    if not _write(conn, run):
        raise LostRun(run.id)
    return run


def release(conn: Connection, run: Run) -> None:
    """Let go of a run that cannot go on now, so that whoever comes next need not wait."""
    conn.execute(table.update().where(_held(run)).values(token=""))


def unfinished(conn: Connection, connection_id: str) -> Run | None:
    """The run that has not come to its end, if there is one."""
    mine = (table.c.connection_id == connection_id) & table.c.finished_at.is_(None)
    return _first(conn, select(table).where(mine))


def latest(conn: Connection, connection_id: str, kinds: Iterable[str]) -> Run | None:
    """The run of these kinds that began last, of those that came to their end; dry ones do not count."""
    ended = table.c.finished_at.is_not(None) & (table.c.outcome != "abandoned") & ~table.c.dry
    mine = (table.c.connection_id == connection_id) & table.c.kind.in_(list(kinds))
    return _first(conn, select(table).where(mine & ended).order_by(table.c.started_at.desc()).limit(1))


def purge(conn: Connection, before: datetime) -> int:
    """Forget runs that ended before that moment; returns how many. The next ones look at what began later."""
    return conn.execute(delete(table).where(table.c.finished_at < before)).rowcount


def sight(conn: Connection, run: Run, instance_ids: Iterable[str]) -> None:
    """These machines were in the list."""
    rows = [
        {"connection_id": run.connection_id, "instance_id": instance_id, "run_id": run.id}
        for instance_id in dict.fromkeys(instance_ids)
    ]
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(sightings)
    again = insert.on_conflict_do_update(
        index_elements=["connection_id", "instance_id"], set_={"run_id": insert.excluded.run_id}
    )
    if rows:
        conn.execute(again, rows)


def forget_sightings(conn: Connection, run: Run) -> None:
    """The run is over, and who was seen matters to nobody any more."""
    conn.execute(delete(sightings).where(sightings.c.connection_id == run.connection_id))


def _take_over(conn: Connection, run: Run, fresh: Run) -> Run:
    taken = replace(run, token=fresh.token, heartbeat_at=fresh.heartbeat_at)
    conn.execute(table.update().where(table.c.id == run.id).values(_to_row(taken)))
    return taken


def _write(conn: Connection, run: Run) -> bool:
    return bool(conn.execute(table.update().where(_held(run)).values(_to_row(run))).rowcount)


def _held(run: Run) -> ColumnElement[bool]:
    return (table.c.id == run.id) & (table.c.token == run.token) & table.c.finished_at.is_(None)


def _first(conn: Connection, query: Any) -> Run | None:
    row = conn.execute(query).mappings().first()
    return None if row is None else _from_row(row)


def _to_row(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in Run.__dataclass_fields__} | {"counts": dict(run.counts)}


def _from_row(row: RowMapping) -> Run:
    return Run(**{name: row[name] for name in Run.__dataclass_fields__})
