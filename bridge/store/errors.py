"""The store's error family: what the database could not do, told so that a person knows what to do about it."""

from typing import TypeGuard

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_BUSY_STATES = frozenset({"55P03", "40001", "40P01", "57014"})  # lock wait, serialization, deadlock, timeout


class StoreError(Exception):
    """The database did not take a transaction. Nothing of it is stored; the caller may try again."""


class BusyError(StoreError):
    """Somebody else held the database, or a row, for too long. Nothing is stored; try again."""


class ClosedError(StoreError):
    """The database was closed by this process. Nothing is stored; the process is shutting down."""


class OutcomeUnknownError(StoreError):
    """The connection broke during COMMIT: the transaction may or may not be stored. Read before repeating it."""


class MigrationError(StoreError):
    """The database's schema is not the one that this version of the bridge works with."""


class AlreadyServedError(StoreError):
    """Another process serves this SQLite file; two would do every step twice."""


def translate(error: SQLAlchemyError, *, committing: bool = False) -> Exception:
    """What a driver's error means to the bridge.

    Errors that speak about the statement (a violated constraint, bad SQL) are returned unchanged: they are the
    caller's own. `committing` says that the error came out of COMMIT itself.
    """
    if isinstance(error, PoolTimeoutError):
        return BusyError(
            f"No connection to the database became free in time ({error}). Nothing was stored. Try again; if it "
            "lasts, look for transactions that do not end."
        )
    if not _is_about_the_database(error):
        return error
    text = " ".join(str(error.orig).split())
    if _is_busy(error, text):
        return BusyError(
            f"The database was held by another process for too long ({text}). Nothing was stored. Try again; if it "
            "lasts, look for a command or a backup tool that holds it."
        )
    if committing and error.connection_invalidated:
        return OutcomeUnknownError(
            f"The connection to the database broke while it was committing ({text}). The transaction may or may "
            "not be stored. Read what is there before repeating it."
        )
    return StoreError(
        f"The database did not take the transaction: {text}. Nothing was stored. Check that it is reachable, has "
        "space left and was migrated (infrafabric-bridge migrate), then try again."
    )


def _is_about_the_database(error: SQLAlchemyError) -> TypeGuard[DBAPIError]:
    # `DatabaseError` itself, not its subclasses: a file that is damaged or no database at all.
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError


def _is_busy(error: DBAPIError, text: str) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state in _BUSY_STATES or (state is None and ("is locked" in text or "is busy" in text))
