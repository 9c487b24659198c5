"""One story for each action, and for each path beside them: what is prepared in peace, and what is crashed through."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

from bridge.domain.actions import Caller
from bridge.domain.problems import ProblemError
from bridge.engine.commands import Asker
from tests.simulation.callers import BODIES, Caller_
from tests.simulation.provider import Fate
from tests.simulation.world import World

KEY = "00000000-0000-4000-8000-000000000001"
_BEFORE = {
    "create": (),
    "unsuspend": ("create", "suspend"),
    "undo_terminate": ("create", "terminate_later"),
    "start": ("create", "stop"),
    "remove_address": ("create", "add_address"),
    "set_reverse_dns": ("create", "add_address"),
    "resize_volume": ("create", "add_volume"),
    "remove_volume": ("create", "add_volume"),
}


@dataclass(frozen=True, slots=True)
class Story:
    """`prepare` in peace; `act` while crashes are enumerated; `expect` is what the service has to be in the end."""

    name: str
    prepare: tuple[str, ...]
    act: Callable[[World, Caller_], Coroutine[Any, Any, None]]
    expect: str = "active"

    async def play(self, world: World) -> None:
        """The whole story, crashes only in its second half."""
        caller = Caller_(world, Random(1))
        world.points.armed = False
        for action in self.prepare:
            await caller.ask(KEY, action)
            await world.quiet()
        world.points.armed = True
        await self.act(world, caller)
        await world.quiet()
        world.points.armed = False


def _ask(action: str) -> Callable[[World, Caller_], Coroutine[Any, Any, None]]:
    async def act(world: World, caller: Caller_) -> None:
        await caller.ask(KEY, action, wait=10)

    return act


def _failing(action: str, *, retryable: bool) -> Callable[[World, Caller_], Coroutine[Any, Any, None]]:
    """The first provider operation fails, the others succeed."""

    async def act(world: World, caller: Caller_) -> None:
        failed: list[str] = []

        def fate(kind: str) -> Fate:
            if failed:
                return Fate(0.5)
            failed.append(kind)
            return Fate(0.5, {"code": "internal", "message": "it broke", "retryable": retryable})

        world.provider.fate = fate
        await caller.ask(KEY, action, wait=10)

    return act


async def _create_and_terminate(world: World, caller: Caller_) -> None:
    await caller.ask(KEY, "create")
    await caller.ask(KEY, "terminate", wait=10)


async def _create_and_cancel(world: World, caller: Caller_) -> None:
    operation_id = await caller.ask(KEY, "create")
    for _ in range(10):
        process = world.process
        try:
            return await process.call(process.commands.cancel(operation_id, Asker(Caller.STAFF, "staff:1")))
        except ProblemError:
            return None  # it has ended meanwhile
        except ConnectionError:
            await asyncio.sleep(1.0)
    return None


async def _late_create(world: World, caller: Caller_) -> None:
    """InfraFabric takes longer than the connection allows."""
    slow = iter((Fate(None),))
    world.provider.fate = lambda kind: next(slow, Fate(0.5))
    await caller.ask(KEY, "create")


async def _suspend_edit_terminate(world: World, caller: Caller_) -> None:
    """Several commands in the queue at once."""
    for action in ("suspend", "unsuspend", "edit", "terminate", "create"):
        await caller.ask(KEY, action)


async def _adopt(world: World, caller: Caller_) -> None:
    world.legacy("ins_legacy")
    await caller.ask(KEY, "adopt", wait=10)


async def _adopt_that_fails(world: World, caller: Caller_) -> None:
    """InfraFabric takes the marks, and then does not put them on."""
    world.legacy("ins_legacy")
    world.provider.fate = lambda kind: Fate(
        0.5, {"code": "internal", "message": "it broke", "retryable": False}
    )
    await caller.ask(KEY, "adopt", wait=10)


async def _adopt_and_terminate(world: World, caller: Caller_) -> None:
    """The machine is deleted only if it had become the service's before."""
    world.legacy("ins_legacy")
    await caller.ask(KEY, "adopt")
    await caller.ask(KEY, "terminate", wait=10)


async def _two_want_the_same(world: World, caller: Caller_) -> None:
    """One service gets the machine, the other is told that it has an owner."""
    world.legacy("ins_legacy")
    other = KEY[:-1] + "2"
    await asyncio.gather(caller.ask(KEY, "adopt", wait=10), caller.ask(other, "adopt", wait=10))


STORIES = (
    *(
        Story(name, _BEFORE.get(name, ("create",)), _ask(name))
        for name in BODIES
        if name not in ("adopt", "suspend", "terminate", "terminate_later")
    ),
    Story("adopt", (), _adopt),
    Story("adopt that fails", (), _adopt_that_fails, "terminated"),
    Story("terminate during an adopt", (), _adopt_and_terminate, "terminated"),
    Story("adopt by two", (), _two_want_the_same, "active|terminated|none"),
    Story("suspend", ("create",), _ask("suspend"), "suspended"),
    Story("terminate_later", ("create",), _ask("terminate_later"), "suspended"),
    Story("terminate", ("create", "add_volume"), _ask("terminate"), "terminated"),
    Story("create that fails and is made anew", (), _failing("create", retryable=True)),
    Story("create that fails for good", (), _failing("create", retryable=False), "failed|active"),
    Story("create that is too slow", (), _late_create, "failed"),
    Story("create that is canceled", (), _create_and_cancel, "failed|active"),
    Story("terminate during a create", (), _create_and_terminate, "terminated"),
    Story("terminate that fails once", ("create",), _failing("terminate", retryable=True), "terminated"),
    Story("suspend that fails once", ("create",), _failing("suspend", retryable=True), "suspended"),
    Story("many at once", ("create",), _suspend_edit_terminate),
)
