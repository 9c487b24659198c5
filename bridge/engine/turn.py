"""The beginning of a turn: take the fence, find out whether it is this operation's turn, write the intent.

Everything here happens in one transaction before anything is sent, so that a crash at any later point finds in the
table what may have left the house (rules "fence", "intent" and "order in the table" of design §6).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.domain.actions import Action, Context, Deadline, params_of
from bridge.domain.connection import Connection
from bridge.domain.operation import Baseline, Cleaning, Halt, Intent, Operation, OperationState
from bridge.domain.problems import Problem
from bridge.domain.provider import Command, CreateInstance, CreateVolume, ProviderOperation
from bridge.domain.repairs import ACTIONS
from bridge.domain.service import Service, ServiceState
from bridge.engine.admission import forbidden_reason, new_life
from bridge.engine.context import Engine
from bridge.engine.finishing import After, cancel, fail, succeed
from bridge.store import callbacks, operations, services, timeline
from bridge.store.database import Transaction

BEHIND = timedelta(minutes=1)
"""How soon the sweep looks again at an operation that waits for an earlier one (whose end wakes it anyway)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One operation to be moved on, with everything known about it at the start of the turn.

    `may_be_unseen`: an earlier send of the present intent may have taken effect without an answer.
    `final`: a callback that told the end of the awaited provider operation.
    """

    operation: Operation
    service: Service
    connection: Connection
    action: Action
    context: Context
    may_be_unseen: bool = False
    final: ProviderOperation | None = None

    @property
    def removing(self) -> bool:
        """Whether this operation is taking a machine away, rather than doing its own step."""
        return self.operation.cleaning is not None or self.action.removes

    @property
    def machine_id(self) -> str | None:
        """The machine that the operation is about: the service's, or the one it is to take over."""
        if not self.action.takes_over:
            return self.service.instance_id
        instance_id: str = params_of(self.action, self.operation.params).instance_id
        return instance_id

    @property
    def resolving(self) -> bool:
        """Whether a send is repeated only to learn what it made, because somebody ends the operation."""
        operation = self.operation
        return (
            operation.intent is not None
            and (operation.halt is not Halt.NO or self.removing)
            and makes(operation)
        )


def makes(operation: Operation) -> bool:
    """Whether the present intent brings something into being that would have to be found and removed."""
    return operation.intent is not None and isinstance(
        operation.intent.command, CreateInstance | CreateVolume
    )


def begin(conn: Transaction, engine: Engine, operation_id: str, token: str, now: datetime) -> Turn | After:
    """Claim the operation; a `Turn` if there is something to do upstream now, else what to do afterwards."""
    operation = operations.lock(conn, operation_id)
    if operation is None or operation.ended:
        return After()
    if operations.first_unfinished(conn, operation.service_key) != operation_id:
        operations.wake(conn, [operation_id], now + BEHIND)
        return After(wake_at=now + BEHIND)
    operations.claim(conn, operation_id, token)
    service = services.lock(conn, operation.service_key)
    if service is None:
        raise LookupError(f"service {operation.service_key} of operation {operation_id} does not exist")
    turn = _open(conn, engine, replace(operation, token=token), service)
    if operation.halt is not Halt.NO:
        return _halt(conn, turn, now)
    if operation.state is OperationState.QUEUED:
        return _start(conn, engine, turn, now)
    return prepare(conn, engine, turn, now)


def _open(conn: Transaction, engine: Engine, operation: Operation, service: Service) -> Turn:
    connection = engine.connections.load(conn, operation.connection_id)
    context = Context(
        operation_id=operation.id,
        reference=engine.reference(operation.connection_id, operation.service_key),
        labels=engine.labels(operation.connection_id, operation.service_key),
        default_datacenter=connection.default_datacenter,
    )
    return Turn(operation, service, connection, ACTIONS[operation.action], context)


# ---- starting -------------------------------------------------------------------------------------------------------


def _start(conn: Transaction, engine: Engine, turn: Turn, now: datetime) -> Turn | After:
    """Out of the queue: judged once more on the real state, since what was accepted before may have failed."""
    operation, service, action = turn.operation, turn.service, turn.action
    params = params_of(action, operation.params)
    started = replace(
        operation,
        state=OperationState.RUNNING,
        started_at=now,
        deadline_at=deadline(engine, action, turn.connection, now),
        step=action.steps[0].name if action.steps else "main",
    )
    if action.satisfied(service, params):
        confirmed = replace(service, wanted_spec=action.apply(service, params).wanted_spec)
        return succeed(conn, started, service, confirmed, now, {"nothing_to_do": True})
    opens = action.name == "create" and service.state is ServiceState.PROVISIONING
    reason = None if opens else forbidden_reason(action, service)
    if reason is not None:
        problem = Problem("state_changed", reason, extra={"state": service.state.value})
        return fail(conn, started, service, service, problem, now)
    if action.name == "create":
        service = _begin_life(conn, started, service, params, opens, now)
    timeline.add(conn, operation.id, now, "started")
    return prepare(conn, engine, replace(turn, operation=started, service=service), now)


def _begin_life(
    conn: Transaction, operation: Operation, service: Service, params: object, shown: bool, now: datetime
) -> Service:
    """Only a machine that is not older than this moment can be this life's."""
    fresh = service if shown else new_life(service, params, operation.id)  # type: ignore[arg-type]
    born = replace(fresh, life=service.life + 1, life_started_at=now)
    return services.save(conn, service, born, now)


def deadline(engine: Engine, action: Action, connection: Connection, now: datetime) -> datetime | None:
    """When the operation has to be over; None = never."""
    match action.deadline:
        case Deadline.PROVISIONING:
            return now + connection.provisioning_time()
        case Deadline.ACTION:
            return now + connection.action_time()
        case Deadline.PERSISTENT:
            return now + engine.policy.persistent_for
        case Deadline.NEVER:
            return None


# ---- halting --------------------------------------------------------------------------------------------------------


def _halt(conn: Transaction, turn: Turn, now: datetime) -> Turn | After:
    """Somebody ends this operation.

    A send that may have made something is settled first: only its answer tells what would have to be removed.
    """
    operation = turn.operation
    intent = operation.intent
    if intent is not None and intent.silent and makes(operation) and operation.provider_operation_id is None:
        return replace(turn, may_be_unseen=True)
    if operation.halt is Halt.CANCEL:
        return _clean_then_cancel(conn, turn, now)
    problem = Problem("canceled", "A terminate of the service ended this operation.")
    return cancel(conn, operation, turn.service, turn.service, problem, now)


def _clean_then_cancel(conn: Transaction, turn: Turn, now: datetime) -> Turn:
    operation = turn.operation
    if operation.cleaning is None or operation.cleaning.then != "cancel":
        problem = Problem("canceled", "The operation was canceled by staff.")
        operation = start_cleaning(conn, operation, Cleaning(problem.to_json(), "cancel"), now)
        operations.save(conn, operation)
    return replace(turn, operation=operation, final=_final(conn, operation))


def start_cleaning(conn: Transaction, operation: Operation, cleaning: Cleaning, now: datetime) -> Operation:
    """From now on the operation removes what it made; an unanswered create stays as intent until it is settled."""
    timeline.add(
        conn, operation.id, now, "cleaning", {"then": cleaning.then, "why": cleaning.problem["detail"]}
    )
    unseen = operation.intent if operation.intent is not None and operation.intent.silent else None
    return replace(
        operation,
        state=OperationState.RUNNING,
        cleaning=cleaning,
        intent=unseen if operation.provider_operation_id is None else None,
        provider_operation_id=None,
        failures=0,
        tries=operation.tries + (0 if unseen is not None and operation.provider_operation_id is None else 1),
        wake_at=now,
    )


# ---- intents --------------------------------------------------------------------------------------------------------


def prepare(conn: Transaction, engine: Engine, turn: Turn, now: datetime) -> Turn | After:
    """Make sure that what this turn will send is written down."""
    operation = turn.operation
    if operation.provider_operation_id is not None:
        return replace(turn, final=_final(conn, operation))
    if operation.intent is not None:
        return _resend(conn, turn, now)
    if turn.removing or (turn.action.takes_over and turn.context.found is None):
        operations.save(conn, operation)
        return turn
    return _next_step(conn, engine, turn, now)


def _final(conn: Transaction, operation: Operation) -> ProviderOperation | None:
    if operation.provider_operation_id is None:
        return None
    return callbacks.final_report(conn, operation.connection_id, operation.provider_operation_id)


def _resend(conn: Transaction, turn: Turn, now: datetime) -> Turn:
    """Before the same key leaves again, the table says that its effect may go unseen."""
    intent = turn.operation.intent
    assert intent is not None
    again = replace(
        turn.operation, intent=intent.model_copy(update={"silent": True, "sends": intent.sends + 1})
    )
    operations.save(conn, again)
    return replace(turn, operation=again, may_be_unseen=intent.silent)


def _next_step(conn: Transaction, engine: Engine, turn: Turn, now: datetime) -> Turn | After:
    """Write the intent of the present step, or of the next one that has anything to do."""
    action = turn.action
    params = params_of(action, turn.operation.params)
    names = [step.name for step in action.steps]
    begun = names.index(turn.operation.step) if names else 0
    for step in action.steps[begun:]:
        command = step.request(turn.service, params, turn.context)
        if command is not None:
            operation = write_intent(
                conn, replace(turn.operation, step=step.name), turn.service, command, now
            )
            return replace(turn, operation=operation)
    done = action.apply(turn.service, params)
    return succeed(conn, turn.operation, turn.service, done, now, {"nothing_to_send": True})


def write_intent(
    conn: Transaction, operation: Operation, service: Service, command: Command, now: datetime
) -> Operation:
    """A durable, fenced note of exactly what will be sent under which key, and how the machine looks before it."""
    intent = Intent(
        key=f"{operation.id}:{operation.step}:{operation.tries}",
        command=command,
        at=now,
        sends=1,
        baseline=Baseline(
            instance_version=service.instance_version,
            addresses=tuple(address.id for address in service.addresses),
            volumes=tuple(volume.id for volume in service.volumes),
        ),
    )
    written = replace(operation, state=OperationState.RUNNING, intent=intent, provider_operation_id=None)
    operations.save(conn, written)
    timeline.add(conn, operation.id, now, "sent", {"request": command.kind, "key": intent.key})
    return written
