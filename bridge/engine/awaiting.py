"""Waiting for a provider operation: settled by its callback, or by looking when the callback is late."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.domain.actions import Deadline, params_of
from bridge.domain.operation import Cleaning, OperationState
from bridge.domain.problems import Problem
from bridge.domain.provider import (
    DetachVolume,
    Instance,
    Provider,
    ProviderError,
    ProviderFailure,
    ProviderOperation,
    Volume,
)
from bridge.domain.service import Service
from bridge.engine import verdict
from bridge.engine.context import Engine
from bridge.engine.evidence import investigate
from bridge.engine.finishing import After, fail, succeed
from bridge.engine.sending import begin_cleaning, carry_out, forget_intent
from bridge.engine.turn import Turn
from bridge.engine.volumes import volumes_of
from bridge.store import credentials, operations, services, timeline
from bridge.store.credentials import Credentials
from bridge.store.database import Transaction

ROOT = "root"
_VOLUME_ACTIONS = frozenset({"add_volume", "resize_volume", "remove_volume"})


@dataclass(frozen=True, slots=True)
class Truth:
    """What was fetched after the provider operation had ended. None = could not be fetched."""

    machine: Instance | None
    volumes: tuple[Volume, ...] | None
    password: str | None


async def look(engine: Engine, turn: Turn) -> After:
    """Take the callback's word, else ask; then act on what is known."""
    seen: ProviderOperation | None = turn.final
    if seen is None:
        assert turn.operation.provider_operation_id is not None
        provider = engine.providers.get(turn.connection)
        try:
            seen = await provider.operation(turn.operation.provider_operation_id)
        except ProviderError as error:
            return await _could_not_look(engine, turn, error)
    if seen is None:
        return await _forgotten(engine, turn)
    if not seen.ended:
        return await engine.database.run(_still_running, engine, turn, seen, engine.now())
    if seen.status == "failed":
        return await _failed(engine, turn, seen)
    return await _succeeded(engine, turn, seen)


# ---- not yet --------------------------------------------------------------------------------------------------------


def _still_running(
    conn: Transaction, engine: Engine, turn: Turn, seen: ProviderOperation, now: datetime
) -> After:
    operation = turn.operation
    if _is_late(engine, turn, now):
        return _out_of_time(conn, turn, now)
    if seen.progress > operation.progress and not turn.removing:
        operations.set_progress(conn, operation.id, min(seen.progress, 99))
        timeline.add(conn, operation.id, now, "polled", {"progress": seen.progress})
    return _look_again(conn, engine, turn, now)


def _look_again(
    conn: Transaction, engine: Engine, turn: Turn, now: datetime, wait: timedelta = timedelta()
) -> After:
    operation = turn.operation
    at = now + max(engine.poll_delay(operation.failures), wait)
    if operation.deadline_at is not None and now < operation.deadline_at < at:
        at = operation.deadline_at
    operations.save(conn, replace(operation, failures=operation.failures + 1, wake_at=at))
    return After(wake_at=at)


def _is_late(engine: Engine, turn: Turn, now: datetime) -> bool:
    """A create has its deadline and no more; the other short ones get longer while the provider works on them."""
    operation, action = turn.operation, turn.action
    if operation.deadline_at is None or operation.started_at is None or turn.removing:
        return False
    if action.name == "create" or action.deadline is Deadline.PERSISTENT:
        return now >= operation.deadline_at
    return (
        now
        >= operation.started_at
        + (operation.deadline_at - operation.started_at) * engine.policy.action_overtime
    )


def _out_of_time(conn: Transaction, turn: Turn, now: datetime) -> After:
    operation = turn.operation
    started = operation.started_at or operation.created_at
    problem = verdict.timed_out(now - started)
    if turn.action.name == "create":
        return begin_cleaning(conn, turn, Cleaning(problem.to_json(), "fail"), now)
    before = services.lock(conn, operation.service_key)
    assert before is not None
    after = _doubtful(turn, before, f"{turn.action.name} is late at InfraFabric.")
    return fail(conn, operation, before, after, problem, now)


async def _could_not_look(engine: Engine, turn: Turn, error: ProviderError) -> After:
    now = engine.now()
    operation = turn.operation
    if turn.action.name == "create" and _is_late(engine, turn, now):
        return await engine.database.run(_out_of_time, turn, now)
    begun = operation.awaiting_since or operation.created_at
    if not turn.removing and turn.action.name != "create" and now - begun >= engine.policy.persistent_for:
        return await engine.database.run(_end_unknown, turn, now)
    return await engine.database.run(_look_again, engine, turn, now, error.retry_after or timedelta())


def _end_unknown(conn: Transaction, turn: Turn, now: datetime) -> After:
    """Asked for a day without an answer: every accepted operation ends, and this one says that nobody knows."""
    before = services.lock(conn, turn.operation.service_key)
    assert before is not None
    reason = (
        f"InfraFabric took {turn.action.name}, and then could not be asked for a day. Look at the machine."
    )
    after = _doubtful(turn, before, reason)
    return fail(conn, turn.operation, before, after, Problem("outcome_unknown", reason), now)


def _doubtful(turn: Turn, service: Service, reason: str) -> Service:
    """Marked as not being what it should be; a machine that is not the service's yet says nothing about it."""
    return service if turn.action.takes_over else replace(service, drifted=True, state_reason=reason)


async def _forgotten(engine: Engine, turn: Turn) -> After:
    """The provider does not know the operation it once named: judge by the machine."""
    if turn.removing:
        return await engine.database.run(forget_intent, turn.operation, engine.now())
    if turn.action.name == "create":
        failure = ProviderFailure(
            "operation_lost", "InfraFabric does not know the create any more.", retryable=True
        )
        return await engine.database.run(_judge_failure, engine, turn, failure, None, engine.now())
    try:
        found = await investigate(engine, turn)
    except ProviderError as error:
        return await _could_not_look(engine, turn, error)
    return await engine.database.run(found.apply, turn, engine.now())


# ---- failed ---------------------------------------------------------------------------------------------------------


async def _failed(engine: Engine, turn: Turn, seen: ProviderOperation) -> After:
    failure = seen.error or ProviderFailure("failed", "InfraFabric gave no reason.", retryable=False)
    if turn.removing:
        wait = engine.backoff(turn.operation.failures)
        return await engine.database.run(forget_intent, turn.operation, engine.now(), wait)
    machine = await _machine(engine.providers.get(turn.connection), turn)
    return await engine.database.run(_judge_failure, engine, turn, failure, machine, engine.now())


def _judge_failure(
    conn: Transaction,
    engine: Engine,
    turn: Turn,
    failure: ProviderFailure,
    machine: Instance | None,
    now: datetime,
) -> After:
    operation = turn.operation
    _note_how(conn, turn, "failed", now)
    timeline.add(conn, operation.id, now, "answered", {"code": failure.code, "detail": failure.message})
    decision = verdict.of_failure(operation, turn.action, failure, now, engine.policy)
    service = services.lock(conn, operation.service_key)
    assert service is not None
    own = turn.action.name != "create" and not turn.action.takes_over
    seen = service.follow(machine) if machine is not None and own else None
    return carry_out(conn, engine, turn, decision, now, seen)


# ---- succeeded ------------------------------------------------------------------------------------------------------


async def _succeeded(engine: Engine, turn: Turn, seen: ProviderOperation) -> After:
    if turn.removing:
        return await engine.database.run(forget_intent, turn.operation, engine.now())
    names = [step.name for step in turn.action.steps]
    position = names.index(turn.operation.step)
    if position + 1 < len(names):
        return await engine.database.run(_next_step, turn, names[position + 1], engine.now())
    truth = await _fetch(engine, turn, seen)
    if truth is None:
        return await engine.database.run(_look_again, engine, turn, engine.now())
    return await engine.database.run(_settle, engine, turn, truth, engine.now())


def _next_step(conn: Transaction, turn: Turn, name: str, now: datetime) -> After:
    moved = replace(
        turn.operation,
        state=OperationState.RUNNING,
        step=name,
        tries=1,
        failures=0,
        intent=None,
        provider_operation_id=None,
        wake_at=now,
    )
    operations.save(conn, moved)
    _note_detached(conn, turn, now)
    return After(wake_at=now)


def _note_detached(conn: Transaction, turn: Turn, now: datetime) -> None:
    """A volume that was detached and could not be deleted stays in sight, so that it can be removed once more."""
    intent = turn.operation.intent
    if intent is None or not isinstance(intent.command, DetachVolume):
        return
    service = services.lock(conn, turn.operation.service_key)
    assert service is not None
    volumes = tuple(
        replace(v, instance_id=None, status="available") if v.id == intent.command.volume_id else v
        for v in service.volumes
    )
    services.save(conn, service, replace(service, volumes=volumes), now)


async def _fetch(engine: Engine, turn: Turn, seen: ProviderOperation) -> Truth | None:
    """The machine, its volumes and the password; None to come back later.

    The effect is certain already: what cannot be fetched is waited for while that makes sense, then done without.
    """
    provider = engine.providers.get(turn.connection)
    password = seen.root_password
    machine, volumes = None, None
    try:
        if turn.action.sets_password and password is None:
            password = await _password(engine, provider, seen)
        machine = await _present(provider, turn)
        if _volumes_moved(turn, machine):
            volumes = await volumes_of(provider, turn.operation.service_key, machine)
    except ProviderError:
        return Truth(machine, volumes, password) if _enough(engine, turn) else None
    return Truth(machine, volumes, password)


async def _password(engine: Engine, provider: Provider, seen: ProviderOperation) -> str | None:
    again = await provider.operation(seen.id)
    if again is not None and again.root_password is not None:
        engine.protect(again.root_password)
        return again.root_password
    return None


async def _present(provider: Provider, turn: Turn) -> Instance | None:
    instance_id = turn.machine_id
    return None if instance_id is None else await provider.instance(instance_id)


def _volumes_moved(turn: Turn, machine: Instance | None) -> bool:
    known = {volume.id for volume in turn.service.volumes}
    return turn.action.name in _VOLUME_ACTIONS or (machine is not None and set(machine.volumes) != known)


def _enough(engine: Engine, turn: Turn) -> bool:
    """Whether the details have been waited for long enough."""
    if not turn.action.sets_password:
        return turn.operation.failures >= engine.policy.refresh_tries
    begun = turn.operation.awaiting_since or turn.operation.created_at
    return engine.now() - begun >= engine.policy.password_for


def _settle(conn: Transaction, engine: Engine, turn: Turn, truth: Truth, now: datetime) -> After:
    before = services.lock(conn, turn.operation.service_key)
    assert before is not None
    after = turn.action.apply(before, params_of(turn.action, turn.operation.params))
    if truth.machine is not None and not _stale(before, truth.machine):
        after = turn.action.seen(after, truth.machine)
    if truth.volumes is not None:
        after = after.with_volumes(truth.volumes)
    if turn.action.sets_password:
        _keep_password(conn, engine, before, truth.password, now)
    _note_how(conn, turn, "succeeded", now)
    return succeed(conn, turn.operation, before, after, now)


def _note_how(conn: Transaction, turn: Turn, status: str, now: datetime) -> None:
    """A callback is in the history already; that the end was found by asking is noted here."""
    if turn.final is None:
        timeline.add(conn, turn.operation.id, now, "polled", {"status": status})


def _stale(service: Service, machine: Instance) -> bool:
    return service.instance_id == machine.id and machine.version < service.instance_version


def _keep_password(
    conn: Transaction, engine: Engine, service: Service, password: str | None, now: datetime
) -> None:
    key = service.service_key
    sealed = None
    if password is not None:
        sealed = engine.vault.seal(password, table="credentials", row=key, column="root_password")
    credentials.put(conn, key, Credentials(ROOT, sealed, now if sealed is not None else None))


async def _machine(provider: Provider, turn: Turn) -> Instance | None:
    """The machine after a failure, if it can be seen; the failure stands either way."""
    try:
        return await _present(provider, turn)
    except ProviderError:
        return None
