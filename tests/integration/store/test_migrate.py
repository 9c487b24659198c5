"""Migrations: all or nothing, once, and to the very schema that the code works with."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from bridge.store import engines, migrate
from bridge.store.errors import MigrationError, StoreError
from bridge.store.schema import metadata

_ENV = Path(migrate.__file__).with_name("migrations") / "env.py"

_GOOD = """
from alembic import op
import sqlalchemy as sa
revision, down_revision, branch_labels, depends_on = "a1", None, None, None
def upgrade():
    op.create_table("parents", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(10)))
    op.create_table("children", sa.Column("parent", sa.Integer, sa.ForeignKey("parents.id"), nullable=False))
    op.execute("INSERT INTO parents VALUES (1, 'x')")
    op.execute("INSERT INTO children VALUES (1)")
"""
_FAILING = """
from alembic import op
import sqlalchemy as sa
revision, down_revision, branch_labels, depends_on = "b2", "a1", None, None
def upgrade():
    op.create_table("half_done", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE parents SET name = 'changed'")
    raise RuntimeError("in the middle")
"""
_REBUILDING = """
from alembic import op
import sqlalchemy as sa
revision, down_revision, branch_labels, depends_on = "b2", "a1", None, None
def upgrade():
    with op.batch_alter_table("parents") as batch:
        batch.alter_column("name", existing_type=sa.String(10), type_=sa.String(20), nullable=False)
"""
_ORPHANING = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "b2", "a1", None, None
def upgrade():
    op.execute("DELETE FROM parents")
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A folder of migrations with one good one."""
    folder = tmp_path / "100%migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(_ENV.read_text())
    (folder / "versions" / "a1.py").write_text(_GOOD)
    return folder


def ask(url: str, question: Any) -> Any:
    """The answer of a function of a connection."""
    engine = engines.unpooled(url)
    with engine.connect() as connection:
        answer = question(connection)
    engine.dispose()
    return answer


def tables(connection: Connection) -> set[str]:
    """The names of all tables."""
    return set(inspect(connection).get_table_names())


def test_an_empty_database_is_brought_to_the_newest_schema(empty_database_url: str) -> None:
    """upgrade() takes an empty database to the head, and again changes nothing."""
    assert migrate.current(empty_database_url) is None
    migrate.upgrade(empty_database_url)
    assert migrate.current(empty_database_url) == migrate.head()
    migrate.upgrade(empty_database_url)
    migrate.check(empty_database_url)


def differences(connection: Connection) -> list[Any]:
    """What a migration would still have to change, as Alembic sees it."""
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return list(compare_metadata(context, metadata))


def test_the_migrated_schema_is_the_declared_one(database_url: str) -> None:
    """Migrations and `schema.metadata` agree on every table, column, index and foreign key."""
    assert ask(database_url, differences) == []


_CATALOG = {
    "sqlite": "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'",
    "postgresql": """
        SELECT 'column', c.table_name || '.' || c.column_name, c.data_type || coalesce(c.character_maximum_length, 0),
               c.is_nullable || coalesce(c.column_default, '')
        FROM information_schema.columns c WHERE c.table_schema = 'public' AND c.table_name <> 'alembic_version'
        UNION ALL
        SELECT 'constraint', conname, conrelid::regclass::text, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE '%alembic%'
        UNION ALL
        SELECT 'index', indexname, tablename, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    """,
}


def catalog(connection: Connection) -> set[tuple[Any, ...]]:
    """Everything the database itself knows about its tables; in SQLite's words, parts of a table in any order."""
    rows = connection.execute(text(_CATALOG[connection.dialect.name].replace(":", "\\:")))
    return {(*row[:3], tuple(sorted(parts(row[3] or "")))) for row in rows}


def parts(definition: str) -> list[str]:
    """The parts of a definition that commas separate outside of inner brackets, in SQLite's case columns and so on."""
    depth, found = 0, [""]
    for character in definition:
        depth += (character == "(") - (character == ")")
        if depth == 1 and character in "(,":
            found.append("")
        elif depth > 0:
            found[-1] += character
        else:
            found[0] += character
    return [" ".join(part.split()) for part in found]


def test_the_migrated_schema_is_the_declared_one_to_the_letter(
    request: pytest.FixtureRequest, database_url: str
) -> None:
    """The databases' own catalogs agree too: checks, partial indexes, autoincrement, names of constraints."""
    kind = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    empty_url = request.getfixturevalue(f"empty_{kind}_url")
    engine = engines.unpooled(empty_url)
    with engine.begin() as connection:
        metadata.create_all(connection)
    engine.dispose()
    assert ask(database_url, catalog) == ask(empty_url, catalog)


def test_a_failed_migration_leaves_nothing(empty_database_url: str, scripts: Path) -> None:
    """An upgrade that fails in the middle leaves the database at the schema, and with the rows, it had."""
    migrate.upgrade(empty_database_url, scripts=scripts)
    (scripts / "versions" / "b2.py").write_text(_FAILING)
    with pytest.raises(RuntimeError, match="in the middle"):
        migrate.upgrade(empty_database_url, scripts=scripts)
    assert migrate.current(empty_database_url) == "a1"
    assert ask(empty_database_url, tables) == {"alembic_version", "parents", "children"}
    name = text("SELECT name FROM parents")
    assert ask(empty_database_url, lambda connection: connection.execute(name).scalar_one()) == "x"


def test_a_first_upgrade_that_fails_leaves_an_empty_database(empty_database_url: str, scripts: Path) -> None:
    """Several migrations are one transaction: when the second fails the first is not there either."""
    (scripts / "versions" / "b2.py").write_text(_FAILING)
    with pytest.raises(RuntimeError, match="in the middle"):
        migrate.upgrade(empty_database_url, scripts=scripts)
    assert migrate.current(empty_database_url) is None
    assert ask(empty_database_url, tables) == set()


def test_changing_a_table_keeps_the_rows_that_point_to_it(empty_database_url: str, scripts: Path) -> None:
    """SQLite rebuilds the table; its children stay."""
    migrate.upgrade(empty_database_url, scripts=scripts)
    (scripts / "versions" / "b2.py").write_text(_REBUILDING)
    migrate.upgrade(empty_database_url, scripts=scripts)
    both = text("SELECT count(*) FROM parents JOIN children ON parents.id = children.parent")
    assert ask(empty_database_url, lambda connection: connection.execute(both).scalar_one()) == 1


def test_a_migration_that_leaves_orphans_is_undone(empty_database_url: str, scripts: Path) -> None:
    """Rows may not lose what they point to, on either database."""
    migrate.upgrade(empty_database_url, scripts=scripts)
    (scripts / "versions" / "b2.py").write_text(_ORPHANING)
    with pytest.raises(Exception, match=r"(?i)children"):
        migrate.upgrade(empty_database_url, scripts=scripts)
    assert migrate.current(empty_database_url) == "a1"


def test_a_newer_database_is_left_alone(empty_database_url: str, scripts: Path) -> None:
    """A schema this version does not know is refused by name, and not touched."""
    migrate.upgrade(empty_database_url, scripts=scripts)
    for refused in (migrate.upgrade, migrate.check):
        with pytest.raises(MigrationError, match=r"a1.*newer version"):
            refused(empty_database_url)
    assert migrate.current(empty_database_url) == "a1"


def test_a_database_without_schema_is_told_to_migrate(empty_database_url: str) -> None:
    """check() of an empty database says what to run, and makes no file."""
    with pytest.raises(MigrationError, match="infrafabric-bridge migrate"):
        migrate.check(empty_database_url)
    if empty_database_url.startswith("sqlite"):
        assert not Path(empty_database_url.removeprefix("sqlite:///")).exists()


def test_an_unreachable_database_is_a_store_error() -> None:
    """A server that is not there is reported in the store's words."""
    for call in (migrate.upgrade, migrate.current, migrate.check):
        with pytest.raises(StoreError, match="Check that it is reachable"):
            call("postgresql:///x?host=/no/such/folder")


async def test_processes_that_start_together_migrate_once(empty_database_url: str) -> None:
    """Four processes that upgrade at the same moment all succeed."""
    program = "import sys; from bridge.store import migrate; migrate.upgrade(sys.argv[1])"
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, empty_database_url, env=environment
        )
        for _ in range(4)
    ]
    assert await asyncio.gather(*(process.wait() for process in processes)) == [0, 0, 0, 0]
    migrate.check(empty_database_url)
