"""One transaction, start to end, in the calling thread: what the executors have in common."""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from bridge.store.errors import translate

T = TypeVar("T")


def write(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run `work` and COMMIT; whatever it raises, a BaseException included, rolls back and is raised here.

    Raises:
        StoreError: the database did not take the transaction.
    """
    committing = False
    try:
        with engine.connect() as connection:
            result = work(connection)
            committing = True
            connection.commit()
            return result
    except SQLAlchemyError as error:
        reraise(error, committing=committing)


def read(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run `work` on one snapshot of the database, and leave nothing behind.

    Raises:
        StoreError: the database could not be read.
    """
    try:
        with engine.connect() as connection:
            return work(connection)
    except SQLAlchemyError as error:
        reraise(error)


def snapshots(engine: Engine) -> Engine:
    """The same engine, and the same pool, for transactions that only read and see one moment."""
    if engine.dialect.name == "sqlite":
        return engine  # a SQLite transaction sees one moment anyway, and the reading engine refuses writes
    options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return engine.execution_options(**options)


def reraise(error: SQLAlchemyError, *, committing: bool = False) -> NoReturn:
    """Raise what the error means to the bridge, or the error itself when it is the caller's own."""
    meaning = translate(error, committing=committing)
    if meaning is error:
        raise error
    raise meaning from error
