"""Who did what, written in the same transaction as the deed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from bridge.store.schema import audit as table


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One deed. `detail` must hold no secret."""

    at: datetime
    event: str
    actor: str | None = None
    key_id: str | None = None
    connection_id: str | None = None
    service_key: str | None = None
    operation_id: str | None = None
    request_id: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def add(conn: Connection, event: AuditEvent) -> None:
    """Append."""
    values = {name: getattr(event, name) for name in AuditEvent.__dataclass_fields__}
    conn.execute(table.insert(), values | {"detail": dict(event.detail)})


def newest(conn: Connection, limit: int) -> list[AuditEvent]:
    """The latest events, newest first."""
    query = select(table).order_by(table.c.number.desc()).limit(limit)
    return [
        AuditEvent(**{name: row[name] for name in AuditEvent.__dataclass_fields__})
        for row in conn.execute(query).mappings()
    ]
