"""SQLite: one writer thread takes whatever is waiting and commits it together, a savepoint each.

A commit costs a disk flush whatever it holds, so sharing it is what makes durable acceptance fast. Nobody is told of
success before the shared COMMIT has returned.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from bridge.store.errors import StoreError, translate

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class _Job:
    """One caller's work; `outcome` is what it will be told once the batch is on disk."""

    work: Callable[[Connection], Any]
    future: "Future[Any]"
    outcome: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.outcome)


class GroupCommitDatabase:
    """`Database` over one SQLite file: one writer thread, a few readers."""

    dialect = "sqlite"

    def __init__(self, writer: Engine, reader: Engine, *, readers: int, batch: int) -> None:
        self._writer, self._reader, self._batch = writer, reader, batch
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-reader")
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.run`. A caller that is cancelled gives up waiting; its work is committed all the same."""
        job = _Job(lambda connection: fn(connection, *args, **kwargs), Future())
        with self._lock:
            if self._closed:
                raise StoreError("The database is closed. Nothing was stored.")
            self._jobs.put(job)
        result: T = await asyncio.shield(asyncio.wrap_future(job.future))
        return result

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.read`."""
        call = partial(_read, self._reader, fn, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._readers, call)

    async def close(self) -> None:
        """See `Database.close`."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        self._readers.shutdown()
        self._writer.dispose()
        self._reader.dispose()

    # ---- the writer thread ------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        open_ = True
        while open_:
            jobs, open_ = self._take()
            if jobs:
                self._commit_together(jobs)

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

    def _commit_together(self, jobs: list[_Job]) -> None:
        try:
            with self._writer.begin() as connection:
                for job in jobs:
                    _run_in_savepoint(connection, job)
        except OperationalError as error:
            _fail_all(jobs, translate(error))
        except (
            BaseException
        ) as error:  # the thread must outlive whatever a batch does to it; callers are told
            _fail_all(jobs, error)
        for job in jobs:
            job.tell()


def _run_in_savepoint(connection: Connection, job: _Job) -> None:
    try:
        with connection.begin_nested():
            job.outcome = job.work(connection)
    except BaseException as error:  # also an injected crash belongs to its caller, not to the batch
        job.error = error


def _fail_all(jobs: list[_Job], error: BaseException) -> None:
    """The COMMIT did not happen, so nobody may be told of success; an own error stays the more precise one."""
    for job in jobs:
        job.error = job.error or error


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def _read(engine: Engine, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    try:
        with _reading(engine) as connection:
            return fn(connection, *args, **kwargs)
    except OperationalError as error:
        raise translate(error) from error
