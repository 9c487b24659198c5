"""The connections table; its secrets are sealed by the caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, select

from bridge.store import schema
from bridge.store.schema import connections as table

_GET = select(table).where(table.c.id == bindparam("sought"))
_OWNED = (
    schema.operations,
    schema.services,
    schema.changes,
    schema.callbacks,
    schema.idempotency_keys,
    schema.catalog,
    schema.api_keys,
    schema.drift_findings,
    schema.reconcile_runs,
    schema.sightings,
)
"""Everything a connection owns, children first."""


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """A row. `infrafabric_api_key` is sealed text, `webhook_secrets` the sealed JSON list."""

    id: str
    infrafabric_api_url: str
    infrafabric_api_key: str
    default_datacenter: str | None
    provisioning_timeout: int
    action_timeout: int
    webhook_secrets: str
    rate_limit_per_minute: int
    max_concurrency: int
    policies: Mapping[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime


def get(conn: Connection, connection_id: str) -> StoredConnection | None:
    """The connection, or None."""
    row = conn.execute(_GET, {"sought": connection_id}).mappings().first()
    return None if row is None else _from_row(row)


def lock(conn: Connection, connection_id: str) -> StoredConnection | None:
    """The connection with its row locked until the transaction ends."""
    row = conn.execute(select(table).where(table.c.id == connection_id).with_for_update()).mappings().first()
    return None if row is None else _from_row(row)


def page(conn: Connection, after: str | None, limit: int) -> list[StoredConnection]:
    """Connections by id, at most `limit`, those after id `after`."""
    query = select(table).order_by(table.c.id).limit(limit)
    if after is not None:
        query = query.where(table.c.id > after)
    return [_from_row(row) for row in conn.execute(query).mappings()]


def put(conn: Connection, connection: StoredConnection) -> None:
    """Insert or replace the row."""
    values = {name: getattr(connection, name) for name in StoredConnection.__dataclass_fields__}
    values["policies"] = dict(connection.policies)
    changed = conn.execute(table.update().where(table.c.id == connection.id).values(values)).rowcount
    if not changed:
        conn.execute(table.insert().values(values))


def remove(conn: Connection, connection_id: str) -> None:
    """Delete a connection without live services, with everything that was only kept for it."""
    mine = select(schema.operations.c.id).where(schema.operations.c.connection_id == connection_id)
    conn.execute(delete(schema.timeline).where(schema.timeline.c.operation_id.in_(mine)))
    keys = select(schema.services.c.service_key).where(schema.services.c.connection_id == connection_id)
    conn.execute(delete(schema.credentials).where(schema.credentials.c.service_key.in_(keys)))
    for owned in _OWNED:
        conn.execute(delete(owned).where(owned.c.connection_id == connection_id))
    conn.execute(delete(table).where(table.c.id == connection_id))


def versions(conn: Connection) -> dict[str, int]:
    """The version of every connection, for caches."""
    return {row.id: row.version for row in conn.execute(select(table.c.id, table.c.version))}


def _from_row(row: RowMapping) -> StoredConnection:
    return StoredConnection(**{name: row[name] for name in StoredConnection.__dataclass_fields__})
