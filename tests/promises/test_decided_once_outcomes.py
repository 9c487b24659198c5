"""What was decided once about how things end: failed creates, truth that comes late, and whom a callback is about."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.promises.scene import ACT, CREATE, DELETE, LOOK, Scene, lost, play, refuses, swallowed
from tests.simulation.clockwork import true_time
from tests.simulation.network import Weather, deliver
from tests.simulation.provider import Fate, public
from tests.simulation.stories import KEY

HOUR = 3600.0
PASSING = {"code": "internal", "message": "it broke", "retryable": True}
FOR_GOOD = PASSING | {"retryable": False}
LONG: dict[str, Any] = {"pace": 60.0, "sweep": 900.0}
DEAF = Weather(callback_lost=1.0)


# ---- failed create --------------------------------------------------------------------------------------------------


def test_decided_once_failed_create_two_more_tries_and_cleaned_between(ground: Path) -> None:
    """Three attempts at most, each under a key of its own, and never a machine left when the next one begins."""

    async def story(scene: Scene) -> None:
        scene.provider.fate = lambda kind: Fate(0.5, PASSING if kind == "instance.create" else None)
        await scene.ask("create")

    scene = play(ground, story)
    assert scene.end("create") == ("failed", "provider_failed")
    assert [effect.kind for effect in scene.provider.effects] == ["instance.create", "instance.delete"] * 3
    assert len(scene.keys(CREATE)) == 3
    assert scene.operation("create")["events"].count("cleaning") == 3
    assert scene.living == []


def test_decided_once_failed_create_that_is_not_retryable_is_not_tried_again(ground: Path) -> None:
    """InfraFabric says that trying again is no use."""

    async def story(scene: Scene) -> None:
        scene.fates(Fate(0.5, FOR_GOOD))
        await scene.ask("create")

    scene = play(ground, story)
    assert (scene.end("create"), len(scene.sent(CREATE))) == (("failed", "provider_failed"), 1)


def test_decided_once_failed_create_is_failed_only_when_nothing_is_left(ground: Path) -> None:
    """Ten minutes in which nothing can be deleted are ten minutes in which it has not failed yet."""
    seen: list[tuple[str, int]] = []

    async def story(scene: Scene) -> None:
        scene.fates(Fate(0.5, FOR_GOOD))
        scene.fault(DELETE, refuses(500), seconds=600)
        name = await scene.ask("create")
        while scene.peek(name)["finished_at"] is None:
            seen.append((scene.peek(name)["state"], len(scene.living)))
            await asyncio.sleep(1.0)
        seen.append((scene.peek(name)["state"], len(scene.living)))

    scene = play(ground, story)
    assert len(seen) > 600
    assert [state for state, machines in seen if state == "failed"] == ["failed"]
    assert seen[-1] == ("failed", 0)
    events = scene.operation("create")["events"]
    assert events.index("cleaning") < events.index("failed")


def released(ground: Path, hours: float) -> Scene:
    """A create that Blesta stopped waiting for, in an InfraFabric that is full for so many hours."""

    async def story(scene: Scene) -> None:
        scene.provider.full = True
        scene.fault(CREATE, swallowed, count=1)
        await scene.ask("create", wait=5)
        await asyncio.sleep(hours * HOUR)
        scene.provider.full = False

    return play(ground, story, **LONG)


def test_decided_once_failed_create_that_blesta_shows_is_tried_for_a_day(ground: Path) -> None:
    """The customer was told that it comes: no room for ten hours only means that it comes later."""
    scene = released(ground, 10)
    assert (scene.end("create"), len(scene.living)) == (("succeeded", None), 1)
    pauses = [
        after.at - at.at for at, after in zip(scene.sent(CREATE)[1:], scene.sent(CREATE)[2:], strict=False)
    ]
    assert 0 < max(pauses) <= 15 * 60 + 60, "with backoff, and a fresh look at least every quarter of an hour"
    assert len(pauses) > 20


def test_decided_once_failed_create_that_blesta_shows_fails_after_a_day(ground: Path) -> None:
    """After twenty-four hours it has failed after all, and nothing is left."""
    scene = released(ground, 40)
    assert (scene.end("create"), scene.living) == (("failed", "no_capacity"), [])
    assert 23.5 * HOUR < scene.sent(CREATE)[-1].at < 24.5 * HOUR


def test_decided_once_failed_create_without_room_is_told_to_whoever_still_waits(ground: Path) -> None:
    """Nobody shows the service yet: no capacity is a definite no for now, and Blesta calls again by itself."""

    async def story(scene: Scene) -> None:
        scene.provider.full = True
        await scene.ask("create", wait=30)

    scene = play(ground, story)
    assert (scene.end("create"), len(scene.sent(CREATE))) == (("failed", "no_capacity"), 1)


# ---- late truth -----------------------------------------------------------------------------------------------------


def test_decided_once_late_truth_follows_the_machine_and_not_the_operation(ground: Path) -> None:
    """A reboot was given up as late; InfraFabric ends it after all: the operation stays, the service is right again."""
    then: list[Any] = []

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(500.0))
        name = await scene.ask("reboot")
        await asyncio.sleep(450)
        then.extend((scene.peek(name), scene.peek_service()["drifted"]))
        await asyncio.sleep(100)

    scene = play(ground, story)
    row, drifted = then
    assert (row["state"], json.loads(row["error"])["code"], drifted) == ("failed", "timeout", 1)
    assert [e.outcome for e in scene.provider.effects] == ["succeeded", "succeeded"]
    (stored,) = (each for each in scene.rows["operations"] if each["id"] == row["id"])
    assert stored == row
    assert (scene.service["drifted"], scene.service["instance_version"]) == (0, scene.living[0]["version"])


# ---- callbacks ------------------------------------------------------------------------------------------------------


def test_decided_once_callbacks_are_enough_to_act_on(ground: Path) -> None:
    """No look at the operation ever works, and none is needed: a valid signature settles it."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(LOOK, refuses(503))
        await scene.ask("suspend")

    scene = play(ground, story)
    assert scene.end("suspend") == ("succeeded", None)
    assert "callback" in scene.operation("suspend")["events"]
    assert [asked for asked in scene.sent(LOOK) if asked.status == 200] == []


def test_decided_once_callbacks_bring_no_password_it_is_fetched(ground: Path) -> None:
    """The end of a create is told, and its password asked for, once."""

    async def story(scene: Scene) -> None:
        scene.fates(Fate(1.0))  # long enough for the 202, and told before the first look would come
        await scene.ask("create")
        await asyncio.sleep(1.5)
        (made,) = scene.provider.operations.values()
        await tell(scene, "msg_end", "operation.succeeded", public(made))

    scene = play(ground, story, weather=Weather(callback_lost=1.0))
    events = scene.operation("create")["events"]
    assert ("callback" in events, "polled" in events) == (True, False)
    assert [asked.status for asked in scene.sent(LOOK)] == [200]
    (credentials,) = scene.rows["credentials"]
    assert credentials["root_password"] is not None


@pytest.mark.parametrize("secret", [b"somebody else's secret, 32 bytes", b""])
def test_decided_once_callbacks_without_a_valid_signature_are_nothing(ground: Path, secret: bytes) -> None:
    """The end of the operation is told by somebody without the secret: it goes on as if nothing had been said."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(60.0))
        name = await scene.ask("reboot")
        await asyncio.sleep(5)
        true, scene.secret = scene.secret, secret
        running = next(op for op in scene.provider.operations.values() if op["status"] == "running")
        scene.spawn(
            deliver(scene, "msg_forged", "operation.succeeded", public(running) | {"status": "succeeded"})
        )
        await asyncio.sleep(3)
        scene.secret = true
        assert scene.peek(name)["state"] == "awaiting"

    scene = play(ground, story)
    assert scene.end("reboot") == ("succeeded", None)


# ---- matching callbacks ---------------------------------------------------------------------------------------------


async def tell(scene: Scene, name: str, kind: str, data: dict[str, Any]) -> None:
    """InfraFabric says something, and it has arrived."""
    sunny, scene.weather.callback_lost = scene.weather.callback_lost, 0.0
    await deliver(scene, name, kind, data)
    scene.weather.callback_lost = sunny


def test_decided_once_matching_callbacks_by_provider_operation_id(ground: Path) -> None:
    """A report about an operation that is not ours ends nothing, even on our machine; the one about ours does."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(60.0))
        name = await scene.ask("suspend")
        await asyncio.sleep(5)
        running = public(next(op for op in scene.provider.operations.values() if op["status"] == "running"))
        await tell(scene, "msg_a", "operation.failed", running | {"id": "op_other", "status": "failed"})
        await asyncio.sleep(5)
        assert scene.peek(name)["state"] == "awaiting"
        await tell(scene, "msg_b", "operation.succeeded", running | {"status": "succeeded"})
        await asyncio.sleep(1)
        assert scene.peek(name)["state"] == "succeeded"

    play(ground, story)


def test_decided_once_matching_callbacks_by_instance_id(ground: Path) -> None:
    """A machine is known by its id, whatever reference the report carries; by a foreign id it is not."""

    async def story(scene: Scene) -> None:
        await scene.active()
        machine = scene.living[0]
        other = machine | {"id": "ins_other", "version": 99, "status": "stopped"}
        await tell(scene, "msg_a", "instance.updated", other)
        assert scene.peek_service()["power"] == "on"
        machine.update(version=machine["version"] + 1, status="stopped")
        await tell(scene, "msg_b", "instance.updated", machine | {"reference": "renamed"})
        assert scene.peek_service()["power"] == "off"

    play(ground, story, weather=Weather(callback_lost=1.0))


def test_decided_once_matching_callbacks_by_reference_while_the_id_is_unknown(ground: Path) -> None:
    """The create is not answered; a machine older than this life is not taken for its own, the right one is."""
    known: list[str | None] = []

    async def story(scene: Scene) -> None:
        scene.plant(KEY)
        stranger = dict(next(iter(scene.provider.instances.values())))
        scene.provider.instances[stranger["id"]]["reference"] = "somewhere else"
        scene.strangers[stranger["id"]] = json.dumps(scene.provider.instances[stranger["id"]])
        scene.fault(CREATE, lost, count=3)
        await scene.ask("create")
        await asyncio.sleep(10)
        await tell(scene, "msg_a", "instance.updated", stranger | {"version": 50})
        known.append(scene.peek_service()["instance_id"])
        mine = next(each for each in scene.living if each["id"] != stranger["id"])
        await tell(scene, "msg_b", "instance.updated", mine)
        known.extend((scene.peek_service()["instance_id"], mine["id"]))

    scene = play(ground, story, weather=Weather(callback_lost=1.0))
    before, after, mine = known
    assert (before, after) == (None, mine)
    assert scene.end("create") == ("succeeded", None)


@pytest.mark.parametrize("adopted", [True, False])
def test_a_machine_that_another_service_adopted_is_never_taken_for_ones_own(
    ground: Path, adopted: bool
) -> None:
    """It carries this service's reference and is young enough; its label says whose it is. Nobody touches it then."""
    left: list[str] = []

    async def story(scene: Scene) -> None:
        scene.plant(KEY)
        (machine,) = scene.provider.instances.values()
        machine["created_at"] = machine["updated_at"] = true_time().isoformat()
        owner = KEY[:-1] + "9" if adopted else KEY
        machine["labels"] = {"bridge": "inst_sim:shop", "service_key": owner}
        scene.strangers = {machine["id"]: json.dumps(machine)} if adopted else {}
        await scene.ask("create")
        await scene.quiet()
        await scene.ask("terminate")
        await scene.quiet()
        left.extend(each["id"] for each in scene.living)

    play(ground, story)
    assert left == (["ins_stranger0"] if adopted else [])


def test_decided_once_matching_callbacks_of_an_earlier_life_are_ignored(ground: Path) -> None:
    """The first machine's news come when the second one is on its way, or runs."""

    async def story(scene: Scene) -> None:
        await scene.active("terminate")
        first = dict(next(iter(scene.provider.instances.values())))
        scene.fates(Fate(30.0))
        await scene.ask("create")
        for pause, name in ((5, "msg_a"), (60, "msg_b")):
            await asyncio.sleep(pause)
            news = first | {"status": "running", "version": 99, "hostname": "ghost.example"}
            await tell(scene, name, "instance.updated", news)
            assert scene.peek_service()["hostname"] == "one.example"
            assert scene.peek_service()["instance_id"] != first["id"]

    scene = play(ground, story)
    assert (scene.service["state"], len(scene.living)) == ("active", 1)
    assert scene.sent(ACT) == []
