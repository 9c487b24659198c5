"""Real processes: a sandbox and a bridge on loopback, as an operator would run them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.demo.stack import Stack

MakeStack = Callable[..., Stack]


@pytest.fixture
def make_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeStack]:
    """Makes stacks; what still runs is killed at the end."""
    made: list[Stack] = []

    def make(**options: Any) -> Stack:
        one = Stack(tmp_path_factory.mktemp("stack"), **{"speed": 50, **options})
        made.append(one)
        one.start()
        return one

    yield make
    for one in made:
        one.__exit__()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests of a module; whoever calls may say where from, as behind a proxy."""
    environment = {"BRIDGE_TRUSTED_PROXIES": "127.0.0.0/8"}
    with Stack(tmp_path_factory.mktemp("stack"), speed=50, environment=environment) as running:
        yield running
