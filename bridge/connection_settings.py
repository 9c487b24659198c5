"""A connection's settings as they are given and shown; the API and the command line share these rules."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from bridge.connections import ConnectionBook
from bridge.domain.parameters import Name, Params
from bridge.domain.problems import ProblemError
from bridge.infrafabric.webhooks import parse_secret
from bridge.store import audit, catalog, connections, services
from bridge.store.audit import AuditEvent
from bridge.store.connections import StoredConnection
from bridge.store.database import Transaction

HIDDEN = "***"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def _secret(value: str) -> str:
    if value != HIDDEN:
        parse_secret(value)
    return value


Secret = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_secret)]
Header = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[!-~]+$")]


Word = Literal["report", "repair"]


class Policies(Params):
    """What reconcile does about each class of drift; left out means report."""

    missing_upstream: Word | None = None
    orphan_upstream: Word | None = None
    state_drift: Word | None = None
    spec_drift: Word | None = None
    expiry_drift: Word | None = None
    leftover_volumes: Word | None = None


class ConnectionSettings(Params):
    """What a `PUT` may carry; a member left out, or a secret of `***`, keeps its old value. Timeouts in seconds."""

    infrafabric_api_url: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    infrafabric_api_key: Header | None = None
    default_datacenter: Name | None = None
    provisioning_timeout: Annotated[int, Field(ge=10, le=3600)] | None = None
    action_timeout: Annotated[int, Field(ge=5, le=3600)] | None = None
    webhook_secrets: Annotated[tuple[Secret, ...], Field(max_length=8)] | None = None
    rate_limit_per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = None
    max_concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    policies: Policies | None = None


_DEFAULTS: dict[str, Any] = {
    "default_datacenter": None,
    "provisioning_timeout": 300,
    "action_timeout": 120,
    "rate_limit_per_minute": 600,
    "max_concurrency": 16,
    "policies": {},
}


def is_connection_id(text: str) -> bool:
    """Letters, digits, `_` and `-`, at most 64."""
    return _ID.fullmatch(text) is not None


def unknown_connection() -> ProblemError:
    """Unknown and foreign look the same."""
    return ProblemError("not_found", "There is no such connection. Check the id.")


def store_connection(
    conn: Transaction,
    book: ConnectionBook,
    connection_id: str,
    settings: ConnectionSettings,
    event: AuditEvent,
) -> StoredConnection:
    """Insert or change a connection; secrets are sealed on the way.

    Raises:
        ProblemError: `not_found` for an impossible id; `validation_failed` when a new one lacks its address or key.
    """
    if not is_connection_id(connection_id):
        raise unknown_connection()
    before = connections.lock(conn, connection_id)
    changed = _sealed(book, connection_id, settings.model_dump(exclude_none=True), before)
    after = _changed(before, changed, connection_id, event.at)
    if before is not None:
        catalog.forget(conn, connection_id)
    connections.put(conn, after)
    audit.add(conn, event)
    return after


def remove_connection(conn: Transaction, connection_id: str, event: AuditEvent) -> None:
    """Delete a connection.

    Raises:
        ProblemError: 404, or 409 `connection_in_use`.
    """
    if connections.lock(conn, connection_id) is None:
        raise unknown_connection()
    living = services.live_count(conn, connection_id)
    if living:
        detail = f"{living} services of this connection are not terminated. Terminate them first."
        raise ProblemError("connection_in_use", detail, live_services=living)
    connections.remove(conn, connection_id)
    audit.add(conn, event)


def describe_connection(book: ConnectionBook, stored: StoredConnection) -> dict[str, Any]:
    """As it is shown: secrets only as `***` and a fingerprint."""
    opened = book.open(stored)
    fingerprint: Callable[[str], str] = book.fingerprint
    return {
        "id": stored.id,
        "infrafabric_api_url": stored.infrafabric_api_url,
        "infrafabric_api_key": HIDDEN,
        "infrafabric_api_key_fingerprint": fingerprint(opened.infrafabric_api_key),
        "default_datacenter": stored.default_datacenter,
        "provisioning_timeout": stored.provisioning_timeout,
        "action_timeout": stored.action_timeout,
        "webhook_secrets": [HIDDEN for _ in opened.webhook_secrets],
        "webhook_secret_fingerprints": [fingerprint(secret) for secret in opened.webhook_secrets],
        "rate_limit_per_minute": stored.rate_limit_per_minute,
        "max_concurrency": stored.max_concurrency,
        "policies": dict(stored.policies),
        "created_at": _moment(stored.created_at),
        "updated_at": _moment(stored.updated_at),
    }


def _changed(
    before: StoredConnection | None, changed: dict[str, Any], connection_id: str, now: datetime
) -> StoredConnection:
    if before is not None:
        return replace(before, **changed, version=before.version + 1, updated_at=now)
    missing = [name for name in ("infrafabric_api_url", "infrafabric_api_key") if name not in changed]
    if missing:
        errors = {name: {"empty": "A new connection needs this."} for name in missing}
        raise ProblemError("validation_failed", "The connection was not made.", errors=errors)
    return StoredConnection(
        **_DEFAULTS | changed, id=connection_id, version=1, created_at=now, updated_at=now
    )


def _sealed(
    book: ConnectionBook, connection_id: str, values: dict[str, Any], before: StoredConnection | None
) -> dict[str, Any]:
    key = values.pop("infrafabric_api_key", HIDDEN)
    if key != HIDDEN:
        values["infrafabric_api_key"] = book.seal_api_key(connection_id, key)
    secrets: tuple[str, ...] | None = values.pop("webhook_secrets", None)
    if secrets is not None and HIDDEN in secrets:
        kept = () if before is None else book.open(before).webhook_secrets
        secrets = tuple(dict.fromkeys([*kept, *(secret for secret in secrets if secret != HIDDEN)]))
    if secrets is not None or before is None:
        values["webhook_secrets"] = book.seal_webhook_secrets(connection_id, tuple(secrets or ()))
    return values


def _moment(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")
