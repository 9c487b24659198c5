"""Services that wait for their end."""

import sqlalchemy as sa
from alembic import op

from bridge.store.types import Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("services", sa.Column("grace", Json, nullable=True))
    op.create_index(
        "ix_services_grace",
        "services",
        ["service_key"],
        unique=False,
        sqlite_where=sa.text("grace IS NOT NULL"),
        postgresql_where=sa.text("grace IS NOT NULL"),
    )


def downgrade() -> None:
    """Back."""
    op.drop_index(
        "ix_services_grace",
        table_name="services",
        sqlite_where=sa.text("grace IS NOT NULL"),
        postgresql_where=sa.text("grace IS NOT NULL"),
    )
    op.drop_column("services", "grace")
