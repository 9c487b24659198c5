"""The tables, once, for both databases. Migrations are checked against this module by a test."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from bridge.store.types import Json, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Serial = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

connections = Table(
    "connections",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("infrafabric_api_url", Text, nullable=False),
    Column("infrafabric_api_key", Text, nullable=False),  # sealed
    Column("default_datacenter", String(128)),
    Column("provisioning_timeout", Integer, nullable=False),
    Column("action_timeout", Integer, nullable=False),
    Column("webhook_secrets", Text, nullable=False),  # sealed JSON list
    Column("rate_limit_per_minute", Integer, nullable=False),
    Column("max_concurrency", Integer, nullable=False),
    Column("policies", Json, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("scope", String(16), nullable=False),
    Column("connection_id", String(64)),
    Column("secret_sha256", String(64), nullable=False),
    Column("cidrs", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
)

services = Table(
    "services",
    metadata,
    Column("service_key", String(36), primary_key=True),
    Column("connection_id", String(64), ForeignKey("connections.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("wanted", String(16), nullable=False),
    Column("state_reason", Text),
    Column("power", String(8), nullable=False),
    Column("drifted", Boolean, nullable=False),
    Column("type", String(16)),
    Column("hostname", String(253)),
    Column("plan", String(128)),
    Column("cpus", Integer),
    Column("memory_mb", Integer),
    Column("disk_gb", Integer),
    Column("image", String(128)),
    Column("datacenter", String(128)),
    Column("addresses", Json, nullable=False),
    Column("volumes", Json, nullable=False),
    Column("firewall", Json, nullable=False),
    Column("instance_id", String(128)),
    Column("instance_version", BigInteger, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("life", Integer, nullable=False),
    Column("life_started_at", UtcDateTime),
    Column("create_request", Json),
    Column("client_id", String(32)),
    Column("limits", Json, nullable=False),
    Column("retired", Json, nullable=False),
    Column("last_operation_id", String(64)),
    Column("last_error", Text),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("wanted_spec", Json),  # none: nothing was asked since this is remembered
    Column("grace", Json),
    Index("ix_services_connection", "connection_id", "service_key"),
    Index("ix_services_instance", "connection_id", "instance_id"),
    # Partial: few services wait for their end, and they are looked for every minute.
    Index(
        "ix_services_grace",
        "service_key",
        sqlite_where=text("grace IS NOT NULL"),
        postgresql_where=text("grace IS NOT NULL"),
    ),
)

operations = Table(
    "operations",
    metadata,
    # The rowid gives lists their order of acceptance; nothing else is decided by it.
    Column("number", _Serial, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False),
    Column("connection_id", String(64), ForeignKey("connections.id"), nullable=False),
    Column("service_key", String(36), ForeignKey("services.service_key"), nullable=False),
    Column("service_seq", Integer, nullable=False),
    Column("action", String(32), nullable=False),
    Column("params", Json, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("progress", Integer, nullable=False),
    Column("error", Json),
    Column("retry_of", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("deadline_at", UtcDateTime),
    Column("request_id", String(128)),
    Column("step", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("intent", Json),
    Column("provider_operation_id", String(128)),
    Column("awaiting_since", UtcDateTime),
    Column("cleaning", Json),
    Column("halt", String(16), nullable=False),
    Column("released", Boolean, nullable=False),
    Column("token", String(64)),
    Column("wake_at", UtcDateTime),
    UniqueConstraint("id"),
    UniqueConstraint("service_key", "service_seq"),
    CheckConstraint(
        "state IN ('queued', 'running', 'awaiting', 'succeeded', 'failed', 'canceled')", name="known_state"
    ),
    Index("ix_operations_connection", "connection_id", "number"),
    Index("ix_operations_provider", "connection_id", "provider_operation_id"),
    # Partial: almost all operations are finished, and the sweep looks only at the others.
    Index(
        "ix_operations_wake",
        "wake_at",
        sqlite_where=text("wake_at IS NOT NULL"),
        postgresql_where=text("wake_at IS NOT NULL"),
    ),
)

timeline = Table(
    "timeline",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
    Column("operation_id", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("event", String(16), nullable=False),
    Column("detail", Json, nullable=False),
    Index("ix_timeline_operation", "operation_id", "number"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("connection_id", String(64), nullable=False),
    Column("path", String(255), nullable=False),
    Column("key", String(255), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("operation_id", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("connection_id", "path", "key"),
    Index("ix_idempotency_keys_age", "created_at"),
)

callbacks = Table(
    "callbacks",
    metadata,
    Column("connection_id", String(64), nullable=False),
    Column("webhook_id", String(255), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("type", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("provider_operation_id", String(128)),
    Column("operation", Json),  # the reported operation, kept for the one that is not known yet
    PrimaryKeyConstraint("connection_id", "webhook_id"),
    Index("ix_callbacks_operation", "connection_id", "provider_operation_id"),
    Index("ix_callbacks_age", "received_at"),
)

changes = Table(
    "changes",
    metadata,
    # AUTOINCREMENT: a number is never given twice, also after old rows are deleted.
    Column("cursor", _Serial, primary_key=True, autoincrement=True),
    Column("connection_id", String(64), nullable=False),
    Column("service_key", String(36), nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("operation", Json),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_changes_connection", "connection_id", "cursor"),
    Index("ix_changes_age", "at"),
    sqlite_autoincrement=True,
)

credentials = Table(
    "credentials",
    metadata,
    Column("service_key", String(36), ForeignKey("services.service_key"), primary_key=True),
    Column("username", String(64), nullable=False),
    Column("root_password", Text),  # sealed
    Column("set_at", UtcDateTime),
)

catalog = Table(
    "catalog",
    metadata,
    Column("connection_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("items", Json, nullable=False),
    Column("fetched_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("connection_id", "kind"),
)

audit = Table(
    "audit",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("event", String(64), nullable=False),
    Column("actor", String(64)),
    Column("key_id", String(64)),
    Column("connection_id", String(64)),
    Column("service_key", String(36)),
    Column("operation_id", String(64)),
    Column("request_id", String(128)),
    Column("detail", Json, nullable=False),
    Index("ix_audit_connection", "connection_id", "number"),
    sqlite_autoincrement=True,
)

drift_findings = Table(
    "drift_findings",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
    Column("connection_id", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("object_id", String(128), nullable=False),
    Column("service_key", String(36)),  # as the thing claims it; it need not be one of ours
    Column("instance_id", String(128)),
    Column("volume_id", String(128)),
    Column("removable", Boolean, nullable=False),
    Column("detail", Json, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("operation_id", String(64)),  # the latest repair
    UniqueConstraint("connection_id", "kind", "object_id"),
    Index("ix_drift_findings_connection", "connection_id", "number"),
    Index("ix_drift_findings_service", "connection_id", "service_key"),
    sqlite_autoincrement=True,
)

reconcile_runs = Table(
    "reconcile_runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("connection_id", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("dry", Boolean, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("since", UtcDateTime),
    Column("token", String(64), nullable=False),
    Column("heartbeat_at", UtcDateTime, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("cursor", Text),
    Column("counts", Json, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("outcome", String(32)),
    Index("ix_reconcile_runs_connection", "connection_id", "started_at"),
)

sightings = Table(
    "sightings",
    metadata,
    Column("connection_id", String(64), nullable=False),
    Column("instance_id", String(128), nullable=False),
    Column("run_id", String(64), nullable=False),
    PrimaryKeyConstraint("connection_id", "instance_id"),
)
