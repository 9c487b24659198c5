"""What Blesta has to store, numbered in the order of commits, so that a reader can never page past one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, text

from bridge.domain.service import Service
from bridge.store.schema import changes as table

_LOCK_CLASS = 0x1FAB


@dataclass(frozen=True, slots=True)
class Change:
    """One row: at this cursor, the service had this version and state, because of `operation` (or by itself)."""

    cursor: int
    service_key: str
    version: int
    state: str
    operation: Mapping[str, Any] | None


def add(conn: Connection, service: Service, operation: Mapping[str, Any] | None, now: datetime) -> None:
    """Append a change; call it last in the transaction.

    On PostgreSQL numbers are given before commits, so a lock per connection makes the order of numbers the order of
    commits; on SQLite there is one writer.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(
            text("SELECT pg_advisory_xact_lock(:class, hashtext(:id))"),
            {"class": _LOCK_CLASS, "id": service.connection_id},
        )
    conn.execute(
        table.insert(),
        {
            "connection_id": service.connection_id,
            "service_key": service.service_key,
            "version": service.version,
            "state": service.state.value,
            "operation": None if operation is None else dict(operation),
            "at": now,
        },
    )


def page(conn: Connection, connection_id: str | None, after: int, limit: int) -> list[Change]:
    """Changes after the cursor, oldest first."""
    query = select(table).where(table.c.cursor > after).order_by(table.c.cursor).limit(limit)
    if connection_id is not None:
        query = query.where(table.c.connection_id == connection_id)
    columns = ("cursor", "service_key", "version", "state", "operation")
    return [Change(**{name: row[name] for name in columns}) for row in conn.execute(query).mappings()]


def newest(conn: Connection) -> int:
    """The highest cursor given so far; 0 before the first."""
    number: int | None = conn.execute(select(func.max(table.c.cursor))).scalar_one()
    return number or 0


def oldest(conn: Connection) -> int | None:
    """The lowest cursor still kept."""
    number: int | None = conn.execute(select(func.min(table.c.cursor))).scalar_one()
    return number


def purge(conn: Connection, before: datetime) -> int:
    """Forget changes older than the retention, but never the newest one: it marks where readers are.

    Returns how many rows were deleted.
    """
    keep = select(func.max(table.c.cursor)).scalar_subquery()
    return conn.execute(delete(table).where((table.c.at < before) & (table.c.cursor < keep))).rowcount
