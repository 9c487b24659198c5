"""PostgreSQL: a few threads, each transaction on a pooled connection of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from bridge.store.errors import translate

P = ParamSpec("P")
T = TypeVar("T")


class PoolDatabase:
    """`Database` over PostgreSQL."""

    dialect = "postgresql"

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="store")

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.run`."""
        return await self._in_thread(partial(_write, self._engine, fn, *args, **kwargs))

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.read`."""
        return await self._in_thread(partial(_read, self._engine, fn, *args, **kwargs))

    async def close(self) -> None:
        """See `Database.close`."""
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        self._engine.dispose()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        """Shielded: a transaction that has begun ends as it would, also when nobody waits for it any more."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._threads, call))


def _write(engine: Engine, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    try:
        with engine.begin() as connection:
            return fn(connection, *args, **kwargs)
    except OperationalError as error:
        raise translate(error) from error


def _read(engine: Engine, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            result = fn(connection, *args, **kwargs)
            connection.rollback()
            return result
    except OperationalError as error:
        raise translate(error) from error
