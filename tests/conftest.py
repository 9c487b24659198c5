"""Databases for tests: a SQLite file or a database of its own on a real PostgreSQL, empty or migrated.

`BRIDGE_TEST_POSTGRES_URL` names a server where databases may be created and dropped; without it, one is started for
the test run. Nothing is skipped: without PostgreSQL the tests that need it fail.
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from bridge.store import migrate

_ROOT = Path(__file__).resolve().parent.parent
_numbers = itertools.count(1)


class PostgresServer:
    """Makes and drops databases on the server at an address."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._template: str | None = None

    def create(self, *, migrated: bool) -> str:
        """A new database's address; `migrated` ones are copies of one that was migrated once."""
        if migrated and self._template is None:
            self._template = self._create(None)
            migrate.upgrade(self.url(self._template))
        return self.url(self._create(self._template if migrated else None))

    def url(self, name: str) -> str:
        """The address of the database with this name."""
        return make_url(self._url).set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Remove the database, whoever is still connected to it."""
        name = make_url(url).database
        assert name is not None
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def close(self) -> None:
        """Remove the template."""
        if self._template is not None:
            self.drop(self.url(self._template))

    def _create(self, template: str | None) -> str:
        name = f"bridge_test_{os.getpid()}_{next(_numbers)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(template or "template1")))
        return name

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for this test process."""
    given = os.environ.get("BRIDGE_TEST_POSTGRES_URL")
    if given:
        server = PostgresServer(given)
        yield server
        server.close()
        return
    with subprocess.Popen(
        [_ROOT / ".ci" / "postgres"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError("No PostgreSQL for the tests: .ci/postgres says above what is missing.")
        yield PostgresServer(url)
        # Leaving closes its standard input, upon which it stops the server and removes it.


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the present schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "bridge.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite_file: Path) -> str:
    """A migrated SQLite database of the test's own."""
    path = tmp_path / "bridge.db"
    shutil.copy(migrated_sqlite_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own."""
    url = postgres_server.create(migrated=True)
    yield url
    postgres_server.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of the test's own; the test runs on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """The address of a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture
def empty_postgresql_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database with nothing in it."""
    url = postgres_server.create(migrated=False)
    yield url
    postgres_server.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """A database with nothing in it; the test runs on each kind."""
    url: str = request.getfixturevalue(f"empty_{request.param}_url")
    return url


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests begin first, so that nobody waits for them in the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what tests recorded for people, wherever they ran."""
    told = [
        f"{name}: {value}"
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
    ]
    if told:
        terminalreporter.section("told by tests")
        for line in sorted(told):
            terminalreporter.line(line)
