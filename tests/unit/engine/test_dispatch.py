"""Who wakes operations, in virtual time: no hint is lost, no turn runs twice at once, a broken one harms nobody."""

import asyncio
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bridge.engine.finishing import After
from bridge.store import operations
from bridge.store.errors import StoreError
from tests.unit.engine.stage import Stage, accepted, later, play

# ---- no hint is lost ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["woken_meanwhile", "due_again"])
def test_the_wake_up_that_an_earlier_advance_found_is_not_lost(stage: Stage, why: str) -> None:
    """When one turn advances twice, whose turn it is next, as the first advance said, is followed all the same."""

    async def main() -> None:
        world = stage.world()

        async def ends_and_is_woken() -> After:
            if why == "woken_meanwhile":
                world.dispatcher.wake("a")
                return After(next_id="b")
            return After(next_id="b", wake_at=later(0))

        stage.script.plans["a"] = [ends_and_is_woken, After()]
        world.dispatcher.wake("a")
        await asyncio.sleep(1)
        await world.close()

    play(main())
    assert len(stage.script.of("a")) == 2
    assert stage.script.of("b") == [0.0]


def test_every_advance_of_a_turn_may_find_a_next_one(stage: Stage) -> None:
    """Three advances in one turn with three different nexts wake all three."""

    async def main() -> None:
        world = stage.world()
        stage.script.plans["a"] = [
            After(next_id="b", wake_at=later(0)),
            After(next_id="c", wake_at=later(0)),
            After(next_id="d"),
        ]
        world.dispatcher.wake("a")
        await asyncio.sleep(1)
        await world.close()

    play(main())
    assert {name for name, _ in stage.script.turns} == {"a", "b", "c", "d"}


def test_a_wake_up_during_a_turn_is_one_more_turn(stage: Stage) -> None:
    """However often it is woken meanwhile, it runs once more, and never beside itself."""

    async def main() -> None:
        world = stage.world()

        async def slow() -> After:
            for _ in range(10):
                await asyncio.sleep(0.1)
                world.dispatcher.wake("a")
            return After()

        stage.script.plans["a"] = [slow]
        world.dispatcher.wake("a")
        await asyncio.sleep(10)
        await world.close()

    play(main())
    assert stage.script.of("a") == pytest.approx([0.0, 1.0])


def test_a_turn_that_wants_to_come_back_comes_back_in_time(stage: Stage) -> None:
    """Not before `wake_at`, and as soon as it is reached; an earlier hint does not wait for it."""

    async def main() -> None:
        world = stage.world()
        stage.script.plans["a"] = [After(wake_at=later(7)), After(wake_at=later(20))]
        world.dispatcher.wake("a")
        await asyncio.sleep(10)
        world.dispatcher.wake("a")
        await asyncio.sleep(100)
        await world.close()

    play(main())
    assert stage.script.of("a") == pytest.approx([0, 7, 10])


# ---- the sweep and the start ----------------------------------------------------------------------------------------


def test_the_sweep_wakes_what_nobody_was_told_about(stage: Stage) -> None:
    """An operation that another process put into the table has its turn within the sweep's second."""

    async def main() -> None:
        world = stage.world(sweep_every=1)
        await world.dispatcher.start()
        await asyncio.sleep(3.5)
        operation_id = await accepted(world)
        await asyncio.sleep(1)
        await world.close()
        assert stage.script.of(operation_id) == pytest.approx([4.0])

    play(main())


def test_the_sweep_leaves_alone_what_is_under_way_or_not_due(stage: Stage) -> None:
    """A long turn is not woken again by every sweep, and a later `wake_at` is respected."""

    async def main() -> None:
        world = stage.world(sweep_every=1)
        slow, future = await accepted(world), await accepted(world)
        await world.database.run(operations.wake, [future], later(5.5))

        async def takes_long() -> After:
            await asyncio.sleep(4.5)
            await world.database.run(operations.wake, [slow], later(1000))
            return After()

        stage.script.plans[slow] = [takes_long]
        await world.dispatcher.start()
        await asyncio.sleep(5.8)
        assert stage.script.of(slow) == [0.0]
        assert stage.script.of(future) == pytest.approx([5.5])
        await world.close()

    play(main())


def test_a_process_that_starts_takes_up_everything_unfinished(stage: Stage) -> None:
    """What is due is woken at once, what is due later at its time, without waiting for a sweep."""

    async def main() -> None:
        before = stage.world()
        now, late = await accepted(before), await accepted(before)
        await before.database.run(operations.wake, [late], later(30))
        await before.close()
        world = stage.world()
        await world.dispatcher.start()
        await asyncio.sleep(60)
        await world.close()
        assert stage.script.of(now) == [0.0]
        assert stage.script.of(late) == pytest.approx([30.0])

    play(main())


def test_the_sweep_outlives_a_database_that_does_not_answer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is away for a while costs a warning, and the sweep after it works again."""

    async def main() -> None:
        world = stage.world(sweep_every=1)
        await world.dispatcher.start()
        operation_id = await accepted(world)

        def away(*_: object) -> list[str]:
            raise StoreError("the database is away")

        with monkeypatch.context() as patch:
            patch.setattr(operations, "due", away)
            await asyncio.sleep(3.5)
        assert stage.script.turns == []
        await asyncio.sleep(1)
        assert stage.script.of(operation_id) == pytest.approx([4.0])
        await world.close()

    with capture_logs() as logs:
        play(main())
    assert [entry["event"] for entry in logs].count("sweep.store_unavailable") == 3


def test_decided_prefer_wait_ends_when_another_process_ends_the_operation(stage: Stage) -> None:
    """Whoever waits here for an operation that a command ends elsewhere is woken by the next look."""

    async def main() -> None:
        world = stage.world(sweep_every=1)
        await world.dispatcher.start()
        operation_id = await accepted(world)
        waiting = asyncio.create_task(world.commands.wait(operation_id, 60))
        await asyncio.sleep(5.2)
        assert not waiting.done()
        operation = await world.database.read(operations.get, operation_id)
        assert operation is not None
        await world.database.run(_end, operation_id)
        await asyncio.wait_for(waiting, 1)
        await world.close()

    play(main())


def _end(conn: Any, operation_id: str) -> None:
    conn.exec_driver_sql(
        "UPDATE operations SET state = 'canceled', wake_at = NULL WHERE id = ?", (operation_id,)
    )


# ---- bounded, and safe from its turns -------------------------------------------------------------------------------


def test_D12_at_most_so_many_turns_at_a_time(stage: Stage) -> None:
    """A hundred due operations on four slots: never more than four at once, and all are done."""

    async def main() -> None:
        world = stage.world(concurrency=4)

        async def takes_a_second() -> After:
            await asyncio.sleep(1)
            return After()

        for number in range(100):
            stage.script.plans[str(number)] = [takes_a_second]
            world.dispatcher.wake(str(number))
        assert world.dispatcher.busy == 100
        await asyncio.sleep(25.5)
        assert world.dispatcher.busy == 0
        await world.close()

    play(main())
    assert stage.script.most == 4
    assert len(stage.script.turns) == 100


@pytest.mark.parametrize(
    ("error", "event"),
    [(RuntimeError("a bug"), "turn.broken"), (StoreError("away"), "turn.store_unavailable")],
)
def test_a_turn_that_breaks_is_logged_and_tried_again(stage: Stage, error: Exception, event: str) -> None:
    """Nothing is swallowed and nothing given up: a log entry with the operation's id, and a new turn 5 s later."""

    async def main() -> None:
        world = stage.world()
        stage.script.plans["a"] = [error, error]
        world.dispatcher.wake("a")
        world.dispatcher.wake("b")
        await asyncio.sleep(60)
        await world.close()

    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        play(main())
    assert stage.script.of("a") == pytest.approx([0, 5, 10])
    assert stage.script.of("b") == [0]
    told = [entry for entry in logs if entry["event"] == event]
    assert [entry["operation_id"] for entry in told] == ["a", "a"]


def test_a_turn_does_not_inherit_the_request_that_woke_it(stage: Stage) -> None:
    """A log line of a turn names its own operation, and no other request's id."""
    seen: list[dict[str, Any]] = []

    async def main() -> None:
        world = stage.world()

        async def looks() -> After:
            seen.append(structlog.contextvars.get_contextvars())
            return After()

        stage.script.plans["a"] = [looks]
        with structlog.contextvars.bound_contextvars(request_id="somebody else's", operation_id="z"):
            world.dispatcher.wake("a")
        await asyncio.sleep(1)
        await world.close()

    play(main())
    assert seen == [{"operation_id": "a"}]


# ---- the end --------------------------------------------------------------------------------------------------------


def test_D4_stopping_waits_for_turns_and_begins_none(stage: Stage) -> None:
    """A turn under way reaches its durable point; what it, a timer, the sweep or a hint would begin, does not begin."""

    async def main() -> None:
        world = stage.world(sweep_every=1)
        await world.dispatcher.start()
        finished: list[str] = []

        async def takes_long() -> After:
            await asyncio.sleep(3)
            finished.append("a")
            return After(next_id="b", wake_at=later(0))

        stage.script.plans["a"] = [takes_long]
        world.dispatcher.wake("a")
        world.dispatcher.wake("timed", later(2))
        await asyncio.sleep(0.5)
        await accepted(world)
        stopping = asyncio.create_task(world.dispatcher.stop(10))
        await asyncio.sleep(0.1)
        world.dispatcher.wake("c")
        await stopping
        assert asyncio.get_running_loop().time() == pytest.approx(3)
        assert finished == ["a"]
        await asyncio.sleep(60)
        await world.close()

    play(main())
    assert [name for name, _ in stage.script.turns] == ["a"]


def test_D4_stopping_waits_no_longer_than_it_may(stage: Stage) -> None:
    """A turn that does not come to its end is cut off, and the stop returns."""

    async def main() -> None:
        world = stage.world()
        stage.script.plans["a"] = [_for_ever]
        world.dispatcher.wake("a")
        await asyncio.sleep(0)
        await world.dispatcher.stop(10)
        assert asyncio.get_running_loop().time() == pytest.approx(10)
        assert world.dispatcher.busy == 0
        await world.close()

    play(main())


async def _for_ever() -> After:
    await asyncio.sleep(1e9)
    return After()
