"""PostgreSQL: a few threads, each transaction on a pooled connection of its own."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine

from bridge.store import transactions
from bridge.store.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")


class PoolDatabase:
    """`Database` over PostgreSQL."""

    dialect = "postgresql"

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine, self._snapshots = engine, transactions.snapshots(engine)
        self._threads = Threads(threads, "store")

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.run`."""
        return await self._threads.call(
            lambda: transactions.write(self._engine, lambda connection: fn(connection, *args, **kwargs))
        )

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.read`."""
        return await self._threads.call(
            lambda: transactions.read(self._snapshots, lambda connection: fn(connection, *args, **kwargs))
        )

    async def close(self) -> None:
        """See `Database.close`."""
        await self._threads.close()
        self._engine.dispose()
