"""One stage per test."""

import pytest

from tests.unit.engine.stage import Stage


@pytest.fixture
def stage(sqlite_url: str) -> Stage:
    """An engine whose turns follow a script."""
    return Stage(sqlite_url)
