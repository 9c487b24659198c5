"""What every database promises, on both dialects and with every executor."""

import asyncio
import os
import signal
import sys

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError, InternalError

from bridge.store import engines
from bridge.store.database import Database, open_database, ping
from bridge.store.errors import ClosedError, StoreError
from tests.integration.store.rows import count, keys, put


class Crash(BaseException):
    """A process that ends at this point, as the simulation injects it."""


def stored(url: str) -> set[str]:
    """The rows that another connection sees."""
    engine = create_engine(engines.parse(url))
    with engine.connect() as connection:
        found = keys(connection)
    engine.dispose()
    return found


async def test_run_commits_and_returns_the_result(database: Database, database_url: str) -> None:
    """What run() returned from is visible to everybody else."""
    assert await database.run(put, "a", value="x") == "a"
    assert stored(database_url) == {"a"}
    assert await database.read(count) == 1
    await database.read(ping)


async def test_an_error_rolls_back_and_reaches_the_caller(database: Database, database_url: str) -> None:
    """A function that raises leaves nothing, and its caller gets that very exception."""
    error = LookupError("mine")

    def fail(connection: Connection) -> None:
        put(connection, "lost")
        raise error

    with pytest.raises(LookupError) as caught:
        await database.run(fail)
    assert caught.value is error
    assert stored(database_url) == set()


async def test_a_crash_rolls_back_and_the_database_lives_on(database: Database, database_url: str) -> None:
    """A BaseException inside a transaction belongs to its caller; the next transaction runs."""

    def crash(connection: Connection) -> None:
        put(connection, "lost")
        raise Crash

    with pytest.raises(Crash):
        await database.run(crash)
    await database.run(put, "next")
    assert stored(database_url) == {"next"}


async def test_a_violated_constraint_is_the_callers_own_error(database: Database) -> None:
    """IntegrityError is not dressed up as a failure of the database."""
    await database.run(put, "a")
    with pytest.raises(IntegrityError):
        await database.run(put, "a")


async def test_a_released_savepoint_is_not_committed(database: Database, database_url: str) -> None:
    """A savepoint released inside a transaction that fails later leaves nothing (the sqlite3 driver's trap)."""

    def fail_after_savepoint(connection: Connection) -> None:
        with connection.begin_nested():
            put(connection, "released")
        raise LookupError

    with pytest.raises(LookupError):
        await database.run(fail_after_savepoint)
    assert stored(database_url) == set()


async def test_a_rolled_back_savepoint_keeps_what_was_before_it(
    database: Database, database_url: str
) -> None:
    """A function may try something, undo it, and still commit the rest."""

    def try_and_undo(connection: Connection) -> None:
        put(connection, "before")
        savepoint = connection.begin_nested()
        put(connection, "undone")
        with pytest.raises(IntegrityError):
            put(connection, "undone")
        savepoint.rollback()
        put(connection, "after")

    await database.run(try_and_undo)
    assert stored(database_url) == {"before", "after"}


async def test_tables_made_by_a_failed_transaction_are_gone(database: Database) -> None:
    """DDL is part of the transaction."""

    def make_table(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half_done (id INTEGER)"))
        raise LookupError

    with pytest.raises(LookupError):
        await database.run(make_table)
    with pytest.raises(Exception, match="half_done"):
        await database.read(lambda connection: connection.execute(text("SELECT * FROM half_done")))


async def test_reading_refuses_to_write(database: Database, database_url: str) -> None:
    """A write that slipped into a read is an error, and is not stored."""
    with pytest.raises((StoreError, InternalError), match=r"(?i)read-?only"):
        await database.read(put, "lost")
    assert stored(database_url) == set()
    await database.run(put, "still writable")


async def test_a_read_sees_one_moment(database: Database, database_url: str) -> None:
    """Two queries of one read agree, whatever is committed between them."""
    writer = engines.writer(database_url)

    def count_twice(connection: Connection) -> tuple[int, int]:
        first = count(connection)
        with writer.begin() as other:
            put(other, "between")
        return first, count(connection)

    assert await database.read(count_twice) == (0, 0)
    assert await database.read(count) == 1
    writer.dispose()


async def test_transactions_of_many_tasks_all_commit(threaded: Database) -> None:
    """Sixteen tasks at once lose nothing."""

    async def insert_rows(task: int) -> None:
        for number in range(10):
            await threaded.run(put, f"{task}-{number}")

    await asyncio.gather(*(insert_rows(task) for task in range(16)))
    assert await threaded.read(count) == 160


async def test_a_closed_database_says_so(database: Database) -> None:
    """After close() every call is refused, and closing again is harmless."""
    await database.run(put, "a")
    await database.close()
    await database.close()
    with pytest.raises(ClosedError):
        await database.run(put, "b")
    with pytest.raises(ClosedError):
        await database.read(count)


_INSERT_AND_DIE = """
import asyncio, os, signal, sys
from bridge.store.database import open_database
from tests.integration.store.rows import put

async def main():
    database = open_database(sys.argv[1])
    await asyncio.gather(*(database.run(put, str(number)) for number in range(20)))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_what_was_accepted_survives_sigkill(database_url: str) -> None:
    """Rows whose run() had returned are there after the process was killed."""
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _INSERT_AND_DIE, database_url, env=environment
    )
    assert await process.wait() == -signal.SIGKILL
    assert stored(database_url) == {str(number) for number in range(20)}


@pytest.mark.parametrize(
    "url",
    ["mysql://host/name", "sqlite://", "sqlite:///:memory:", "not an address", "postgresql+asyncpg://host/x"],
)
def test_other_databases_are_refused(url: str) -> None:
    """An address the bridge cannot use is refused before anything is opened, and told what would do."""
    with pytest.raises(ValueError, match="sqlite:///path"):
        open_database(url)


def test_a_refused_address_keeps_its_password() -> None:
    """The refusal of an address does not print the password in it."""
    with pytest.raises(ValueError, match="mysql") as caught:
        open_database("mysql://user:canary@host/name")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite:////no/such/folder/x.db", "postgresql:///x?host=/no/such/folder"])
async def test_an_unreachable_database_is_a_store_error(url: str, executor: str) -> None:
    """A database that cannot be opened is reported as the store's error, for writing and for reading."""
    database = open_database(url, executor="inline" if executor == "inline" else "auto")
    with pytest.raises(StoreError, match="Nothing was stored"):
        await database.run(put, "a")
    with pytest.raises(StoreError):
        await database.read(count)
    with pytest.raises(StoreError):
        await database.read(ping)
    await database.close()
