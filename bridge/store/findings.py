"""What reconcile found and what still stands: one row for each disagreement, with the first time it was seen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, exists, func, or_, select

from bridge.domain.drift import OF_SERVICE, DriftClass, Finding
from bridge.store.schema import drift_findings as table
from bridge.store.schema import operations


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finding in the table. `number` is its place in lists, `operation_id` the latest repair."""

    number: int
    connection_id: str
    finding: Finding
    first_seen: datetime
    last_seen: datetime
    run_id: str
    operation_id: str | None


def put(conn: Connection, connection_id: str, finding: Finding, run_id: str, now: datetime) -> None:
    """Seen (again) by this run; the first time it was seen stays as it is."""
    news = {
        "service_key": finding.service_key,
        "instance_id": finding.instance_id,
        "volume_id": finding.volume_id,
        "removable": finding.removable,
        "detail": dict(finding.detail),
        "last_seen": now,
        "run_id": run_id,
    }
    mine = _is(connection_id, finding.kind, finding.object_id)
    if not conn.execute(table.update().where(mine).values(news)).rowcount:
        name = {"connection_id": connection_id, "kind": finding.kind.value, "object_id": finding.object_id}
        conn.execute(table.insert().values(**name, **news, first_seen=now))


def clear(conn: Connection, connection_id: str, kinds: Collection[DriftClass], object_id: str) -> None:
    """It is in order now."""
    names = [kind.value for kind in kinds]
    mine = (table.c.connection_id == connection_id) & (table.c.object_id == object_id)
    conn.execute(delete(table).where(mine & table.c.kind.in_(names)))


def replace_of_service(
    conn: Connection,
    connection_id: str,
    service_key: str,
    found: Sequence[Finding],
    run_id: str,
    now: datetime,
) -> None:
    """Everything that is wrong with a living service."""
    clear(conn, connection_id, OF_SERVICE - {finding.kind for finding in found}, service_key)
    for finding in found:
        put(conn, connection_id, finding, run_id, now)


def clear_unseen(conn: Connection, connection_id: str, run_id: str) -> None:
    """After a full run: what it did not find is over, unless it did not look because an operation is under way."""
    busy = exists().where(
        (operations.c.service_key == table.c.service_key) & operations.c.wake_at.is_not(None)
    )
    mine = (table.c.connection_id == connection_id) & (table.c.run_id != run_id)
    conn.execute(delete(table).where(mine & or_(table.c.service_key.is_(None), ~busy)))


def set_repair(
    conn: Connection, connection_id: str, kind: DriftClass, object_id: str, operation_id: str
) -> None:
    """The operation that repairs it."""
    conn.execute(table.update().where(_is(connection_id, kind, object_id)).values(operation_id=operation_id))


def explain(conn: Connection, connection_id: str, finding: Finding, detail: Mapping[str, Any]) -> None:
    """Say more about a finding."""
    mine = _is(connection_id, finding.kind, finding.object_id)
    conn.execute(table.update().where(mine).values(detail=dict(detail)))


def page(
    conn: Connection,
    connection_id: str | None,
    *,
    kind: str | None,
    after: int,
    limit: int,
    service_key: str | None = None,
) -> list[Recorded]:
    """What stands, in the order in which it was found, at most `limit`, those after position `after`."""
    query = select(table).where(table.c.number > after).order_by(table.c.number).limit(limit)
    if connection_id is not None:
        query = query.where(table.c.connection_id == connection_id)
    if kind is not None:
        query = query.where(table.c.kind == kind)
    if service_key is not None:
        query = query.where(table.c.service_key == service_key)
    return _all(conn, query)


def of_run(
    conn: Connection, connection_id: str, run_id: str, kinds: Collection[DriftClass], after: int, limit: int
) -> list[Recorded]:
    """What this run found of these classes."""
    mine = _found_by(connection_id, run_id, kinds) & (table.c.number > after)
    return _all(conn, select(table).where(mine).order_by(table.c.number).limit(limit))


def removable(
    conn: Connection,
    connection_id: str,
    run_id: str,
    kinds: Collection[DriftClass],
    *,
    before: datetime,
    service_key: str | None = None,
    after: int = 0,
    limit: int = 200,
) -> list[Recorded]:
    """What may be removed: found by this run, and for the first time before that moment."""
    mine = _old_enough(connection_id, run_id, kinds, before) & (table.c.number > after)
    if service_key is not None:
        mine &= table.c.service_key == service_key
    return _all(conn, select(table).where(mine).order_by(table.c.number).limit(limit))


def removable_count(
    conn: Connection, connection_id: str, run_id: str, kinds: Collection[DriftClass], before: datetime
) -> int:
    """How many `removable` would give without a limit."""
    mine = _old_enough(connection_id, run_id, kinds, before)
    return conn.execute(select(func.count()).select_from(table).where(mine)).scalar_one()


def touched(conn: Connection, connection_id: str, service_keys: Collection[str]) -> set[str]:
    """Which of these services have findings."""
    mine = (table.c.connection_id == connection_id) & table.c.service_key.in_(service_keys)
    return set(conn.execute(select(table.c.service_key).where(mine).distinct()).scalars())


def counts(conn: Connection, connection_id: str | None = None) -> dict[str, int]:
    """How many of each class stand."""
    query = select(table.c.kind, func.count()).group_by(table.c.kind)
    if connection_id is not None:
        query = query.where(table.c.connection_id == connection_id)
    return {row[0]: row[1] for row in conn.execute(query)}


def _is(connection_id: str, kind: DriftClass, object_id: str) -> ColumnElement[bool]:
    named = (table.c.kind == kind.value) & (table.c.object_id == object_id)
    return (table.c.connection_id == connection_id) & named


def _found_by(connection_id: str, run_id: str, kinds: Collection[DriftClass]) -> ColumnElement[bool]:
    mine = (table.c.connection_id == connection_id) & (table.c.run_id == run_id)
    return mine & table.c.kind.in_([kind.value for kind in kinds])


def _old_enough(
    connection_id: str, run_id: str, kinds: Collection[DriftClass], before: datetime
) -> ColumnElement[bool]:
    return _found_by(connection_id, run_id, kinds) & table.c.removable & (table.c.first_seen <= before)


def _all(conn: Connection, query: Any) -> list[Recorded]:
    return [_from_row(row) for row in conn.execute(query).mappings()]


def _from_row(row: RowMapping) -> Recorded:
    finding = Finding(
        DriftClass(row["kind"]),
        **{name: row[name] for name in Finding.__dataclass_fields__ if name != "kind"},
    )
    rest = {name: row[name] for name in Recorded.__dataclass_fields__ if name != "finding"}
    return Recorded(finding=finding, **rest)
