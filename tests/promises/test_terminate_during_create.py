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
    """Counts the points of what is under way, once `since` finds something, and lets a terminate in at `target`."""

    since: str = _UNDER_WAY
    scene: Scene | None = None
    admitted: list[str] = field(default_factory=list)

    def hit(self, name: str) -> None:
        """See `Points.hit`."""
        scene = self.scene
        if scene is None or not self.armed or _count(scene, _TERMINATE) or not _count(scene, _UNDER_WAY):
            return
        if not _count(scene, self.since):
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


STORIES = (
    (plain, _UNDER_WAY, 36),
    (unanswered, "SELECT count(*) FROM timeline WHERE event = 'no_answer'", 40),
    (made_anew, "SELECT count(*) FROM timeline WHERE event = 'cleaning'", 90),
    (with_a_volume, "SELECT count(*) FROM operations WHERE state = 'succeeded'", 42),
)
"""Where each of them begins to differ from a create on a fine day, and how many points it has from there at least.

Fewer mean that some are not looked at.
"""


def terminate_at(ground: Path, story: Story, point: int, since: str = _UNDER_WAY) -> tuple[Scene, Doors]:
    """The story, with a terminate at that point; every invariant holds in the end."""
    doors = Doors(point, since=since)

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


@pytest.mark.parametrize(
    ("story", "since", "least"), STORIES, ids=[story.__name__ for story, _, _ in STORIES]
)
def test_A8_a_terminate_at_every_point_of_a_create_leaves_nothing(
    story: Story, since: str, least: int, ground: Path, record_property: Callable[[str, object], None]
) -> None:
    """No machine, no volume, nothing unfinished; how many points that were is told at the end of the run."""
    point, ends = 0, set()
    while True:
        point += 1
        scene, doors = terminate_at(ground, story, point, since)
        if not doors.admitted:
            break
        nothing_is_left(scene, f"terminate at point {point}, {doors.names[-1]}")
        ends.add(scene.operation("create")["state"])
    assert (scene.service["state"], len(scene.living)) == ("active", 1), (
        "the story ends well without a terminate"
    )
    record_property("terminate points", f"{story.__name__}: {point - 1}")
    assert point - 1 >= least
    assert ends == ({"succeeded"} if story is with_a_volume else {"canceled", "succeeded"})


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
