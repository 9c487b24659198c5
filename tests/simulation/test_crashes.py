"""Every crash there is, one after the other: before and after each commit, each request and at each await."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.clockwork import Points
from tests.simulation.network import Weather
from tests.simulation.stories import KEY, STORIES, Story
from tests.simulation.world import Violation, World, judge

pytestmark = pytest.mark.timeout(900)  # much work, and machines differ

POINTS = {
    "add_address": 37,
    "add_volume": 45,
    "create that fails and is made anew": 137,
    "create that fails for good": 99,
    "adopt": 46,
    "adopt that fails": 44,
    "terminate during an adopt": 45,
    "adopt by two": 48,
    "create that is canceled": 82,
    "create that is too slow": 281,
    "create": 44,
    "edit": 37,
    "many at once": 145,
    "reboot": 37,
    "reinstall": 72,
    "remove_address": 34,
    "remove_volume": 64,
    "renew": 37,
    "reset_password": 37,
    "resize_volume": 39,
    "set_firewall": 37,
    "set_reverse_dns": 34,
    "start": 34,
    "stop": 37,
    "suspend that fails once": 76,
    "suspend": 37,
    "terminate during a create": 106,
    "terminate that fails once": 99,
    "terminate": 57,
    "terminate_later": 37,
    "undo_terminate": 34,
    "unsuspend": 34,
}
"""How many points each story visited when it was last looked at; it may only grow."""


def play(story: Story, target: int, ground: Path) -> World:
    """The story with a crash at that point (0: none), judged."""

    def check(world: World) -> None:
        judge(world)
        state = next((row["state"] for row in world.rows["services"] if row["service_key"] == KEY), "none")
        if state not in story.expect.split("|"):
            raise Violation(f"point {target}: {story.name} left the service {state}")

    world = World(ground, 7, Weather(), Points(target))
    return world.run(story.play, check)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name.replace(" ", "_"))
def test_a_crash_at_any_point_changes_nothing_in_the_end(
    story: Story, ground: Path, record_property: Callable[[str, object], None]
) -> None:
    """Crash at point 1, 2, … until a run meets none any more; each time the promise holds and the end is the same.

    How many points there were is told at the end of the run; fewer than before means that a point is not looked at.
    """
    target, killed = 0, True
    while killed:
        target += 1
        killed = play(story, target, ground).kills > 0
    record_property("crash points", f"{story.name}: {target - 1}")
    assert target - 1 >= POINTS[story.name]
