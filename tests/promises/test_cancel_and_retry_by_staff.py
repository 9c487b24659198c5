"""Cancel and retry by staff: what waits ends at once, a create that runs is undone, and trying again is a new try."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bridge.domain.actions import Caller
from bridge.domain.problems import ProblemError
from bridge.engine.commands import Asker
from bridge.store import operations
from tests.promises.scene import ACT, CREATE, DELETE, Fault, Scene, lost, play, refuses, swallowed
from tests.simulation.provider import Fate

T = TypeVar("T")
STAFF = Asker(Caller.STAFF, "staff:1")
FOR_GOOD = {"code": "internal", "message": "it broke", "retryable": False}


async def through(scene: Scene, work: Coroutine[Any, Any, T]) -> T:
    """What a request of staff brings back."""
    return await scene.process.call(work)


async def cancel(scene: Scene, operation_id: str) -> None:
    """Staff presses the button."""
    await through(scene, scene.process.commands.cancel(operation_id, STAFF))


async def retry(scene: Scene, operation_id: str, key: str) -> str:
    """Staff presses the other button; the new operation's id."""
    operation = await scene.database.read(operations.get, operation_id)
    assert operation is not None
    path = f"/v1/operations/{operation_id}/retry"
    admitted = await through(scene, scene.process.commands.retry(operation, STAFF, key, "{}", path))
    scene.promised(key, admitted.operation.id)
    return admitted.operation.id


def test_cancel_and_retry_by_staff_a_queued_operation_ends_before_the_answer(ground: Path) -> None:
    """The answer to the button already finds it canceled; nothing was sent for it, and the next one runs."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(60.0))
        running, queued = await scene.ask("reboot"), await scene.ask("suspend")
        await asyncio.sleep(5)
        await cancel(scene, queued)
        assert scene.peek(queued)["state"] == "canceled"
        with pytest.raises(ProblemError, match="action_not_allowed"):
            await cancel(scene, running)
        await scene.ask("edit", {"plan": "vps-2"})

    scene = play(ground, story)
    assert scene.end("suspend") == ("canceled", "canceled")
    assert "sent" not in scene.operation("suspend")["events"]
    assert (len(scene.sent(ACT)), scene.effects("instance.suspend")) == (1, 0)
    assert (scene.operation("edit")["state"], scene.service["plan"]) == ("succeeded", "vps-2")


def test_cancel_and_retry_by_staff_a_queued_operation_that_is_a_create_is_never_sent(ground: Path) -> None:
    """A new life waits for the end of the old one, and is called off: InfraFabric never hears of it."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(60.0))
        await scene.ask("terminate")
        await cancel(scene, await scene.ask("create"))

    scene = play(ground, story)
    assert scene.end("create") == ("canceled", "canceled")
    assert (scene.sent(CREATE), scene.living, scene.service["state"]) == ([], [], "terminated")


@pytest.mark.parametrize("after", [0.05, 0.3, 1.0, 5.0, 20.0])
@pytest.mark.parametrize("fault", [None, lost, swallowed, refuses(503)])
def test_cancel_and_retry_by_staff_a_running_create_is_halted_and_nothing_is_left(
    ground: Path, fault: Fault | None, after: float
) -> None:
    """Whatever the create was doing: what it made is deleted before it says that it was canceled."""

    async def story(scene: Scene) -> None:
        scene.fates(Fate(60.0))
        if fault is not None:
            scene.fault(CREATE, fault, count=3)
        name = await scene.ask("create")
        await asyncio.sleep(after)
        await cancel(scene, name)
        await scene.quiet(0.1)
        assert scene.living == []

    scene = play(ground, story)
    create = scene.operation("create")
    assert (create["state"], create["code"]) == ("canceled", "canceled")
    assert "halting" in create["events"]
    assert (scene.living, scene.volumes, scene.service["state"]) == ([], [], "failed")
    assert scene.effects("instance.delete") == scene.effects("instance.create") == len(scene.keys(DELETE))


def test_cancel_and_retry_by_staff_retry_makes_a_new_operation(ground: Path) -> None:
    """The failed one stays as it is; the new one is linked to it, has a provider key of its own, and is made once."""
    names: list[str] = []

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(1.0, FOR_GOOD))
        names.append(await scene.ask("reboot"))
        await scene.quiet()
        names.extend([await retry(scene, names[0], "again") for _ in range(2)])

    scene = play(ground, story)
    first, second = scene.operation("reboot", 0), scene.operation("reboot", 1)
    assert names == [first["id"], second["id"], second["id"]]
    assert (first["state"], first["retry_of"]) == ("failed", None)
    assert (second["state"], second["retry_of"]) == ("succeeded", first["id"])
    assert scene.keys(ACT) == [f"{first['id']}:main:1", f"{second['id']}:main:1"]


def test_cancel_and_retry_by_staff_a_canceled_create_can_be_tried_again(ground: Path) -> None:
    """Canceled and cleaned up, then tried again: one machine, of the second try."""

    async def story(scene: Scene) -> None:
        scene.fates(Fate(60.0))
        name = await scene.ask("create")
        await asyncio.sleep(5)
        await cancel(scene, name)
        await scene.quiet()
        await retry(scene, name, "again")

    scene = play(ground, story)
    assert scene.operation("create", 0)["state"] == "canceled"
    second = scene.operation("create", 1)
    assert (second["state"], second["retry_of"]) == ("succeeded", scene.operation("create", 0)["id"])
    assert (len(scene.living), scene.effects("instance.create")) == (1, 2)


def test_cancel_and_retry_by_staff_only_what_failed_or_was_canceled_is_tried_again(ground: Path) -> None:
    """A success is no reason for a second one."""

    async def story(scene: Scene) -> None:
        await scene.active()
        name = await scene.ask("reboot")
        with pytest.raises(ProblemError, match="action_not_allowed"):
            await retry(scene, name, "too early")
        await scene.quiet()
        with pytest.raises(ProblemError, match="action_not_allowed"):
            await retry(scene, name, "too late")

    scene = play(ground, story)
    assert scene.effects("instance.reboot") == 1
