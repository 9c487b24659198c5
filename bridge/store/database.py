"""The database as the rest of the bridge sees it: repository functions run in transactions, off the event loop."""

from collections.abc import Callable
from typing import Concatenate, Literal, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection

from bridge.store import engines
from bridge.store.group_commit import GroupCommitDatabase
from bridge.store.inline import InlineDatabase
from bridge.store.pool import PoolDatabase

P = ParamSpec("P")
T = TypeVar("T")

Transaction = Connection
"""What repository functions are handed. The layers above name it by this, and SQL stays in the store."""


def ping(transaction: Transaction) -> None:
    """Ask for nothing; raises what a read raises when the database does not answer."""
    transaction.exec_driver_sql("SELECT 1")


class Database(Protocol):
    """Runs synchronous functions over a SQLAlchemy `Connection`, each in a transaction of its own."""

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        ...

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn` in a write transaction; returns after its COMMIT is durable.

        When `fn` raises, its own work is rolled back and the exception is raised here. `fn` must not commit or roll
        back by itself. It runs in another thread (except with the inline executor), and also when the caller is
        cancelled while it waits.

        Raises:
            StoreError: the database did not take the transaction; nothing of it is stored (except as
                `OutcomeUnknownError` says).
        """
        ...

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn` on one snapshot of the database; writing is refused.

        Raises:
            StoreError: the database could not be read.
        """
        ...

    async def close(self) -> None:
        """Finish everything handed in before, then let go of every connection; later calls raise `ClosedError`."""
        ...


def open_database(
    url: str,
    *,
    executor: Literal["auto", "inline"] = "auto",
    readers: int = 4,
    pool_size: int = 8,
    batch: int = 256,
) -> Database:
    """Open the database at an address (`sqlite:///path/file.db` or `postgresql://user:password@host/name`).

    `inline` runs everything in the calling thread, for virtual time. `readers` is the number of threads that read a
    SQLite file, `batch` the most transactions that its writer puts into one commit, `pool_size` the number of
    threads, and connections, on PostgreSQL. Nothing is connected to before the first transaction.

    Raises:
        ValueError: another kind of database.
    """
    parsed = engines.parse(url)
    if executor == "inline":
        return InlineDatabase(engines.writer(url), engines.reader(url))
    if engines.is_sqlite(parsed):
        return GroupCommitDatabase(
            engines.writer(url), engines.reader(url, readers), readers=readers, batch=batch
        )
    return PoolDatabase(engines.postgresql(url, pool_size), pool_size)
