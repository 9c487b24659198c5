"""One life of the bridge process inside a simulation: the real engine over simulated ports, until it is killed."""

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar, copy_context
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from bridge.connections import ConnectionBook
from bridge.engine.advance import advance
from bridge.engine.commands import Commands
from bridge.engine.context import Engine, Policy
from bridge.engine.dispatch import LocalDispatcher
from bridge.engine.finishing import After
from bridge.engine.notifier import Notifier
from bridge.engine.reconcile.run import Reconcile
from bridge.infrafabric.pool import ProviderPool
from bridge.security.vault import Vault
from bridge.store.database import Database, Transaction
from bridge.store.errors import OutcomeUnknownError, StoreError
from bridge.telemetry.metrics import Metrics
from bridge.telemetry.redaction import Redactor
from tests.simulation.clockwork import Crash, SimClock, SimIds, SimRng
from tests.simulation.network import SimTransport

if TYPE_CHECKING:
    from tests.simulation.world import World

P = ParamSpec("P")
T = TypeVar("T")
INSIDE: ContextVar["Process | None"] = ContextVar("process", default=None)
POLICY = Policy()


class Process:
    """Built, started, and at any point ended; the database and InfraFabric outlive it."""

    def __init__(self, world: "World") -> None:
        self.world, self.alive = world, True
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._frozen_until = 0.0
        self.clock = SimClock(world.skew)
        chance = SimRng(Random(world.dice.getrandbits(64)))
        redactor = Redactor()
        vault = Vault({"k": bytes(32)}, chance)
        self.engine = Engine(
            database=SimDatabase(world.database, self),
            clock=self.clock,
            ids=SimIds(Random(world.dice.getrandbits(64))),
            rng=chance,
            vault=vault,
            connections=ConnectionBook(vault, redactor),
            providers=ProviderPool(SimTransport(world, self), self.clock, chance),
            notifier=Notifier(),
            gauges=Metrics(),
            policy=POLICY,
            installation="inst_sim",
            protect=redactor.protect,
        )
        self.dispatcher = LocalDispatcher(
            self.engine, self._advance, sweep_every=timedelta(seconds=world.sweep)
        )
        self.commands = Commands(self.engine, self.dispatcher)
        self.reconcile = Reconcile(self.engine, self.dispatcher.wake)

    async def start(self) -> None:
        """As `serve` does: take up what is unfinished."""
        await self.call(self.dispatcher.start())

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Something from outside, such as an HTTP request; ConnectionError when the process dies meanwhile."""
        if not self.alive:
            work.close()
            raise ConnectionError("nobody listens")
        task = self.task(work)
        try:
            return await task
        except (Crash, asyncio.CancelledError) as error:
            if self.alive:
                raise
            raise ConnectionError("the process died") from error
        except StoreError as error:
            raise ConnectionError("503") from error

    def task(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that lives and dies with this process."""
        context = copy_context()
        context.run(INSIDE.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def freeze(self, seconds: float) -> None:
        """The machine stalls: nothing runs, and then everything goes on as if nothing had happened."""
        self._frozen_until = asyncio.get_running_loop().time() + seconds

    async def thaw(self) -> None:
        """Wait until the process runs; a dead one never does."""
        now = asyncio.get_running_loop().time()
        if now < self._frozen_until:
            await asyncio.sleep(self._frozen_until - now)
        self.check()

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """A task began inside."""
        if not self.alive:
            task.cancel()
            return
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def die(self) -> None:
        """kill -9."""
        self.alive = self.clock.alive = False
        for task in list(self._tasks):
            task.cancel()

    def reach(self, point: str) -> None:
        """A point at which the process may end; a dead one goes no further."""
        self.check()
        self.world.points.hit(point)

    def check(self) -> None:
        """A dead process does nothing any more."""
        if not self.alive:
            raise Crash("dead")

    def _advance(self, engine: Engine, operation_id: str) -> Awaitable[After]:
        return stepped(advance(engine, operation_id), self.reach)


@types.coroutine
def stepped(work: Coroutine[Any, Any, T], reach: Callable[[str], None]) -> Generator[Any, Any, T]:
    """Run a coroutine and call `reach` before every resumption, so that it can end at any await."""
    send: Callable[[], Any] = lambda: work.send(None)  # noqa: E731
    while True:
        try:
            reach("resume")
        except BaseException as end:
            return work.throw(end)  # type: ignore[no-any-return]
        try:
            yielded = send()
        except StopIteration as done:
            result: T = done.value
            return result
        try:
            value = yield yielded
            send = lambda value=value: work.send(value)  # type: ignore[misc]  # noqa: E731
        except BaseException as error:
            send = lambda error=error: work.throw(error)  # type: ignore[misc]  # noqa: E731


class SimDatabase:
    """The real store, inline, with commits that may fail or stay unclear, and the process's end around each."""

    def __init__(self, database: Database, process: Process) -> None:
        self._database, self._process = database, process

    @property
    def dialect(self) -> str:
        """See `Database.dialect`."""
        return self._database.dialect

    async def run(self, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.run`."""
        world, process = self._process.world, self._process
        await asyncio.sleep(world.dice.choice((0.0, 0.001, 0.01)))
        await process.thaw()
        process.reach("commit")
        if world.sky.strikes("commit_fails"):
            raise StoreError("The disk is full.")
        result = await self._database.run(fn, *args, **kwargs)
        world.committed()
        process.reach("committed")
        if world.sky.strikes("commit_unclear"):
            raise OutcomeUnknownError("The connection broke while committing.")
        await asyncio.sleep(0)
        await process.thaw()
        return result

    async def read(
        self, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.read`."""
        self._process.check()
        await asyncio.sleep(0)
        await self._process.thaw()
        return await self._database.read(fn, *args, **kwargs)

    async def close(self) -> None:
        """The world closes the real one."""
