"""Dispatchers in virtual time whose turns follow a script."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from bridge.engine.commands import Commands
from bridge.engine.context import Engine
from bridge.engine.dispatch import Advance, LocalDispatcher
from bridge.engine.finishing import After
from bridge.infrafabric.transport import Reply, Unreachable
from tests.unit.engine import virtual
from tests.unit.engine.virtual import START, World

Plan = After | Exception | Callable[[], Awaitable[After]]


class Nowhere:
    """No network."""

    async def send(self, *_: object) -> Reply:
        """See `Transport`."""
        raise Unreachable("connect", "no network")

    async def close(self) -> None:
        """See `Transport`."""


class Nobody:
    """A process that accepts and never works."""

    def wake(self, operation_id: str, at: datetime | None = None) -> None:
        """See `Dispatcher`."""


class Script:
    """An `advance` that does what a test plans for each turn of an operation, then nothing."""

    def __init__(self) -> None:
        self.turns: list[tuple[str, float]] = []
        self.plans: dict[str, list[Plan]] = {}
        self.running: set[str] = set()
        self.most = 0

    async def __call__(self, engine: Engine, operation_id: str) -> After:
        """See `Advance`."""
        assert operation_id not in self.running, "two turns of one operation at once"
        self.turns.append((operation_id, asyncio.get_running_loop().time()))
        self.running.add(operation_id)
        self.most = max(self.most, len(self.running))
        try:
            plan = self.plans[operation_id].pop(0) if self.plans.get(operation_id) else After()
            if isinstance(plan, Exception):
                raise plan
            return plan if isinstance(plan, After) else await plan()
        finally:
            self.running.discard(operation_id)

    def of(self, operation_id: str) -> list[float]:
        """When the operation had a turn."""
        return [at for name, at in self.turns if name == operation_id]


class Stage:
    """Worlds whose turns follow a script."""

    def __init__(self, url: str) -> None:
        self._url, self.script = url, Script()

    def world(self, *, sweep_every: float = 1e6, **options: Any) -> World:
        """A world that sweeps only when asked to."""

        def local(engine: Engine, step: Advance) -> LocalDispatcher:
            pause = timedelta(seconds=sweep_every)
            return LocalDispatcher(engine, step, sweep_every=pause, **options)

        return virtual.world(self._url, Nowhere(), step=self.script, dispatcher=local)


async def accepted(world: World) -> str:
    """An operation that is in the table, of which nobody was told."""
    await world.connect("c1")
    quiet = World(world.engine, world.dispatcher, Commands(world.engine, Nobody()), world.pool, world.metrics)
    body = {"type": "vps", "hostname": "a.example", "image": "debian-12", "plan": "vps-1"}
    return (await quiet.act(str(uuid.uuid4()), "create", body, "c1")).operation.id


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=asyncio.get_running_loop().time() + seconds)


def play(main: Coroutine[Any, Any, None]) -> None:
    virtual.run(main)
