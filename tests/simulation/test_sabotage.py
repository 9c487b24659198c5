"""The tests are tested: a bridge that is broken in one of the usual ways does not get past the simulation."""

from pathlib import Path

import pytest

from tests.simulation.clockwork import Points
from tests.simulation.network import Weather
from tests.simulation.sabotage import OF_STORIES, SABOTAGES, built_in
from tests.simulation.stories import STORIES
from tests.simulation.world import Violation, World, climate, judge, shop

pytestmark = pytest.mark.timeout(900)  # much work, and machines differ

SEEDS = 120
"""Within so many worlds every sabotage has to show."""


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_broken_bridge_is_found_out(name: str, ground: Path) -> None:
    """The invariants notice the sabotage within a bounded number of seeds."""
    with built_in(name):
        for seed in range(SEEDS):
            try:
                World(ground, seed, climate(seed)).run(shop, judge)
            except Violation:
                return
    raise AssertionError(f"{SEEDS} worlds with {name} showed nothing")


@pytest.mark.parametrize("name", OF_STORIES)
def test_a_broken_bridge_is_found_out_by_its_story(name: str, ground: Path) -> None:
    """The story that is about it ends in a violation, at the latest with a crash in its first steps."""
    (story,) = (each for each in STORIES if each.name == OF_STORIES[name][0])
    with built_in(name):
        for target in range(20):
            try:
                World(ground, 7, Weather(), Points(target)).run(story.play, judge)
            except Violation:
                return
    raise AssertionError(f"{story.name} with {name} showed nothing")


def test_there_are_enough_sabotages() -> None:
    """At least a dozen ways to break the promise are kept in stock."""
    assert len(SABOTAGES) >= 12
