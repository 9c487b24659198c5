"""Taking a command in: judged, numbered and stored in one transaction, or refused with nothing changed.

Commands are judged on the projected state, as if everything accepted before had succeeded; each is judged again when
its turn comes. On top of the Idempotency-Key the actions are idempotent by what they mean, because a billing system
calls again after every error and cannot know what happened (design §5).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bridge.domain.actions import REGISTRY, Action, Caller, params_of
from bridge.domain.operation import Halt, Operation, OperationState
from bridge.domain.parameters import Adopt, Create, Edit, Params
from bridge.domain.problems import Problem, ProblemError
from bridge.domain.repairs import ACTIONS
from bridge.domain.service import LIVE, Service, ServiceState
from bridge.engine.finishing import end_queued, report
from bridge.store import audit, idempotency, operations, services, timeline
from bridge.store.audit import AuditEvent
from bridge.store.database import Transaction
from bridge.store.idempotency import Remembered

COMPARED = ("type", "image", "plan", "cpus", "memory_mb", "disk_gb", "datacenter", "hostname")
"""What makes two create requests the same one."""


@dataclass(frozen=True, slots=True)
class Command:
    """A request to run an action, already parsed and authenticated."""

    connection_id: str
    service_key: str
    action: Action
    params: Params
    caller: Caller
    actor: str
    path: str
    idempotency_key: str
    fingerprint: str
    key_id: str | None = None
    request_id: str | None = None
    retry_of: str | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The operation that stands for the command.

    `replayed`: by its Idempotency-Key; `wake`: operations that became due; `ended`: operations this one canceled.
    """

    operation: Operation
    replayed: bool = False
    wake: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()


def admit(
    conn: Transaction,
    command: Command,
    *,
    operation_id: str,
    now: datetime,
    queue_limit: int,
    default_datacenter: bool,
    guard: Callable[[Transaction], None] | None = None,
) -> Admitted:
    """Accept the command or say why not. `guard` is asked last, and raises what else stands in the way.

    Raises:
        ProblemError: nothing was changed.
    """
    services.serialize(conn, command.service_key)
    known = idempotency.find(conn, command.connection_id, command.path, command.idempotency_key)
    if known is not None:
        return _replay(conn, command, known)
    _check_caller(command)
    service = services.lock(conn, command.service_key)
    if service is not None and service.connection_id != command.connection_id:
        raise not_found(command.service_key)
    _check_owner(command, service)
    pending = [] if service is None else operations.unfinished(conn, command.service_key)
    draft = _draft(command, operation_id, now)
    verdict = _judge(command, service, pending, queue_limit)
    if verdict == "accept" and guard is not None:
        guard(conn)
    if isinstance(verdict, Operation):
        _remember(conn, command, verdict.id, now)
        return Admitted(verdict)
    if service is None:
        service = services.insert(conn, _first_row(command, now))
    if verdict == "nothing_to_do":
        return Admitted(_record_noop(conn, command, draft, service, pending, now))
    _check_datacenter(command, default_datacenter)
    return _accept(conn, command, draft, service, pending, now)


def project(service: Service, pending: Sequence[Operation]) -> Service:
    """The service as it will be if everything accepted succeeds."""
    for operation in pending:
        if operation.halt is Halt.NO:
            action = ACTIONS[operation.action]
            service = action.apply(service, params_of(action, operation.params))
    return service


def create_request(params: Create) -> dict[str, Any]:
    """The part of a create that is compared, as sent."""
    sent = params.model_dump(mode="json")
    return {name: sent[name] for name in COMPARED}


def not_found(service_key: str) -> ProblemError:
    """Unknown and foreign look the same."""
    return ProblemError("not_found", f"There is no service {service_key}. Create it first, or check the key.")


def forbidden_reason(action: Action, service: Service) -> str | None:
    """Why the action cannot be run in the service's (projected) state, or None."""
    if service.state in action.states:
        return action.unless(service)
    allowed = ", ".join(sorted(state.value for state in action.states))
    return f"The service is {service.state.value}; {action.name} needs one that is {allowed}."


def _replay(conn: Transaction, command: Command, known: Remembered) -> Admitted:
    if known.fingerprint != command.fingerprint:
        raise ProblemError(
            "idempotency_key_reused",
            "This Idempotency-Key was used for a different request. Use a new key for a new request.",
        )
    operation = operations.get(conn, known.operation_id)
    if operation is None:
        raise LookupError(f"operation {known.operation_id} of a remembered key does not exist")
    return Admitted(operation, replayed=True)


def _check_caller(command: Command) -> None:
    if command.caller not in command.action.callers:
        raise ProblemError("forbidden", f"A {command.caller.value} may not call {command.action.name}.")
    raising = isinstance(command.params, Edit) and command.params.limits is not None
    if raising and command.caller is Caller.CLIENT:
        raise ProblemError("forbidden", "A client may not change the limits of its package.")


def _check_owner(command: Command, service: Service | None) -> None:
    """The same service key with another client is somebody else's order."""
    if service is None or not isinstance(command.params, Create | Adopt):
        return
    client = _client_id(command.params)
    if client is not None and service.client_id is not None and client != service.client_id:
        raise not_found(command.service_key)


def _client_id(params: Create | Adopt) -> str | None:
    client = params.blesta.client_id if params.blesta is not None else None
    return None if client is None else str(client)


Verdict = Operation | str


def _judge(
    command: Command, service: Service | None, pending: Sequence[Operation], queue_limit: int
) -> Verdict:
    """The operation to join, `nothing_to_do`, or `accept`."""
    name = command.action.name
    if service is None:
        if name not in ("create", "adopt", "terminate"):
            raise not_found(command.service_key)
        return "nothing_to_do" if name == "terminate" else "accept"
    projected = project(service, pending)
    if isinstance(command.params, Create):
        verdict = _judge_create(command.params, service, projected, pending)
    else:
        verdict = _judge_other(command, projected, pending)
    if verdict == "accept" and name != "terminate" and len(pending) >= queue_limit:
        raise ProblemError(
            "queue_full",
            f"{len(pending)} operations of this service are unfinished. Wait for some of them and call again.",
            headers={"Retry-After": "30"},
        )
    return verdict


def _judge_create(
    params: Create, service: Service, projected: Service, pending: Sequence[Operation]
) -> Verdict:
    creates = [op for op in pending if op.action == "create" and op.halt is Halt.NO]
    if projected.state not in LIVE:
        return "accept"
    running = creates[-1] if creates else None
    if running is None and service.state in LIVE and service.create_request is None:
        return "nothing_to_do"  # it has its machine: one that was adopted instead of created
    before = _request_of(running) if running is not None else service.create_request
    if before != create_request(params):
        raise ProblemError(
            "create_conflict",
            "The service was created with another request. Use edit to change it, or a new service key for another.",
            state=service.state.value,
        )
    return running if running is not None else "nothing_to_do"


def _request_of(operation: Operation) -> dict[str, Any]:
    params = params_of(REGISTRY["create"], operation.params)
    return create_request(params)


def _judge_other(command: Command, projected: Service, pending: Sequence[Operation]) -> Verdict:
    action, params = command.action, command.params
    if action.satisfied(projected, params):
        twins = [op for op in pending if op.action == action.name and op.halt is Halt.NO]
        return twins[-1] if twins else "nothing_to_do"
    reason = forbidden_reason(action, projected)
    if reason is not None:
        raise ProblemError("action_not_allowed", reason, state=projected.state.value, reason=reason)
    errors = action.check(projected, params)
    if errors:
        raise ProblemError(
            "validation_failed", "Nothing was changed. Correct the members in errors.", errors=errors
        )
    return "accept"


def _check_datacenter(command: Command, default_datacenter: bool) -> None:
    if isinstance(command.params, Create) and command.params.datacenter is None and not default_datacenter:
        raise ProblemError(
            "validation_failed",
            "The connection has no default datacenter, so the request has to name one.",
            errors={
                "datacenter": {"empty": "Name a datacenter, or set the connection's default_datacenter."}
            },
        )


def _draft(command: Command, operation_id: str, now: datetime) -> Operation:
    return Operation(
        id=operation_id,
        connection_id=command.connection_id,
        service_key=command.service_key,
        service_seq=0,
        action=command.action.name,
        params=command.params.model_dump(mode="json", exclude_none=True),
        actor=command.actor,
        created_at=now,
        retry_of=command.retry_of,
        request_id=command.request_id,
        wake_at=now,
    )


def _first_row(command: Command, now: datetime) -> Service:
    """A key that was never created is as good as terminated, until a create says otherwise."""
    return Service(
        command.service_key,
        command.connection_id,
        created_at=now,
        updated_at=now,
        state=ServiceState.TERMINATED,
        wanted=ServiceState.TERMINATED,
    )


def _record_noop(
    conn: Transaction,
    command: Command,
    draft: Operation,
    service: Service,
    pending: Sequence[Operation],
    now: datetime,
) -> Operation:
    """An operation that says that nothing had to be done."""
    done = replace(draft, state=OperationState.SUCCEEDED, progress=100, started_at=now, finished_at=now)
    stored = operations.insert(conn, done)
    _accepted(conn, command, stored, now)
    timeline.add(conn, stored.id, now, "succeeded", {"nothing_to_do": True})
    if not pending:
        services.save(conn, service, _confirmed(command, service), now)
    return stored


def _confirmed(command: Command, service: Service) -> Service:
    """What was so already, perhaps by somebody else's doing, is from now on what was commanded."""
    accepted = command.action.apply(service, command.params)
    if service.drifted and service.wanted is not service.state and accepted.state is service.state:
        service = replace(service, wanted=service.state, drifted=False)
    if isinstance(command.params, Create):
        return service  # the same order once more: what was edited since then stays
    return replace(service, wanted_spec=accepted.wanted_spec)


def _accept(
    conn: Transaction,
    command: Command,
    draft: Operation,
    service: Service,
    pending: Sequence[Operation],
    now: datetime,
) -> Admitted:
    ended: list[str] = []
    woken: list[str] = []
    if command.action.name == "terminate":
        ended, woken = _give_way(conn, service, pending, now)
    stored = operations.insert(conn, draft)
    _accepted(conn, command, stored, now)
    if isinstance(command.params, Create):
        _open_life(conn, command.params, stored, service, pending, now)
    return Admitted(stored, wake=(*woken, stored.id), ended=tuple(ended))


def _accepted(conn: Transaction, command: Command, operation: Operation, now: datetime) -> None:
    _remember(conn, command, operation.id, now)
    timeline.add(conn, operation.id, now, "accepted", {"actor": command.actor})
    audit.add(
        conn,
        AuditEvent(
            at=now,
            event="operation.accepted",
            actor=command.actor,
            key_id=command.key_id,
            connection_id=command.connection_id,
            service_key=command.service_key,
            operation_id=operation.id,
            request_id=command.request_id,
            detail={"action": command.action.name},
        ),
    )


def _remember(conn: Transaction, command: Command, operation_id: str, now: datetime) -> None:
    remembered = Remembered(command.fingerprint, operation_id)
    idempotency.add(conn, command.connection_id, command.path, command.idempotency_key, remembered, now)


def _open_life(
    conn: Transaction,
    params: Create,
    operation: Operation,
    service: Service,
    pending: Sequence[Operation],
    now: datetime,
) -> None:
    """Show the new life at once, unless something of the old one still has to end first."""
    if pending:
        return
    services.save(conn, service, new_life(service, params, operation.id), now, report(operation))


def new_life(service: Service, params: Create, operation_id: str) -> Service:
    """The service as it looks while a create is on its way."""
    asked = params.model_dump(include={"type", "hostname", "image", "plan", "cpus", "memory_mb", "disk_gb"})
    return replace(
        service.without_machine(),
        **asked,
        datacenter=params.datacenter,
        expires_at=None,
        state=ServiceState.PROVISIONING,
        wanted=ServiceState.ACTIVE,
        state_reason=None,
        drifted=False,
        create_request=create_request(params),
        wanted_spec={},
        client_id=_client_id(params) or service.client_id,
        limits=params.limits.model_dump(exclude_none=True) if params.limits is not None else {},
        last_operation_id=operation_id,
        last_error=None,
    )


def _give_way(
    conn: Transaction, service: Service, pending: Sequence[Operation], now: datetime
) -> tuple[list[str], list[str]]:
    """A terminate ends everything before it: what waits is canceled here, what runs is told to stop."""
    others = [operation for operation in pending if operation.action != "terminate"]
    waiting = [operation for operation in others if operation.state is OperationState.QUEUED]
    running = [operation for operation in others if operation.state is not OperationState.QUEUED]
    for operation in waiting:
        end_queued(conn, operation, Problem("canceled", "A terminate of the service was accepted."), now)
    for operation in running:
        operations.set_halt(conn, operation.id, Halt.TERMINATE)
        timeline.add(conn, operation.id, now, "halting", {"by": "terminate"})
    operations.wake(conn, [operation.id for operation in running], now)
    return [operation.id for operation in waiting], [operation.id for operation in running]
