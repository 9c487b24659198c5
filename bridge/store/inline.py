"""Runs transactions in the calling thread, where virtual time must not wait for other threads."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine

from bridge.store import transactions
from bridge.store.errors import ClosedError

P = ParamSpec("P")
T = TypeVar("T")


class InlineDatabase:
    """`Database` without threads, for either dialect."""

    def __init__(self, writer: Engine, reader: Engine) -> None:
        self._writer, self._reader = writer, transactions.snapshots(reader)
        self._closed = False
        self.dialect = writer.dialect.name

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.run`."""
        self._check_open()
        return transactions.write(self._writer, lambda connection: fn(connection, *args, **kwargs))

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.read`."""
        self._check_open()
        return transactions.read(self._reader, lambda connection: fn(connection, *args, **kwargs))

    async def close(self) -> None:
        """See `Database.close`."""
        self._closed = True
        self._writer.dispose()
        self._reader.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("The database is closed. Nothing was stored. The process is shutting down.")
