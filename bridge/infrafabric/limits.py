"""How much may go to the provider: at once, per minute, and again.

Everything waits through the Clock port, in the order of arrival.
"""

import asyncio
from collections import deque

from bridge.domain.ports import Clock

_MINUTE = 60.0
_EPSILON = 1e-9


class Overloaded(Exception):
    """The wait would be too long. `retry_after`: seconds until there should be room."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"Too many requests wait already; there may be room in {retry_after:.1f} s.")
        self.retry_after = retry_after


class RetryBudget:
    """Tokens that repetitions use up and successes earn back, shared by everything on one connection (D8).

    While nothing succeeds, a fixed number of repetitions is all there is, however many callers ask.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = self._tokens = capacity

    @property
    def tokens(self) -> int:
        """What is left."""
        return self._tokens

    def withdraw(self, cost: int) -> bool:
        """Take the price of one repetition; False, and nothing taken, if there is not enough."""
        if cost > self._tokens:
            return False
        self._tokens -= cost
        return True

    def deposit(self, amount: int) -> None:
        """Give tokens back, up to the capacity."""
        self._tokens = min(self._tokens + amount, self._capacity)


class RateLimiter:
    """At most `per_minute` starts in any 60 seconds: a tenth of them at once, the others evenly spread."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._next = float("-inf")
        self.resize(per_minute)

    def resize(self, per_minute: int) -> None:
        """Take another limit from now on."""
        burst = max(1, per_minute // 10)
        self._interval = _MINUTE / (per_minute - burst + 1)
        self._ahead = self._interval * (burst - 1)

    async def wait(self, longest: float) -> None:
        """Sleep until it is this caller's turn. A caller who gives up meanwhile lets the turn pass unused.

        Raises:
            Overloaded: the turn would come later than `longest` seconds from now; it was not taken.
        """
        now = self._clock.monotonic()
        mine = max(self._next, now)
        delay = mine - self._ahead - now
        if delay > longest:
            raise Overloaded(delay)
        self._next = mine + self._interval
        if delay > _EPSILON:
            await self._clock.sleep(delay)


class Slots:
    """A semaphore that serves in order, has a bounded queue, and whose size may change."""

    def __init__(self, clock: Clock, size: int, queue_limit: int) -> None:
        self._clock, self._size, self._queue_limit = clock, size, queue_limit
        self._taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def taken(self) -> int:
        """Slots in use."""
        return self._taken

    @property
    def waiting(self) -> int:
        """Callers in the queue."""
        return len(self._queue)

    def resize(self, size: int) -> None:
        """Take another size; slots in use above it are not handed on."""
        self._size = size
        self._serve()

    async def acquire(self, longest: float) -> None:
        """Take a slot, waiting at most `longest` seconds.

        Raises:
            Overloaded: the queue is full, or the wait was over.
        """
        if self._taken < self._size and not self._queue:
            self._taken += 1
            return
        if len(self._queue) >= self._queue_limit:
            raise Overloaded(longest)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await self._until(turn, longest)
        except BaseException:
            if turn.done():
                self.release()
            raise
        finally:
            if not turn.done():
                self._queue.remove(turn)
        if not turn.done():
            raise Overloaded(longest)

    def release(self) -> None:
        """Give a slot back; the longest waiting caller gets it."""
        self._taken -= 1
        self._serve()

    def _serve(self) -> None:
        while self._queue and self._taken < self._size:
            self._queue.popleft().set_result(None)
            self._taken += 1

    async def _until(self, turn: asyncio.Future[None], longest: float) -> None:
        async def timer() -> None:
            await self._clock.sleep(longest)

        timing = asyncio.ensure_future(timer())
        try:
            await asyncio.wait({turn, timing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timing.cancel()
