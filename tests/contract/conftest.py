"""A bridge and a sandbox of their own for each test module."""

from collections.abc import Iterator

import pytest

from bridge.demo.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two processes on loopback, the sandbox two hundred times faster than real."""
    with Stack(tmp_path_factory.mktemp("stack"), speed=200) as running:
        yield running
