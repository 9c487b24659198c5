"""A verified callback: recorded first, effect and record in one transaction (requirements C7, C8, C10).

A report about an operation only has to be stored: the operation's own turn finds it. A report about a machine is taken
over by version, unless an operation is at work on it, whose end will tell more.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from bridge.domain.operation import Operation
from bridge.domain.provider import Instance, InstanceReport, OperationReport, Report, UnknownReport
from bridge.domain.service import Service, ServiceState
from bridge.engine.context import Engine
from bridge.store import callbacks, operations, services, timeline
from bridge.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Callback:
    """What arrived: the sender's message id, the event type and its meaning."""

    connection_id: str
    webhook_id: str
    kind: str
    report: Report


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of it: `duplicate`, `ignored`, `matched`, `early`, `applied` or `stale`; and what to wake."""

    outcome: str
    wake: tuple[str, ...] = ()


def take(conn: Transaction, engine: Engine, callback: Callback, now: datetime) -> Taken:
    """Record the callback and do what it says, together."""
    report = callback.report
    operation = report.operation if isinstance(report, OperationReport) else None
    fresh = callbacks.record(
        conn, callback.connection_id, callback.webhook_id, kind=callback.kind, operation=operation, now=now
    )
    if not fresh:
        return Taken("duplicate")
    match report:
        case OperationReport():
            taken = _operation(conn, callback, report, now)
        case InstanceReport():
            taken = _machine(conn, engine, callback, report, now)
        case UnknownReport():
            taken = Taken("ignored")
    callbacks.set_outcome(conn, callback.connection_id, callback.webhook_id, taken.outcome)
    return taken


def _operation(conn: Transaction, callback: Callback, report: OperationReport, now: datetime) -> Taken:
    seen = report.operation
    operation = operations.find_by_provider(conn, callback.connection_id, seen.id)
    if operation is None:
        return _early(conn, callback, report, now)
    if operation.ended:
        return Taken("stale")
    timeline.add(conn, operation.id, now, "callback", {"type": callback.kind, "progress": seen.progress})
    if not seen.ended:
        if operation.cleaning is None:
            operations.set_progress(conn, operation.id, min(seen.progress, 99))
        return Taken("matched")
    operations.wake(conn, [operation.id], now)
    return Taken("matched", wake=(operation.id,))


def _early(conn: Transaction, callback: Callback, report: OperationReport, now: datetime) -> Taken:
    """Before the answer that names the provider operation: kept, and the one that may be meant looks again."""
    if report.operation.instance_id is None:
        return Taken("early")
    service = services.find_by_instance(conn, callback.connection_id, report.operation.instance_id)
    first = None if service is None else operations.first_unfinished(conn, service.service_key)
    if first is None:
        return Taken("early")
    operations.wake(conn, [first], now)
    return Taken("early", wake=(first,))


def _machine(
    conn: Transaction, engine: Engine, callback: Callback, report: InstanceReport, now: datetime
) -> Taken:
    instance = report.instance
    service = _service_of(conn, engine, callback, instance)
    if service is None:
        return Taken("ignored")
    if service.knows(instance):
        return Taken("stale")
    pending = operations.unfinished(conn, service.service_key)
    after = _apply(service, instance, pending, deleted=report.deleted)
    services.save(conn, service, after, now)
    return Taken("applied", wake=tuple(operation.id for operation in pending[:1]))


def _service_of(conn: Transaction, engine: Engine, callback: Callback, instance: Instance) -> Service | None:
    """By machine id; by reference only while this life's machine is unknown and this one can be it."""
    found = services.find_by_instance(conn, callback.connection_id, instance.id)
    if found is not None:
        return services.lock(conn, found.service_key)
    prefix = engine.reference(callback.connection_id, "")
    if not instance.reference.startswith(prefix):
        return None
    service = services.lock(conn, instance.reference.removeprefix(prefix))
    if service is None or service.connection_id != callback.connection_id or service.instance_id is not None:
        return None
    unborn = service.state is not ServiceState.PROVISIONING
    return None if unborn or not service.owns(instance) else service


def _apply(service: Service, instance: Instance, pending: list[Operation], *, deleted: bool) -> Service:
    """While an operation runs only the description is taken over: what the state means, its end decides."""
    if pending:
        return service.observe(instance)
    if service.state not in (ServiceState.ACTIVE, ServiceState.SUSPENDED):
        return service
    status = "deleted" if deleted else instance.status
    return service.follow(replace(instance, status=status))
