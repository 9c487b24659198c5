"""Root passwords, sealed by the caller; this module never sees one in the clear."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from bridge.store.schema import credentials as table


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to log in. `sealed_password` is None when InfraFabric's day to fetch it was missed."""

    username: str
    sealed_password: str | None
    set_at: datetime | None


def get(conn: Connection, service_key: str) -> Credentials | None:
    """The service's credentials, or None while there are none."""
    row = conn.execute(select(table).where(table.c.service_key == service_key)).first()
    return None if row is None else Credentials(row.username, row.root_password, row.set_at)


def put(conn: Connection, service_key: str, credentials: Credentials) -> None:
    """Replace them."""
    remove(conn, service_key)
    conn.execute(
        table.insert(),
        {
            "service_key": service_key,
            "username": credentials.username,
            "root_password": credentials.sealed_password,
            "set_at": credentials.set_at,
        },
    )


def remove(conn: Connection, service_key: str) -> None:
    """Forget them."""
    conn.execute(delete(table).where(table.c.service_key == service_key))
