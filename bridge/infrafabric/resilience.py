"""Being a considerate caller: rate, concurrency, retry budget and circuit breaker of one connection (design §8).

When InfraFabric is down, the breaker keeps all but a few probes from leaving, and the budget keeps retries from
multiplying what is asked. Durations are measured on the monotonic clock of the Clock port.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from bridge.domain.ports import Clock, Rng
from bridge.domain.provider import NotSent


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Numbers of a gate; times in seconds."""

    budget: int = 500
    retry_cost: int = 14
    throttle_cost: int = 5
    breaker_failures: int = 5
    breaker_first: float = 5
    breaker_max: float = 30


class Breaker:
    """Opens after failures in a row (silence and 5xx, not 4xx); half open it admits one probe at a time."""

    def __init__(self, settings: GateSettings, clock: Clock, rng: Rng) -> None:
        self._settings, self._clock, self._rng = settings, clock, rng
        self._failures = 0
        self._open_until: float | None = None
        self._pause = settings.breaker_first
        self._probing = False

    @property
    def state(self) -> str:
        """`closed`, `open` or `half_open`."""
        if self._open_until is None:
            return "closed"
        return "open" if self._clock.monotonic() < self._open_until else "half_open"

    def admit(self) -> bool:
        """Let a call through, and say whether it is a probe.

        Raises:
            NotSent: the breaker is open; `retry_after` says for how long, jittered so that not everybody comes at once.
        """
        state = self.state
        if state == "closed":
            return False
        if state == "half_open" and not self._probing:
            self._probing = True
            return True
        left = max((self._open_until or 0) - self._clock.monotonic(), 1.0)
        pause = timedelta(seconds=left * (1 + self._rng.random()))
        raise NotSent("InfraFabric is failing; requests are held back for a moment", retry_after=pause)

    def succeeded(self) -> None:
        """An answer came; whatever it said, InfraFabric is there."""
        self._failures, self._open_until, self._probing = 0, None, False
        self._pause = self._settings.breaker_first

    def failed(self, *, probe: bool) -> None:
        """No answer, or a 5xx."""
        self._failures += 1
        if probe:
            self._probing = False
            self._pause = min(self._pause * 2, self._settings.breaker_max)
        if probe or (self._open_until is None and self._failures >= self._settings.breaker_failures):
            self._open_until = self._clock.monotonic() + self._pause

    def abandoned(self, *, probe: bool) -> None:
        """The call ended without telling anything (it was cancelled)."""
        if probe:
            self._probing = False


class RetryBudget:
    """A purse that retries are paid from and clean successes fill (requirement D8)."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.tokens = capacity, capacity

    def take(self, cost: int) -> bool:
        """Pay for a retry; False when the purse does not hold that much."""
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True

    def refill(self, amount: int = 1) -> None:
        """A success puts something back."""
        self.tokens = min(self.capacity, self.tokens + amount)


class RateLimiter:
    """A token bucket, filled evenly; waiters are served in the order they came."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._burst = max(1.0, per_minute / 60)
        self._per_second = per_minute / 60
        self._tokens = self._burst
        self._filled_at = clock.monotonic()

    async def take(self) -> None:
        """Wait for a token."""
        async with self._lock:
            self._fill()
            if self._tokens < 1:
                await self._clock.sleep((1 - self._tokens) / self._per_second)
                self._fill()
            self._tokens -= 1

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now


class Gate:
    """What all calls of one connection pass."""

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
        self.breaker = Breaker(settings, clock, rng)
        self.budget = RetryBudget(settings.budget)
        self._limiter = RateLimiter(rate_limit_per_minute, clock)
        self._slots = asyncio.Semaphore(max_concurrency)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[bool]:
        """A place for one request; yields whether it is the breaker's probe.

        The breaker is asked last: a call that had to wait for its place must not leave into an outage that began
        meanwhile.
        """
        self._refuse_early()
        async with self._slots:
            self._refuse_early()
            await self._limiter.take()
            probe = self.breaker.admit()
            try:
                yield probe
            except BaseException:
                self.breaker.abandoned(probe=probe)
                raise

    def _refuse_early(self) -> None:
        """Do not even queue while the breaker is open."""
        if self.breaker.state == "open":
            self.breaker.admit()
