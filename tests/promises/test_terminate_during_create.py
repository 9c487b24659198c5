"""A terminate that crosses a create (A8), at every point there is: nothing is left, whenever it comes.

The points are those at which the simulations crash the bridge: each resumption of the create's turns, each commit,
each request, effect and answer. At the n-th of them the terminate is accepted, between two steps of the create, for
n = 1, 2, … until a create is over before its n-th point.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.promises.scene import CREATE, Scene, Story, lost, play
from tests.simulation.clockwork import Points
from tests.simulation.provider import Fate

BROKEN = {"code": "internal", "message": "it broke", "retryable": True}
_UNDER_WAY = "SELECT count(*) FROM operations WHERE state IN ('queued', 'running', 'awaiting')"
_TERMINATE = "SELECT count(*) FROM operations WHERE action = 'terminate'"


@dataclass(slots=True)
class Doors(Points):
    """Counts the points of everything that is under way, and lets a terminate in at number `target`."""

    scene: Scene | None = None
    admitted: list[str] = field(default_factory=list)

    def hit(self, name: str) -> None:
        """See `Points.hit`."""
        scene = self.scene
        if scene is None or not self.armed or not _count(scene, _UNDER_WAY) or _count(scene, _TERMINATE):
            return
        self.visited += 1
        self.names.append(name)
        if self.visited == self.target:
            self.admitted.append(scene.accept("terminate"))


def _count(scene: Scene, query: str) -> int:
    found: int = scene.plain.execute(query).fetchone()[0]
    return found


async def plain(scene: Scene) -> None:
    """A create on a fine day."""
    await scene.ask("create")


async def unanswered(scene: Scene) -> None:
    """A create that InfraFabric takes, and whose first two answers are lost."""
    scene.fault(CREATE, lost, count=2)
    await scene.ask("create")


async def made_anew(scene: Scene) -> None:
    """A create that fails, is cleaned up and begun anew."""
    scene.fates(Fate(0.5, BROKEN))
    await scene.ask("create")


async def with_a_volume(scene: Scene) -> None:
    """A create with a volume waiting behind it, which the terminate may meet half made."""
    await scene.ask("create")
    await scene.ask("add_volume")


STORIES: dict[Story, int] = {plain: 36, unanswered: 60, made_anew: 120, with_a_volume: 80}
"""How many points each of them has at least; fewer means that some are not looked at."""


def terminate_at(ground: Path, story: Story, point: int) -> tuple[Scene, Doors]:
    """The story, with a terminate at that point; every invariant holds in the end."""
    doors = Doors(point)

    async def watched(scene: Scene) -> None:
        doors.scene = scene
        await story(scene)

    return play(ground, watched, points=doors), doors


def nothing_is_left(scene: Scene, where: str) -> None:
    """What A8 promises."""
    assert scene.living == [], where
    assert scene.volumes == [], where
    assert scene.service["state"] == "terminated", where
    assert scene.operation("terminate")["state"] == "succeeded", where
    assert scene.operation("create")["state"] in ("canceled", "succeeded"), where
    assert {row["state"] for row in scene.rows["operations"]} <= {"succeeded", "canceled"}, where


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_A8_a_terminate_at_every_point_of_a_create_leaves_nothing(
    story: Story, ground: Path, record_property: Callable[[str, object], None]
) -> None:
    """No machine, no volume, nothing unfinished; how many points that were is told at the end of the run."""
    point, ends = 0, set()
    while True:
        point += 1
        scene, doors = terminate_at(ground, story, point)
        if not doors.admitted:
            break
        nothing_is_left(scene, f"terminate at point {point}, {doors.names[-1]}")
        ends.add(scene.operation("create")["state"])
    assert (scene.service["state"], len(scene.living)) == ("active", 1), (
        "the story ends well without a terminate"
    )
    record_property("terminate points", f"{story.__name__}: {point - 1}")
    assert point - 1 >= STORIES[story]
    assert "canceled" in ends


def test_A8_a_terminate_before_the_create_begins_sends_nothing(ground: Path) -> None:
    """A create that is still queued is canceled where it stands, and InfraFabric never hears of it."""
    scene, doors = terminate_at(ground, plain, 1)
    assert doors.names == ["committed"], "the create has just been stored"
    nothing_is_left(scene, "before it starts")
    assert scene.end("create") == ("canceled", "canceled")
    assert scene.sent(CREATE) == []
    assert "started" not in scene.operation("create")["events"]


def test_A8_a_terminate_after_the_create_removes_what_it_made(ground: Path) -> None:
    """A create that had just succeeded keeps its success, and its machine goes."""

    async def story(scene: Scene) -> None:
        await scene.active("add_volume")
        await scene.ask("terminate")

    scene = play(ground, story)
    nothing_is_left(scene, "afterwards")
    assert scene.end("create") == ("succeeded", None)
