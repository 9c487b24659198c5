"""The client's numbers, in one place and with their units (design §8)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How one request is repeated, and how much is read. Times are seconds."""

    attempts: int = 3
    """Sends of one request before the caller decides what is next."""
    backoff_base: float = 0.2
    """First span of the jittered pause after silence; it doubles."""
    backoff_cap: float = 5.0
    """Longest span of the jittered pause, and longest `Retry-After` that is waited for in place."""
    throttle_base: float = 1.0
    """First span of the jittered pause after a 429 that named none; it doubles."""
    retry_window: float = 10.0
    """No further send starts later than this after the first; longer waits belong to the caller, who stores them."""
    page_size: int = 200
    """Items asked for per page of a list."""
    max_pages: int = 100
    """Pages of one list that are read before it counts as endless."""


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How much all clients of a connection may do together. Times are seconds."""

    budget: int = 500
    """Capacity of the retry budget in tokens; every success earns some back, time does not."""
    retry_cost: int = 14
    """Tokens that sending again after silence takes."""
    throttle_cost: int = 5
    """Tokens that sending again after a 429 takes."""
    breaker_failures: int = 5
    """Failures in a row that open the breaker."""
    breaker_first: float = 5.0
    """First pause of an open breaker; it doubles with every failed probe."""
    breaker_max: float = 30.0
    """Longest pause of an open breaker."""
    queue_limit: int = 1000
    """Requests that may wait for their turn at the gate; more are turned away at once."""
    queue_wait: float = 30.0
    """Longest wait at the gate; whoever would wait longer is told when to come back."""
