"""The API keys table."""

from datetime import datetime

from sqlalchemy import Connection, RowMapping, select

from bridge.domain.access import ApiKey, Scope
from bridge.store.schema import api_keys as table


def get(conn: Connection, key_id: str) -> ApiKey | None:
    """The key, also a revoked one, or None."""
    row = conn.execute(select(table).where(table.c.id == key_id)).mappings().first()
    return None if row is None else _from_row(row)


def add(conn: Connection, key: ApiKey) -> None:
    """Store a new key."""
    values = {name: getattr(key, name) for name in ApiKey.__dataclass_fields__}
    conn.execute(table.insert().values(values | {"scope": key.scope.value, "cidrs": list(key.cidrs)}))


def every(conn: Connection) -> list[ApiKey]:
    """All keys, oldest first."""
    rows = conn.execute(select(table).order_by(table.c.created_at, table.c.id)).mappings()
    return [_from_row(row) for row in rows]


def revoke(conn: Connection, key_id: str, now: datetime) -> bool:
    """End a key's life; False if there is no such key."""
    mine = (table.c.id == key_id) & table.c.revoked_at.is_(None)
    conn.execute(table.update().where(mine).values(revoked_at=now))
    return get(conn, key_id) is not None


def used(conn: Connection, key_id: str, now: datetime) -> None:
    """Note that the key was used."""
    conn.execute(table.update().where(table.c.id == key_id).values(last_used_at=now))


def _from_row(row: RowMapping) -> ApiKey:
    values = {name: row[name] for name in ApiKey.__dataclass_fields__}
    return ApiKey(**values | {"scope": Scope(values["scope"]), "cidrs": tuple(values["cidrs"])})
