"""The history of operations, append-only."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from bridge.domain.operation import EVENTS, TimelineEvent
from bridge.store.schema import timeline as table


def add(
    conn: Connection, operation_id: str, at: datetime, event: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Append one event; `event` is one of `EVENTS`."""
    if event not in EVENTS:
        raise ValueError(f"{event!r} is no timeline event")
    values = {"operation_id": operation_id, "at": at, "event": event, "detail": dict(detail or {})}
    conn.execute(table.insert(), values)


def of(conn: Connection, operation_ids: Sequence[str]) -> dict[str, list[TimelineEvent]]:
    """The events of each operation, oldest first."""
    found: dict[str, list[TimelineEvent]] = {operation_id: [] for operation_id in operation_ids}
    query = select(table).where(table.c.operation_id.in_(operation_ids)).order_by(table.c.number)
    for row in conn.execute(query).mappings():
        found[row["operation_id"]].append(TimelineEvent(row["at"], row["event"], row["detail"]))
    return found
