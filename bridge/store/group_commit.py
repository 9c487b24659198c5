"""SQLite: one writer thread takes whatever is waiting and commits it together, a savepoint each.

A commit costs a disk flush whatever it holds, so sharing it is what makes durable acceptance fast. Nobody is told of
success before the shared COMMIT has returned, and everybody is told of its failure.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from bridge.store import transactions
from bridge.store.errors import ClosedError, StoreError, translate
from bridge.store.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger(__name__)


class _Job:
    """One caller's work, and what the caller will be told once the batch is on disk."""

    __slots__ = ("error", "future", "loop", "outcome", "work")

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.outcome: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        """Tell the caller; runs on the caller's loop. One that was cancelled has stopped listening."""
        if self.future.done():
            if self.error is not None:
                _log.warning("a transaction failed after its caller had gone", exc_info=self.error)
        elif self.error is None:
            self.future.set_result(self.outcome)
        elif isinstance(self.error, StopIteration):  # a future refuses it, and the caller would wait for ever
            self.future.set_exception(RuntimeError("the transaction's function raised StopIteration"))
        else:
            self.future.set_exception(self.error)


class GroupCommitDatabase:
    """`Database` over one SQLite file: one writer thread, a few readers."""

    dialect = "sqlite"

    def __init__(self, writer: Engine, reader: Engine, *, readers: int, batch: int) -> None:
        self._writer, self._reader, self._batch = writer, reader, batch
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._readers = Threads(readers, "store-reader")
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.run`. A caller that is cancelled gives up waiting; its work is committed all the same."""
        job = _Job(lambda connection: fn(connection, *args, **kwargs))
        with self._lock:
            if self._closed:
                raise ClosedError("The database is closed. Nothing was stored. The process is shutting down.")
            self._jobs.put(job)
        result: T = await job.future
        return result

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.read`."""
        return await self._readers.call(
            lambda: transactions.read(self._reader, lambda connection: fn(connection, *args, **kwargs))
        )

    async def close(self) -> None:
        """See `Database.close`."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        await self._readers.close()
        self._writer.dispose()
        self._reader.dispose()

    # ---- the writer thread ------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        open_ = True
        while open_:
            jobs, open_ = self._take()
            if jobs:
                _commit_together(self._writer, jobs)
                _settle(jobs)

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for one job, then take what else is there; False when the database is being closed."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) >= self._batch or self._jobs.empty():
                return jobs, True
            job = self._jobs.get()
        return jobs, False


def _commit_together(writer: Engine, jobs: list[_Job]) -> None:
    """Run and commit the batch; afterwards every job has its outcome or its error. Raises nothing."""
    try:
        with writer.begin() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            for job in jobs:
                _run_in_savepoint(connection, driver, job)
                if not driver.in_transaction:
                    # SQLite ends the whole transaction on some errors (disk full, OR ROLLBACK). Going on would
                    # commit the next savepoint by itself, before anybody knows.
                    raise StoreError(
                        "SQLite gave up the transaction that this one shared. Nothing was stored. Try again; the "
                        "log names the error that caused it."
                    )
    except (
        BaseException
    ) as error:  # the thread must outlive whatever a batch does to it; every caller is told
        _log.error("a batch of %d transactions was rolled back", len(jobs), exc_info=error)
        _fail_all(jobs, error)


def _run_in_savepoint(connection: Connection, driver: sqlite3.Connection, job: _Job) -> None:
    """On the driver itself: SQLAlchemy's own savepoints cost as much again as a small transaction."""
    driver.execute("SAVEPOINT job")
    try:
        job.outcome = job.work(connection)
    except SQLAlchemyError as error:
        job.error = _because(translate(error), error)
    except BaseException as error:  # also an injected crash belongs to its caller, not to the batch
        job.error = error
    if driver.in_transaction:
        if job.error is not None:
            driver.execute("ROLLBACK TO job")
        driver.execute("RELEASE job")


def _fail_all(jobs: list[_Job], error: BaseException) -> None:
    """The COMMIT did not happen, so nobody may be told of success; an own error stays the more precise one."""
    for job in jobs:
        if job.error is None:  # an error each: a shared one would collect everybody's traceback
            job.error = _because(_batch_failure(error), error)


def _batch_failure(error: BaseException) -> Exception:
    meaning = translate(error, committing=True) if isinstance(error, SQLAlchemyError) else error
    if isinstance(meaning, StoreError):
        return type(meaning)(*meaning.args)
    return StoreError(
        f"The commit that this transaction shared failed: {error}. Nothing was stored. Try again; if it lasts, the "
        "log names the transaction that breaks it."
    )


def _because(meaning: Exception, cause: BaseException) -> Exception:
    if meaning is not cause:
        meaning.__cause__ = cause
    return meaning


def _settle(jobs: list[_Job]) -> None:
    """Tell every caller, with one wake-up of each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        loops.setdefault(job.loop, []).append(job)
    for loop, waiting in loops.items():
        try:
            loop.call_soon_threadsafe(_settle_here, waiting)
        except RuntimeError:  # the loop was closed while we worked: nobody is left to be told
            _log.warning("%d transactions ended after their event loop was closed", len(waiting))


def _settle_here(jobs: list[_Job]) -> None:
    for job in jobs:
        job.settle()
