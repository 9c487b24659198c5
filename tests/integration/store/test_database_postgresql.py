"""What only a server can do to a transaction: drop connections, hold locks, acknowledge too early."""

from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import Connection, text

from bridge.store.database import Database, open_database
from bridge.store.errors import BusyError, OutcomeUnknownError, StoreError
from tests.integration.store.rows import keys, put

_BACKEND = text("SELECT pg_backend_pid()")


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    """A migrated PostgreSQL database with one thread, so that every transaction uses the same connection."""
    opened = open_database(postgresql_url, pool_size=1)
    yield opened
    await opened.close()


def terminate(url: str, backend: int) -> None:
    """End a connection from the server's side, and wait until it is gone."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))


async def test_a_connection_that_died_while_idle_is_replaced(database: Database, postgresql_url: str) -> None:
    """A server that was restarted between two transactions costs none of them."""
    backend = await database.run(lambda connection: connection.execute(_BACKEND).scalar_one())
    terminate(postgresql_url, backend)
    assert await database.run(put, "a") == "a"


async def test_a_connection_that_dies_in_a_transaction_is_a_store_error(
    database: Database, postgresql_url: str
) -> None:
    """Nothing of that transaction is stored, and the next one runs."""

    def lose_connection(connection: Connection) -> None:
        put(connection, "lost")
        terminate(postgresql_url, connection.execute(_BACKEND).scalar_one())
        put(connection, "lost too")

    with pytest.raises(StoreError, match="Nothing was stored"):
        await database.run(lose_connection)
    assert await database.run(put, "next") == "next"
    assert await database.read(keys) == {"next"}


async def test_a_connection_that_dies_at_commit_leaves_the_outcome_open(
    database: Database, postgresql_url: str
) -> None:
    """Who lost the connection during COMMIT is told that the outcome is unknown, not that nothing was stored."""

    def lose_connection(connection: Connection) -> None:
        put(connection, "perhaps")
        terminate(postgresql_url, connection.execute(_BACKEND).scalar_one())

    with pytest.raises(OutcomeUnknownError, match="may or may not"):
        await database.run(lose_connection)
    assert await database.run(put, "next") == "next"


async def test_waiting_too_long_for_a_lock_is_busy(database: Database, postgresql_url: str) -> None:
    """A row that somebody else keeps locked makes the transaction fail as busy."""
    await database.run(put, "a")

    def touch(connection: Connection) -> None:
        connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
        connection.execute(text("UPDATE meta SET value = 'b' WHERE key = 'a'"))

    with psycopg.connect(postgresql_url) as other:
        other.execute("UPDATE meta SET value = 'c' WHERE key = 'a'")
        with pytest.raises(BusyError, match="Try again"):
            await database.run(touch)


@pytest.mark.parametrize(
    ("server", "expected"), [("off", "on"), ("on", "on"), ("remote_write", "remote_write")]
)
async def test_commits_are_durable_whatever_the_server_is_set_to(
    postgresql_url: str, server: str, expected: str
) -> None:
    """A server that acknowledges before it has written is overruled; a stricter setting is kept."""
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = {server}'.encode())
    database = open_database(postgresql_url)
    show = text("SELECT current_setting('synchronous_commit')")
    assert await database.run(lambda connection: connection.execute(show).scalar_one()) == expected
    await database.close()


async def test_sessions_of_a_frozen_process_are_ended_by_the_server(database: Database) -> None:
    """A process that stops in the middle of a transaction cannot keep its locks for ever."""
    show = text(
        "SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout')"
    )
    limits = await database.run(lambda connection: tuple(connection.execute(show).one()))
    assert limits == ("30s", "10s")


async def test_the_short_address_forms_mean_the_same(postgresql_url: str) -> None:
    """`postgres://`, `postgresql://` and the driver's own form open the same database."""
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        database = open_database(postgresql_url.replace("postgresql", scheme, 1))
        await database.run(put, scheme)
        await database.close()
    database = open_database(postgresql_url)
    assert await database.read(keys) == {"postgres", "postgresql", "postgresql+psycopg"}
    await database.close()
