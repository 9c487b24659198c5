"""Reconcile is killed at every point there is; what it does in the end is what it does undisturbed, and once."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.engine.reconcile.run import Report
from bridge.store.reconcile_runs import RunUnderWay
from tests.simulation.clockwork import Points
from tests.simulation.network import Weather
from tests.simulation.process import stepped
from tests.simulation.scene import ALL, DAY, MARK, Scene, key
from tests.simulation.world import Violation, World, judge

pytestmark = pytest.mark.timeout(900)  # much work, and machines differ


async def persist(scene: Scene) -> Report:
    """Reconcile as the schedule does: after every death of the process once more, until a run has come to its end."""
    world = scene.world
    for _ in range(100):
        process = world.process
        try:
            report = await process.call(stepped(process.reconcile("shop", "full"), process.reach))
        except (ConnectionError, RunUnderWay):
            await asyncio.sleep(45)
        else:
            if report.run.finished_at is not None:
                await world.quiet()
                return report
    raise Violation("no run comes to its end")


async def _drifted(scene: Scene) -> None:
    scene.policies(*ALL)
    await scene.order(1, 2, 3)
    scene.panel(1, status="suspended")
    scene.panel(2, plan="vps-1", hostname="other.example")
    scene.panel(3, status="deleted")


async def _leftover(scene: Scene) -> None:
    scene.policies(*ALL)
    await scene.order(1, 2, 3)
    maker = await scene.ask(1, "add_volume", name="data", size_gb=10)
    await scene.ask(1, "terminate")
    scene.panel(3, status="deleted")
    scene.plant("ins_left", 1, created_at=scene.born_with(1))
    scene.plant_volume("vol_left", {"bridge": MARK, "service_key": key(1), "operation": maker})
    await persist(scene)
    await scene.sleep(DAY + 60)


def _mended(scene: Scene) -> dict[str, Any]:
    machines = [scene.machine(number) for number in (1, 2)]
    return {
        "state": [machine["status"] for machine in machines],
        "hostname": [machine["hostname"] for machine in machines],
        "commanded": sorted(scene.actions()),
    }


def _removed(scene: Scene) -> dict[str, Any]:
    return {
        "machines": {
            name: each["status"] for name, each in scene.provider.instances.items() if "left" in name
        },
        "volume": scene.provider.volumes["vol_left"]["status"],
        "living": scene.machine(2)["status"],
        "commanded": sorted(scene.actions()),
    }


@dataclass(frozen=True, slots=True)
class Case:
    """`prepare` in peace, one run through all crashes, and what has to be so in the end."""

    prepare: Callable[[Scene], Coroutine[Any, Any, None]]
    result: Callable[[Scene], dict[str, Any]]
    expected: dict[str, Any]


CASES = {
    "repairs": Case(
        _drifted,
        _mended,
        {
            "state": ["running", "running"],
            "hostname": ["one.example", "one.example"],
            "commanded": [("edit", "succeeded"), ("unsuspend", "succeeded")],
        },
    ),
    "removals": Case(
        _leftover,
        _removed,
        {
            "machines": {"ins_left": "deleted"},
            "volume": "deleted",
            "living": "running",
            "commanded": [("remove_leftovers", "succeeded"), ("write_off", "succeeded")],
        },
    ),
}
PARTS = 4
"""So many tests share the points of a case: the first begins at 1, the second at 2, …"""
POINTS = {"repairs": 220, "removals": 238}
"""How many points each visited when it was last looked at; it may only grow."""


def play(case: Case, target: int, ground: Path) -> World:
    """The case with a crash at that point (0: none), judged."""

    async def story(world: World) -> None:
        scene = Scene(world)
        world.points.armed = False
        await case.prepare(scene)
        world.points.armed = True
        await persist(scene)
        world.points.armed = False
        found = case.result(scene)
        if found != case.expected:
            raise Violation(f"point {target}: {found}")

    return World(ground, 7, Weather(), Points(target), sweep=3600).run(story, judge)


@pytest.mark.parametrize("first", range(1, PARTS + 1))
@pytest.mark.parametrize("name", CASES)
def test_a_crash_at_any_point_of_a_run_changes_nothing_in_the_end(
    name: str, first: int, ground: Path, record_property: Callable[[str, object], None]
) -> None:
    """Crash at point 1, 2, … until a run meets none any more: the same repairs, each once, and the promise holds."""
    target = first
    while play(CASES[name], target, ground).kills:
        target += PARTS
    visited = (target - first) // PARTS
    record_property("crash points", f"reconcile, {name}, part {first} of {PARTS}: {visited}")
    assert visited >= POINTS[name] // PARTS
