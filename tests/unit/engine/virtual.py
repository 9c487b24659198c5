"""An engine in virtual time: hours pass in a moment, in one thread, and nothing waits for the machine's clock."""

import asyncio
import itertools
import random
import selectors
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bridge.connection_settings import ConnectionSettings, store_connection
from bridge.connections import ConnectionBook
from bridge.domain.actions import REGISTRY, Caller, params_of
from bridge.engine.admission import Admitted, Command
from bridge.engine.advance import advance
from bridge.engine.commands import Commands
from bridge.engine.context import Engine, Policy
from bridge.engine.dispatch import Advance, LocalDispatcher
from bridge.engine.notifier import Notifier
from bridge.infrafabric.pool import ProviderPool
from bridge.infrafabric.settings import GateSettings
from bridge.infrafabric.transport import Transport
from bridge.security.vault import Vault
from bridge.store.audit import AuditEvent
from bridge.store.database import Database, open_database
from bridge.telemetry.metrics import Metrics
from bridge.telemetry.redaction import Redactor

T = TypeVar("T")
START = datetime(2026, 1, 1, tzinfo=UTC)


class _Skipping(selectors.DefaultSelector):
    """Instead of waiting for a timer, moves the loop's time to it."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See `BaseSelector`."""
        if timeout is None:
            raise RuntimeError("Nothing will ever happen again: every task waits for another one.")
        self.loop.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that skips every pause."""

    def __init__(self) -> None:
        selector = _Skipping()
        selector.loop = self
        self.now = 0.0
        super().__init__(selector)

    def time(self) -> float:
        """See `AbstractEventLoop`."""
        return self.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class LoopClock:
    """The running loop's time."""

    def now(self) -> datetime:
        """See `Clock`."""
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """See `Clock`."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        await asyncio.sleep(seconds)


class CountedIds:
    """Ids that a run repeats exactly."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self, prefix: str) -> str:
        """See `Ids`."""
        return f"{prefix}_{next(self._numbers):06d}"


class SeededRng:
    """Chance that a run repeats exactly."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)

    def random(self) -> float:
        """See `Rng`."""
        return self._dice.random()

    def token_bytes(self, count: int) -> bytes:
        """See `Rng`."""
        return self._dice.randbytes(count)


@dataclass(slots=True)
class World:
    """An engine, its dispatcher, and what callers can ask of it."""

    engine: Engine
    dispatcher: LocalDispatcher
    commands: Commands
    pool: ProviderPool
    metrics: Metrics

    @property
    def database(self) -> Database:
        """The store."""
        return self.engine.database

    async def connect(self, connection_id: str, **members: Any) -> None:
        """Make a connection whose key is `key-of-<id>`."""
        settings = {
            "infrafabric_api_url": "https://if.example/v1",
            "infrafabric_api_key": f"key-of-{connection_id}",
            "default_datacenter": "fra1",
        }
        book = self.engine.connections
        assert isinstance(book, ConnectionBook)
        event = AuditEvent(self.engine.now(), "connection.changed", "test", connection_id=connection_id)
        await self.database.run(
            store_connection, book, connection_id, ConnectionSettings(**settings | members), event
        )

    async def act(self, service_key: str, action: str, body: Mapping[str, Any], connection: str) -> Admitted:
        """Accept a command of staff."""
        key = self.engine.ids.new("key")
        return await self.commands.run(
            Command(
                connection_id=connection,
                service_key=service_key,
                action=REGISTRY[action],
                params=params_of(REGISTRY[action], body),
                caller=Caller.STAFF,
                actor="staff:1",
                path=f"/v1/services/{service_key}/{action}",
                idempotency_key=key,
                fingerprint=key,
            )
        )

    async def close(self) -> None:
        """End everything."""
        await self.dispatcher.stop(1)
        await self.pool.close()
        await self.database.close()


def world(
    url: str,
    transport: Transport,
    *,
    seed: int = 1,
    policy: Policy | None = None,
    step: Advance = advance,
    dispatcher: Callable[[Engine, Advance], LocalDispatcher] = LocalDispatcher,
) -> World:
    """An engine on a migrated SQLite file, in this thread."""
    clock, rng, metrics, redactor = LoopClock(), SeededRng(seed), Metrics(), Redactor()
    vault = Vault({"mk": b"k" * 32}, rng)
    pool = ProviderPool(transport, clock, rng, gate=GateSettings(), observer=metrics.provider_called)
    engine = Engine(
        database=open_database(url, executor="inline"),
        clock=clock,
        ids=CountedIds(),
        rng=rng,
        vault=vault,
        connections=ConnectionBook(vault, redactor),
        providers=pool,
        notifier=Notifier(),
        gauges=metrics,
        policy=policy or Policy(),
        installation="inst_test",
        protect=redactor.protect,
    )
    local = dispatcher(engine, step)
    return World(engine, local, Commands(engine, local), pool, metrics)
