"""A folder in memory where there is one: a simulated crash loses nothing that the system has."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.ground import template

_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def ground() -> Iterator[Path]:
    """Where the databases of the simulations live."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        template(Path(folder))
        yield Path(folder)
