"""What reconcile repairs where the connection allows it, and what it never touches."""

from pathlib import Path
from typing import Any

import pytest

from bridge.domain.actions import Caller
from bridge.domain.problems import ProblemError
from bridge.engine.commands import Asker
from bridge.store import operations
from tests.simulation.provider import Fate
from tests.simulation.scene import ALL, DAY, MARK, Scene, key, play

LABELS = {"bridge": MARK, "service_key": key(1)}


async def ended(scene: Scene, *numbers: int) -> None:
    """Services that lived and ended."""
    await scene.order(*numbers)
    for number in numbers:
        await scene.ask(number, "terminate")


async def orphans(scene: Scene, count: int) -> list[dict[str, Any]]:
    """Machines that creates of ended services made, and that live on."""
    await ended(scene, *range(1, count + 1))
    return [scene.plant(f"ins_left{n}", n, created_at=scene.born_with(n)) for n in range(1, count + 1)]


def status(scene: Scene, *names: str) -> set[str]:
    """How these machines are."""
    return {scene.provider.instances[name]["status"] for name in names}


def test_state_is_commanded_back(ground: Path) -> None:
    """What should be suspended is suspended, what should run runs; by operations of actor reconcile."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1, 2)
        await scene.ask(2, "suspend", reason="unpaid")
        scene.panel(1, status="suspended")
        scene.panel(2, status="running")
        scene.policies("state_drift")
        report = await scene.run()
        assert (report.outcome, report.run.counts["repairs"]) == ("done", 2)
        assert sorted(scene.actions()) == [("suspend", "succeeded"), ("unsuspend", "succeeded")]
        assert [scene.machine(number)["status"] for number in (1, 2)] == ["running", "suspended"]
        assert [scene.service(number)["drifted"] for number in (1, 2)] == [0, 0]
        await scene.run("light")
        assert await scene.classes() == {}
        assert scene.violations() == []

    play(ground, scenario)


def test_sizes_name_and_expiry_are_commanded_back(ground: Path) -> None:
    """One thing after the other: while the first repair is under way, the service is not judged."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        await scene.ask(1, "edit", plan="vps-2")
        await scene.ask(1, "renew", expires_at="2030-01-01T00:00:00Z")
        scene.panel(1, plan="vps-1", cpus=1, hostname="other.example", expires_at="2028-01-01T00:00:00Z")
        scene.policies("spec_drift", "expiry_drift")
        await scene.run()
        await scene.run()
        machine = scene.machine(1)
        assert scene.actions() == [("edit", "succeeded"), ("renew", "succeeded")]
        assert (machine["plan"], machine["hostname"]) == ("vps-2", "one.example")
        assert machine["expires_at"] == "2030-01-01T00:00:00Z"
        await scene.run()
        assert await scene.classes() == {}

    play(ground, scenario)


def test_decided_once_limits_repairs_are_operations_in_the_services_order(ground: Path) -> None:
    """A command that comes while a repair is under way waits for it; both are in the service's history, numbered."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        scene.panel(1, status="suspended")
        scene.policies("state_drift")
        scene.provider.fate = lambda kind: Fate(20.0)
        process = scene.world.process
        await process.call(process.reconcile("shop", "full"))
        await scene.ask(1, "edit", plan="vps-2")
        query = "SELECT action, actor, state FROM operations WHERE service_key = ? ORDER BY service_seq"
        assert scene.world.plain.execute(query, (key(1),)).fetchall() == [
            ("create", "staff:1", "succeeded"),
            ("unsuspend", "reconcile", "succeeded"),
            ("edit", "staff:1", "succeeded"),
        ]
        assert [e.kind for e in scene.provider.effects[-2:]] == ["instance.resume", "instance.update"]
        assert scene.violations() == []

    play(ground, scenario)


@pytest.mark.parametrize(
    ("members", "policy", "kind"),
    [
        ({"image": "debian-13"}, "spec_drift", "spec_drift"),
        ({"status": "error"}, "state_drift", "state_drift"),
        ({"expires_at": "2040-01-01T00:00:00Z"}, "expiry_drift", "expiry_drift"),
        ({"plan": "vps-4", "cpus": 4, "disk_gb": 160}, "spec_drift", "spec_drift"),
    ],
    ids=["image", "broken", "longer than paid", "disk grown"],
)
def test_what_no_command_can_mend_is_only_reported(
    ground: Path, members: dict[str, Any], policy: str, kind: str
) -> None:
    """No reinstall for an image, nothing for a broken machine, no earlier expiry, no smaller disk."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        await scene.ask(1, "renew", expires_at="2030-01-01T00:00:00Z")
        scene.panel(1, **members)
        scene.policies(policy)
        before = len(scene.provider.effects)
        await scene.run()
        changed = [effect for effect in scene.provider.effects[before:] if effect.outcome == "succeeded"]
        assert (await scene.classes(), changed) == ({key(1): kind}, [])

    play(ground, scenario)


def test_an_orphan_is_deleted_after_a_day_and_not_before(ground: Path) -> None:
    """Found once: reported. Found again a day later: deleted with its volumes, and forgotten."""

    async def scenario(scene: Scene) -> None:
        (left,) = await orphans(scene, 1)
        scene.policies("orphan_upstream", "leftover_volumes")
        for _ in range(4):
            await scene.run()
            assert (status(scene, left["id"]), scene.actions()) == ({"running"}, [])
            await scene.sleep(DAY / 4 - 60)
        await scene.sleep(300)
        await scene.run()
        assert (status(scene, left["id"]), scene.actions()) == (
            {"deleted"},
            [("remove_leftovers", "succeeded")],
        )
        await scene.run()
        assert await scene.classes() == {}
        assert scene.violations() == []

    play(ground, scenario)


def test_machines_without_our_mark_are_never_touched(ground: Path) -> None:
    """Not those of others, not those of another installation, not those of another connection."""

    async def scenario(scene: Scene) -> None:
        await ended(scene, 1)
        born = scene.born_with(1)
        scene.policies(*ALL)
        for name, reference in (
            ("ins_plain", "somebody"),
            ("ins_installation", f"inst_other:shop:{key(1)}"),
            ("ins_connection", f"inst_sim:shop2:{key(1)}"),
            ("ins_similar", f"inst_sim:shopping:{key(1)}"),
        ):
            scene.plant(name, reference=reference, created_at=born)
        for _ in range(4):
            await scene.run()
            await scene.sleep(DAY)
        assert status(scene, "ins_plain", "ins_installation", "ins_connection", "ins_similar") == {"running"}
        assert (await scene.classes(), scene.actions()) == ({}, [])

    play(ground, scenario)


def test_an_orphan_that_gets_an_owner_meanwhile_lives(ground: Path) -> None:
    """Labels name another service now: the machine was taken over, and its old service has no say in it."""

    async def scenario(scene: Scene) -> None:
        (left,) = await orphans(scene, 1)
        scene.policies(*ALL)
        await scene.run()
        await scene.sleep(DAY + 60)
        await scene.order(2)
        left["labels"] = {"bridge": MARK, "service_key": key(2)}
        await scene.run()
        await scene.sleep(DAY + 60)
        await scene.run()
        assert status(scene, left["id"]) == {"running"}
        assert scene.actions() == []

    play(ground, scenario)


def test_many_removals_at_once_stop_and_ask(ground: Path) -> None:
    """Four are more than max(3, 1 %): none is begun until somebody allows that number."""

    async def scenario(scene: Scene) -> None:
        left = [each["id"] for each in await orphans(scene, 4)]
        scene.policies("orphan_upstream")
        await scene.run()
        await scene.sleep(DAY + 60)
        report = await scene.run()
        assert (report.outcome, report.run.counts.get("removals_wanted")) == ("too_many_removals", 4)
        assert (status(scene, *left), scene.actions()) == ({"running"}, [])
        assert (await scene.run(allow=3)).outcome == "too_many_removals"
        assert (await scene.run(allow=4)).outcome == "done"
        assert status(scene, *left) == {"deleted"}

    play(ground, scenario)


def test_three_removals_are_not_too_many(ground: Path) -> None:
    """The limit is a limit, not a ban."""

    async def scenario(scene: Scene) -> None:
        left = [each["id"] for each in await orphans(scene, 3)]
        scene.policies("orphan_upstream")
        await scene.run()
        await scene.sleep(DAY + 60)
        assert (await scene.run()).outcome == "done"
        assert status(scene, *left) == {"deleted"}

    play(ground, scenario)


def test_yesterdays_database_deletes_nothing(ground: Path) -> None:
    """A backup is restored that does not know today's machines, nor today's second lives: all of them live on.

    Every policy says repair, and runs go on for days.
    """

    async def scenario(scene: Scene) -> None:
        scene.policies(*ALL)
        await scene.order(1)
        await ended(scene, 2)
        await scene.run()
        await scene.sleep(2 * 3600)
        copy = scene.backup()
        await scene.order(2, 3, 4)
        await scene.ask(3, "add_volume", name="data", size_gb=10)
        await scene.sleep(DAY)
        alive = {each["id"] for each in scene.provider.instances.values() if each["status"] != "deleted"}
        await scene.restore(copy)
        for _ in range(4):
            await scene.run()
            await scene.sleep(DAY + 60)
        assert status(scene, *alive) == {"running"}
        assert {each["status"] for each in scene.provider.volumes.values()} == {"attached"}
        assert set((await scene.classes()).values()) == {"orphan_upstream", "leftover_volumes"}
        assert scene.actions() == []

    play(ground, scenario)


def test_an_order_repeated_after_a_restore_does_not_make_its_machine_an_orphan(ground: Path) -> None:
    """Blesta asks for the lost service once more; that fails on the machine that is there, which stays all the same."""

    async def scenario(scene: Scene) -> None:
        scene.policies(*ALL)
        copy = scene.backup()
        await scene.order(1)
        await scene.restore(copy)
        await scene.ask(1, "create")
        assert scene.service(1)["state"] == "failed"
        for _ in range(4):
            await scene.run()
            await scene.sleep(DAY + 60)
        assert scene.machine(1)["status"] == "running"
        assert scene.actions() == []

    play(ground, scenario)


def test_leftover_volumes_are_deleted_after_a_day(ground: Path) -> None:
    """Those that the database remembers to have made, of services that have ended; no others."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        maker = await scene.ask(1, "add_volume", name="data", size_gb=10)
        await scene.ask(1, "terminate")
        scene.policies("leftover_volumes")
        scene.plant_volume("vol_ours", LABELS | {"operation": maker})
        scene.plant_volume("vol_unknown_maker", LABELS | {"operation": "op_never"})
        scene.plant_volume("vol_unknown_service", LABELS | {"service_key": key(77), "operation": maker})
        scene.plant_volume("vol_nameless", {"bridge": MARK})
        scene.plant_volume("vol_foreign", {"bridge": "inst_other:shop", "service_key": key(1)})
        await scene.run()
        assert {scene.provider.volumes[name]["status"] for name in scene.provider.volumes} >= {"available"}
        await scene.sleep(DAY + 60)
        await scene.run()
        gone = [name for name, each in scene.provider.volumes.items() if each["status"] == "deleted"]
        assert (gone[-1], len(gone)) == ("vol_ours", 2)  # the other one went with the machine
        assert scene.actions() == [("remove_leftovers", "succeeded")]

    play(ground, scenario)


def test_an_orphan_with_a_volume_that_is_not_known_to_be_left_over_stays(ground: Path) -> None:
    """Deleting the machine would delete what hangs on it."""

    async def scenario(scene: Scene) -> None:
        (left,) = await orphans(scene, 1)
        scene.policies(*ALL)
        scene.plant_volume("vol_of_somebody", {}, left["id"])
        left["volumes"] = ["vol_of_somebody"]
        for _ in range(3):
            await scene.run()
            await scene.sleep(DAY + 60)
        assert status(scene, left["id"]) == {"running"}
        assert scene.provider.volumes["vol_of_somebody"]["status"] == "attached"

    play(ground, scenario)


def test_a_service_without_machine_is_written_off_after_a_day(ground: Path) -> None:
    """Nobody is billed for nothing: the service ends, Blesta is told, and nothing is sent to InfraFabric."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1, 2)
        scene.policies("missing_upstream")
        scene.panel(1, status="deleted")
        scene.panel(2, status="deleted")
        scene.plant_volume("vol_data", LABELS | {"service_key": key(2)})
        before = len(scene.provider.effects)
        await scene.run()
        assert scene.service(1)["state"] == "active"
        await scene.sleep(DAY + 60)
        await scene.run()
        assert scene.actions() == [("write_off", "succeeded")]
        assert (scene.service(1)["state"], len(scene.provider.effects)) == ("terminated", before)
        assert scene.service(2)["state"] == "active", "its volume may hold what the customer wants back"
        assert not [row for row in scene.world.rows["credentials"] if row["service_key"] == key(1)]

    play(ground, scenario)


def test_staff_cannot_command_what_only_reconcile_does(ground: Path) -> None:
    """A failed repair is not tried again by hand under somebody else's name."""

    async def scenario(scene: Scene) -> None:
        (left,) = await orphans(scene, 1)
        scene.policies("orphan_upstream")
        await scene.run()
        await scene.sleep(DAY + 60)
        scene.provider.advance(scene.world.process.clock.now())
        real = scene.provider.handle

        def changes_its_mind(method: str, path: str, *rest: Any) -> tuple[int, dict[str, Any]]:
            if scene.world.plain.execute("SELECT 1 FROM operations WHERE actor = 'reconcile'").fetchone():
                left["labels"] = {"bridge": MARK, "service_key": key(5)}
            return real(method, path, *rest)

        scene.world.provider = type("Changing", (), {"handle": staticmethod(changes_its_mind)})()
        scene.world.pump = lambda: None  # type: ignore[method-assign]
        await scene.run()
        assert (scene.actions(), left["status"]) == ([("remove_leftovers", "failed")], "running")
        row = scene.world.plain.execute("SELECT id FROM operations WHERE actor = 'reconcile'").fetchone()
        failed = await scene.world.database.read(operations.get, row[0])
        assert failed is not None
        process = scene.world.process
        with pytest.raises(ProblemError) as refused:
            await process.call(
                process.commands.retry(
                    failed, Asker(Caller.STAFF, "staff:1"), "k", "f", "/v1/operations/x/retry"
                )
            )
        assert refused.value.problem.code == "forbidden"

    play(ground, scenario)
