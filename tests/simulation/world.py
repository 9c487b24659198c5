"""A simulated world from one seed: bridge, InfraFabric, Blesta, the network between them, and time."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import looptime
import structlog

from bridge.domain.drift import DriftClass
from bridge.store.reconcile_runs import RunUnderWay
from tests.invariants import Evidence, violations
from tests.simulation.callers import live
from tests.simulation.clockwork import Crash, Points, true_time
from tests.simulation.ground import SECRET, open_fast, template
from tests.simulation.machines import standing
from tests.simulation.network import Sky, Weather, deliver, forge
from tests.simulation.process import INSIDE, Process
from tests.simulation.provider import Provider

_TERMINAL = (
    "SELECT id, state, error, finished_at FROM operations WHERE state IN ('succeeded', 'failed', 'canceled')"
)
RUNAWAY = 5000
"""Commits of one simulation that never come to an end by themselves."""
_QUIET = "SELECT count(*) FROM operations WHERE wake_at IS NOT NULL"
Story = Callable[["World"], Coroutine[Any, Any, None]]


class Violation(AssertionError):
    """The promise was broken."""


@dataclass
class World:
    """Everything of one run. `trace` is what a second run of the same seed has to repeat."""

    folder: Path
    seed: int
    weather: Weather
    points: Points = field(default_factory=Points)
    kills: int = 0
    sweep: float = 20.0
    secret: bytes = SECRET
    skew: timedelta = timedelta()
    unanswered: int = 0
    calls: list[float] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)
        self.sky = Sky(self.weather, Random(self.dice.getrandbits(64)))
        self.provider = Provider(Random(self.dice.getrandbits(64)), self.sky.fate)
        self.file = self.folder / f"world-{self.seed}-{self.points.target}.db"
        self.accepted: dict[str, None] = {}
        self.nonces: dict[str, str] = {}
        self.zombies: list[Process] = []
        self.strangers: dict[str, str] = {}
        self.legacies: set[str] = set()
        self._ends: dict[str, tuple[Any, ...]] = {}
        self._sent = 0
        self._commits = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    # ---- running ----------------------------------------------------------------------------------------------------

    def run(self, story: Story, check: Callable[["World"], None]) -> "World":
        """Play a story to its quiet end, and judge."""
        with self.stage() as loop:
            loop.run_until_complete(self._play(story))
            check(self)
        return self

    @contextmanager
    def stage(self) -> Iterator[asyncio.AbstractEventLoop]:
        """A database and an event loop in virtual time, for as long as this is open."""
        shutil.copyfile(template(self.folder), self.file)
        loop = looptime.new_event_loop(start=0, noop_cycles=0)
        loop.set_task_factory(_adopting)
        loop.set_exception_handler(self._escaped)
        try:
            with structlog.testing.capture_logs() as self.logs:
                yield loop
        finally:
            loop.close()
            for leftover in self.folder.glob(f"{self.file.name}*"):
                leftover.unlink()

    async def _play(self, story: Story) -> None:
        await self.open()
        try:
            await story(self)
            await self.calm()
        finally:
            await self.close()

    async def open(self) -> None:
        """The bridge starts."""
        self.database = open_fast(self.file)
        self.plain = sqlite3.connect(self.file, isolation_level=None)
        self.points.crashed = self.crash
        self.process = Process(self)
        await self.process.start()

    async def close(self) -> None:
        """Everything ends; what the database holds stays in `rows`."""
        for process in (self.process, *self.zombies):
            process.die()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.sleep(0)
        self.snapshot()
        self.plain.close()
        await self.database.close()

    async def calm(self) -> None:
        """No more faults; wait until every operation has ended, at most two days."""
        self.sky.weather.calm()
        self.points.armed = False
        await self.quiet(60)
        await asyncio.sleep(200)

    async def quiet(self, seconds: float = 1.0) -> None:
        """Wait until no operation is unfinished, looking every `seconds`, at most for two days."""
        for _ in range(int(2 * 24 * 3600 / seconds)):
            if not self.plain.execute(_QUIET).fetchone()[0] or self.bugs() or self.broken:
                return
            await asyncio.sleep(seconds)

    def bugs(self) -> list[str]:
        """What the bridge itself logged as broken."""
        return [str(line) for line in self.logs if line["event"] == "turn.broken"]

    def snapshot(self) -> None:
        """What the database holds at the end."""
        self.plain.row_factory = sqlite3.Row
        self.rows = {
            table: [dict(row) for row in self.plain.execute(f"SELECT * FROM {table}")]
            for table in ("services", "operations", "timeline", "changes", "audit", "credentials")
        }
        self.plain.row_factory = None

    def evidence(self) -> Evidence:
        """Everything the invariants judge by."""
        rows, provider = self.rows, self.provider
        return Evidence(
            **{name: rows[name] for name in ("services", "operations", "timeline", "changes", "audit")},
            instances=list(provider.instances.values()),
            volumes=list(provider.volumes.values()),
            effects=[asdict(effect) for effect in provider.effects],
            accepted=list(self.accepted),
            strangers=[*self.strangers, *self.unadopted()],
            secrets=provider.passwords,
            sinks=[str(line) for line in self.logs],
            passwords=self._passwords(),
        )

    def _passwords(self) -> dict[str, tuple[str | None, str | None]]:
        """By service key: the password as the bridge would show it, and the machine's."""
        vault = self.process.engine.vault
        found = {}
        for row in self.rows["credentials"]:
            key, sealed = row["service_key"], row["root_password"]
            place = {"table": "credentials", "row": key, "column": "root_password"}
            machine = next(s["instance_id"] for s in self.rows["services"] if s["service_key"] == key)
            set_by = [
                operation["result"]["root_password"]
                for operation in self.provider.operations.values()
                if operation["instance_id"] == machine and operation["result"] is not None
            ]
            found[key] = (vault.open(sealed, **place) if sealed else None, set_by[-1] if set_by else None)
        return found

    # ---- things that happen -----------------------------------------------------------------------------------------

    def crash(self) -> None:
        """The bridge is killed; somebody starts it again."""
        if self.process.alive:
            self.kills += 1
            self.note("killed")
            self.process.die()
            self.spawn(self._restart())

    def freeze(self, seconds: float) -> None:
        """The bridge's machine stalls, another takes over, and then the first one wakes up and goes on."""
        if self.process.alive:
            self.note("frozen")
            frozen = self.process
            frozen.freeze(seconds)
            self.later(seconds + 25, frozen.die)
            self.zombies.append(frozen)
            self.spawn(self._restart())

    async def _restart(self) -> None:
        await asyncio.sleep(self.dice.choice((0.1, 2.0, 15.0)))
        self.process = Process(self)
        try:
            await self.process.start()
        except ConnectionError:
            self.note("died while starting")

    def jump(self, seconds: float) -> None:
        """The bridge's wall clock is set."""
        self.skew = timedelta(seconds=seconds)
        self.process.clock.skew = self.skew

    def promised(self, nonce: str, operation_id: str) -> None:
        """The bridge told a caller that it took this; the same key always stands for the same operation."""
        self.accepted[operation_id] = None
        known = self.nonces.setdefault(nonce, operation_id)
        if known != operation_id:
            self.broken.append(f"key {nonce} stood for {known}, and then for {operation_id}")

    def committed(self) -> None:
        """After every commit: what has ended stays as it ended."""
        self._commits += 1
        if self._commits > RUNAWAY:
            raise Violation(f"{RUNAWAY} commits, and no end")
        for row in self.plain.execute(_TERMINAL):
            known = self._ends.setdefault(row[0], row)
            if known != row:
                self.broken.append(f"operation {row[0]} ended as {known[1:]} and is now {row[1:]}")

    def pump(self) -> None:
        """Send the callbacks of everything that ended, and come back when the next thing ends."""
        self.provider.advance(true_time())
        for kind, data in self.provider.events[self._sent :]:
            self._sent += 1
            self.spawn(deliver(self, f"msg_{self._sent}", kind, json.loads(json.dumps(data))))
            if self.sky.strikes("forged"):
                self.spawn(forge(self, *_lie(kind, data, self.dice)))
        if self._alarm is not None:
            self._alarm.cancel()
        due = min((timer.at for timer in self.provider.timers), default=None)
        if due is not None:
            delay = max(0.0, (due - true_time()).total_seconds())
            self._alarm = asyncio.get_running_loop().call_later(delay, self.pump)

    def plant(self, service_key: str) -> None:
        """A machine under the service's name that is older than the service: somebody else's business."""
        name = f"ins_stranger{len(self.strangers)}"
        machine = standing(name, f"inst_sim:shop:{service_key}")
        self.provider.instances[machine["id"]] = machine
        self.strangers[machine["id"]] = json.dumps(machine)

    def legacy(self, name: str) -> None:
        """A machine of the time before the bridge, which may be adopted."""
        if name not in self.legacies:
            self.legacies.add(name)
            self.provider.instances[name] = standing(name, f"panel-{name}")

    def unadopted(self) -> set[str]:
        """Machines of that time that no service has ever got."""
        done = [
            row for row in self.rows["operations"] if row["action"] == "adopt" and row["state"] == "succeeded"
        ]
        return self.legacies - {json.loads(row["params"])["instance_id"] for row in done}

    def later(self, seconds: float, work: Callable[..., Any], *args: Any) -> None:
        """Something arrives later, whoever sent it."""
        asyncio.get_running_loop().call_later(seconds, work, *args)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """A task of the world, outside of any process."""
        token = INSIDE.set(None)
        try:
            task = asyncio.get_running_loop().create_task(work)
        finally:
            INSIDE.reset(token)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def retrace(self) -> str:
        """Everything that happened, for comparing two runs of one seed."""
        story = [f"{e.at} {e.key} {e.kind} {e.outcome}" for e in self.provider.effects]
        rows = [sorted((name, str(value)) for name, value in row.items()) for row in self.rows["operations"]]
        return "\n".join([*self.trace, *map(str, self.calls), *story, *map(str, rows)])

    def note(self, what: str) -> None:
        """One line of the trace."""
        self.trace.append(f"{asyncio.get_running_loop().time():.3f} {what}")

    def _escaped(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, Crash | ConnectionError | asyncio.CancelledError):
            self.broken.append(f"escaped: {context.get('message')} {error!r}")


def _adopting(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
    """Every task begun inside a process dies with it."""
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
    context = options.get("context")
    process = context.get(INSIDE) if context is not None else INSIDE.get()
    if process is not None:
        process.adopt(task)
    return task


def _lie(kind: str, data: dict[str, Any], dice: Random) -> tuple[str, dict[str, Any]]:
    """The same thing, told wrongly."""
    if kind.startswith("operation"):
        return dice.choice(
            (
                (
                    "operation.failed",
                    data | {"status": "failed", "error": {"code": "x", "message": "forged"}},
                ),
                ("operation.succeeded", data | {"status": "succeeded", "error": None}),
            )
        )
    return "instance.deleted", data | {"status": "deleted", "version": data["version"] + 50}


def judge(world: World) -> None:
    """Raise what is broken, with the seed that breaks it."""
    touched = [
        f"the stranger {name} was touched"
        for name, before in world.strangers.items()
        if json.dumps(world.provider.instances[name]) != before
    ]
    touched += [
        f"machine {name} was never adopted, and is {world.provider.instances[name]['status']}"
        for name in sorted(world.unadopted())
        if world.provider.instances[name]["status"] != "running"
    ]
    found = world.broken + world.bugs() + touched + violations(world.evidence())
    if found:
        raise Violation(f"seed {world.seed}, crash point {world.points.target}:\n" + "\n".join(found[:10]))


def climate(seed: int) -> Weather:
    """The weather of a seed: each fault is absent, rare or frequent."""
    dice = Random(f"weather {seed}")
    return Weather(**{each.name: dice.choice((0.0, 0.0, 0.03, 0.15)) for each in fields(Weather)})


async def shop(world: World) -> None:
    """A few services with random lives, kills and clock jumps while they run."""
    lives = [
        live(world, f"00000000-0000-4000-8000-{number:012x}", Random(world.dice.getrandbits(64)))
        for number in range(world.dice.choice((1, 1, 2)))
    ]
    if world.dice.random() < 0.1:
        world.plant("00000000-0000-4000-8000-000000000000")
    everybody = asyncio.gather(*lives)
    troubles: list[Awaitable[None]] = [_kills(world), _jumps(world), _comparisons(world)]
    trouble = asyncio.gather(*troubles)
    try:
        await everybody
    finally:
        trouble.cancel()


async def _kills(world: World) -> None:
    dice = Random(world.dice.getrandbits(64))
    for _ in range(dice.choice((0, 1, 3))):
        await asyncio.sleep(dice.choice((dice.uniform(0, 3), dice.uniform(0, 40))))
        if dice.random() < 0.2:
            world.freeze(dice.uniform(1, 20))
        else:
            world.crash()


async def _comparisons(world: World) -> None:
    """Reconcile in between, in some worlds with leave to repair everything."""
    dice = Random(world.dice.getrandbits(64))
    words = json.dumps(dict.fromkeys(DriftClass, dice.choice(("report", "repair"))))
    world.plain.execute("UPDATE connections SET policies = ?, version = version + 1", (words,))
    for _ in range(dice.choice((0, 0, 1, 2))):
        await asyncio.sleep(dice.uniform(0, 60))
        process = world.process
        with suppress(ConnectionError, RunUnderWay):
            await process.call(process.reconcile("shop", dice.choice(("full", "light"))))


async def _jumps(world: World) -> None:
    dice = Random(world.dice.getrandbits(64))
    for _ in range(dice.choice((0, 0, 2))):
        await asyncio.sleep(dice.uniform(0, 40))
        world.jump(dice.uniform(-40, 40))
