"""Facts about the installation itself."""

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.store.schema import meta as table


def installation(conn: Connection, proposed: str) -> str:
    """This installation's name, made at the first start and never changed; `proposed` is used when there is none."""
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    values = {"key": "installation", "value": proposed}
    conn.execute(dialect.insert(table).values(values).on_conflict_do_nothing())
    name: str = conn.execute(select(table.c.value).where(table.c.key == "installation")).scalar_one()
    return name
