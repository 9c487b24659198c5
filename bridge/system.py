"""The ports of `bridge.domain.ports` on the real machine: the one module that may touch time, chance and ids."""

import asyncio
import random
import secrets
import time
from datetime import UTC, datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class SystemClock:
    """The operating system's clocks."""

    def now(self) -> datetime:
        """Wall clock in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep on the running event loop."""
        await asyncio.sleep(seconds)


class SystemIds:
    """Ids with 130 random bits: no two processes ever have to agree on a counter."""

    def new(self, prefix: str) -> str:
        """`<prefix>_` and 26 base-32 characters."""
        return prefix + "_" + "".join(secrets.choice(_ALPHABET) for _ in range(26))


class SystemRng:
    """Jitter from the default generator, secrets from the operating system."""

    def random(self) -> float:
        """A float in [0, 1)."""
        return random.random()

    def token_bytes(self, count: int) -> bytes:
        """Bytes from the operating system's secure source."""
        return secrets.token_bytes(count)
