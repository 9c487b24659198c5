"""Received callbacks: each webhook id once, and the reports that came before their operation was known."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.domain.provider import ProviderOperation
from bridge.store.schema import callbacks as table

_OPERATION = TypeAdapter(ProviderOperation)


def record(
    conn: Connection,
    connection_id: str,
    webhook_id: str,
    *,
    kind: str,
    operation: ProviderOperation | None,
    now: datetime,
) -> bool:
    """Store a callback; False if this webhook id was taken before."""
    stored: Mapping[str, Any] | None = (
        None if operation is None else asdict(operation) | {"root_password": None}
    )
    values = {
        "connection_id": connection_id,
        "webhook_id": webhook_id,
        "received_at": now,
        "type": kind[:64],
        "outcome": "recorded",
        "provider_operation_id": None if operation is None else operation.id,
        "operation": stored,
    }
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    return conn.execute(dialect.insert(table).values(values).on_conflict_do_nothing()).rowcount == 1


def set_outcome(conn: Connection, connection_id: str, webhook_id: str, outcome: str) -> None:
    """Note what the callback did."""
    mine = (table.c.connection_id == connection_id) & (table.c.webhook_id == webhook_id)
    conn.execute(table.update().where(mine).values(outcome=outcome))


def final_report(
    conn: Connection, connection_id: str, provider_operation_id: str
) -> ProviderOperation | None:
    """The recorded end of a provider operation, if a callback told it."""
    mine = (table.c.connection_id == connection_id) & (table.c.provider_operation_id == provider_operation_id)
    reports = conn.execute(select(table.c.operation).where(mine).order_by(table.c.received_at)).scalars()
    ended = [report for report in map(_OPERATION.validate_python, reports) if report.ended]
    return ended[0] if ended else None


def count(conn: Connection) -> int:
    """How many callbacks are stored."""
    return conn.execute(select(func.count()).select_from(table)).scalar_one()


def purge(conn: Connection, before: datetime) -> int:
    """Forget callbacks older than the retention, which outlives the sender's retries; returns how many."""
    return conn.execute(delete(table).where(table.c.received_at < before)).rowcount
