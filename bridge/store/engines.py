"""SQLAlchemy engines set up so that a transaction is what it says, on both databases.

The sqlite3 driver begins transactions late and commits behind one's back (a released savepoint commits, DDL commits);
with `isolation_level=None` it keeps out of the way, and BEGIN is written by us.
"""

import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, make_url

BUSY_TIMEOUT_MS = 5000
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
)


def writer(url: str) -> Engine:
    """An engine whose transactions may write; on SQLite they take the write lock at BEGIN."""
    if make_url(url).get_backend_name() != "sqlite":
        return postgresql(url, 1)
    return _sqlite(url, "BEGIN IMMEDIATE")


def reader(url: str) -> Engine:
    """An engine for reading beside a writer."""
    if make_url(url).get_backend_name() != "sqlite":
        return postgresql(url, 1)
    return _sqlite(url, "BEGIN")


def postgresql(url: str, pool_size: int) -> Engine:
    """A pooled engine; a connection that died while idle is replaced before it is used."""
    return create_engine(url, pool_size=pool_size, max_overflow=2, pool_pre_ping=True)


def unpooled(url: str) -> Engine:
    """One connection at a time, closed after use: for migrations and commands."""
    if make_url(url).get_backend_name() == "sqlite":
        return _sqlite(url, "BEGIN IMMEDIATE", poolclass=NullPool)
    return create_engine(url, poolclass=NullPool)


def _sqlite(url: str, begin: str, **options: Any) -> Engine:
    engine = create_engine(url, connect_args={"check_same_thread": False}, **options)

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
