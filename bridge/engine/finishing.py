"""Ending operations: the terminal state, the service, the change for Blesta and the next one's wake-up, together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bridge.domain.operation import Operation, OperationState
from bridge.domain.problems import Problem
from bridge.domain.service import Service, ServiceState
from bridge.store import credentials, operations, services, timeline
from bridge.store.database import Transaction


@dataclass(frozen=True, slots=True)
class After:
    """What a turn left behind. `ended` is the operation if it is over now; `next_id` is whose turn it is then."""

    wake_at: datetime | None = None
    ended: Operation | None = None
    next_id: str | None = None


def report(operation: Operation) -> Mapping[str, Any]:
    """An operation as a change tells it."""
    error = None if operation.error is None else dict(operation.error)
    return {"id": operation.id, "action": operation.action, "state": operation.state.value, "error": error}


def succeed(
    conn: Transaction,
    operation: Operation,
    before: Service,
    after: Service,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> After:
    """The operation took effect, and `after` is what the service is now."""
    done = replace(_ended(operation, OperationState.SUCCEEDED, now), error=None)
    shown = replace(after, last_operation_id=operation.id, last_error=None)
    if shown.state is ServiceState.TERMINATED:
        credentials.remove(conn, operation.service_key)
    return _finish(conn, done, before, shown, now, detail)


def fail(
    conn: Transaction, operation: Operation, before: Service, after: Service, problem: Problem, now: datetime
) -> After:
    """The operation ended without its effect; a failed create leaves a failed service."""
    done = replace(_ended(operation, OperationState.FAILED, now), error=problem.to_json())
    shown = replace(after, last_operation_id=operation.id, last_error=problem.detail)
    if operation.action == "create" and after.state is ServiceState.PROVISIONING:
        shown = replace(
            shown.without_machine(),
            state=ServiceState.FAILED,
            wanted=ServiceState.FAILED,
            state_reason=problem.detail,
            drifted=False,
        )
    return _finish(conn, done, before, shown, now, {"code": problem.code, "detail": problem.detail})


def cancel(
    conn: Transaction, operation: Operation, before: Service, after: Service, problem: Problem, now: datetime
) -> After:
    """The operation was ended by somebody."""
    done = replace(_ended(operation, OperationState.CANCELED, now), error=problem.to_json())
    return _finish(conn, done, before, after, now, {"detail": problem.detail})


def end_queued(conn: Transaction, operation: Operation, problem: Problem, now: datetime) -> Operation:
    """Cancel an operation that never left the queue; nothing of the service changes."""
    token = f"cancel:{operation.id}"
    operations.claim(conn, operation.id, token)
    done = replace(_ended(operation, OperationState.CANCELED, now), error=problem.to_json(), token=token)
    operations.save(conn, done)
    timeline.add(conn, operation.id, now, "canceled", {"detail": problem.detail})
    return done


def _ended(operation: Operation, state: OperationState, now: datetime) -> Operation:
    progress = 100 if state is OperationState.SUCCEEDED else operation.progress
    return replace(operation, state=state, progress=progress, finished_at=now, cleaning=None, wake_at=None)


def _finish(
    conn: Transaction,
    done: Operation,
    before: Service,
    after: Service,
    now: datetime,
    detail: Mapping[str, Any] | None,
) -> After:
    operations.save(conn, done)
    timeline.add(conn, done.id, now, done.state.value, detail)
    next_id = operations.first_unfinished(conn, done.service_key)
    if next_id is not None:
        operations.wake(conn, [next_id], now)
    services.save(conn, before, after, now, report(done))
    return After(ended=done, next_id=next_id)
