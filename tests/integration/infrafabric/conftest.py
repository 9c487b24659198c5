"""The bridge's client in front of a scripted provider: real sockets, but waiting costs no time."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.domain.connection import Connection
from bridge.domain.ports import Clock
from bridge.infrafabric.addresses import OutboundPolicy
from bridge.infrafabric.client import InfraFabricClient
from bridge.infrafabric.pool import ProviderPool
from bridge.infrafabric.resilience import Gate
from bridge.infrafabric.settings import ClientSettings, GateSettings
from bridge.infrafabric.transport import AiohttpTransport
from tests.integration.infrafabric.scripted import ScriptedServer, Step

START = datetime(2026, 1, 1, tzinfo=UTC)
API_KEY = "if-key-never-shown"


class QuickClock:
    """Sleeping only moves the clock on; `slept` remembers for how long."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.time = 0.0

    def now(self) -> datetime:
        """See `Clock`."""
        return START + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        """See `Clock`."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


class FixedRng:
    """Always the same chance."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        """See `Rng`."""
        return self.value

    def token_bytes(self, count: int) -> bytes:
        """See `Rng`."""
        return os.urandom(count)


def connection(url: str, **members: Any) -> Connection:
    """A connection to that address."""
    values: dict[str, Any] = {
        "id": "c1",
        "infrafabric_api_url": url,
        "infrafabric_api_key": API_KEY,
        "default_datacenter": "fra1",
        "provisioning_timeout": 300,
        "action_timeout": 120,
        "webhook_secrets": (),
        "rate_limit_per_minute": 100_000,
        "max_concurrency": 100,
        "policies": {},
        "version": 1,
        "created_at": START,
        "updated_at": START,
    }
    return Connection(**values | members)


@dataclass(slots=True)
class Bench:
    """One client and its provider."""

    server: ScriptedServer
    clock: QuickClock
    pool: ProviderPool
    connection: Connection
    rng: FixedRng
    calls: list[tuple[str, str, int | str, float]] = field(default_factory=list)

    @property
    def client(self) -> InfraFabricClient:
        """The client under test."""
        return self.pool.get(self.connection)

    @property
    def gate(self) -> Gate:
        """Its gate."""
        self.pool.get(self.connection)
        return self.pool.gates()[self.connection.id]


MakeBench = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def bench() -> AsyncIterator[MakeBench]:
    """Makes benches: `await bench(step, step, …, otherwise=step, gate=GateSettings(…), …)`."""
    made: list[Bench] = []

    async def make(
        *script: Step,
        otherwise: Step | None = None,
        client: ClientSettings | None = None,
        gate: GateSettings | None = None,
        policy: OutboundPolicy | None = None,
        clock: Clock | None = None,
        rng: float = 0.5,
        url: str | None = None,
        transport: dict[str, Any] | None = None,
        **members: Any,
    ) -> Bench:
        server = ScriptedServer(*script, otherwise=otherwise)
        await server.start()
        quick, chance = QuickClock(), FixedRng(rng)
        calls: list[tuple[str, str, int | str, float]] = []
        pool = ProviderPool(
            AiohttpTransport(policy or OutboundPolicy(allow_loopback=True), **(transport or {})),
            clock or quick,
            chance,
            client=client,
            gate=gate,
            observer=lambda *call: calls.append(call),
        )
        one = Bench(server, quick, pool, connection(url or server.url, **members), chance, calls)
        made.append(one)
        return one

    yield make
    for one in made:
        await one.pool.close()
        await one.server.stop()
