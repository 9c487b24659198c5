"""Sending an intent, and what each kind of answer means (design §5: silence, deadlines, provider answers)."""

from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.actions import Deadline
from bridge.domain.operation import Cleaning, Operation, OperationState
from bridge.domain.problems import Problem
from bridge.domain.provider import Accepted, CreateInstance, Instance, NoAnswer, ProviderError, Refused
from bridge.domain.service import Service
from bridge.engine import verdict
from bridge.engine.context import Engine
from bridge.engine.evidence import investigate
from bridge.engine.finishing import After, fail
from bridge.engine.turn import Turn, start_cleaning
from bridge.store import callbacks, operations, services, timeline
from bridge.store.database import Transaction


async def send(engine: Engine, turn: Turn) -> After:
    """Let the intent leave, or decide that it may not leave any more."""
    now = engine.now()
    if turn.resolving:
        found = await _already_there(engine, turn)
        if found is not None:
            return found
    elif _overdue(turn.operation, now):
        return await _expire(engine, turn, now)
    if turn.may_be_unseen and _too_old(engine, turn, now):
        return await _give_up_asking(engine, turn, now)
    return await transmit(engine, turn)


async def transmit(engine: Engine, turn: Turn) -> After:
    """One send of the intent under its key."""
    intent = turn.operation.intent
    assert intent is not None
    provider = engine.providers.get(turn.connection)
    try:
        answer = await provider.execute(intent.command, intent.key)
    except Refused as refusal:
        return await _refused(engine, turn, refusal)
    except ProviderError as error:
        return await engine.database.run(_unanswered, engine, turn, error, engine.now())
    return await engine.database.run(_accepted, engine, turn, answer, engine.now())


# ---- accepted -------------------------------------------------------------------------------------------------------


def _accepted(conn: Transaction, engine: Engine, turn: Turn, answer: Accepted, now: datetime) -> After:
    service = learn_machine(conn, turn, _machine_of(turn, answer), now)
    if turn.resolving or answer.operation is None:
        return forget_intent(conn, turn.operation, now)
    awaited = answer.operation
    told = callbacks.final_report(conn, turn.operation.connection_id, awaited.id)
    wake_at = now if told is not None or awaited.ended else now + engine.policy.poll_first
    operation = replace(
        turn.operation,
        state=OperationState.AWAITING,
        provider_operation_id=awaited.id,
        awaiting_since=now,
        failures=0,
        wake_at=wake_at,
    )
    operations.save(conn, operation)
    if operation.progress < awaited.progress and not turn.removing:
        operations.set_progress(conn, operation.id, min(awaited.progress, 99))
    timeline.add(
        conn,
        operation.id,
        now,
        "awaiting",
        {"provider_operation": awaited.id, "machine": service.instance_id},
    )
    return After(wake_at=wake_at)


def _machine_of(turn: Turn, answer: Accepted) -> str | None:
    """The id of a machine that this answer tells for the first time."""
    intent = turn.operation.intent
    if intent is None or not isinstance(intent.command, CreateInstance):
        return None
    if answer.instance is not None:
        return answer.instance.id
    return None if answer.operation is None else answer.operation.instance_id


def learn_machine(conn: Transaction, turn: Turn, instance_id: str | None, now: datetime) -> Service:
    """Store the machine's id as soon as it is known; everything later depends on it."""
    service = services.lock(conn, turn.operation.service_key)
    assert service is not None
    if instance_id is None or service.instance_id == instance_id:
        return service
    return services.save(conn, service, replace(service, instance_id=instance_id, instance_version=0), now)


def forget_intent(
    conn: Transaction, operation: Operation, now: datetime, wait: timedelta = timedelta()
) -> After:
    """The request is settled; the next turn decides what follows, under a new key."""
    settled = replace(
        operation,
        state=OperationState.RUNNING,
        intent=None,
        provider_operation_id=None,
        tries=operation.tries + 1,
        failures=operation.failures + 1 if wait else 0,
        wake_at=now + wait,
    )
    operations.save(conn, settled)
    return After(wake_at=settled.wake_at)


# ---- no answer ------------------------------------------------------------------------------------------------------


def _unanswered(conn: Transaction, engine: Engine, turn: Turn, error: ProviderError, now: datetime) -> After:
    """Silence keeps the intent marked; a definite "not now" clears the mark of this send, not of earlier ones."""
    operation, intent = turn.operation, turn.operation.intent
    assert intent is not None
    silent = isinstance(error, NoAnswer) or turn.may_be_unseen
    wait = max(engine.backoff(operation.failures), error.retry_after or timedelta())
    if not silent and _beyond(turn, now + wait):
        problem = verdict.unavailable(operation, error.detail)
        return _end_unsent(conn, turn, problem, now)
    wake_at = _before_deadline(turn, now, now + wait)
    waiting = replace(
        operation,
        intent=intent.model_copy(update={"silent": silent}),
        failures=operation.failures + 1,
        wake_at=wake_at,
    )
    operations.save(conn, waiting)
    event = "no_answer" if isinstance(error, NoAnswer) else "retrying"
    timeline.add(conn, operation.id, now, event, {"why": error.detail, "again_at": wake_at.isoformat()})
    return After(wake_at=wake_at)


def _beyond(turn: Turn, at: datetime) -> bool:
    deadline = turn.operation.deadline_at
    return deadline is not None and not turn.removing and at > deadline


def _before_deadline(turn: Turn, now: datetime, at: datetime) -> datetime:
    """An unseen send is looked into at the deadline, however long the provider wants to be left alone.

    After it, as patiently as everything else: whoever cannot be asked is not asked more often because it is late.
    """
    deadline = turn.operation.deadline_at
    if deadline is None or turn.removing or not now < deadline < at:
        return at
    return deadline


def _end_unsent(conn: Transaction, turn: Turn, problem: Problem, now: datetime) -> After:
    """Nothing of this attempt ever reached the provider. Earlier attempts were cleaned before this one began."""
    service = services.lock(conn, turn.operation.service_key)
    assert service is not None
    return fail(conn, turn.operation, service, service, problem, now)


# ---- refused --------------------------------------------------------------------------------------------------------


async def _refused(engine: Engine, turn: Turn, refusal: Refused) -> After:
    instance = await _named_in(engine, turn, refusal)
    return await engine.database.run(_after_refusal, engine, turn, refusal, instance, engine.now())


async def _named_in(engine: Engine, turn: Turn, refusal: Refused) -> Instance | None:
    """The machine that stands in the way of a create, if the provider named it and can show it."""
    if refusal.instance_id is None or turn.action.name != "create":
        return None
    try:
        return await engine.providers.get(turn.connection).instance(refusal.instance_id)
    except ProviderError:
        return None


def _after_refusal(
    conn: Transaction, engine: Engine, turn: Turn, refusal: Refused, instance: Instance | None, now: datetime
) -> After:
    operation = turn.operation
    detail = {"status": refusal.status, "code": refusal.code, "detail": refusal.detail}
    timeline.add(conn, operation.id, now, "answered", detail)
    if turn.resolving:
        return forget_intent(conn, operation, now)
    if turn.removing:
        wait = timedelta() if verdict.gone(refusal) else engine.backoff(operation.failures)
        return forget_intent(conn, operation, now, wait)
    if refusal.code == "reference_exists":
        return _reference_taken(conn, engine, turn, instance, now)
    decision = verdict.of_refusal(operation, turn.action, refusal, now, engine.policy)
    return carry_out(conn, engine, turn, decision, now)


def _reference_taken(
    conn: Transaction, engine: Engine, turn: Turn, instance: Instance | None, now: datetime
) -> After:
    """Our own machine of this life is taken over; one of another life is nobody's to touch without a human."""
    service = services.lock(conn, turn.operation.service_key)
    assert service is not None
    if instance is not None and replace(service, instance_id=None).owns(instance):
        learn_machine(conn, turn, instance.id, now)
        problem = Problem("reference_conflict", "A machine of this order was found without its operation.")
        cleaning = Cleaning(problem.to_json(), "retry")
        return begin_cleaning(conn, turn, cleaning, now)
    name = "unknown" if instance is None else instance.id
    problem = Problem(
        "reference_conflict",
        f"InfraFabric already has machine {name} for this service, and it is older than this order. "
        "Nothing was changed. Check with InfraFabric whom it belongs to.",
    )
    return fail(conn, turn.operation, service, replace(service, instance_id=None), problem, now)


def carry_out(
    conn: Transaction,
    engine: Engine,
    turn: Turn,
    decision: verdict.Verdict,
    now: datetime,
    seen: Service | None = None,
) -> After:
    """Turn a verdict into the next state. `seen` is the service as just observed, if it was."""
    operation = turn.operation
    match decision:
        case verdict.TryAgain(patient):
            cap = engine.policy.backoff_cap * (15 if patient else 1)
            wait = engine.backoff(operation.failures, cap=cap)
            timeline.add(conn, operation.id, now, "retrying", {"again_at": (now + wait).isoformat()})
            return forget_intent(conn, operation, now, wait)
        case verdict.Clean(problem, then):
            cleaning = Cleaning(problem.to_json(), "retry" if then == "retry" else "fail")
            return begin_cleaning(conn, turn, cleaning, now)
        case verdict.GiveUp(problem, drifted):
            before = services.lock(conn, operation.service_key)
            assert before is not None
            after = replace(seen or before, drifted=drifted or (seen or before).drifted)
            return fail(conn, operation, before, after, problem, now)


def begin_cleaning(conn: Transaction, turn: Turn, cleaning: Cleaning, now: datetime) -> After:
    """Whatever the create made has to go before anything else happens."""
    settled = turn.operation
    if settled.intent is not None and settled.provider_operation_id is None and not _unseen(turn):
        settled = replace(settled, intent=None)
    operations.save(conn, start_cleaning(conn, settled, cleaning, now))
    return After(wake_at=now)


def _unseen(turn: Turn) -> bool:
    return turn.may_be_unseen


# ---- too late -------------------------------------------------------------------------------------------------------


def _overdue(operation: Operation, now: datetime) -> bool:
    return operation.deadline_at is not None and now >= operation.deadline_at and operation.cleaning is None


def _too_old(engine: Engine, turn: Turn, now: datetime) -> bool:
    intent = turn.operation.intent
    return intent is not None and now - intent.at >= engine.policy.resend_window


async def _expire(engine: Engine, turn: Turn, now: datetime) -> After:
    """The deadline came before the provider took the command."""
    if turn.action.deadline is Deadline.NEVER:
        return await transmit(engine, turn)
    problem = verdict.unavailable(turn.operation, "no answer arrived before the deadline")
    if turn.action.name == "create" and turn.may_be_unseen:
        problem = Problem("timeout", "InfraFabric did not answer in time. What the request made is removed.")
        return await engine.database.run(begin_cleaning, turn, Cleaning(problem.to_json(), "fail"), now)
    if not turn.may_be_unseen:
        return await engine.database.run(_end_unsent, turn, problem, now)
    return await _look_into(engine, turn)


async def _give_up_asking(engine: Engine, turn: Turn, now: datetime) -> After:
    """The provider may have forgotten the key: sending it once more could do the thing twice."""
    if turn.removing or turn.resolving or turn.action.name == "create":
        if turn.removing or turn.resolving:
            return await engine.database.run(forget_intent, turn.operation, now)
        problem = Problem("outcome_unknown", "InfraFabric never answered. What the request made is removed.")
        forgotten = replace(turn, may_be_unseen=False)
        return await engine.database.run(begin_cleaning, forgotten, Cleaning(problem.to_json(), "fail"), now)
    return await _look_into(engine, turn)


async def _look_into(engine: Engine, turn: Turn) -> After:
    """Ask what the machine looks like, and judge by that; no answer, no judgement."""
    try:
        found = await investigate(engine, turn)
    except ProviderError as error:
        return await engine.database.run(_unanswered, engine, turn, NoAnswer(error.detail), engine.now())
    return await engine.database.run(found.apply, turn, engine.now())


async def _already_there(engine: Engine, turn: Turn) -> After | None:
    """Before an unanswered create is repeated only to be undone, see whether its machine shows itself."""
    intent = turn.operation.intent
    if intent is None or not isinstance(intent.command, CreateInstance):
        return None
    try:
        machines = await engine.providers.get(turn.connection).instances_by_reference(turn.context.reference)
    except ProviderError as error:
        return await engine.database.run(_unanswered, engine, turn, NoAnswer(error.detail), engine.now())
    mine = [machine for machine in machines if turn.service.owns(machine)]
    return await engine.database.run(_settle_found, turn, mine[0].id, engine.now()) if mine else None


def _settle_found(conn: Transaction, turn: Turn, instance_id: str, now: datetime) -> After:
    learn_machine(conn, turn, instance_id, now)
    return forget_intent(conn, turn.operation, now)
