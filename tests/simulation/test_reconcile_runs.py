"""How runs of reconcile begin, go on after an interruption, leave each other alone, and come round by themselves."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.engine.periodic import Periodic
from bridge.engine.reconcile.schedule import Scheduler, Timetable
from bridge.store import reconcile_runs
from bridge.store.reconcile_runs import LostRun, RunUnderWay
from tests.simulation.scene import DAY, Scene, play


class Watched:
    """InfraFabric with a list of what it is asked, that may be away for some questions."""

    def __init__(self, scene: Scene) -> None:
        self._provider = scene.provider
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.away: Callable[[str, dict[str, str]], bool] = lambda path, query: False
        scene.world.provider = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def handle(self, method: str, path: str, query: dict[str, str], *rest: Any) -> tuple[int, dict[str, Any]]:
        """As the real one, unless it is away."""
        self.asked.append((path, query))
        if self.away(path, query):
            return 503, {"code": "maintenance"}
        return self._provider.handle(method, path, query, *rest)

    def pages(self) -> list[str]:
        """The cursors at which the list of machines was asked for."""
        return [query.get("cursor", "0") for path, query in self.asked if path == "/instances"]


def crowd(scene: Scene, count: int) -> None:
    """So many machines of somebody else."""
    for number in range(count):
        scene.plant(f"ins_crowd{number}", reference=f"somebody:{number}")


def test_an_interrupted_run_goes_on_where_it_was(ground: Path) -> None:
    """InfraFabric goes away on the third page; the run after it asks for the third page and no earlier one."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        crowd(scene, 900)
        watched = Watched(scene)
        watched.away = lambda path, query: query.get("cursor") == "400"
        report = await scene.run()
        assert (report.outcome, report.run.finished_at) == ("interrupted", None)
        assert "503" in report.why
        watched.asked.clear()
        watched.away = lambda path, query: False
        again = await scene.run()
        assert (again.outcome, again.run.id) == ("done", report.run.id)
        assert watched.pages() == ["400", "600", "800"]
        assert again.run.counts["machines"] == 901

    play(ground, scenario)


def test_an_interrupted_run_of_yesterday_is_begun_anew(ground: Path) -> None:
    """What was seen half a day ago proves nothing."""

    async def scenario(scene: Scene) -> None:
        crowd(scene, 300)
        watched = Watched(scene)
        watched.away = lambda path, query: "cursor" in query
        first = await scene.run()
        watched.away = lambda path, query: False
        await scene.sleep(DAY / 2 + 60)
        watched.asked.clear()
        second = await scene.run()
        assert (second.outcome, watched.pages()) == ("done", ["0", "200"])
        assert second.run.id != first.run.id

    play(ground, scenario)


def test_a_cursor_that_is_forgotten_costs_a_new_beginning(ground: Path) -> None:
    """The list is read from its beginning once more; a list that always forgets ends the run."""

    async def scenario(scene: Scene) -> None:
        crowd(scene, 300)
        refusing: list[str] = ["200"]
        real = scene.provider.handle

        def handle(method: str, path: str, query: dict[str, str], *rest: Any) -> tuple[int, dict[str, Any]]:
            if path == "/instances" and query.get("cursor") in refusing:
                return 422, {"code": "cursor_expired"}
            return real(method, path, query, *rest)

        scene.world.provider = type("Forgets", (), {"handle": staticmethod(handle)})()
        scene.world.pump = lambda: None  # type: ignore[method-assign]
        assert (await scene.run()).outcome == "interrupted"
        refusing.clear()
        assert (await scene.run()).outcome == "done"

    play(ground, scenario)


def test_two_processes_do_not_run_at_once(ground: Path) -> None:
    """While one is at it, another is told so; when it is not heard of any more, the other goes on."""

    async def scenario(scene: Scene) -> None:
        process = scene.world.process
        run = await _begun(scene)
        with pytest.raises(RunUnderWay):
            await process.call(process.reconcile("shop", "full"))
        await scene.sleep(121)
        report = await scene.run()
        assert (report.outcome, report.run.id) == ("done", run.id)
        with pytest.raises(LostRun):
            await scene.world.database.run(reconcile_runs.save, run)

    play(ground, scenario)


async def _begun(scene: Scene) -> reconcile_runs.Run:
    """A run that another process has begun just now."""
    now = scene.world.process.clock.now()
    run = reconcile_runs.Run("rec_1", "shop", "full", False, now, None, "run_1", now, "machines")
    return await scene.world.database.run(
        reconcile_runs.begin, run, abandoned_before=now, outdated_before=now - timedelta(days=1)
    )


def test_a_run_that_is_taken_over_stops(ground: Path) -> None:
    """The process that was thought dead notices at its next page, and writes nothing more."""

    async def scenario(scene: Scene) -> None:
        crowd(scene, 500)
        process = scene.world.process
        running = asyncio.ensure_future(process.call(process.reconcile("shop", "full")))
        await asyncio.sleep(0.3)
        open_ = await scene.world.database.read(reconcile_runs.unfinished, "shop")
        assert open_ is not None
        taken = replace(open_, token="somebody_else")
        scene.world.plain.execute("UPDATE reconcile_runs SET token = 'somebody_else'")
        assert (await running).outcome == "taken_over"
        assert await scene.world.database.read(reconcile_runs.unfinished, "shop") is not None
        await scene.world.database.run(reconcile_runs.save, taken)

    play(ground, scenario)


def test_runs_leave_room_for_commands(ground: Path) -> None:
    """A run asks at most at half the connection's rate, however long the lists are."""

    async def scenario(scene: Scene) -> None:
        crowd(scene, 4000)
        begun = len(scene.world.calls)
        started = asyncio.get_running_loop().time()
        await scene.run()
        seconds = asyncio.get_running_loop().time() - started
        assert len(scene.world.calls) - begun <= 5 * seconds + 1  # 600 a minute are allowed

    play(ground, scenario)


def test_full_runs_come_daily_and_light_ones_hourly(ground: Path) -> None:
    """Counted from the connection's making: light at 1 h, 2 h, …, full at 24 h and 48 h; one each, no more."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        process = scene.world.process
        await process.call(_scheduled(scene, 50 * 3600))
        query = "SELECT kind, outcome, started_at FROM reconcile_runs ORDER BY started_at"
        runs = scene.world.plain.execute(query).fetchall()
        kinds = [kind for kind, _, _ in runs]
        assert {outcome for _, outcome, _ in runs} == {"done"}
        assert (kinds.count("full"), 44 <= kinds.count("light") <= 48) == (3, True), kinds

    play(ground, scenario)


async def _scheduled(scene: Scene, seconds: float) -> None:
    process = scene.world.process
    scheduler = Scheduler(process.engine, process.reconcile, Timetable())
    rounds = Periodic(process.engine.clock, "reconcile", timedelta(minutes=1), scheduler.once)
    rounds.start()
    await asyncio.sleep(seconds)
    await rounds.stop()


def test_an_absent_infrafabric_is_asked_again_every_five_minutes(ground: Path) -> None:
    """An interrupted run rests, and the schedule takes it up again; nothing is asked in between."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        watched = Watched(scene)
        watched.away = lambda path, query: True
        process = scene.world.process
        await process.call(_scheduled(scene, 2 * 3600))
        assert 10 <= len(watched.pages()) <= 3 * 25
        watched.away = lambda path, query: False
        await process.call(_scheduled(scene, 600))
        assert await scene.world.database.read(reconcile_runs.unfinished, "shop") is None

    play(ground, scenario)


def test_schedules_can_be_switched_off(ground: Path) -> None:
    """Zero means never."""

    async def scenario(scene: Scene) -> None:
        process = scene.world.process
        none = Timetable(full=timedelta(), light=timedelta())
        await scene.sleep(3 * DAY)
        await process.call(Scheduler(process.engine, process.reconcile, none).once())
        assert scene.world.plain.execute("SELECT count(*) FROM reconcile_runs").fetchone() == (0,)

    play(ground, scenario)


def test_a_finished_run_is_audited(ground: Path) -> None:
    """Who looks at the audit sees when was compared, and with what result."""

    async def scenario(scene: Scene) -> None:
        await scene.order(1)
        scene.panel(1, status="suspended")
        await scene.run()
        scene.world.snapshot()
        (row,) = [row for row in scene.world.rows["audit"] if row["event"] == "reconcile.finished"]
        assert row["actor"] == "reconcile"
        assert '"outcome": "done"' in row["detail"]
        assert '"machines": 1' in row["detail"]

    play(ground, scenario)


def test_a_connection_that_is_gone_has_no_runs(ground: Path) -> None:
    """An unknown one is named, and nothing is begun."""

    async def scenario(scene: Scene) -> None:
        process = scene.world.process
        with pytest.raises(LookupError, match="nowhere"):
            await process.call(process.reconcile("nowhere", "full"))

    play(ground, scenario)


def test_the_trouble_of_one_connection_stays_its_own(ground: Path) -> None:
    """One whose secrets cannot be opened is logged as broken; the next one is compared all the same."""

    async def scenario(scene: Scene) -> None:
        names = [row[1] for row in scene.world.plain.execute("PRAGMA table_info(connections)")]
        others = ", ".join(name for name in names if name != "id")
        scene.world.plain.execute(
            f"INSERT INTO connections (id, {others}) SELECT 'another', {others} FROM connections"
        )
        await scene.sleep(DAY)
        process = scene.world.process
        await process.call(Scheduler(process.engine, process.reconcile, Timetable()).once())
        query = "SELECT connection_id, outcome FROM reconcile_runs ORDER BY connection_id"
        assert scene.world.plain.execute(query).fetchall() == [("another", None), ("shop", "done")]
        assert [line["event"] for line in scene.world.logs] == ["reconcile.broken", "reconcile.ran"]

    play(ground, scenario)
