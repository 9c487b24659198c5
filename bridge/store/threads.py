"""A few threads for blocking work, awaited from any event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bridge.store.errors import ClosedError

T = TypeVar("T")


class Threads:
    """Runs calls in at most `count` threads; work that has begun ends as it would, also when nobody waits any more."""

    def __init__(self, count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._closed = False

    async def call(self, work: Callable[[], T]) -> T:
        """The result of `work`; what it raises is raised here.

        Raises:
            ClosedError: `close` was called before.
        """
        if self._closed:
            raise ClosedError("The database is closed. Nothing was stored. The process is shutting down.")
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._pool, work))

    async def close(self) -> None:
        """Finish what was handed in, without blocking the loop."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)
