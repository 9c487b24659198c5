"""The database as the rest of the bridge sees it: repository functions run in transactions, off the event loop."""

from collections.abc import Callable
from typing import Concatenate, Literal, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, make_url

from bridge.store import engines
from bridge.store.group_commit import GroupCommitDatabase
from bridge.store.inline import InlineDatabase
from bridge.store.pool import PoolDatabase

P = ParamSpec("P")
T = TypeVar("T")


class Database(Protocol):
    """Runs synchronous functions over a SQLAlchemy `Connection`, each in a transaction of its own."""

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        ...

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn` in a write transaction; returns after its COMMIT is durable.

        When `fn` raises, its own work is rolled back and the exception is raised here.

        Raises:
            StoreError: the database did not take the transaction; nothing of it is stored.
        """
        ...

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn` in a read-only transaction."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of every connection."""
        ...


def open_database(
    url: str,
    *,
    executor: Literal["auto", "inline"] = "auto",
    readers: int = 4,
    pool_size: int = 8,
    batch: int = 256,
) -> Database:
    """Open the database at a SQLAlchemy URL (`sqlite:///file` or `postgresql+psycopg://…`).

    `inline` runs everything in the calling thread, for virtual time. `batch` is how many transactions SQLite's writer
    puts into one commit at most.

    Raises:
        ValueError: another kind of database.
    """
    dialect = make_url(url).get_backend_name()
    if dialect not in ("sqlite", "postgresql"):
        raise ValueError(f"{dialect} is not supported; use a sqlite or postgresql URL")
    if executor == "inline":
        return InlineDatabase(engines.writer(url), engines.reader(url))
    if dialect == "sqlite":
        return GroupCommitDatabase(engines.writer(url), engines.reader(url), readers=readers, batch=batch)
    return PoolDatabase(engines.postgresql(url, pool_size), pool_size)
