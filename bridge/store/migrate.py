"""Bringing a database to the present schema: all of it or nothing, by one process at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bridge.store import engines

_SCRIPTS = Path(__file__).with_name("migrations")
_LOCK = 0x1FAB0001


def upgrade(url: str, *, scripts: Path = _SCRIPTS) -> None:
    """Run every missing migration in one transaction; a failure leaves the database as it was."""
    engine = engines.unpooled(url)
    try:
        with engine.begin() as connection:
            _serialize(connection)
            command.upgrade(_config(connection, scripts), "head")
    finally:
        engine.dispose()


def current(url: str) -> str | None:
    """The revision a database is at, or None for an empty one."""
    engine = engines.unpooled(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def head(*, scripts: Path = _SCRIPTS) -> str | None:
    """The newest revision there is."""
    config = Config()
    config.set_main_option("script_location", str(scripts))
    return ScriptDirectory.from_config(config).get_current_head()


def _serialize(connection: Connection) -> None:
    """SQLite has the file's write lock already; PostgreSQL needs one by name."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _config(connection: Connection, scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["connection"] = connection
    return config
