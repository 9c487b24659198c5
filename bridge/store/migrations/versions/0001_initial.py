"""The first schema."""

import sqlalchemy as sa
from alembic import op

from bridge.store.types import Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("connection_id", sa.String(length=64), nullable=True),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("cidrs", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "audit",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=True),
        sa.Column("key_id", sa.String(length=64), nullable=True),
        sa.Column("connection_id", sa.String(length=64), nullable=True),
        sa.Column("service_key", sa.String(length=36), nullable=True),
        sa.Column("operation_id", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("detail", Json, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_connection", "audit", ["connection_id", "number"], unique=False)
    op.create_table(
        "callbacks",
        sa.Column("connection_id", sa.String(length=64), nullable=False),
        sa.Column("webhook_id", sa.String(length=255), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("provider_operation_id", sa.String(length=128), nullable=True),
        sa.Column("operation", Json, nullable=True),
        sa.PrimaryKeyConstraint("connection_id", "webhook_id", name=op.f("pk_callbacks")),
    )
    op.create_index("ix_callbacks_age", "callbacks", ["received_at"], unique=False)
    op.create_index(
        "ix_callbacks_operation", "callbacks", ["connection_id", "provider_operation_id"], unique=False
    )
    op.create_table(
        "catalog",
        sa.Column("connection_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("items", Json, nullable=False),
        sa.Column("fetched_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "kind", name=op.f("pk_catalog")),
    )
    op.create_table(
        "changes",
        sa.Column(
            "cursor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("connection_id", sa.String(length=64), nullable=False),
        sa.Column("service_key", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("operation", Json, nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("cursor", name=op.f("pk_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_changes_age", "changes", ["at"], unique=False)
    op.create_index("ix_changes_connection", "changes", ["connection_id", "cursor"], unique=False)
    op.create_table(
        "connections",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("infrafabric_api_url", sa.Text(), nullable=False),
        sa.Column("infrafabric_api_key", sa.Text(), nullable=False),
        sa.Column("default_datacenter", sa.String(length=128), nullable=True),
        sa.Column("provisioning_timeout", sa.Integer(), nullable=False),
        sa.Column("action_timeout", sa.Integer(), nullable=False),
        sa.Column("webhook_secrets", sa.Text(), nullable=False),
        sa.Column("rate_limit_per_minute", sa.Integer(), nullable=False),
        sa.Column("max_concurrency", sa.Integer(), nullable=False),
        sa.Column("policies", Json, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("connection_id", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("operation_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "path", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_age", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "meta",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
        "timeline",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("operation_id", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_timeline")),
    )
    op.create_index("ix_timeline_operation", "timeline", ["operation_id", "number"], unique=False)
    op.create_table(
        "services",
        sa.Column("service_key", sa.String(length=36), nullable=False),
        sa.Column("connection_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("wanted", sa.String(length=16), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("power", sa.String(length=8), nullable=False),
        sa.Column("drifted", sa.Boolean(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=True),
        sa.Column("hostname", sa.String(length=253), nullable=True),
        sa.Column("plan", sa.String(length=128), nullable=True),
        sa.Column("cpus", sa.Integer(), nullable=True),
        sa.Column("memory_mb", sa.Integer(), nullable=True),
        sa.Column("disk_gb", sa.Integer(), nullable=True),
        sa.Column("image", sa.String(length=128), nullable=True),
        sa.Column("datacenter", sa.String(length=128), nullable=True),
        sa.Column("addresses", Json, nullable=False),
        sa.Column("volumes", Json, nullable=False),
        sa.Column("firewall", Json, nullable=False),
        sa.Column("instance_id", sa.String(length=128), nullable=True),
        sa.Column("instance_version", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("life_started_at", UtcDateTime(), nullable=True),
        sa.Column("create_request", Json, nullable=True),
        sa.Column("client_id", sa.String(length=32), nullable=True),
        sa.Column("limits", Json, nullable=False),
        sa.Column("retired", Json, nullable=False),
        sa.Column("last_operation_id", sa.String(length=64), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_services_connection_id")
        ),
        sa.PrimaryKeyConstraint("service_key", name=op.f("pk_services")),
    )
    op.create_index("ix_services_connection", "services", ["connection_id", "service_key"], unique=False)
    op.create_index("ix_services_instance", "services", ["connection_id", "instance_id"], unique=False)
    op.create_table(
        "credentials",
        sa.Column("service_key", sa.String(length=36), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("root_password", sa.Text(), nullable=True),
        sa.Column("set_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["service_key"], ["services.service_key"], name=op.f("fk_credentials_service_key")
        ),
        sa.PrimaryKeyConstraint("service_key", name=op.f("pk_credentials")),
    )
    op.create_table(
        "operations",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("connection_id", sa.String(length=64), nullable=False),
        sa.Column("service_key", sa.String(length=36), nullable=False),
        sa.Column("service_seq", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("params", Json, nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("error", Json, nullable=True),
        sa.Column("retry_of", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("deadline_at", UtcDateTime(), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("intent", Json, nullable=True),
        sa.Column("provider_operation_id", sa.String(length=128), nullable=True),
        sa.Column("awaiting_since", UtcDateTime(), nullable=True),
        sa.Column("cleaning", Json, nullable=True),
        sa.Column("halt", sa.String(length=16), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=True),
        sa.Column("wake_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'awaiting', 'succeeded', 'failed', 'canceled')",
            name=op.f("ck_operations_known_state"),
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_operations_connection_id")
        ),
        sa.ForeignKeyConstraint(
            ["service_key"], ["services.service_key"], name=op.f("fk_operations_service_key")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_operations")),
        sa.UniqueConstraint("id", name=op.f("uq_operations_id")),
        sa.UniqueConstraint("service_key", "service_seq", name=op.f("uq_operations_service_key_service_seq")),
    )
    op.create_index("ix_operations_connection", "operations", ["connection_id", "number"], unique=False)
    op.create_index(
        "ix_operations_provider", "operations", ["connection_id", "provider_operation_id"], unique=False
    )
    op.create_index(
        "ix_operations_wake",
        "operations",
        ["wake_at"],
        unique=False,
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    )


def downgrade() -> None:
    """Back."""
    op.drop_index(
        "ix_operations_wake",
        table_name="operations",
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    )
    op.drop_index("ix_operations_provider", table_name="operations")
    op.drop_index("ix_operations_connection", table_name="operations")
    op.drop_table("operations")
    op.drop_table("credentials")
    op.drop_index("ix_services_instance", table_name="services")
    op.drop_index("ix_services_connection", table_name="services")
    op.drop_table("services")
    op.drop_index("ix_timeline_operation", table_name="timeline")
    op.drop_table("timeline")
    op.drop_table("meta")
    op.drop_index("ix_idempotency_keys_age", table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_table("connections")
    op.drop_index("ix_changes_connection", table_name="changes")
    op.drop_index("ix_changes_age", table_name="changes")
    op.drop_table("changes")
    op.drop_table("catalog")
    op.drop_index("ix_callbacks_operation", table_name="callbacks")
    op.drop_index("ix_callbacks_age", table_name="callbacks")
    op.drop_table("callbacks")
    op.drop_index("ix_audit_connection", table_name="audit")
    op.drop_table("audit")
    op.drop_table("api_keys")
