"""Delayed termination: nothing is destroyed before its time, everything after it, and until then it can be undone."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bridge.engine.graces import terminate_due
from bridge.engine.periodic import Periodic
from tests.simulation.clockwork import EPOCH, Points
from tests.simulation.network import Weather
from tests.simulation.process import stepped
from tests.simulation.provider import Fate
from tests.simulation.scene import DAY, Scene, key, play
from tests.simulation.world import Violation, World, judge

POINTS = 78
"""How many points the end of a grace period visited when it was last looked at; it may only grow."""


def at(seconds: float) -> str:
    """A moment of the simulated world."""
    return (EPOCH + timedelta(seconds=seconds)).isoformat()


async def clockwork(scene: Scene, seconds: float) -> None:
    """Time goes by in a bridge that looks every minute."""
    process = scene.world.process
    rounds = Periodic(
        process.engine.clock,
        "grace",
        timedelta(minutes=1),
        partial(terminate_due, process.engine, process.commands),
    )

    async def live() -> None:
        rounds.start()
        await asyncio.sleep(seconds)
        await rounds.stop()

    await process.call(live())
    await scene.world.quiet()


def now() -> float:
    """Seconds since the world began."""
    return asyncio.get_running_loop().time()


def test_a_machine_is_suspended_now_and_deleted_in_time(ground: Path) -> None:
    """Up to its last minute it is there with its volumes; a minute after it is gone, by a terminate of actor grace."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        await scene.ask(1, "add_volume", name="data", size_gb=10)
        await scene.ask(1, "terminate_later", terminate_at=at(now() + DAY))
        end = now() + DAY
        await clockwork(scene, DAY - 120)
        assert (scene.machine(1)["status"], scene.service(1)["state"]) == ("suspended", "suspended")
        assert [each["status"] for each in scene.provider.volumes.values()] == ["attached"]
        await clockwork(scene, end + 70 - now())
        assert (scene.machine(1)["status"], scene.service(1)["state"]) == ("deleted", "terminated")
        assert [each["status"] for each in scene.provider.volumes.values()] == ["deleted"]
        query = "SELECT action, actor, state FROM operations ORDER BY number DESC LIMIT 1"
        assert scene.world.plain.execute(query).fetchone() == ("terminate", "grace", "succeeded")
        assert scene.violations() == []

    play(ground, scenario)


@pytest.mark.parametrize("before", ["active", "suspended"])
def test_an_undo_brings_everything_back(ground: Path, before: str) -> None:
    """The service is what it was, and nothing comes for it later."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        if before == "suspended":
            await scene.ask(1, "suspend", reason="unpaid")
        await scene.ask(1, "terminate_later", terminate_at=at(now() + DAY))
        await clockwork(scene, DAY / 2)
        assert await scene.ask(1, "unsuspend") == "action_not_allowed"
        await scene.ask(1, "undo_terminate")
        await clockwork(scene, 2 * DAY)
        assert scene.service(1)["state"] == before
        assert scene.machine(1)["status"] == ("running" if before == "active" else "suspended")
        assert scene.violations() == []

    play(ground, scenario)


def test_an_undo_that_came_in_time_is_waited_for(ground: Path) -> None:
    """InfraFabric is slow to resume, and the moment passes meanwhile: the undo was accepted, so the machine lives."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        end = now() + 600
        await scene.ask(1, "terminate_later", terminate_at=at(end))
        scene.provider.fate = lambda kind: Fate(300.0)
        await scene.sleep(end - now() - 60)
        await scene.caller.ask(key(1), "undo_terminate")
        await clockwork(scene, 1200)
        assert (scene.machine(1)["status"], scene.service(1)["state"]) == ("running", "active")

    play(ground, scenario)


def test_a_terminate_does_not_wait_for_the_grace_period(ground: Path) -> None:
    """Whoever wants it gone at once says so; and a new life of the service has no end from the old one."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        await scene.ask(1, "terminate_later", terminate_at=at(now() + DAY))
        await scene.ask(1, "terminate")
        assert scene.machine(1)["status"] == "deleted"
        await scene.ask(1, "create")
        await clockwork(scene, 2 * DAY)
        assert (scene.machine(1)["status"], scene.service(1)["state"]) == ("running", "active")

    play(ground, scenario)


def test_another_moment_replaces_the_one_before(ground: Path) -> None:
    """Later or earlier, the last word counts; one that is over means within a minute."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1, 2)
        for number in (1, 2):
            await scene.ask(number, "terminate_later", terminate_at=at(now() + 3600))
        await scene.ask(1, "terminate_later", terminate_at=at(now() + 3 * DAY))
        await scene.ask(2, "terminate_later", terminate_at=at(0))
        await clockwork(scene, 70)
        assert [scene.machine(number)["status"] for number in (1, 2)] == ["suspended", "deleted"]
        await clockwork(scene, 2 * DAY)
        assert scene.machine(1)["status"] == "suspended"

    play(ground, scenario)


@pytest.mark.timeout(900)
def test_a_crash_at_the_end_of_a_grace_period_changes_nothing_in_the_end(
    ground: Path, record_property: Callable[[str, object], None]
) -> None:
    """Killed at point 1, 2, …, and looked again after the restart: terminated, and by one operation."""

    async def story(world: World) -> None:
        scene = Scene(world)
        world.points.armed = False
        await scene.order(1)
        await scene.ask(1, "terminate_later", terminate_at=at(now() + 60))
        await scene.sleep(61)
        world.points.armed = True
        for _ in range(3):
            await scene.sleep(0 if world.process.alive else 60)
            process = world.process
            try:
                await process.call(stepped(terminate_due(process.engine, process.commands), process.reach))
            except ConnectionError:
                await scene.sleep(60)
        await world.quiet()
        world.points.armed = False
        query = "SELECT count(*) FROM operations WHERE action = 'terminate'"
        if scene.machine(1)["status"] != "deleted" or world.plain.execute(query).fetchone() != (1,):
            raise Violation(f"point {world.points.target}")

    target, killed = 0, True
    while killed:
        target += 1
        killed = World(ground, 7, Weather(), Points(target), sweep=3600).run(story, judge).kills > 0
    record_property("crash points", f"end of a grace period: {target - 1}")
    assert target - 1 >= POINTS
