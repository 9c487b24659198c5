"""The bridge's ports inside a simulation: virtual time, names and chance from one seed, and the end of a process."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Crash(BaseException):
    """The process ends here: nothing catches it, nothing after it happens."""


@dataclass(slots=True)
class Points:
    """Numbers every point at which a process can end, and ends it at number `target` (0: never)."""

    target: int = 0
    armed: bool = True
    visited: int = 0
    names: list[str] = field(default_factory=list)
    crashed: Callable[[], None] = lambda: None

    def hit(self, name: str) -> None:
        """A point is reached."""
        if not self.armed:
            return
        self.visited += 1
        self.names.append(name)
        if self.visited == self.target:
            self.crashed()
            raise Crash(name)


@dataclass(slots=True)
class SimClock:
    """Virtual time. `skew` is how far the bridge's wall clock is off, and may jump."""

    skew: timedelta = timedelta()
    alive: bool = True

    def now(self) -> datetime:
        """Wall clock as the bridge sees it."""
        return true_time() + self.skew

    def monotonic(self) -> float:
        """Seconds since the simulation began."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Virtual sleep; a process that ended does not wake up again."""
        await asyncio.sleep(seconds)
        if not self.alive:
            raise Crash("asleep")


def true_time() -> datetime:
    """What time it really is in the simulated world."""
    return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


@dataclass(slots=True)
class SimIds:
    """Names from the seed."""

    dice: Random

    def new(self, prefix: str) -> str:
        """`<prefix>_` and hexadecimal digits."""
        return f"{prefix}_{self.dice.getrandbits(64):016x}"


@dataclass(slots=True)
class SimRng:
    """Chance from the seed."""

    dice: Random

    def random(self) -> float:
        """A float in [0, 1)."""
        return self.dice.random()

    def token_bytes(self, count: int) -> bytes:
        """Bytes from the seed."""
        return self.dice.randbytes(count)
