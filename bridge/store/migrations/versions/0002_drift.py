"""What services were asked to be, and what reconcile finds."""

import sqlalchemy as sa
from alembic import op

from bridge.store.types import Json, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("services", sa.Column("wanted_spec", Json, nullable=True))
    op.create_table(
        "drift_findings",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("connection_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.String(length=128), nullable=False),
        sa.Column("service_key", sa.String(length=36), nullable=True),
        sa.Column("instance_id", sa.String(length=128), nullable=True),
        sa.Column("volume_id", sa.String(length=128), nullable=True),
        sa.Column("removable", sa.Boolean(), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("operation_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_drift_findings")),
        sa.UniqueConstraint(
            "connection_id", "kind", "object_id", name=op.f("uq_drift_findings_connection_id_kind_object_id")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_drift_findings_connection", "drift_findings", ["connection_id", "number"], unique=False
    )
    op.create_index(
        "ix_drift_findings_service", "drift_findings", ["connection_id", "service_key"], unique=False
    )
    op.create_table(
        "reconcile_runs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("connection_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("dry", sa.Boolean(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("counts", Json, nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconcile_runs")),
    )
    op.create_index(
        "ix_reconcile_runs_connection", "reconcile_runs", ["connection_id", "started_at"], unique=False
    )
    op.create_table(
        "sightings",
        sa.Column("connection_id", sa.String(length=64), nullable=False),
        sa.Column("instance_id", sa.String(length=128), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "instance_id", name=op.f("pk_sightings")),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("sightings")
    op.drop_index("ix_reconcile_runs_connection", table_name="reconcile_runs")
    op.drop_table("reconcile_runs")
    op.drop_index("ix_drift_findings_service", table_name="drift_findings")
    op.drop_index("ix_drift_findings_connection", table_name="drift_findings")
    op.drop_table("drift_findings")
    op.drop_column("services", "wanted_spec")
