"""Taking a machine and its volumes away until InfraFabric confirms that nothing is left.

A terminate is nothing else, and a create that failed, timed out or was canceled ends this way (requirements A8, A17).
Every step is decided by looking, so that it does not matter how far an earlier run had come.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.domain.actions import REGISTRY, params_of
from bridge.domain.drift import claimed_by
from bridge.domain.operation import OperationState
from bridge.domain.problems import Problem
from bridge.domain.provider import (
    Command,
    DeleteInstance,
    DeleteVolume,
    DetachVolume,
    Instance,
    Provider,
    ProviderError,
    Volume,
)
from bridge.domain.repairs import Leftovers
from bridge.domain.service import ServiceState
from bridge.engine.context import Engine
from bridge.engine.finishing import After, cancel, fail, succeed
from bridge.engine.sending import learn_machine, transmit
from bridge.engine.turn import Turn, deadline, write_intent
from bridge.store import credentials, operations, services, timeline
from bridge.store.database import Transaction

_PATIENCE = 10
"""How many looks a deletion that somebody else began may take before it is asked for again."""


@dataclass(frozen=True, slots=True)
class Request:
    """What has to be sent next. `step` is its name in the provider key."""

    step: str
    command: Command


@dataclass(frozen=True, slots=True)
class Stop:
    """What is there is not what was meant to go."""

    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Something is on its way out by itself."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is left."""


async def remove(engine: Engine, turn: Turn) -> After:
    """One look at what is left, and the next request."""
    provider = engine.providers.get(turn.connection)
    try:
        left = await _look(provider, turn)
    except ProviderError as error:
        return await engine.database.run(_could_not_look, engine, turn, error, engine.now())
    match left:
        case Wait():
            return await engine.database.run(_wait, engine, turn, engine.now())
        case Stop():
            return await engine.database.run(_stop, turn, left, engine.now())
        case Nothing():
            return await engine.database.run(_finish, engine, turn, engine.now())
        case Request():
            written = await engine.database.run(_write, turn, left, engine.now())
            return await transmit(engine, written)


async def _look(provider: Provider, turn: Turn) -> Request | Wait | Stop | Nothing:
    meant = _meant(turn)
    machine = await _machine(provider, turn, meant)
    if machine is not None and machine.status != "deleted":
        if meant is not None and (why := _objection(turn, meant, machine)):
            return Stop(why)
        if machine.status == "deleting" and turn.operation.failures < _PATIENCE:
            return Wait()
        step = "main" if turn.operation.cleaning is None else "clean"
        return Request(step, DeleteInstance(instance_id=machine.id))
    ours = turn.context.labels
    volumes = await provider.volumes(label=f"service_key:{turn.operation.service_key}")
    left = [v for v in volumes if v.status != "deleted" and v.labels.get("bridge") == ours["bridge"]]
    if meant is not None:
        left = [volume for volume in left if volume.id in meant.volume_ids]
    return _volume_request(left[0]) if left else Nothing()


def _meant(turn: Turn) -> Leftovers | None:
    """What a repair may delete; None for a terminate and for cleaning, which mean everything of the service."""
    params = params_of(turn.action, turn.operation.params)
    return params if isinstance(params, Leftovers) else None


def _objection(turn: Turn, meant: Leftovers, machine: Instance) -> str | None:
    """Why a leftover machine must stay after all: since it was found, somebody may have found a use for it."""
    if claimed_by(machine, turn.context.labels["bridge"]) != turn.operation.service_key:
        return (
            f"Machine {machine.id} does not carry the marks of this service any more, so it was left alone."
        )
    others = set(machine.volumes) - set(meant.volume_ids)
    if others:
        return f"Volume {min(others)} is attached to machine {machine.id} and would be deleted with it."
    return None


async def _machine(provider: Provider, turn: Turn, meant: Leftovers | None) -> Instance | None:
    """The service's machine: by id, else by what carries its reference and is not older than this life."""
    if meant is not None:
        return None if meant.instance_id is None else await provider.instance(meant.instance_id)
    if turn.service.instance_id is not None:
        return await provider.instance(turn.service.instance_id)
    found = await provider.instances_by_reference(turn.context.reference)
    mine = [machine for machine in found if turn.service.owns(machine)]
    return mine[0] if mine else None


def _volume_request(volume: Volume) -> Request | Wait:
    if volume.status in ("creating", "deleting"):
        return Wait()
    if volume.instance_id is not None:
        return Request("detach", DetachVolume(volume_id=volume.id))
    return Request("clean", DeleteVolume(volume_id=volume.id))


# ---- transactions ---------------------------------------------------------------------------------------------------


def _write(conn: Transaction, turn: Turn, request: Request, now: datetime) -> Turn:
    """The intent of the next deletion; a machine found by its reference is known by id from here on."""
    found = request.command.instance_id if isinstance(request.command, DeleteInstance) else None
    service = learn_machine(conn, turn, found, now)
    step = replace(turn.operation, step=request.step)
    operation = write_intent(conn, step, service, request.command, now)
    return replace(turn, operation=operation, service=service, may_be_unseen=False)


def _stop(conn: Transaction, turn: Turn, stop: Stop, now: datetime) -> After:
    service = services.lock(conn, turn.operation.service_key)
    assert service is not None
    return fail(
        conn,
        turn.operation,
        service,
        replace(service, instance_id=None),
        Problem("state_changed", stop.why),
        now,
    )


def _wait(conn: Transaction, engine: Engine, turn: Turn, now: datetime) -> After:
    waiting = replace(
        turn.operation,
        failures=turn.operation.failures + 1,
        wake_at=now + engine.poll_delay(turn.operation.failures),
    )
    operations.save(conn, waiting)
    return After(wake_at=waiting.wake_at)


def _could_not_look(
    conn: Transaction, engine: Engine, turn: Turn, error: ProviderError, now: datetime
) -> After:
    """Removing has no deadline: a machine that might exist is looked for until the provider answers."""
    operation = turn.operation
    wait = max(engine.backoff(operation.failures), error.retry_after or timedelta())
    waiting = replace(operation, failures=operation.failures + 1, wake_at=now + wait)
    operations.save(conn, waiting)
    detail = {"why": error.detail, "again_at": (now + wait).isoformat()}
    timeline.add(conn, operation.id, now, "no_answer", detail)
    return After(wake_at=waiting.wake_at)


def _finish(conn: Transaction, engine: Engine, turn: Turn, now: datetime) -> After:
    service = services.lock(conn, turn.operation.service_key)
    assert service is not None
    operation, cleaning = turn.operation, turn.operation.cleaning
    credentials.remove(conn, operation.service_key)
    empty = service.without_machine()
    if cleaning is None:
        gone = turn.action.apply(empty, params_of(turn.action, operation.params))
        return succeed(conn, operation, service, gone, now)
    problem = Problem.from_json(cleaning.problem)
    engine.gauges.cleaned(cleaning.then)
    if cleaning.then == "fail":
        return fail(conn, operation, service, empty, problem, now)
    if cleaning.then == "cancel":
        failed = replace(
            empty, state=ServiceState.FAILED, wanted=ServiceState.FAILED, state_reason=problem.detail
        )
        return cancel(conn, operation, service, failed, problem, now)
    services.save(conn, service, replace(empty, life_started_at=now), now)
    return _begin_anew(conn, engine, turn, problem, now)


def _begin_anew(conn: Transaction, engine: Engine, turn: Turn, problem: Problem, now: datetime) -> After:
    """A create is tried once more, from nothing and under a new key."""
    operation = turn.operation
    wait = engine.backoff(operation.attempts, cap=engine.policy.backoff_cap * 15)
    released_deadline = deadline(engine, REGISTRY["create"], turn.connection, now + wait)
    if not operation.released and operation.deadline_at is not None and now + wait >= operation.deadline_at:
        service = services.lock(conn, operation.service_key)
        assert service is not None
        return fail(conn, operation, service, service, problem, now)
    anew = replace(
        operation,
        state=OperationState.RUNNING,
        step="main",
        tries=operation.tries + 1,
        attempts=operation.attempts + 1,
        failures=0,
        intent=None,
        provider_operation_id=None,
        cleaning=None,
        deadline_at=released_deadline if operation.released else operation.deadline_at,
        wake_at=now + wait,
    )
    operations.save(conn, anew)
    timeline.add(
        conn, operation.id, now, "retrying", {"again_at": (now + wait).isoformat(), "why": problem.detail}
    )
    return After(wake_at=anew.wake_at)
