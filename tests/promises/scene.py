"""A simulated world in which a test says what goes wrong: which request gets which answer, and how often.

InfraFabric is the simulation's model of it, the bridge the real one; time is virtual, so that days cost nothing. What
was asked of InfraFabric, and what it answered, is kept in order.
"""

import json
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest

from bridge.domain.actions import REGISTRY, Caller
from bridge.domain.problems import ProblemError
from bridge.engine.admission import Command
from bridge.engine.commands import Commands
from bridge.infrafabric.transport import Interrupted, Reply, Unreachable
from tests.simulation import process
from tests.simulation.callers import BODIES, Caller_
from tests.simulation.network import TIMEOUT, SimTransport, Weather
from tests.simulation.provider import Fate
from tests.simulation.stories import KEY
from tests.simulation.world import World, judge

CREATE = "POST /instances"
DELETE = "DELETE /instances/{id}"
ACT = "POST /instances/{id}/actions"
LOOK = "GET /operations/{id}"
FAR = 3e6
"""Later than any story."""

T = TypeVar("T")
Handle = Callable[[], Awaitable[Reply]]
Fault = Callable[["ScriptedTransport", Handle], Awaitable[Reply]]
_ID = re.compile(r"/(ins|vol|ip|op)_[^/]+")


async def lost(network: "ScriptedTransport", handle: Handle) -> Reply:
    """It arrives, and its answer does not."""
    await handle()
    await network.pause(TIMEOUT)
    raise Interrupted("timeout", "No complete answer came in time.")


async def swallowed(network: "ScriptedTransport", handle: Handle) -> Reply:
    """It never arrives, and the bridge cannot know."""
    await network.pause(TIMEOUT)
    raise Interrupted("timeout", "No complete answer came in time.")


async def unreachable(network: "ScriptedTransport", handle: Handle) -> Reply:
    """Nobody listens, so that nothing was sent."""
    raise Unreachable("connect", "It does not accept connections.")


def refuses(status: int, code: str = "internal", *, retry_after: float | None = None, **more: Any) -> Fault:
    """An error answer of InfraFabric, which does nothing."""
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": code, **more}
    later = {} if retry_after is None else {"retry-after": f"{retry_after:.0f}"}

    async def fault(network: "ScriptedTransport", handle: Handle) -> Reply:
        headers = {"content-type": "application/problem+json", **later}
        return Reply(status, headers, json.dumps(body).encode())

    return fault


def says(status: int, body: bytes | None = None, *, retry_after: float | None = None) -> Fault:
    """It does what is asked, and answers with that status; by default what it would have said."""
    later = {} if retry_after is None else {"retry-after": f"{retry_after:.0f}"}

    async def fault(network: "ScriptedTransport", handle: Handle) -> Reply:
        truth = await handle()
        return Reply(status, {**truth.headers, **later}, truth.body if body is None else body)

    return fault


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waited for something")


NONSENSE = b'{"operation": 7, "instance": []}'
"""JSON that fits nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that left the bridge. `status` 0: it was not answered."""

    at: float
    call: str
    key: str | None
    status: int


@dataclass(slots=True)
class Planned:
    """A fault for the next `count` requests of an endpoint, until a moment of virtual time."""

    call: str
    fault: Fault
    count: int
    until: float


class ScriptedTransport(SimTransport):
    """The simulated network behind the scene's script of faults."""

    async def pause(self, seconds: float) -> None:
        """Time passes on the line."""
        await self._pause(seconds)

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        scene = self._world
        assert isinstance(scene, Scene)
        call = f"{method} {_ID.sub('/{id}', urlsplit(url).path.removeprefix('/v1'))}"
        fault = scene.planned(call)
        status = 0
        try:
            handle: Handle = lambda: SimTransport._exchange(self, method, url, headers, body)  # noqa: E731
            reply = await (handle() if fault is None else fault(self, handle))
            status = reply.status
        finally:
            scene.asked.append(Asked(scene.time, call, headers.get("Idempotency-Key"), status))
        return reply


@dataclass
class Scene(World):
    """A world with one service, whose InfraFabric follows a script."""

    seed: int = 1
    weather: Weather = field(default_factory=Weather)
    asked: list[Asked] = field(default_factory=list)
    plan: list[Planned] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.weather = replace(self.weather)  # it calms down in the end, and may be another scene's as well
        super().__post_init__()
        self.provider.fate = lambda kind: Fate(0.5)
        self.caller = Caller_(self, Random(1))

    @contextmanager
    def stage(self) -> Iterator[Any]:
        """See `World.stage`."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(process, "SimTransport", ScriptedTransport)
            with super().stage() as loop:
                yield loop

    @property
    def time(self) -> float:
        """Seconds since it began."""
        return self.process.clock.monotonic()

    # ---- what a test says beforehand --------------------------------------------------------------------------------

    def fault(self, call: str, fault: Fault, *, count: int = 10**9, seconds: float = FAR) -> None:
        """What goes wrong from now on, and how often or how long."""
        self.plan.append(Planned(call, fault, count, self.time + seconds))

    def planned(self, call: str) -> Fault | None:
        """What goes wrong with the next request of this kind."""
        for planned in self.plan:
            if planned.call in (call, "*") and planned.count > 0 and self.time < planned.until:
                planned.count -= 1
                return planned.fault
        return None

    def fates(self, *fates: Fate) -> None:
        """What becomes of the next provider operations; those after them succeed within half a second."""
        following = iter(fates)
        self.provider.fate = lambda kind: next(following, Fate(0.5))

    async def ask(self, action: str, body: dict[str, Any] | None = None, *, wait: float = 0) -> str:
        """A command of staff for the service; the operation's id, or the code of the refusal."""
        return await self.caller.ask(KEY, action, body, wait)

    async def refused(self, action: str, body: dict[str, Any] | None = None) -> ProblemError:
        """The error with which a command is refused."""
        given = BODIES[action](None, Random(1)) if body is None else body
        with pytest.raises(ProblemError) as error:
            await self.caller._once(KEY, action, given or {}, f"key-{len(self.accepted)}", 0)
        return error.value

    def accept(self, action: str) -> str:
        """Take a command in here and now, in no time: nothing else moves while it is stored."""
        desk = Commands(replace(self.process.engine, database=self.database), self.process.dispatcher)
        body = BODIES[action](None, Random(1)) or {}
        command = Command(
            connection_id="shop",
            service_key=KEY,
            action=REGISTRY[action],
            params=REGISTRY[action].params.model_validate(body),
            caller=Caller.CRON,
            actor="cron",
            path=f"/v1/services/{KEY}/{action}",
            idempotency_key=f"at once {len(self.accepted)}",
            fingerprint=json.dumps(body),
        )
        admitted = at_once(desk._run(command))
        self.promised(command.idempotency_key, admitted.operation.id)
        return admitted.operation.id

    def peek(self, operation_id: str) -> dict[str, Any]:
        """An operation as it is stored at this moment."""
        cursor = self.plain.execute("SELECT * FROM operations WHERE id = ?", (operation_id,))
        return dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))

    def peek_service(self) -> dict[str, Any]:
        """The service as it is stored at this moment."""
        cursor = self.plain.execute("SELECT * FROM services WHERE service_key = ?", (KEY,))
        return dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))

    async def active(self, *before: str) -> None:
        """A service in peace, with these actions done to it; the requests of that time are forgotten."""
        for action in ("create", *before):
            await self.ask(action)
            await self.quiet()
        self.asked.clear()

    # ---- what a test looks at afterwards ----------------------------------------------------------------------------

    def sent(self, call: str) -> list[Asked]:
        """The requests of one kind, in order."""
        return [asked for asked in self.asked if asked.call == call]

    def keys(self, call: str) -> list[str]:
        """The different provider keys under which it was asked for, in order."""
        return list(dict.fromkeys(asked.key or "" for asked in self.sent(call)))

    @property
    def living(self) -> list[dict[str, Any]]:
        """Machines that exist."""
        return [machine for machine in self.provider.instances.values() if machine["status"] != "deleted"]

    @property
    def volumes(self) -> list[dict[str, Any]]:
        """Volumes that exist."""
        return [volume for volume in self.provider.volumes.values() if volume["status"] != "deleted"]

    def effects(self, kind: str) -> int:
        """How often InfraFabric took such a command."""
        return sum(effect.kind == kind for effect in self.provider.effects)

    @property
    def service(self) -> dict[str, Any]:
        """The service at the end."""
        (row,) = (row for row in self.rows["services"] if row["service_key"] == KEY)
        return row

    def operation(self, action: str, number: int = -1) -> dict[str, Any]:
        """An operation of that action at the end, with the code of its error and the events of its history."""
        mine = sorted(self.rows["operations"], key=lambda row: row["service_seq"])
        row = [each for each in mine if each["action"] == action][number]
        told = [event for event in self.rows["timeline"] if event["operation_id"] == row["id"]]
        error = json.loads(row["error"]) if row["error"] else {}
        return row | {"code": error.get("code"), "error": error, "events": [event["event"] for event in told]}

    def end(self, action: str, number: int = -1) -> tuple[str, str | None]:
        """How an operation ended: its state and the code of its error."""
        found = self.operation(action, number)
        return found["state"], found["code"]


Story = Callable[[Scene], Coroutine[Any, Any, None]]


def play(ground: Path, story: Story, *, pace: float = 1.0, **members: Any) -> Scene:
    """Play a story to its quiet end, hold it to the invariants, and give it for a closer look.

    `pace`: every how many seconds to look whether it is over.
    """

    async def whole(world: World) -> None:
        await story(scene)
        await scene.quiet(pace)

    scene = Scene(ground, **members)
    scene.run(whole, judge)
    return scene
