"""The store's error family."""

from sqlalchemy.exc import OperationalError


class StoreError(Exception):
    """The database did not take a transaction. Nothing of it is stored; the caller may try again."""


class BusyError(StoreError):
    """Another process held the database longer than the busy timeout. Nothing is stored; try again."""


def translate(error: OperationalError) -> StoreError:
    """What an operational error of the driver means to the bridge."""
    text = str(error.orig)
    if "locked" in text or "busy" in text:
        return BusyError(
            "The database was locked by another process for too long. Nothing was stored. Try again; if it lasts, "
            "look for a command or a backup tool that holds the file."
        )
    return StoreError(
        f"The database did not take the transaction: {text}. Nothing was stored. Check the database."
    )
