"""Real processes for the acceptance tests: one sandbox and one bridge per test module, on loopback."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.demo.stack import Answer, Stack
from tests.acceptance.life import order
from tests.acceptance.shop import Shop


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A bridge and a sandbox that works fifty times faster than real."""
    with Stack(_folder(tmp_path_factory), speed=50) as running:
        yield running


@pytest.fixture
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Makes stacks with settings of their own for one test."""
    begun: list[Stack] = []

    def make(**options: Any) -> Stack:
        one = Stack(_folder(tmp_path_factory), **{"speed": 50, **options})
        begun.append(one)
        one.start()
        return one

    yield make
    for one in begun:
        one.__exit__()


@pytest.fixture(scope="module")
def shop(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The real module in front of the stack, in the mode that activates."""
    return Shop(stack, _folder(tmp_path_factory))


@pytest.fixture(autouse=True)
def nothing_goes_wrong_for_long(request: pytest.FixtureRequest) -> Iterator[None]:
    """What one test breaks is whole again for the next."""
    yield
    if "stack" in request.fixturenames:
        stack: Stack = request.getfixturevalue("stack")
        stack.control("DELETE", "faults")
        stack.control("PUT", "options", {"speed": 50})


def active(stack: Stack, **members: Any) -> str:
    """Make a service and wait until it is active."""
    key = str(uuid.uuid4())
    answer: Answer = stack.act(key, "create", order(**members), wait=30)
    assert answer.body["state"] == "succeeded", answer.body
    return key


def _folder(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("stack")
