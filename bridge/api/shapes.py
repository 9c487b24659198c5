"""The JSON forms of design §5: explicit allow-lists, so that nothing internal can slip out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bridge.domain.operation import Operation, TimelineEvent
from bridge.domain.service import Service, fields
from bridge.engine.context import Engine
from bridge.store import credentials, operations, services, timeline
from bridge.store.credentials import Credentials
from bridge.store.database import Transaction

_SERVICE_MEMBERS = (
    "service_key",
    "connection_id",
    "type",
    "state_reason",
    "drifted",
    "hostname",
    "plan",
    "cpus",
    "memory_mb",
    "disk_gb",
    "image",
    "datacenter",
    "instance_id",
    "version",
)
_OPERATION_MEMBERS = ("id", "action", "service_key", "connection_id", "progress", "actor", "retry_of")


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service with what is shown beside it."""

    service: Service
    current: str | None
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation with its history and its service."""

    operation: Operation
    timeline: Sequence[TimelineEvent]
    service: ServiceView


def moment(value: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return None if value is None else value.isoformat().replace("+00:00", "Z")


def load_service(conn: Transaction, service: Service) -> ServiceView:
    """Everything a service's form needs."""
    current = operations.first_unfinished(conn, service.service_key)
    return ServiceView(service, current, credentials.get(conn, service.service_key))


def load_operation(conn: Transaction, operation_id: str) -> OperationView | None:
    """Everything an operation's form needs, or None."""
    operation = operations.get(conn, operation_id)
    service = None if operation is None else services.get(conn, operation.service_key)
    if operation is None or service is None:
        return None
    history = timeline.of(conn, [operation_id])[operation_id]
    return OperationView(operation, history, load_service(conn, service))


def service_json(engine: Engine, view: ServiceView, *, with_password: bool) -> dict[str, Any]:
    """Service. `with_password`: only for keys of scope module."""
    service = view.service
    return {name: getattr(service, name) for name in _SERVICE_MEMBERS} | {
        "state": service.state.value,
        "power": service.power.value,
        "addresses": [asdict(address) for address in service.addresses],
        "volumes": [
            {"id": v.id, "name": v.name, "size_gb": v.size_gb, "status": v.status} for v in service.volumes
        ],
        "firewall": {"rules": [rule.model_dump(mode="json") for rule in service.firewall]},
        "limits": dict(service.limits),
        "expires_at": moment(service.expires_at),
        "terminate_at": moment(service.grace.terminate_at if service.grace is not None else None),
        "current_operation_id": view.current,
        "fields": service_fields(engine, view, with_password=with_password),
        "created_at": moment(service.created_at),
        "updated_at": moment(service.updated_at),
    }


def service_fields(engine: Engine, view: ServiceView, *, with_password: bool) -> list[dict[str, str | bool]]:
    """What the module stores."""
    known = view.credentials
    password = open_password(engine, view.service.service_key, known) if with_password else None
    return fields(view.service, password, username=None if known is None else known.username)


def open_password(engine: Engine, service_key: str, known: Credentials | None) -> str | None:
    """The root password in the clear, registered for redaction."""
    if known is None or known.sealed_password is None:
        return None
    password = engine.vault.open(
        known.sealed_password, table="credentials", row=service_key, column="root_password"
    )
    engine.protect(password)
    return password


def operation_json(engine: Engine, view: OperationView, *, with_password: bool) -> dict[str, Any]:
    """Operation, with its service."""
    operation = view.operation
    return {name: getattr(operation, name) for name in _OPERATION_MEMBERS} | {
        "state": operation.state.value,
        "halting": bool(operation.halt.value) and not operation.ended,
        "error": None if operation.error is None else dict(operation.error),
        "created_at": moment(operation.created_at),
        "started_at": moment(operation.started_at),
        "finished_at": moment(operation.finished_at),
        "deadline_at": moment(operation.deadline_at),
        "timeline": [timeline_json(event) for event in view.timeline],
        "service": service_json(engine, view.service, with_password=with_password),
    }


def timeline_json(event: TimelineEvent) -> Mapping[str, Any]:
    """One line of history."""
    return {"at": moment(event.at), "event": event.event, "detail": dict(event.detail)}
