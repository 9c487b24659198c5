"""The gate in front of one connection's InfraFabric account: everything on its way there passes through it.

It bundles the circuit breaker, the concurrency limit, the rate limit and the retry budget, so that all clients of a
connection share them, also across changes of the connection's settings.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from bridge.domain.ports import Clock, Rng
from bridge.infrafabric.breaker import BreakerOpen, CircuitBreaker, Permit
from bridge.infrafabric.limits import Overloaded, RateLimiter, RetryBudget, Slots
from bridge.infrafabric.settings import GateSettings

__all__ = ["Gate", "GateClosed", "GateSettings"]


class GateClosed(Exception):
    """The request may not leave now; it surely was not sent."""

    def __init__(self, reason: str, retry_after: timedelta) -> None:
        super().__init__(reason)
        self.reason, self.retry_after = reason, retry_after


class Gate:
    """One connection's limits; `breaker` and `budget` may be read for metrics."""

    def __init__(
        self,
        settings: GateSettings,
        clock: Clock,
        rng: Rng,
        *,
        rate_limit_per_minute: int,
        max_concurrency: int,
    ) -> None:
        self.settings = settings
        self.budget = RetryBudget(settings.budget)
        self.breaker = CircuitBreaker(
            clock,
            rng,
            failures=settings.breaker_failures,
            first=settings.breaker_first,
            longest=settings.breaker_max,
        )
        self._slots = Slots(clock, max_concurrency, settings.queue_limit)
        self._limiter = RateLimiter(clock, rate_limit_per_minute)
        self._clock = clock

    def resize(self, *, rate_limit_per_minute: int, max_concurrency: int) -> None:
        """Take the limits of changed settings; breaker and budget remember what they know."""
        self._limiter.resize(rate_limit_per_minute)
        self._slots.resize(max_concurrency)

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[Permit]:
        """Room for one request, after as much waiting as the limits want.

        The breaker is asked before each wait, so that nobody queues for a provider that is away, and last of all,
        because it may have opened meanwhile.

        Raises:
            GateClosed: not now; with the time after which to come back.
        """
        try:
            async with self._slot():
                permit = self.breaker.admit()
                try:
                    yield permit
                finally:
                    permit.close()
        except BreakerOpen as error:
            reason = "InfraFabric failed several times in a row, so it is left alone for a moment."
            raise GateClosed(reason, timedelta(seconds=error.retry_after)) from error
        except Overloaded as error:
            reason = "More requests wait for InfraFabric than its limits let through."
            raise GateClosed(reason, timedelta(seconds=error.retry_after)) from error

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        give_up_at = self._clock.monotonic() + self.settings.queue_wait
        self.breaker.check()
        await self._slots.acquire(self.settings.queue_wait)
        try:
            self.breaker.check()
            await self._limiter.wait(max(0.0, give_up_at - self._clock.monotonic()))
            yield
        finally:
            self._slots.release()
