"""Transactions that the store's tests run: rows of the simplest table."""

from sqlalchemy import Connection, func, insert, select

from bridge.store.schema import meta


def put(connection: Connection, key: str, value: str = "") -> str:
    """Store one row; what most transactions of these tests do."""
    connection.execute(insert(meta).values(key=key, value=value))
    return key


def keys(connection: Connection) -> set[str]:
    """The keys of all rows."""
    return set(connection.execute(select(meta.c.key)).scalars())


def count(connection: Connection) -> int:
    """How many rows there are."""
    number: int = connection.execute(select(func.count()).select_from(meta)).scalar_one()
    return number
