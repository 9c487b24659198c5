"""What the outside world gives to the bridge: time, names and chance.

They are passed in, so that a simulation can own them and a seed replays a run exactly.
"""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, as the bridge is allowed to see it."""

    def now(self) -> datetime:
        """Wall clock, timezone-aware UTC. It may jump; never use it to measure a duration inside one process."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Suspend the calling task for `seconds` (≥ 0)."""
        ...


class Ids(Protocol):
    """Names for new things. Names never order anything."""

    def new(self, prefix: str) -> str:
        """A fresh id `<prefix>_<random>` of at most 64 characters from `[a-z0-9_]`."""
        ...


class Rng(Protocol):
    """Chance for jitter and for secrets."""

    def random(self) -> float:
        """A float in [0, 1), for jitter only."""
        ...

    def token_bytes(self, count: int) -> bytes:
        """`count` bytes fit for secrets and nonces."""
        ...
