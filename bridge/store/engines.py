"""SQLAlchemy engines set up so that a transaction is what it says, on both databases.

The sqlite3 driver begins transactions late and commits behind one's back (a released savepoint commits, DDL commits);
with `isolation_level=None` it keeps out of the way, and BEGIN is written by us.
"""

import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from bridge.store.errors import StoreError

BUSY_TIMEOUT_MS = 5000
_CONNECT_TIMEOUT_S = 5

# A process that is frozen inside a transaction must not hold its locks for ever, nor make the others wait for ever.
# A server that was told to acknowledge before it has written is overruled: durable acceptance is the promise.
_SESSION = """
SELECT set_config('lock_timeout', '10s', false),
       set_config('idle_in_transaction_session_timeout', '30s', false),
       set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                  ELSE current_setting('synchronous_commit') END, false)
"""


def parse(url: str) -> URL:
    """A database address as SQLAlchemy takes it; `postgresql://` and `postgres://` mean psycopg 3.

    Raises:
        ValueError: not an address, or of a kind of database that the bridge does not know.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError(
            "The database address cannot be read. Use sqlite:///path/to/file.db or "
            "postgresql://user:password@host/database."
        ) from error
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    raise ValueError(
        f"{parsed.render_as_string(hide_password=True)} is not a database the bridge can keep its state in. Use "
        "sqlite:///path/to/file.db or postgresql://user:password@host/database."
    )


def writer(url: str) -> Engine:
    """An engine for one thread whose transactions may write; on SQLite they take the write lock at BEGIN."""
    parsed = parse(url)
    return _sqlite(parsed, "BEGIN IMMEDIATE") if is_sqlite(parsed) else postgresql(url, 1)


def reader(url: str, pool_size: int = 1) -> Engine:
    """An engine for reading beside the writer; SQLite refuses writes on it."""
    parsed = parse(url)
    if not is_sqlite(parsed):
        return postgresql(url, pool_size)
    return _sqlite(parsed, "BEGIN", ("PRAGMA query_only=ON",), pool_size=pool_size)


def postgresql(url: str, pool_size: int) -> Engine:
    """A pooled engine; a connection that died while idle is replaced before it is used."""
    return _postgresql(parse(url), pool_size=pool_size, max_overflow=2, pool_pre_ping=True)


def unpooled(url: str) -> Engine:
    """One connection at a time, closed after use, foreign keys off on SQLite: for migrations.

    SQLite changes a table by building it anew, which with foreign keys on deletes what points to it.
    """
    parsed = parse(url)
    if is_sqlite(parsed):
        return _sqlite(parsed, "BEGIN IMMEDIATE", ("PRAGMA foreign_keys=OFF",), poolclass=NullPool)
    return _postgresql(parsed, poolclass=NullPool)


def is_sqlite(url: URL) -> bool:
    """Whether the address is a SQLite file's."""
    return url.get_backend_name() == "sqlite"


def _pragmas() -> tuple[str, ...]:
    return (
        f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",  # first: switching to WAL needs the file for itself for a moment
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
    )


def _sqlite(url: URL, begin: str, pragmas: tuple[str, ...] = (), **options: Any) -> Engine:
    engine = create_engine(url, connect_args={"check_same_thread": False}, **options)

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in _pragmas() + pragmas:
            connection.execute(pragma)
        _require_wal(connection, url)

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _require_wal(connection: sqlite3.Connection, url: URL) -> None:
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            f"SQLite keeps its journal as {mode!r}, not as a write-ahead log, in {url.database}. Readers would block "
            "the writer. Put the file on a local disk (network file systems cannot do this)."
        )


def _postgresql(url: URL, **options: Any) -> Engine:
    arguments = {"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "infrafabric-bridge"}
    connect_args = {name: value for name, value in arguments.items() if name not in url.query}
    engine = create_engine(url, isolation_level="READ COMMITTED", connect_args=connect_args, **options)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.execute(_SESSION)
        connection.commit()

    return engine
