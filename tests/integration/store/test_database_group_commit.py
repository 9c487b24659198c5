"""The SQLite writer: sharing commits without sharing errors."""

import asyncio
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, text

from bridge.store import engines
from bridge.store.database import Database, open_database
from bridge.store.errors import BusyError, StoreError
from tests.integration.store.rows import count, keys, put

Work = Callable[[Connection], object]


class Crash(BaseException):
    """A process that ends at this point, as the simulation injects it."""


def file_of(url: str) -> Path:
    """The SQLite file of an address."""
    return Path(str(make_url(url).database))


def commits(url: str) -> int:
    """How many transactions the write-ahead log holds: the frames that end one carry the file's size."""
    log = file_of(url).with_name(file_of(url).name + "-wal").read_bytes()
    page_size = struct.unpack(">I", log[8:12])[0]
    salt, frame = log[16:24], 24 + page_size
    frames = (log[at : at + 24] for at in range(32, len(log), frame))
    return sum(1 for header in frames if header[8:16] == salt and header[4:8] != b"\0\0\0\0")


@contextmanager
def another_writer(url: str) -> Iterator[None]:
    """Somebody else holds the write lock, so that transactions pile up."""
    connection = sqlite3.connect(file_of(url), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


async def piled_up(database: Database, url: str, *works: Work) -> list[object]:
    """Hand in all transactions while nothing can be written, so that they share one batch; their outcomes."""
    with another_writer(url):
        first = asyncio.ensure_future(database.run(put, "first"))
        await asyncio.sleep(0.05)  # the writer has taken it and waits for the lock
        tasks = [asyncio.ensure_future(database.run(work)) for work in works]
        await asyncio.sleep(0)
    await first
    return list(await asyncio.gather(*tasks, return_exceptions=True))


def putting(key: str) -> Work:
    """A transaction that stores one row."""
    return lambda connection: put(connection, key)


async def test_waiting_transactions_share_one_commit(grouped: Database, sqlite_url: str) -> None:
    """A hundred transactions that wait cost one commit."""
    await grouped.run(put, "warm up")
    before = commits(sqlite_url)
    outcomes = await piled_up(grouped, sqlite_url, *(putting(str(number)) for number in range(100)))
    assert outcomes == [str(number) for number in range(100)]
    assert commits(sqlite_url) - before == 2  # the first one alone, then all the others


async def test_concurrent_callers_share_commits(grouped: Database, sqlite_url: str) -> None:
    """Sixteen callers who do not wait for each other still commit together, by themselves."""

    async def insert_rows(task: int) -> None:
        for number in range(30):
            await grouped.run(put, f"{task}-{number}")

    await grouped.run(put, "warm up")
    before = commits(sqlite_url)
    await asyncio.gather(*(insert_rows(task) for task in range(16)))
    assert await grouped.read(count) == 481
    assert commits(sqlite_url) - before < 240


async def test_an_error_in_a_batch_is_its_callers_alone(grouped: Database, sqlite_url: str) -> None:
    """Failures and crashes inside a batch take back their own rows and nobody else's."""

    def fail(connection: Connection) -> None:
        put(connection, "failed")
        raise LookupError("mine")

    def crash(connection: Connection) -> None:
        put(connection, "crashed")
        raise Crash

    works: list[Work] = [putting("a"), fail, putting("b"), crash, putting("a"), putting("c")]
    outcomes = await piled_up(grouped, sqlite_url, *works)
    assert [outcomes[0], outcomes[2], outcomes[5]] == ["a", "b", "c"]
    assert [type(outcomes[at]).__name__ for at in (1, 3, 4)] == ["LookupError", "Crash", "IntegrityError"]
    assert await grouped.read(keys) == {"first", "a", "b", "c"}


async def test_transactions_run_in_the_order_they_were_handed_in(grouped: Database) -> None:
    """The writer is a queue."""
    order: list[int] = []

    def note(connection: Connection, number: int) -> None:
        put(connection, str(number))
        order.append(number)

    await asyncio.gather(*(grouped.run(note, number) for number in range(50)))
    assert order == list(range(50))


def orphan(connection: Connection) -> None:
    """Break a foreign key in a way that only COMMIT notices."""
    connection.execute(text("PRAGMA defer_foreign_keys=ON"))
    connection.execute(
        text(
            "INSERT INTO credentials (service_key, username) VALUES ('00000000-0000-0000-0000-000000000000', 'root')"
        )
    )


async def test_when_commit_fails_everybody_is_told(grouped: Database, sqlite_url: str) -> None:
    """A COMMIT that fails is an error for all who shared it; nothing is stored, and the writer goes on."""
    outcomes = await piled_up(grouped, sqlite_url, putting("a"), orphan, putting("b"))
    assert [isinstance(outcome, StoreError) for outcome in outcomes] == [True] * 3
    assert len({id(outcome) for outcome in outcomes}) == 3
    assert await grouped.run(put, "next") == "next"
    assert await grouped.read(keys) == {"first", "next"}


def give_up(connection: Connection) -> None:
    """Make SQLite end the whole transaction in the middle of it, as it does when the disk is full."""
    connection.execute(text("INSERT OR ROLLBACK INTO meta VALUES ('first', '')"))


async def test_when_sqlite_gives_the_transaction_up_everybody_is_told(
    grouped: Database, sqlite_url: str
) -> None:
    """After SQLite rolled back by itself nobody's success is reported and no later savepoint commits alone."""
    outcomes = await piled_up(grouped, sqlite_url, putting("a"), give_up, putting("b"))
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    assert isinstance(outcomes[0], StoreError)
    assert isinstance(outcomes[2], StoreError)
    assert await grouped.run(put, "next") == "next"
    assert await grouped.read(keys) == {"first", "next"}


async def test_a_cancelled_caller_neither_breaks_the_batch_nor_loses_its_work(
    grouped: Database, sqlite_url: str
) -> None:
    """Cancelling a task that waits for its commit changes nothing about what is stored."""
    with another_writer(sqlite_url):
        tasks = [asyncio.ensure_future(grouped.run(put, str(number))) for number in range(5)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()  # the one the writer is busy with
        tasks[3].cancel()  # one that waits in the queue
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [
        True,
        False,
        False,
        True,
        False,
    ]
    await grouped.run(put, "last")
    assert await grouped.read(keys) == {"0", "1", "2", "3", "4", "last"}


async def test_a_failure_nobody_waits_for_is_logged(
    grouped: Database, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An error whose caller was cancelled does not vanish."""

    def fail(_connection: Connection) -> None:
        raise LookupError("unheard")

    with another_writer(sqlite_url):
        task = asyncio.ensure_future(grouped.run(fail))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0)
    await grouped.run(put, "next")
    assert "unheard" in caplog.text


async def test_closing_finishes_what_was_handed_in(sqlite_url: str) -> None:
    """close() returns after every transaction handed in before it is stored and answered."""
    database = open_database(sqlite_url)
    with another_writer(sqlite_url):
        tasks = [asyncio.ensure_future(database.run(put, str(number))) for number in range(20)]
        await asyncio.sleep(0.05)
        closing = asyncio.ensure_future(database.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
    await closing
    assert await asyncio.gather(*tasks) == [str(number) for number in range(20)]


async def test_a_writer_that_stays_locked_out_says_busy(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When another process holds the file past the busy timeout the caller is told so, and can try again."""
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MS", 50)
    database = open_database(sqlite_url)
    with another_writer(sqlite_url), pytest.raises(BusyError, match="Try again"):
        await database.run(put, "a")
    assert await database.run(put, "a") == "a"
    await database.close()


async def test_readers_are_not_held_up_by_a_writer(grouped: Database, sqlite_url: str) -> None:
    """While somebody writes, reads go on and see what was committed before."""
    await grouped.run(put, "a")
    with another_writer(sqlite_url):
        assert await asyncio.wait_for(grouped.read(keys), 2) == {"a"}


async def test_stop_iteration_reaches_the_caller(grouped: Database) -> None:
    """The one exception that a future refuses does not leave its caller waiting for ever."""

    def stop(_connection: Connection) -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(grouped.run(stop), 5)


def test_a_caller_whose_loop_is_gone_does_not_end_the_writer(sqlite_url: str) -> None:
    """An event loop that closed before the commit takes nothing with it; the next loop is served."""
    database = open_database(sqlite_url)

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(database.run(put, "left behind"), 0.05)

    with another_writer(sqlite_url):
        asyncio.run(leave())

    async def come() -> set[str]:
        await database.run(put, "next")
        found = await database.read(keys)
        await database.close()
        return found

    assert asyncio.run(come()) == {"left behind", "next"}
