"""Orphan mitigation (A17), row by row: after which answers the bridge removes what a request may have made.

How the bridge does it: a create that was met with silence is asked about under its own key first, because that settles
most cases without removing anything. What still has to go is deleted until InfraFabric confirms it. Where the table
says no, nobody may delete anything.
"""

from pathlib import Path

import pytest

from tests.promises.scene import (
    ACT,
    CREATE,
    DELETE,
    LOOK,
    NONSENSE,
    Fault,
    Scene,
    lost,
    play,
    refuses,
    says,
    swallowed,
)
from tests.simulation.network import Weather
from tests.simulation.provider import Fate

BROKEN = {"code": "internal", "message": "it broke", "retryable": False}
EDIT, WALL, VOLUME = "PATCH /instances/{id}", "PUT /instances/{id}/firewall", "POST /volumes"
UPDATES = {"edit": EDIT, "suspend": ACT, "reboot": ACT, "set_firewall": WALL, "add_volume": VOLUME}
DEAF = Weather(callback_lost=1.0)
"""No callback ever comes, so that everything is learned by asking."""


def create_that_meets(ground: Path, fault: Fault, *, count: int = 10**9) -> Scene:
    """A create whose request meets a fault; deleting needs four tries."""

    async def story(scene: Scene) -> None:
        scene.fault(CREATE, fault, count=count)
        scene.fault(DELETE, refuses(503), count=3)
        await scene.ask("create")

    return play(ground, story)


def is_removed(scene: Scene, code: str) -> None:
    """The create failed, and only after InfraFabric had confirmed the end of all that it made."""
    create = scene.operation("create")
    assert (create["state"], create["code"]) == ("failed", code)
    assert scene.effects("instance.create") == 1
    assert [asked.status for asked in scene.sent(DELETE)] == [503, 503, 503, 202]
    assert (scene.living, scene.volumes, scene.service["state"]) == ([], [], "failed")
    assert "cleaning" in create["events"]
    assert create["events"][-1] == "failed"


def is_left_alone(scene: Scene, action: str) -> None:
    """Nothing was deleted, and the operation never thought of it."""
    assert scene.sent(DELETE) == []
    assert len(scene.living) == 1
    assert "cleaning" not in scene.operation(action)["events"]


# ---- create: yes ----------------------------------------------------------------------------------------------------


def test_A17_create_timeout_is_deleted_until_success(ground: Path) -> None:
    """Silence up to the deadline: the machine that nobody confirmed is looked for, and deleted until it is gone."""
    scene = create_that_meets(ground, lost)
    is_removed(scene, "timeout")
    assert len(scene.keys(CREATE)) == 1


def test_A17_create_5xx_is_deleted_until_success(ground: Path) -> None:
    """A server error after the effect says as little as silence."""
    is_removed(create_that_meets(ground, says(500, b"")), "timeout")


@pytest.mark.parametrize("status", [203, 204, 206, 226])
def test_A17_create_other_2xx_is_deleted_until_success(ground: Path, status: int) -> None:
    """A yes that the contract does not know promises nothing, even with a good body."""
    is_removed(create_that_meets(ground, says(status)), "timeout")


@pytest.mark.parametrize("status", [201, 202])
@pytest.mark.parametrize("body", [NONSENSE, b'{"operation":', b"", b"[]"])
def test_A17_create_malformed_201_or_202_is_deleted_until_success(
    ground: Path, status: int, body: bytes
) -> None:
    """It was taken, under a name that cannot be read."""
    is_removed(create_that_meets(ground, says(status, body)), "timeout")


@pytest.mark.parametrize(
    "fault", [lost, swallowed, says(500, b""), refuses(503), says(206), says(202, NONSENSE)]
)
def test_A17_create_silence_is_asked_again_under_its_key_before_anything_is_deleted(
    ground: Path, fault: Fault
) -> None:
    """Whatever the first answers were, the same key gets the machine; it is one, and nothing needed removing."""
    scene = create_that_meets(ground, fault, count=4)
    is_left_alone(scene, "create")
    assert scene.end("create") == ("succeeded", None)
    assert (len(scene.sent(CREATE)), len(scene.keys(CREATE)), scene.effects("instance.create")) == (5, 1, 1)


def test_A17_create_timeout_that_arrives_after_all_is_deleted_too(ground: Path) -> None:
    """No request got through before the deadline; the one that only asks what became of it may, and is undone."""

    async def story(scene: Scene) -> None:
        scene.fault(CREATE, swallowed, seconds=330)
        await scene.ask("create")

    scene = play(ground, story)
    assert scene.end("create") == ("failed", "timeout")
    assert (scene.living, len(scene.keys(CREATE))) == ([], 1)
    assert scene.effects("instance.create") == len(scene.sent(DELETE))


# ---- polled: yes ----------------------------------------------------------------------------------------------------


def test_A17_create_polled_failed_is_deleted_until_success(ground: Path) -> None:
    """InfraFabric took it and could not do it: the broken machine goes before the create has failed."""

    async def story(scene: Scene) -> None:
        scene.fates(Fate(5.0, BROKEN), Fate(5.0, BROKEN), Fate(5.0, BROKEN))
        scene.fault(DELETE, refuses(500), count=2)
        await scene.ask("create")

    scene = play(ground, story, weather=DEAF)
    create = scene.operation("create")
    assert (create["state"], create["code"]) == ("failed", "provider_failed")
    assert {"polled", "cleaning"} <= set(create["events"])
    assert "callback" not in create["events"]
    assert (scene.effects("instance.delete"), scene.living) == (3, []), "deletions that failed are begun anew"


def test_A17_delete_polled_failed_is_deleted_again_until_success(ground: Path) -> None:
    """A deletion that InfraFabric gave up is asked for as a new wish, under a new key, until one succeeds."""

    async def story(scene: Scene) -> None:
        await scene.active("add_volume")
        scene.fates(*[Fate(5.0, BROKEN)] * 4)
        await scene.ask("terminate")

    scene = play(ground, story, weather=DEAF)
    assert scene.end("terminate") == ("succeeded", None)
    assert (scene.effects("instance.delete"), len(scene.keys(DELETE))) == (5, 5)
    assert (scene.living, scene.volumes, scene.service["state"]) == ([], [], "terminated")


# ---- delete: yes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [refuses(500), refuses(503), says(502, b""), says(203), says(204, b""), says(299)],
    ids=["500", "503", "502_after_the_effect", "203", "204", "299"],
)
def test_A17_delete_5xx_or_other_2xx_is_repeated_until_success(ground: Path, fault: Fault) -> None:
    """Terminated is only said once InfraFabric shows that nothing is left, however long it talks past the point."""

    async def story(scene: Scene) -> None:
        await scene.active("add_volume")
        scene.fault(DELETE, fault, seconds=900)
        await scene.ask("terminate")

    scene = play(ground, story)
    assert scene.end("terminate") == ("succeeded", None)
    assert (scene.living, scene.volumes, scene.service["state"]) == ([], [], "terminated")
    assert scene.sent(DELETE)[-1].at > 900
    assert (len(scene.sent(DELETE)) > 10, len(scene.keys(DELETE))) == (True, 1)
    assert scene.effects("instance.delete") == 1


# ---- timeouts of everything else: no --------------------------------------------------------------------------------


def test_A17_delete_update_read_timeout_nothing_cleaned_up_delete(ground: Path) -> None:
    """A deletion without an answer is the same deletion once more, and not a second one."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(DELETE, lost, count=5)
        await scene.ask("terminate")

    scene = play(ground, story)
    assert scene.end("terminate") == ("succeeded", None)
    assert (len(scene.keys(DELETE)), scene.effects("instance.delete"), scene.living) == (1, 1, [])
    assert "cleaning" not in scene.operation("terminate")["events"]


@pytest.mark.parametrize(("action", "call"), UPDATES.items())
@pytest.mark.parametrize("fault", [lost, swallowed])
def test_A17_delete_update_read_timeout_nothing_cleaned_up_update(
    ground: Path, action: str, call: str, fault: Fault
) -> None:
    """A change without an answer is asked for again under its key; the machine is nobody's to delete."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(call, fault, count=3)
        await scene.ask(action)

    scene = play(ground, story)
    is_left_alone(scene, action)
    assert scene.end(action) == ("succeeded", None)
    assert (len(scene.sent(call)), len(scene.keys(call))) == (4, 1)


@pytest.mark.parametrize("fault", [lost, swallowed])
def test_A17_delete_update_read_timeout_nothing_cleaned_up_update_for_good(
    ground: Path, fault: Fault
) -> None:
    """Even if no answer ever comes, the customer's machine stays."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(ACT, fault)
        await scene.ask("reboot")

    scene = play(ground, story)
    is_left_alone(scene, "reboot")
    assert scene.operation("reboot")["state"] == "failed"
    assert scene.service["state"] == "active"


@pytest.mark.parametrize("call", [LOOK, "GET /instances/{id}", "GET /volumes"])
def test_A17_delete_update_read_timeout_nothing_cleaned_up_read(ground: Path, call: str) -> None:
    """A question without an answer is asked again later, and changes nothing."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(call, lost, count=4)
        await scene.ask("add_volume")

    scene = play(ground, story, weather=DEAF)
    is_left_alone(scene, "add_volume")
    assert (scene.end("add_volume"), scene.effects("volume.create")) == (("succeeded", None), 1)
    assert sum(asked.status == 0 for asked in scene.sent(call)) == 4


# ---- update, 5xx or other 2xx: no -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "call"), UPDATES.items())
@pytest.mark.parametrize(
    "fault", [refuses(500), says(502, b""), says(203), says(204, b"")], ids=["500", "502", "203", "204"]
)
def test_A17_update_5xx_or_other_2xx_nothing_cleaned_up(
    ground: Path, action: str, call: str, fault: Fault
) -> None:
    """What became of it is asked under the same key; the machine stays, and the change happens once."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(call, fault, count=3)
        await scene.ask(action)

    scene = play(ground, story)
    is_left_alone(scene, action)
    assert scene.end(action) == ("succeeded", None)
    assert len(scene.keys(call)) == 1


# ---- 408 and every other 4xx: no ------------------------------------------------------------------------------------

NOT_NOW = ((408, "request_timeout"), (409, "instance_busy"))
NO = ((400, "malformed"), (401, "unauthorized"), (403, "forbidden"), (404, "not_found"), (422, "bad_image"))


@pytest.mark.parametrize(("status", "code"), NO)
def test_A17_408_or_other_4xx_nothing_cleaned_up_create_refused(ground: Path, status: int, code: str) -> None:
    """A definite no made nothing: failed at once, without a deletion, or a search for what to delete."""
    scene = create_that_meets(ground, refuses(status, code), count=1)
    create = scene.operation("create")
    assert create["state"] == "failed"
    assert "cleaning" not in create["events"]
    assert [asked.call for asked in scene.asked] == [CREATE]
    assert scene.living == []


@pytest.mark.parametrize(("status", "code"), NOT_NOW)
def test_A17_408_or_other_4xx_nothing_cleaned_up_create_not_now(ground: Path, status: int, code: str) -> None:
    """Not now is asked again while there is time; then it has failed, and there was nothing to delete."""
    scene = create_that_meets(ground, refuses(status, code), count=3)
    is_left_alone(scene, "create")
    assert scene.end("create") == ("succeeded", None)
    never = create_that_meets(ground, refuses(status, code))
    assert never.end("create") == ("failed", "provider_unavailable")
    assert {asked.call for asked in never.asked} == {CREATE}
    assert "cleaning" not in never.operation("create")["events"]


@pytest.mark.parametrize(
    ("status", "code"), [*NO, (409, "instance_suspended"), (429, "rate_limited"), *NOT_NOW]
)
def test_A17_408_or_other_4xx_nothing_cleaned_up_update(ground: Path, status: int, code: str) -> None:
    """A change that is refused or put off leaves the machine where it is."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(EDIT, refuses(status, code), count=2)
        await scene.ask("edit")

    scene = play(ground, story)
    is_left_alone(scene, "edit")
    later = (status, code) in NOT_NOW or status == 429
    assert scene.operation("edit")["state"] == ("succeeded" if later else "failed")
    assert scene.effects("instance.update") == int(later)


@pytest.mark.parametrize(("status", "code"), [(400, "malformed"), (401, "unauthorized"), *NOT_NOW])
def test_A17_408_or_other_4xx_nothing_cleaned_up_read(ground: Path, status: int, code: str) -> None:
    """A question that is refused says nothing about what was asked about."""

    async def story(scene: Scene) -> None:
        scene.fates(Fate(30.0))
        scene.fault(LOOK, refuses(status, code), count=3)
        await scene.ask("create")

    scene = play(ground, story, weather=DEAF)
    is_left_alone(scene, "create")
    assert scene.end("create") == ("succeeded", None)


@pytest.mark.parametrize(("status", "code"), [(400, "malformed"), (409, "instance_error"), *NOT_NOW])
def test_A17_408_or_other_4xx_nothing_cleaned_up_delete(ground: Path, status: int, code: str) -> None:
    """A refused deletion is no reason for a clean-up; it is still owed, and asked for until it is done."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(DELETE, refuses(status, code), count=4)
        await scene.ask("terminate")

    scene = play(ground, story)
    assert (scene.end("terminate"), scene.living) == (("succeeded", None), [])
    assert "cleaning" not in scene.operation("terminate")["events"]
    assert scene.effects("instance.delete") == 1


# ---- 200 malformed: no ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "call"), [("create", CREATE), ("edit", EDIT), ("add_volume", VOLUME)])
def test_A17_200_malformed_nothing_cleaned_up(ground: Path, action: str, call: str) -> None:
    """An unreadable 200 is asked about under the same key, and nothing is deleted for it."""

    async def story(scene: Scene) -> None:
        if action != "create":
            await scene.active()
        scene.fault(call, says(200, NONSENSE), count=3)
        await scene.ask(action)

    scene = play(ground, story)
    is_left_alone(scene, action)
    assert scene.end(action) == ("succeeded", None)
    assert (len(scene.sent(call)), len(scene.keys(call))) == (4, 1)


def test_A17_200_malformed_nothing_cleaned_up_delete(ground: Path) -> None:
    """An unreadable 200 to a deletion is no confirmation: the same request again, and one deletion."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(DELETE, says(200, NONSENSE), count=3)
        await scene.ask("terminate")

    scene = play(ground, story)
    assert (scene.end("terminate"), scene.living) == (("succeeded", None), [])
    assert (len(scene.keys(DELETE)), scene.effects("instance.delete")) == (1, 1)


@pytest.mark.parametrize("call", [LOOK, "GET /instances/{id}"])
def test_A17_200_malformed_nothing_cleaned_up_read(ground: Path, call: str) -> None:
    """An unreadable answer to a question is asked for again, and nobody concludes that anything failed."""

    async def story(scene: Scene) -> None:
        scene.fault(call, says(200, NONSENSE), count=3)
        await scene.ask("create")

    scene = play(ground, story, weather=DEAF)
    is_left_alone(scene, "create")
    assert scene.end("create") == ("succeeded", None)
