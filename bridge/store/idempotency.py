"""Which request an Idempotency-Key stood for (requirements B4, B6, B9)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from bridge.store.schema import idempotency_keys as table


@dataclass(frozen=True, slots=True)
class Remembered:
    """The request (by fingerprint) and the operation that a key belongs to."""

    fingerprint: str
    operation_id: str


def find(conn: Connection, connection_id: str, path: str, key: str) -> Remembered | None:
    """What the key stood for in this scope, or None."""
    mine = (table.c.connection_id == connection_id) & (table.c.path == path) & (table.c.key == key)
    row = conn.execute(select(table.c.fingerprint, table.c.operation_id).where(mine)).first()
    return None if row is None else Remembered(row.fingerprint, row.operation_id)


def add(
    conn: Connection, connection_id: str, path: str, key: str, remembered: Remembered, now: datetime
) -> None:
    """Remember a key; an IntegrityError means that another transaction was first."""
    conn.execute(
        table.insert(),
        {
            "connection_id": connection_id,
            "path": path,
            "key": key,
            "fingerprint": remembered.fingerprint,
            "operation_id": remembered.operation_id,
            "created_at": now,
        },
    )


def purge(conn: Connection, before: datetime) -> int:
    """Forget keys older than the retention; returns how many."""
    return conn.execute(delete(table).where(table.c.created_at < before)).rowcount
