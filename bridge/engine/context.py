"""What the engine works with: its ports, its numbers, and the connections it opens."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bridge.domain.connection import Connection, labels, reference
from bridge.domain.ports import Clock, Ids, Rng
from bridge.domain.provider import Provider
from bridge.engine.notifier import Notifier
from bridge.store.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Policy:
    """The engine's numbers; defaults are those of design §5."""

    queue_limit: int = 16
    poll_first: timedelta = timedelta(seconds=2)
    poll_max: timedelta = timedelta(seconds=30)
    backoff_base: timedelta = timedelta(seconds=1)
    backoff_cap: timedelta = timedelta(seconds=60)
    resend_window: timedelta = timedelta(hours=20)
    persistent_for: timedelta = timedelta(hours=24)
    action_overtime: int = 3
    """How many times its deadline a short action may take while InfraFabric still works on it."""
    create_tries: int = 3
    released_for: timedelta = timedelta(hours=24)
    """How long a create is begun anew once Blesta shows the service."""
    password_for: timedelta = timedelta(hours=24)
    """How long InfraFabric keeps a password."""
    refresh_tries: int = 5
    catalog_ttl: timedelta = timedelta(hours=1)
    terminate_alert: timedelta = timedelta(hours=1)


class Providers(Protocol):
    """Gives the provider client of a connection."""

    def get(self, connection: Connection) -> Provider:
        """The client for these settings; cached by the connection's id and version."""
        ...


class Vault(Protocol):
    """Seals what must not be readable in the database."""

    def seal(self, plaintext: str, *, table: str, row: str, column: str) -> str:
        """Sealed text for this place only."""
        ...

    def open(self, sealed: str, *, table: str, row: str, column: str) -> str:
        """The plaintext; raises if it was sealed for another place or changed."""
        ...


class Connections(Protocol):
    """Loads a connection with its secrets opened."""

    def load(self, conn: Transaction, connection_id: str) -> Connection:
        """The present settings, read in this transaction; raises LookupError if there are none."""
        ...


class Gauges(Protocol):
    """What the engine tells the metrics."""

    def operation_finished(self, action: str, outcome: str, seconds: float) -> None:
        """An operation reached a terminal state, `seconds` after acceptance."""
        ...

    def turn_lost(self) -> None:
        """A run found its token replaced."""
        ...

    def cleaned(self, outcome: str) -> None:
        """A create's leftovers are gone; what follows is `outcome` (fail, retry, cancel)."""
        ...

    def reconciled(self, kind: str, outcome: str) -> None:
        """A run of reconcile stopped, for now or for good."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything `advance` needs."""

    database: Database
    clock: Clock
    ids: Ids
    rng: Rng
    vault: Vault
    connections: Connections
    providers: Providers
    notifier: Notifier
    gauges: Gauges
    policy: Policy
    installation: str
    protect: Callable[[str], None]
    """Registers a secret value, so that no log line ever shows it."""

    def reference(self, connection_id: str, service_key: str) -> str:
        """The name of the service's machine at the provider."""
        return reference(self.installation, connection_id, service_key)

    def labels(self, connection_id: str, service_key: str) -> dict[str, str]:
        """The marks of the service's machine and volumes."""
        return labels(self.installation, connection_id, service_key)

    def backoff(
        self, failures: int, *, base: timedelta | None = None, cap: timedelta | None = None
    ) -> timedelta:
        """Full jitter over an exponentially growing span, never quite zero."""
        span: timedelta = min(
            (base or self.policy.backoff_base) * 2 ** min(failures, 20), cap or self.policy.backoff_cap
        )
        jittered: timedelta = span * self.rng.random()
        return max(jittered, timedelta(milliseconds=50))

    def poll_delay(self, polls: int) -> timedelta:
        """2 s, doubling to 30 s."""
        doubled: timedelta = self.policy.poll_first * 2 ** min(polls, 10)
        return min(doubled, self.policy.poll_max)

    def now(self) -> datetime:
        """Wall clock, UTC."""
        return self.clock.now()
