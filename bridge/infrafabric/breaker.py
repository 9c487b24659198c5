"""A circuit breaker that cannot be fooled: a monotonic clock that is passed in, and one probe at a time.

Own code, because the public ones read the wall clock or let any number of probes through at once (requirement D11).
"""

from typing import Literal

from bridge.domain.ports import Clock, Rng

BreakerState = Literal["closed", "open", "half_open"]


class BreakerOpen(Exception):
    """The provider failed again and again, so nothing is sent. `retry_after`: seconds until it may be worth asking."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"The circuit breaker is open for {retry_after:.1f} s more.")
        self.retry_after = retry_after


class Permit:
    """Leave to send one request. Say how it went; one that is closed without a word gives a probe's place back."""

    def __init__(self, breaker: "CircuitBreaker", era: int, *, probe: bool) -> None:
        self._breaker, self._era, self._probe, self._used = breaker, era, probe, False

    def succeeded(self) -> None:
        """The provider is alive: it answered, if only to say no."""
        if self._use():
            self._breaker._close(probe=self._probe)

    def failed(self) -> None:
        """Nobody there, silence, or a 5xx."""
        if self._use():
            self._breaker._fail(probe=self._probe)

    def close(self) -> None:
        """The request ended without telling anything about the provider, for instance because it was cancelled."""
        if self._use() and self._probe:
            self._breaker._release()

    def _use(self) -> bool:
        """Only the first word counts, and only if the breaker has not moved on since."""
        fresh = not self._used and self._breaker._era == self._era
        self._used = True
        return fresh


class CircuitBreaker:
    """Opens after `failures` in a row, for `first` seconds, doubling up to `longest` with every probe that fails."""

    def __init__(self, clock: Clock, rng: Rng, *, failures: int, first: float, longest: float) -> None:
        self._clock, self._rng = clock, rng
        self._threshold, self._first, self._longest = failures, first, longest
        self._era = 0
        self._count = 0
        self._pause = first
        self._open_until: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """`half_open` while a probe is under way."""
        if self._open_until is None:
            return "closed"
        return "half_open" if self._probing else "open"

    def check(self) -> None:
        """Raise `BreakerOpen` if a request would not be admitted now."""
        if self._open_until is None:
            return
        left = self._open_until - self._clock.monotonic()
        if left > 0:
            raise BreakerOpen(left + self._rng.random() * max(1.0, left / 10))
        if self._probing:
            raise BreakerOpen(self._pause * (1 + self._rng.random()) / 2)

    def admit(self) -> Permit:
        """Leave to send one request; of an open breaker, for the one probe.

        Raises:
            BreakerOpen: not now.
        """
        self.check()
        self._probing = self._open_until is not None
        return Permit(self, self._era, probe=self._probing)

    def _fail(self, *, probe: bool) -> None:
        self._count += 1
        if not probe and self._count < self._threshold:
            return
        self._era += 1
        self._open_until = self._clock.monotonic() + self._pause
        self._pause = min(self._pause * 2, self._longest)
        self._probing = False

    def _close(self, *, probe: bool) -> None:
        self._count = 0
        if not probe:
            return
        self._era += 1
        self._open_until = None
        self._pause = self._first
        self._probing = False

    def _release(self) -> None:
        self._probing = False
