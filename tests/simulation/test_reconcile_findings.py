"""What reconcile finds, what it takes over, and what it leaves alone."""

from pathlib import Path
from typing import Any

import pytest

from tests.simulation.provider import Fate, Provider
from tests.simulation.scene import DAY, MARK, Scene, key, play

EXPIRY = "2030-01-01T00:00:00Z"


async def spoiled(scene: Scene) -> None:
    """Six services, each wrong in another way, and things that belong to nobody."""
    await scene.order(1, 2, 3, 4, 5, 6)
    await scene.ask(4, "renew", expires_at=EXPIRY)
    await scene.ask(5, "suspend", reason="unpaid")
    scene.panel(1, status="deleted")
    scene.panel(2, status="suspended")
    scene.panel(3, plan="vps-4", cpus=4, memory_mb=8192, disk_gb=160, hostname="other.example")
    scene.panel(4, expires_at="2029-01-01T00:00:00Z")
    scene.panel(5, status="running")
    scene.plant("ins_orphan", 99)
    scene.plant_volume("vol_left", {"bridge": MARK, "service_key": key(98)})


FOUND = {
    key(1): "missing_upstream",
    key(2): "state_drift",
    key(3): "spec_drift",
    key(4): "expiry_drift",
    key(5): "state_drift",
    "ins_orphan": "orphan_upstream",
    "vol_left": "leftover_volumes",
}


def test_every_class_is_found_and_by_default_only_reported(ground: Path) -> None:
    """One of each kind is found, nothing is commanded, and nothing is sent that changes anything."""

    async def scenario(scene: Scene) -> None:
        await spoiled(scene)
        before = len(scene.provider.effects)
        report = await scene.run()
        assert (report.outcome, await scene.classes()) == ("done", FOUND)
        assert report.found == {name: list(FOUND.values()).count(name) for name in FOUND.values()}
        assert (scene.actions(), len(scene.provider.effects)) == ([], before)

    play(ground, scenario)


def test_findings_say_what_was_wanted_and_what_is(ground: Path) -> None:
    """A human can act on a finding without looking anything up."""

    async def scenario(scene: Scene) -> None:
        await spoiled(scene)
        await scene.run()
        told = {each.finding.object_id: each.finding for each in await scene.drift()}
        assert told[key(2)].detail == {"wanted": "active", "found": "suspended"}
        assert told[key(3)].detail["plan"] == {"wanted": "vps-1", "found": "vps-4"}
        assert told[key(3)].detail["hostname"] == {"wanted": "one.example", "found": "other.example"}
        assert told[key(4)].detail["found"].startswith("2029-01-01")
        assert "does not know the service" in told["ins_orphan"].detail["kept_because"]
        assert told["ins_orphan"].service_key == key(99)
        assert told["vol_left"].volume_id == "vol_left"

    play(ground, scenario)


def test_blesta_is_told_by_changes(ground: Path) -> None:
    """Services follow what is found, marked as drifted where nobody here wanted it, and each is a change."""

    async def scenario(scene: Scene) -> None:
        await spoiled(scene)
        newest = scene.world.plain.execute("SELECT max(cursor) FROM changes").fetchone()[0]
        await scene.run()
        told = scene.world.plain.execute(
            "SELECT service_key FROM changes WHERE cursor > ?", (newest,)
        ).fetchall()
        assert {row[0] for row in told} == {key(number) for number in (1, 2, 3, 4, 5)}
        assert (scene.service(2)["state"], scene.service(2)["drifted"]) == ("suspended", 1)
        assert (scene.service(1)["state"], scene.service(1)["drifted"]) == ("active", 1)
        assert scene.service(3)["plan"] == "vps-4"

    play(ground, scenario)


def test_what_is_in_order_again_is_no_finding_any_more(ground: Path) -> None:
    """The next full run forgets what it does not find again."""

    async def scenario(scene: Scene) -> None:
        await spoiled(scene)
        await scene.run()
        scene.panel(2, status="running")
        scene.provider.instances["ins_orphan"]["status"] = "deleted"
        await scene.run()
        assert await scene.classes() == {
            name: kind for name, kind in FOUND.items() if name not in (key(2), "ins_orphan")
        }
        assert scene.service(2)["drifted"] == 0

    play(ground, scenario)


def test_a_dry_run_changes_and_records_nothing(ground: Path) -> None:
    """It tells everything that a real run would find, and leaves every row and every machine as it was."""

    async def scenario(scene: Scene) -> None:
        await spoiled(scene)
        scene.policies("state_drift", "spec_drift", "expiry_drift", "orphan_upstream", "leftover_volumes")
        effects, before = len(scene.provider.effects), rows(scene)
        told: list[str] = []
        report = await scene.run(dry=True, tell=lambda finding: told.append(finding.object_id))
        assert sorted(told) == sorted(FOUND)
        assert sum(report.found.values()) == len(FOUND)
        assert (len(scene.provider.effects), rows(scene)) == (effects, before)

    def rows(scene: Scene) -> list[list[object]]:
        tables = ("services", "operations", "changes", "drift_findings", "timeline")
        return [scene.world.plain.execute(f"SELECT * FROM {table}").fetchall() for table in tables]

    play(ground, scenario)


def test_services_with_unfinished_operations_are_not_judged(ground: Path) -> None:
    """While something is at work on a service, what is seen of it means nothing."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        scene.provider.fate = lambda kind: Fate(900.0)
        await scene.caller.ask(key(1), "suspend")
        await scene.sleep(5)
        scene.machine(1)["status"] = "error"
        process = scene.world.process
        await process.call(process.reconcile("shop", "full"))
        assert await scene.classes() == {}

    play(ground, scenario)


def test_a_list_that_lies_is_not_believed(ground: Path) -> None:
    """A machine that the list forgot is asked for by itself, and is no finding when it answers."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1, 2)
        hidden = scene.machine(1)
        forgetful(scene, {hidden["id"]})
        assert (await scene.run()).outcome == "done"
        assert await scene.classes() == {}

    play(ground, scenario)


class Forgetful:
    """An InfraFabric whose lists leave machines out, while each answers for itself."""

    def __init__(self, provider: Provider, hidden: set[str]) -> None:
        self._provider, self._hidden = provider, hidden

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def handle(self, method: str, path: str, *rest: Any) -> tuple[int, dict[str, Any]]:
        """As the real one, but for the list of machines."""
        status, answer = self._provider.handle(method, path, *rest)
        if (method, path) == ("GET", "/instances"):
            answer["items"] = [item for item in answer["items"] if item["id"] not in self._hidden]
        return status, answer


def forgetful(scene: Scene, hidden: set[str]) -> None:
    """From now on the lists lie about these machines."""
    scene.world.provider = Forgetful(scene.provider, hidden)  # type: ignore[assignment]


def test_a_list_that_lies_a_lot_ends_the_run(ground: Path) -> None:
    """An empty list of a full account proves nothing, costs a few questions, and undoes no finding."""

    async def scenario(scene: Scene) -> None:
        await scene.order(*range(1, 8))
        scene.panel(7, status="suspended")
        await scene.run()
        forgetful(scene, set(scene.provider.instances))
        report = await scene.run()
        assert report.outcome == "unreliable_list"
        assert await scene.classes() == {key(7): "state_drift"}

    play(ground, scenario)


def test_a_light_run_sees_what_has_changed(ground: Path) -> None:
    """Only machines that changed since the run before are asked for; a deleted one is found as well."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1, 2, 3)
        await scene.run()
        await scene.sleep(3600)
        scene.panel(1, status="suspended")
        scene.panel(2, status="deleted")
        report = await scene.run("light")
        assert (report.run.kind, report.run.counts["machines"]) == ("light", 2)
        assert await scene.classes() == {key(1): "state_drift", key(2): "missing_upstream"}
        scene.panel(1, status="running")
        await scene.run("light")
        assert await scene.classes() == {key(2): "missing_upstream"}

    play(ground, scenario)


def test_the_first_light_run_is_a_full_one(ground: Path) -> None:
    """Without a run before it there is nothing to begin from."""

    async def scenario(scene: Scene) -> None:
        assert (await scene.run("light")).run.kind == "full"

    play(ground, scenario)


@pytest.mark.parametrize("wrong", [{"status": "unheard-of"}, {"cpus": "many"}, {"id": None}])
def test_a_machine_that_makes_no_sense_does_not_hide_the_others(
    ground: Path, wrong: dict[str, object]
) -> None:
    """It is counted, nothing is concluded about it, and the rest of the list is judged."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1, 2)
        scene.plant("ins_senseless", 97, **wrong)
        scene.panel(2, status="suspended")
        report = await scene.run()
        assert (report.outcome, report.run.counts["unreadable"]) == ("done", 1)
        assert await scene.classes() == {key(2): "state_drift"}

    play(ground, scenario)


def test_a_volume_that_the_service_does_not_know_comes_into_its_list(ground: Path) -> None:
    """It is the customer's, whoever made it: shown, never deleted."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        scene.policies("leftover_volumes")
        scene.plant_volume("vol_new", {"bridge": MARK, "service_key": key(1)}, scene.machine(1)["id"])
        scene.machine(1)["volumes"] = ["vol_new"]
        for _ in range(3):
            await scene.run()
            await scene.sleep(DAY)
        assert "vol_new" in scene.service(1)["volumes"]
        assert (await scene.classes(), scene.actions()) == ({}, [])

    play(ground, scenario)
