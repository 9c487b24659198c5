"""The last known catalogue lists of each connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from bridge.store.schema import catalog as table


@dataclass(frozen=True, slots=True)
class CatalogList:
    """Items of one kind and when they were fetched."""

    items: Sequence[Mapping[str, Any]]
    fetched_at: datetime


def get(conn: Connection, connection_id: str, kind: str) -> CatalogList | None:
    """The stored list, or None."""
    mine = (table.c.connection_id == connection_id) & (table.c.kind == kind)
    row = conn.execute(select(table.c["items"], table.c.fetched_at).where(mine)).first()
    return None if row is None else CatalogList(row[0], row[1])


def put(
    conn: Connection, connection_id: str, kind: str, items: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    """Replace the stored list."""
    mine = (table.c.connection_id == connection_id) & (table.c.kind == kind)
    conn.execute(delete(table).where(mine))
    values = {
        "connection_id": connection_id,
        "kind": kind,
        "items": [dict(i) for i in items],
        "fetched_at": now,
    }
    conn.execute(table.insert().values(values))


def forget(conn: Connection, connection_id: str) -> None:
    """Drop a connection's lists, for instance when its account changes."""
    conn.execute(delete(table).where(table.c.connection_id == connection_id))
