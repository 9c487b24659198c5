"""Opened databases for the store's tests."""

from collections.abc import AsyncIterator
from typing import Literal

import pytest

from bridge.store.database import Database, open_database


@pytest.fixture(params=["auto", "inline"])
def executor(request: pytest.FixtureRequest) -> Literal["auto", "inline"]:
    """Each way to run transactions."""
    name: Literal["auto", "inline"] = request.param
    return name


@pytest.fixture
async def database(database_url: str, executor: Literal["auto", "inline"]) -> AsyncIterator[Database]:
    """A migrated database, on each dialect and with each executor."""
    opened = open_database(database_url, executor=executor)
    yield opened
    await opened.close()


@pytest.fixture
async def threaded(database_url: str) -> AsyncIterator[Database]:
    """A migrated database with the executor that production uses, on each dialect."""
    opened = open_database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def grouped(sqlite_url: str) -> AsyncIterator[Database]:
    """A migrated SQLite database, written by group commit."""
    opened = open_database(sqlite_url)
    yield opened
    await opened.close()
