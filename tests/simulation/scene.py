"""A world in which somebody works at InfraFabric's own panel, and reconcile has to find it."""

import asyncio
import json
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

from bridge.engine.reconcile.run import Kind, Report
from bridge.store import findings
from bridge.store.findings import Recorded
from tests.invariants import violations
from tests.simulation.callers import Caller_
from tests.simulation.network import Weather
from tests.simulation.process import Process
from tests.simulation.provider import SIZES
from tests.simulation.world import World

DAY = 24 * 3600.0
MARK = "inst_sim:shop"
ALL = ("missing_upstream", "orphan_upstream", "state_drift", "spec_drift", "expiry_drift", "leftover_volumes")


def key(number: int) -> str:
    """A service key."""
    return f"00000000-0000-4000-8000-{number:012x}"


class Scene:
    """A world on a fine day, and what can be done in it."""

    def __init__(self, world: World) -> None:
        self.world, self.provider = world, world.provider
        self.caller = Caller_(world, Random(5))

    # ---- what the shop does -----------------------------------------------------------------------------------------

    async def order(self, *numbers: int) -> None:
        """Make these services; when this returns, each has been active for an hour."""
        for number in numbers:
            await self.ask(number, "create")
        await self.sleep(3600)

    async def sleep(self, seconds: float) -> None:
        """Time goes by."""
        await asyncio.sleep(seconds)

    async def ask(self, number: int, action: str, **body: Any) -> str:
        """Run an action to its end."""
        operation_id = await self.caller.ask(key(number), action, body or None)
        await self.world.quiet()
        return operation_id

    # ---- what happens at InfraFabric --------------------------------------------------------------------------------

    def machine(self, number: int) -> dict[str, Any]:
        """The newest machine of a service."""
        found = [m for m in self.provider.instances.values() if m["reference"] == f"{MARK}:{key(number)}"]
        return found[-1]

    def panel(self, number: int, **members: Any) -> None:
        """Somebody changes the machine there, and its callback is lost."""
        machine = self.machine(number)
        machine.update(members)
        self.provider.advance(self.world.process.clock.now())
        self.provider.touch(machine)

    def plant(self, name: str, number: int | None = None, **members: Any) -> dict[str, Any]:
        """A machine that no service stands behind: under the service's reference, or without any mark of ours."""
        now = self.world.process.clock.now().isoformat()
        reference = f"somebody:{name}" if number is None else f"{MARK}:{key(number)}"
        machine: dict[str, Any] = {
            **{
                "id": name,
                "reference": reference,
                "type": "vps",
                "hostname": "x.example",
                "datacenter": "fra1",
            },
            **{"image": "debian-12", "plan": "vps-1", **SIZES["vps-1"], "status": "running", "addresses": []},
            **{"volumes": [], "firewall": {"rules": [], "version": 0}, "expires_at": None, "labels": {}},
            **{"version": 1, "created_at": now, "updated_at": now, **members},
        }
        self.provider.instances[name] = machine
        return machine

    def plant_volume(self, name: str, labels: dict[str, str], instance_id: str | None = None) -> None:
        """A volume that is there."""
        self.provider.volumes[name] = {
            **{"id": name, "name": "data", "size_gb": 10, "datacenter": "fra1", "instance_id": instance_id},
            **{"status": "attached" if instance_id else "available", "labels": labels},
            "created_at": self.world.process.clock.now().isoformat(),
        }

    def born_with(self, number: int) -> str:
        """When the service's machine was made: whatever was made then is the work of its create."""
        return str(self.machine(number)["created_at"])

    # ---- reconcile --------------------------------------------------------------------------------------------------

    def policies(self, *repaired: str) -> None:
        """Repair these classes, report the others."""
        words = json.dumps(dict.fromkeys(repaired, "repair"))
        self.world.plain.execute("UPDATE connections SET policies = ?, version = version + 1", (words,))

    async def run(self, kind: Kind = "full", **options: Any) -> Report:
        """Reconcile once, and let its repairs end."""
        process = self.world.process
        report: Report = await process.call(process.reconcile("shop", kind, **options))
        await self.world.quiet()
        return report

    async def drift(self) -> list[Recorded]:
        """What stands."""
        return await self.world.database.read(findings.page, "shop", kind=None, after=0, limit=200)

    async def classes(self) -> dict[str, str]:
        """What stands, as class by object."""
        return {recorded.finding.object_id: recorded.finding.kind.value for recorded in await self.drift()}

    def actions(self) -> list[tuple[str, str]]:
        """What reconcile has commanded, and how it ended."""
        query = "SELECT action, state FROM operations WHERE actor = 'reconcile' ORDER BY number"
        return [(action, state) for action, state in self.world.plain.execute(query)]

    def service(self, number: int) -> dict[str, Any]:
        """A service's row."""
        self.world.snapshot()
        return next(row for row in self.world.rows["services"] if row["service_key"] == key(number))

    def violations(self) -> list[str]:
        """What is not as promised."""
        self.world.snapshot()
        return violations(self.world.evidence())

    # ---- backups ----------------------------------------------------------------------------------------------------

    def backup(self) -> Path:
        """A copy of the database as it is."""
        copy = self.world.file.with_suffix(".backup")
        self.world.plain.execute("VACUUM INTO ?", (str(copy),))
        return copy

    async def restore(self, copy: Path) -> None:
        """The bridge stops, its database is put back to the copy, and it starts again."""
        self.world.process.die()
        await asyncio.sleep(1)
        await self.world.close()
        for leftover in self.world.file.parent.glob(f"{self.world.file.name}-*"):
            leftover.unlink()
        shutil.move(copy, self.world.file)
        await self.world.open()
        assert isinstance(self.world.process, Process)


Scenario = Callable[[Scene], Coroutine[Any, Any, None]]


def play(ground: Path, scenario: Scenario, world: World | None = None) -> World:
    """Play a scenario in virtual time; nothing the bridge logs as broken is let pass."""
    world = world or World(ground, 5, Weather(), sweep=3600)

    async def go() -> None:
        await world.open()
        try:
            await scenario(Scene(world))
        finally:
            await world.close()

    with world.stage() as loop:
        loop.run_until_complete(go())
    assert world.bugs() + world.broken == []
    return world
