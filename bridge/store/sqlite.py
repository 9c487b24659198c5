"""One `serve` per SQLite file.

The local dispatcher holds no leases because there is nobody else; this lock is what makes that true. The kernel lets
go of it when the process dies, however it dies. Commands beside the server do not take it: they only write through
SQLite's own locks.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.store import engines
from bridge.store.errors import AlreadyServedError


def database_file(url: str) -> Path | None:
    """The SQLite file of a database address; None when the address is a server's."""
    parsed = engines.parse(url)
    return Path(str(parsed.database)) if engines.is_sqlite(parsed) else None


@contextmanager
def exclusive_server_lock(path: Path) -> Iterator[None]:
    """Be the one server of the SQLite file at `path` while the context lasts.

    The lock is a file beside it, named like it with `.lock`; it is never removed, because a lock on a removed file
    locks nobody out.

    Raises:
        AlreadyServedError: another process holds it; the text says which.
    """
    real = path.resolve()
    descriptor = os.open(real.with_name(real.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor, real)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, database: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        raise AlreadyServedError(
            f"{database} is already served by process {holder or '(not yet named)'}. Two servers would run every "
            "operation twice, so this one does not start. Stop the other one, or give this one its own "
            "BRIDGE_DATA_DIR."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
