"""Bringing a database to the present schema: all of it or nothing, by one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from bridge.store import engines, transactions
from bridge.store.errors import MigrationError

_SCRIPTS = Path(__file__).with_name("migrations")
_LOCK = 0x1FAB0001


def upgrade(url: str, *, scripts: Path = _SCRIPTS) -> None:
    """Run every missing migration in one transaction; a failure leaves the database as it was.

    Safe to call by several processes at once: the first migrates, the others wait and find nothing to do.

    Raises:
        MigrationError: the database was written by a newer version, or rows would lose what they point to.
        StoreError: the database cannot be reached or is busy.
    """
    with _connected(url) as connection:
        _wait_for_my_turn(connection)
        _refuse_unknown(_revision(connection), scripts)
        command.upgrade(_config(connection, scripts), "head")
        _check_foreign_keys(connection)
        connection.commit()


def current(url: str) -> str | None:
    """The revision a database is at; None when it is empty or, on SQLite, not there yet.

    Raises:
        StoreError: the database cannot be reached.
    """
    if not _exists(url):
        return None
    with _connected(url) as connection:
        return _revision(connection)


def head(*, scripts: Path = _SCRIPTS) -> str | None:
    """The newest revision there is."""
    return _directory(scripts).get_current_head()


def check(url: str, *, scripts: Path = _SCRIPTS) -> None:
    """Return only if the database is at the newest revision.

    Raises:
        MigrationError: it is older, newer or empty; the text says which, and what to do.
        StoreError: the database cannot be reached.
    """
    found, wanted = current(url), head(scripts=scripts)
    if found == wanted:
        return
    _refuse_unknown(found, scripts)
    raise MigrationError(
        f"The database is at schema {found or 'none'}, this version works with {wanted}. Nothing was changed. Run "
        "'infrafabric-bridge migrate' and start again."
    )


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = engines.unpooled(url)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        transactions.reraise(error)
    finally:
        engine.dispose()


def _exists(url: str) -> bool:
    parsed = engines.parse(url)
    return not engines.is_sqlite(parsed) or Path(str(parsed.database)).exists()


def _wait_for_my_turn(connection: Connection) -> None:
    """SQLite's BEGIN took the file's write lock; PostgreSQL needs a lock by name, and as long as others migrate."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_unknown(revision: str | None, scripts: Path) -> None:
    known = {script.revision for script in _directory(scripts).walk_revisions()}
    if revision is not None and revision not in known:
        raise MigrationError(
            f"The database is at schema {revision}, which this version does not know: a newer version wrote it. "
            "Nothing was changed. Start that version, or restore the backup made before it."
        )


def _check_foreign_keys(connection: Connection) -> None:
    """SQLite rebuilds tables with foreign keys off, so what they say is checked here, before COMMIT."""
    if connection.dialect.name != "sqlite":
        return
    broken = sorted({str(row[0]) for row in connection.exec_driver_sql("PRAGMA foreign_key_check")})
    if broken:
        raise MigrationError(
            f"After the migration, rows of {', '.join(broken)} would point to rows that are not there. Nothing was "
            "changed. Keep the old version running and report this."
        )


def _directory(scripts: Path) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(None, scripts))


def _config(connection: Connection | None, scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
