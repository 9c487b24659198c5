"""Thousands of worlds: random lives of services while everything around them goes wrong, each from one seed.

`make simulate SEEDS=5000` plays more of them, `make simulate SEED=17` plays that one again, exactly.
"""

import os
from pathlib import Path

import pytest

from tests.simulation.world import World, climate, judge, shop

pytestmark = pytest.mark.timeout(900)  # much work, and machines differ

CHUNK = 25
SEEDS = int(os.environ.get("SEEDS", "2000"))
_ONE = os.environ.get("SEED")
STARTS = [int(_ONE)] if _ONE else list(range(0, SEEDS, CHUNK))


@pytest.mark.parametrize("start", STARTS)
def test_the_promise_holds_whatever_goes_wrong(start: int, ground: Path) -> None:
    """Nothing is lost, nothing happens twice, everything ends, in each of these seeds."""
    for seed in range(start, start + (1 if _ONE else CHUNK)):
        World(ground, seed, climate(seed)).run(shop, judge)


@pytest.mark.parametrize("seed", [3, 11, 42])
def test_a_seed_replays_exactly(seed: int, ground: Path) -> None:
    """The same seed is the same story: every call, every effect and every row, to the microsecond."""
    first = World(ground, seed, climate(seed)).run(shop, judge).retrace()
    again = World(ground, seed, climate(seed)).run(shop, judge).retrace()
    assert again == first
    assert World(ground, seed + 1, climate(seed + 1)).run(shop, judge).retrace() != first
