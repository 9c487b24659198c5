"""Runs transactions in the calling thread, where virtual time must not wait for other threads."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from bridge.store.errors import translate

P = ParamSpec("P")
T = TypeVar("T")


class InlineDatabase:
    """`Database` without threads."""

    def __init__(self, writer: Engine, reader: Engine) -> None:
        self._writer, self._reader = writer, reader
        self.dialect = writer.dialect.name

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.run`."""
        try:
            with self._writer.begin() as connection:
                return fn(connection, *args, **kwargs)
        except OperationalError as error:
            raise translate(error) from error

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.read`."""
        with self._reader.connect() as connection:
            result = fn(connection, *args, **kwargs)
            connection.rollback()
            return result

    async def close(self) -> None:
        """See `Database.close`."""
        self._writer.dispose()
        self._reader.dispose()
