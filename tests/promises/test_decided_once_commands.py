"""What was decided once about taking commands in: refusals, waits, projection, the name of a machine, and its end."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.connections import ConnectionBook
from bridge.domain.problems import CATALOGUE
from bridge.store import catalog, engines, meta
from bridge.store.inline import InlineDatabase
from tests.promises.scene import ACT, CREATE, DELETE, Scene, at_once, play, refuses
from tests.simulation.clockwork import true_time
from tests.simulation.provider import Fate
from tests.simulation.stories import KEY
from tests.unit.engine import virtual
from tests.unit.engine.stage import Nowhere

ROOT = Path(__file__).resolve().parents[2]
ORDER = {"type": "vps", "hostname": "one.example", "image": "debian-12", "plan": "vps-1"}


# ---- codes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("idempotency_key_missing", 400),
        ("idempotency_key_invalid", 400),
        ("action_not_allowed", 409),
        ("forbidden", 403),
        ("not_found", 404),
        ("queue_full", 429),
    ],
)
def test_decided_once_codes_have_their_status(code: str, status: int) -> None:
    """One code, one status, wherever it is said."""
    assert CATALOGUE[code][0] == status


def test_decided_once_codes_a_full_queue_is_429_with_a_time(ground: Path) -> None:
    """Sixteen unfinished operations are the most that one service may have; the answer says when to come back."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(60.0))
        for _ in range(16):
            await scene.ask("reboot")
        error = await scene.refused("reboot")
        assert (error.problem.code, error.problem.status) == ("queue_full", 429)
        assert int(error.headers["Retry-After"]) > 0

    scene = play(ground, story)
    assert scene.effects("instance.reboot") == 16


def test_decided_once_codes_a_refusal_names_state_and_reason(ground: Path) -> None:
    """Not allowed in this state: which one it is, and what the action would need."""

    async def story(scene: Scene) -> None:
        await scene.active("suspend")
        problem = (await scene.refused("reboot")).problem
        assert (problem.code, problem.status) == ("action_not_allowed", 409)
        assert problem.extra["state"] == "suspended"
        assert "active" in problem.extra["reason"]

    play(ground, story)


# ---- admission ------------------------------------------------------------------------------------------------------


def test_decided_once_admission_is_judged_on_the_projected_state(ground: Path) -> None:
    """Unsuspend behind a suspend that has not even begun is taken, and both happen, in that order."""

    async def story(scene: Scene) -> None:
        await scene.active()
        for action in ("suspend", "unsuspend"):
            assert scene.peek(await scene.ask(action))["state"] == "queued"

    scene = play(ground, story)
    kinds = [effect.kind for effect in scene.provider.effects]
    assert kinds == ["instance.create", "instance.suspend", "instance.resume"]
    assert scene.service["state"] == "active"


def test_decided_once_admission_is_judged_again_when_its_turn_comes(ground: Path) -> None:
    """The suspend before it failed, so that there is nothing to unsuspend: nothing is sent for it."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault(ACT, refuses(422, "not_this_one"), count=1)
        await scene.ask("suspend")
        await scene.ask("unsuspend")

    scene = play(ground, story)
    assert scene.operation("suspend")["state"] == "failed"
    assert scene.end("unsuspend") == ("succeeded", None)
    assert "sent" not in scene.operation("unsuspend")["events"]
    assert len(scene.sent(ACT)) == 1


def test_decided_once_admission_what_no_longer_applies_is_state_changed(ground: Path) -> None:
    """A reboot behind a create that fails: accepted, judged again, and not sent."""

    async def story(scene: Scene) -> None:
        scene.fates(Fate(5.0, {"code": "internal", "message": "it broke", "retryable": False}))
        await scene.ask("create")
        await scene.ask("reboot")

    scene = play(ground, story)
    assert scene.end("reboot") == ("failed", "state_changed")
    assert scene.sent(ACT) == []


def test_decided_once_admission_terminate_is_always_admitted(ground: Path) -> None:
    """Also when the queue is full."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(60.0))
        for _ in range(16):
            await scene.ask("reboot")
        assert (await scene.refused("reboot")).problem.code == "queue_full"
        assert scene.peek(scene.accept("terminate"))["state"] == "queued"

    scene = play(ground, story)
    assert scene.end("terminate") == ("succeeded", None)


# ---- terminate ------------------------------------------------------------------------------------------------------


def test_decided_once_terminate_cancels_and_halts_in_its_own_transaction(ground: Path) -> None:
    """The moment it is stored, what waits is canceled and what runs is marked: there is no moment in between."""
    seen: list[tuple[str, str]] = []

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(300.0))
        reboots = [await scene.ask("reboot") for _ in range(3)]
        await asyncio.sleep(5)
        scene.accept("terminate")
        seen.extend((scene.peek(name)["state"], scene.peek(name)["halt"]) for name in reboots)

    scene = play(ground, story)
    assert seen == [("awaiting", "terminate"), ("canceled", ""), ("canceled", "")]
    assert [scene.operation("reboot", number)["state"] for number in range(3)] == ["canceled"] * 3
    assert "halting" in scene.operation("reboot", 0)["events"]


def test_decided_once_terminate_preempts_what_runs_at_infrafabric(ground: Path) -> None:
    """DELETE does not wait for a reboot of five minutes; the reboot ends canceled."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(300.0))
        await scene.ask("reboot")
        await asyncio.sleep(5)
        scene.asked.clear()
        await scene.ask("terminate")

    scene = play(ground, story)
    assert scene.end("reboot") == ("canceled", "canceled")
    (deletion,) = scene.sent(DELETE)
    assert deletion.at < 60
    assert [effect.outcome for effect in scene.provider.effects] == ["succeeded", "failed", "succeeded"]


def test_decided_once_terminate_says_terminated_only_when_machine_and_volumes_are_gone(ground: Path) -> None:
    """Half a minute of deleting, and a detached volume that goes reluctantly: all that time it is not terminated."""
    seen: list[tuple[str, int, int]] = []

    async def story(scene: Scene) -> None:
        await scene.active("add_volume")
        scene.fault("DELETE /volumes/{id}", refuses(500), count=8)
        await scene.ask("remove_volume")
        await asyncio.sleep(1.5)
        scene.fates(Fate(30.0))
        name = await scene.ask("terminate")
        while scene.peek(name)["finished_at"] is None:
            state = scene.peek_service()["state"]
            seen.append((state, len(scene.living), len(scene.volumes)))
            await asyncio.sleep(0.5)

    scene = play(ground, story)
    assert len(seen) > 20
    assert {state for state, machines, volumes in seen if machines or volumes} == {"active"}
    assert (scene.service["state"], scene.living, scene.volumes) == ("terminated", [], [])


# ---- waiting --------------------------------------------------------------------------------------------------------


def test_decided_once_prefer_wait_sleeps_on_one_notifier(ground: Path) -> None:
    """A hundred waiters ask the database once each, however long they wait, and are woken together."""
    woken: list[float] = []
    asked: list[int] = []

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(40.0))
        name = await scene.ask("reboot")
        await asyncio.sleep(5)
        commands, read = scene.process.commands, scene.database.read

        async def counted(fn: Any, *given: Any, **named: Any) -> Any:
            asked.append(fn.__name__ == "get")
            return await read(fn, *given, **named)

        async def waits() -> None:
            await commands.wait(name, 60)
            woken.append(scene.time)

        scene.database.read = counted  # type: ignore[method-assign]
        await asyncio.gather(*(scene.process.call(waits()) for _ in range(100)))
        scene.database.read = read  # type: ignore[method-assign]

    scene = play(ground, story)
    assert sum(asked) == 100
    assert (len(woken), max(woken) - min(woken) < 0.1, 40 < min(woken) < 50) == (100, True, True)
    assert scene.end("reboot") == ("succeeded", None)


def test_decided_once_prefer_wait_ends_after_the_wait(ground: Path) -> None:
    """Whoever waited long enough goes on, and the operation does, too."""
    waited: list[float] = []

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fates(Fate(40.0))
        name = await scene.ask("reboot")
        begun = scene.time
        await scene.process.call(scene.process.commands.wait(name, 10))
        waited.append(scene.time - begun)

    scene = play(ground, story)
    assert waited == [pytest.approx(10)]
    assert scene.end("reboot") == ("succeeded", None)


# ---- the name of a machine ------------------------------------------------------------------------------------------


def test_decided_once_reference_and_labels_name_the_service(ground: Path) -> None:
    """Installation, connection and service key; volumes say which operation made them."""

    async def story(scene: Scene) -> None:
        await scene.active("add_volume")

    scene = play(ground, story)
    (machine,), (volume,) = scene.living, scene.volumes
    marks = {"bridge": "inst_sim:shop", "service_key": KEY}
    assert machine["reference"] == f"inst_sim:shop:{KEY}"
    assert machine["labels"] == marks
    assert volume["labels"] == marks | {"operation": scene.operation("add_volume")["id"]}


def test_decided_once_reference_installation_is_made_once(sqlite_url: str) -> None:
    """The first start names the installation; no later one, and no second process, names it again."""
    names = []
    for proposed in ("inst_first", "inst_second", "inst_third"):
        database = InlineDatabase(engines.writer(sqlite_url), engines.reader(sqlite_url))
        names.append(at_once(database.run(meta.installation, proposed)))
        at_once(database.close())
    assert names == ["inst_first"] * 3


# ---- limits ---------------------------------------------------------------------------------------------------------


def test_decided_once_limits_of_a_connection_by_default(sqlite_url: str) -> None:
    """600 calls a minute and 16 at a time, unless its settings say otherwise."""

    async def main() -> None:
        world = virtual.world(sqlite_url, Nowhere())
        await world.connect("plain")
        await world.connect("small", rate_limit_per_minute=7, max_concurrency=2)
        book = world.engine.connections
        assert isinstance(book, ConnectionBook)
        found = [await world.database.read(book.load, name) for name in ("plain", "small")]
        await world.close()
        limits = [(each.rate_limit_per_minute, each.max_concurrency) for each in found]
        assert limits == [(600, 16), (7, 2)]

    virtual.run(main())


# ---- validation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("age", [59, 61, None])
@pytest.mark.parametrize(
    ("kind", "member"), [("plans", "plan"), ("images", "image"), ("datacenters", "datacenter")]
)
def test_decided_once_validation_by_a_catalog_younger_than_an_hour(
    ground: Path, kind: str, member: str, age: int | None
) -> None:
    """A fresh catalog refuses unknown names at once; with an old one, or none, InfraFabric decides."""

    async def story(scene: Scene) -> None:
        if age is not None:
            fetched = true_time() - timedelta(minutes=age)
            at_once(
                scene.database.run(catalog.put, "shop", kind, [{"id": "known", "name": "Known"}], fetched)
            )
        scene.fault(CREATE, refuses(422, "unknown_name"))
        if age == 59:
            problem = (await scene.refused("create", ORDER | {member: "unknown"})).problem
            assert (problem.status, list(problem.errors or {})) == (422, [member])
            assert list((problem.errors or {})[member]) == ["valid"]
            assert scene.asked == []
        else:
            await scene.ask("create", ORDER | {member: "unknown"})

    scene = play(ground, story)
    if age != 59:
        assert scene.end("create") == ("failed", "provider_refused")
        assert len(scene.sent(CREATE)) == 1


# ---- plain HTTP -----------------------------------------------------------------------------------------------------


def test_decided_once_plain_http_private_addresses_the_image_ends_tls_before_itself() -> None:
    """The container listens in plain HTTP on every address, and says so; nothing else is opened by the image."""
    text = (ROOT / "Dockerfile").read_text()
    assert "BRIDGE_ALLOW_PLAIN_HTTP=1" in text
    assert "BRIDGE_UPSTREAM_ALLOW" not in text


def test_decided_once_total_outage_the_breaker_bounds_what_leaves(ground: Path) -> None:
    """An hour of silence with one suspend that keeps trying: after the first failures a call every half minute."""

    async def story(scene: Scene) -> None:
        await scene.active()
        scene.fault("*", refuses(500), seconds=3600)
        await scene.ask("suspend")

    scene = play(ground, story, pace=60.0)
    away = [asked.at for asked in scene.asked if asked.status == 500]
    fullest = max(sum(begin <= at < begin + 60 for at in away) for begin in away)
    assert len(away) > 30
    assert fullest <= 50
    assert scene.end("suspend") == ("succeeded", None)
