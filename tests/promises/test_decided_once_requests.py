"""What was decided once about requests to InfraFabric: their keys, their deadlines, silence, and definite answers."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.actions import REGISTRY
from bridge.store import operations
from tests.promises.scene import (
    ACT,
    CREATE,
    DELETE,
    NONSENSE,
    Fault,
    Scene,
    lost,
    play,
    refuses,
    says,
    swallowed,
)
from tests.simulation.clockwork import EPOCH, true_time
from tests.simulation.provider import Fate

HOUR, DAY = 3600.0, 86400.0
PASSING = {"code": "internal", "message": "it broke", "retryable": True}
LONG: dict[str, Any] = {"pace": 60.0, "sweep": 900.0}
"""For stories of hours and days."""
UNDISTURBED = {"undo_terminate": ("terminate_later",), "unsuspend": ("suspend",), "start": ("stop",)}
BEHIND_ADDRESS, BEHIND_VOLUME = ("remove_address", "set_reverse_dns"), ("resize_volume", "remove_volume")


def before(action: str) -> tuple[str, ...]:
    """What has to be done to an active service before that action has something to do."""
    if action in BEHIND_ADDRESS:
        return ("add_address",)
    return ("add_volume",) if action in BEHIND_VOLUME else UNDISTURBED.get(action, ())


def seconds(row: dict[str, Any], since: str, until: str) -> float:
    """How long it was between two moments of an operation."""
    begin, end = (datetime.fromisoformat(str(row[name])) for name in (since, until))
    return (end - begin).total_seconds()


# ---- provider keys --------------------------------------------------------------------------------------------------

NO_DEFINITE_ANSWER = [
    lost,
    swallowed,
    refuses(500),
    refuses(503),
    says(502, b""),
    says(203),
    says(202, NONSENSE),
]
NOT_NOW = [refuses(429, "rate_limited"), refuses(408, "timeout"), refuses(409, "instance_busy")]


@pytest.mark.parametrize("fault", NO_DEFINITE_ANSWER + NOT_NOW)
def test_decided_once_provider_keys_stay_after_silence_and_not_now(ground: Path, fault: Fault) -> None:
    """Operation, step and try; the try stays 1 until there is a definite answer."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(ACT, fault, count=4)
        await scene.ask("suspend")

    scene = play(ground, story)
    assert scene.keys(ACT) == [f"{scene.operation('suspend')['id']}:main:1"]
    assert (len(scene.sent(ACT)), scene.effects("instance.suspend")) == (5, 1)


def test_decided_once_provider_keys_try_rises_after_a_failed_operation(ground: Path) -> None:
    """What InfraFabric took and failed is a new wish, with the next number."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(1.0, PASSING), Fate(1.0, PASSING))
        await scene.ask("suspend")

    scene = play(ground, story)
    name = scene.operation("suspend")["id"]
    assert scene.keys(ACT) == [f"{name}:main:1", f"{name}:main:2", f"{name}:main:3"]


def test_decided_once_provider_keys_name_the_step(ground: Path) -> None:
    """A volume is detached and then deleted; what a create left is cleaned: each step has a name of its own."""

    async def story(scene: Scene) -> None:
        await scene.active("add_volume")
        await scene.ask("remove_volume")
        await scene.quiet()
        await scene.ask("terminate")
        await scene.quiet()
        scene.fates(Fate(1.0, PASSING | {"retryable": False}))
        await scene.ask("create")

    scene = play(ground, story)
    removal, terminate, create = (scene.operation(a)["id"] for a in ("remove_volume", "terminate", "create"))
    assert scene.keys("POST /volumes/{id}/actions") == [f"{removal}:detach:1"]
    assert scene.keys("DELETE /volumes/{id}") == [f"{removal}:main:1"]
    assert scene.keys(DELETE) == [f"{terminate}:main:1", f"{create}:clean:2"]


# ---- deadlines ------------------------------------------------------------------------------------------------------

DEADLINES = {"create": 300, "reinstall": 300} | dict.fromkeys(
    ("suspend", "unsuspend", "terminate_later", "undo_terminate", "renew", "edit"), 86400
)
ALL = {name: DEADLINES.get(name, 120) for name in REGISTRY if name != "terminate"}
FROM_NOTHING = ("create", "adopt")


@pytest.mark.parametrize(("action", "allowed"), ALL.items())
def test_decided_once_deadlines_of_each_action(ground: Path, action: str, allowed: int) -> None:
    """An account that is throttled for ever: every action is tried on for the time it has, and then has failed."""

    async def story(scene: Scene) -> None:
        if action not in FROM_NOTHING:
            await scene.active(*before(action))
        scene.legacy("ins_legacy")
        scene.fault(
            "PATCH /instances/{id}" if action == "adopt" else "*",
            refuses(429, "rate_limited", retry_after=allowed / 8),
        )
        await scene.ask(action)

    scene = play(ground, story, pace=allowed / 20, sweep=900.0)
    operation = scene.operation(action)
    assert (operation["state"], operation["code"]) == ("failed", "provider_unavailable")
    assert seconds(operation, "started_at", "deadline_at") == allowed
    assert allowed * 0.7 < seconds(operation, "started_at", "finished_at") <= allowed


def test_decided_once_deadlines_run_from_leaving_the_queue(ground: Path) -> None:
    """Three reboots of a hundred seconds each: the last one waits longer than it may take, and does not mind."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(*[Fate(100.0)] * 3)
        for _ in range(3):
            await scene.ask("reboot")

    scene = play(ground, story)
    last = scene.operation("reboot")
    assert seconds(last, "created_at", "started_at") > 190
    assert (last["state"], seconds(last, "started_at", "deadline_at")) == ("succeeded", 120)


def test_decided_once_deadlines_a_create_that_is_late_is_deleted(ground: Path) -> None:
    """After 300 seconds DELETE ends the provider's operation, and what it made goes."""

    async def story(scene: Scene) -> None:
        scene.fates(Fate(None))
        await scene.ask("create")

    scene = play(ground, story)
    assert scene.end("create") == ("failed", "timeout")
    (deletion,) = scene.sent(DELETE)
    assert 300 <= deletion.at < 310
    assert [effect.outcome for effect in scene.provider.effects] == ["failed", "succeeded"]
    assert scene.living == []


@pytest.mark.parametrize(("hours", "state"), [(22, "succeeded"), (30, "failed")])
def test_decided_once_deadlines_suspend_is_tried_on_for_a_day(ground: Path, hours: int, state: str) -> None:
    """InfraFabric may be away for most of a day."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault("*", refuses(429, "rate_limited", retry_after=HOUR / 2), seconds=hours * HOUR)
        await scene.ask("suspend")

    scene = play(ground, story, **LONG)
    assert scene.operation("suspend")["state"] == state
    assert scene.service["state"] == {"succeeded": "suspended", "failed": "active"}[state]


def test_decided_once_deadlines_terminate_has_none_and_is_overdue_after_an_hour(ground: Path) -> None:
    """Refused for thirty hours, it is still tried; from the second hour on it is counted for the alert."""
    overdue: list[int] = []

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault("*", refuses(503, retry_after=HOUR / 3), seconds=30 * HOUR)
        await scene.ask("terminate")
        alert = scene.process.engine.policy.terminate_alert
        for pause in (0.95 * HOUR, 0.1 * HOUR):
            await asyncio.sleep(pause)
            overdue.append(await scene.database.read(operations.overdue_terminates, true_time() - alert))

    scene = play(ground, story, **LONG)
    assert overdue == [0, 1]
    assert (scene.end("terminate"), scene.living) == (("succeeded", None), [])
    assert scene.operation("terminate")["deadline_at"] is None


@pytest.mark.parametrize(("lasts", "end"), [(350, ("succeeded", None)), (400, ("failed", "timeout"))])
def test_decided_once_deadlines_three_times_as_long_while_infrafabric_works(
    ground: Path, lasts: float, end: tuple[str, str | None]
) -> None:
    """A reboot has two minutes to be taken, and six while InfraFabric is at it."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(lasts))
        await scene.ask("reboot")

    scene = play(ground, story)
    assert scene.end("reboot") == end
    if end[0] == "failed":
        assert 360 <= seconds(scene.operation("reboot"), "started_at", "finished_at") < 395


# ---- silence --------------------------------------------------------------------------------------------------------


def silent_suspend(ground: Path, fault: Fault, *, hours: float = 1000, meddle: bool = False) -> Scene:
    """A suspend that is not answered for hours; with `meddle`, somebody else changes the machine meanwhile."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(ACT, fault, seconds=hours * HOUR)
        await scene.ask("suspend")
        await asyncio.sleep(10 * HOUR)
        if meddle:
            scene.living[0]["version"] += 1

    return play(ground, story, **LONG)


def test_decided_once_silence_is_asked_again_under_the_same_key(ground: Path) -> None:
    """Nineteen hours without an answer: the same request, under the same key, and then it is answered."""
    scene = silent_suspend(ground, refuses(503, retry_after=HOUR), hours=19)
    assert scene.end("suspend") == ("succeeded", None)
    assert (len(scene.keys(ACT)), len(scene.sent(ACT)) > 15) == (1, True)
    assert scene.sent(ACT)[-1].at > 19 * HOUR


def test_decided_once_silence_older_than_twenty_hours_is_never_sent_again(ground: Path) -> None:
    """After that the machine is looked at, and says that it was done the first time."""
    scene = silent_suspend(ground, says(503, b"", retry_after=HOUR))
    assert scene.end("suspend") == ("succeeded", None)
    assert (len(scene.keys(ACT)), scene.effects("instance.suspend")) == (1, 1)
    assert scene.sent(ACT)[-1].at < 20 * HOUR + 60
    told = [json.loads(row["detail"]) for row in scene.rows["timeline"]]
    assert {"evidence": "the machine is as asked for"} in told


def test_decided_once_silence_about_an_untouched_machine_means_not_done(ground: Path) -> None:
    """The machine is what it was when the intent was written: nothing was taken, and it has failed."""
    scene = silent_suspend(ground, refuses(503, retry_after=HOUR))
    assert scene.end("suspend") == ("failed", "provider_unavailable")
    assert scene.sent(ACT)[-1].at < 20 * HOUR + 60
    assert (scene.service["state"], scene.service["drifted"]) == ("active", 0)


def test_decided_once_silence_that_nobody_can_explain_is_outcome_unknown(ground: Path) -> None:
    """The machine changed and does not show the effect: nobody can tell, and the service says that it drifted."""
    scene = silent_suspend(ground, refuses(503, retry_after=HOUR), meddle=True)
    assert scene.end("suspend") == ("failed", "outcome_unknown")
    assert (scene.service["drifted"], scene.operation("suspend")["error"]["status"] >= 400) == (1, True)


def away(ground: Path, action: str, outage: float, **members: Any) -> tuple[Scene, str]:
    """An action that is taken, while not a single answer comes back for so long; and its state at the end of that."""
    seen: list[str] = []

    async def story(scene: Scene) -> None:
        if action != "create":
            await scene.active()
        scene.fault("*", says(503, b"", retry_after=20), seconds=outage)
        operation_id = await scene.ask(action)
        await asyncio.sleep(outage)
        seen.append(scene.peek(operation_id)["state"])
        scene.asked.clear()

    return play(ground, story, **members), seen[0]


@pytest.mark.parametrize(
    ("action", "outage"),
    [("create", HOUR), ("reboot", 125.0), ("add_volume", 125.0), ("edit", HOUR), ("terminate", 2 * HOUR)],
)
def test_outcome_unknown_is_never_reported_as_failed_before_infrafabric_was_asked(
    ground: Path, action: str, outage: float
) -> None:
    """Beyond its deadline, and with nobody who answers, it is not called failed; its end follows a look."""
    scene, state = away(ground, action, outage)
    assert state == "running"
    operation = scene.operation(action)
    assert operation["state"] == {"create": "failed", "reboot": "failed"}.get(action, "succeeded")
    assert operation["code"] == {"create": "timeout", "reboot": "outcome_unknown"}.get(action)
    looked = [each.at for each in scene.asked if each.call.startswith("GET") and each.status == 200]
    ended = datetime.fromisoformat(operation["finished_at"]).replace(tzinfo=UTC)
    assert EPOCH + timedelta(seconds=min(looked)) < ended
    assert len(scene.living) == int(action not in ("create", "terminate"))


def test_outcome_unknown_is_looked_into_with_patience(ground: Path) -> None:
    """While InfraFabric is away, an operation past its deadline keeps to its backoff."""
    scene, _ = away(ground, "reboot", 130.0)
    assert scene.operation("reboot")["events"].count("no_answer") < 30


# ---- provider answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"), [(301, "provider_refused"), (307, "provider_refused"), (507, "no_capacity")]
)
def test_decided_once_provider_answers_3xx_and_507_are_definite(ground: Path, status: int, code: str) -> None:
    """Nowhere is followed, nothing is asked again: it has failed at once."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault("POST /instances/{id}/addresses", refuses(status, f"http_{status}"))
        await scene.ask("add_address")

    scene = play(ground, story)
    assert scene.end("add_address") == ("failed", code)
    assert [asked.status for asked in scene.asked] == [status]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("killed", [False, True])
def test_decided_once_provider_answers_retry_after_is_kept_in_full_over_a_restart(
    ground: Path, status: int, killed: bool
) -> None:
    """A minute and a half is a minute and a half, also for the process that takes over."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(ACT, refuses(status, retry_after=90), count=1)
        await scene.ask("reboot")
        await asyncio.sleep(20)
        if killed:
            scene.crash()

    scene = play(ground, story)
    first, second = scene.sent(ACT)
    assert 90 <= second.at - first.at < 112
    assert (scene.end("reboot"), scene.kills) == (("succeeded", None), int(killed))


def test_decided_once_provider_answers_retry_after_beyond_the_deadline_fails(ground: Path) -> None:
    """It cannot be done in time, so it is said at once that it was not."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(ACT, refuses(429, "rate_limited", retry_after=130))
        await scene.ask("reboot")

    scene = play(ground, story)
    assert scene.end("reboot") == ("failed", "provider_unavailable")
    assert len(scene.sent(ACT)) == 1
    assert seconds(scene.operation("reboot"), "started_at", "finished_at") < 5


def test_decided_once_provider_answers_of_a_create_are_definite_too(ground: Path) -> None:
    """507 made nothing: failed at once, nothing to clean."""

    async def story(scene: Scene) -> None:
        scene.fault(CREATE, refuses(507, "no_capacity"))
        await scene.ask("create")

    scene = play(ground, story)
    assert scene.end("create") == ("failed", "no_capacity")
    assert [asked.call for asked in scene.asked] == [CREATE]
