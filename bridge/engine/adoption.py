"""Adopting a machine: looked at before the command is accepted and again when its turn comes, owned by one at most."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.domain import adoption
from bridge.domain import parameters as p
from bridge.domain.drift import claimed_by
from bridge.domain.problems import Problem, ProblemError
from bridge.domain.provider import Instance, ProviderError
from bridge.domain.service import LIVE, Service
from bridge.engine.admission import Command
from bridge.engine.context import Engine
from bridge.engine.finishing import After, fail
from bridge.engine.sending import transmit
from bridge.engine.turn import Turn, prepare
from bridge.engine.verdict import unavailable
from bridge.store import operations, services, timeline
from bridge.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Wish:
    """Which service wants which machine."""

    connection_id: str
    service_key: str
    instance_id: str


# ---- before it is accepted ------------------------------------------------------------------------------------------


async def guard(engine: Engine, command: Command, params: p.Adopt) -> Callable[[Transaction], None]:
    """Look at the machine now; what is returned refuses the command in its own transaction, if it has to.

    A command that was accepted before, or asks for what is so already, is answered without it.
    """
    connection = await engine.database.read(engine.connections.load, command.connection_id)
    wish = Wish(command.connection_id, command.service_key, params.instance_id)
    try:
        machine = await engine.providers.get(connection).instance(params.instance_id)
    except ProviderError as error:
        away = error
        return lambda conn: _unavailable(away)
    return lambda conn: _refuse(_objection(conn, engine, wish, machine))


def _refuse(problem: Problem | None) -> None:
    if problem is not None:
        raise ProblemError(problem.code, problem.detail, errors=problem.errors)


def _unavailable(error: ProviderError) -> None:
    again = max(1, int((error.retry_after or timedelta(seconds=5)).total_seconds()))
    raise ProblemError(
        "provider_unavailable",
        f"InfraFabric could not show the machine, so nothing was accepted: {error.detail} Try again.",
        headers={"Retry-After": str(again)},
    )


# ---- its turn -------------------------------------------------------------------------------------------------------


async def take_over(engine: Engine, turn: Turn) -> After:
    """Look once more, mark the machine, and let the rest be as with any other request."""
    wish = _wish_of(turn)
    try:
        machine = await engine.providers.get(turn.connection).instance(wish.instance_id)
    except ProviderError as error:
        return await engine.database.run(_could_not_look, engine, turn, error, engine.now())
    written = await engine.database.run(_write, engine, turn, wish, machine, engine.now())
    return await transmit(engine, written) if isinstance(written, Turn) else written


def _wish_of(turn: Turn) -> Wish:
    operation, instance_id = turn.operation, turn.machine_id
    assert instance_id is not None
    return Wish(operation.connection_id, operation.service_key, instance_id)


def _write(
    conn: Transaction, engine: Engine, turn: Turn, wish: Wish, machine: Instance | None, now: datetime
) -> Turn | After:
    problem = _objection(conn, engine, wish, machine)
    if problem is not None:
        service = services.lock(conn, wish.service_key)
        assert service is not None
        code = "state_changed" if problem.code == "validation_failed" else problem.code
        return fail(conn, turn.operation, service, service, replace(problem, code=code, errors=None), now)
    return prepare(conn, engine, replace(turn, context=replace(turn.context, found=machine)), now)


def _could_not_look(
    conn: Transaction, engine: Engine, turn: Turn, error: ProviderError, now: datetime
) -> After:
    operation, deadline = turn.operation, turn.operation.deadline_at
    wait = max(engine.backoff(operation.failures), error.retry_after or timedelta())
    if deadline is not None and now + wait > deadline:
        service = services.lock(conn, operation.service_key)
        assert service is not None
        return fail(conn, operation, service, service, unavailable(operation, error.detail), now)
    waiting = replace(operation, failures=operation.failures + 1, wake_at=now + wait)
    operations.save(conn, waiting)
    timeline.add(
        conn,
        operation.id,
        now,
        "no_answer",
        {"why": error.detail, "again_at": (now + wait).isoformat()},
    )
    return After(wake_at=waiting.wake_at)


# ---- who may have it ------------------------------------------------------------------------------------------------


def _objection(conn: Transaction, engine: Engine, wish: Wish, machine: Instance | None) -> Problem | None:
    labels = engine.labels(wish.connection_id, wish.service_key)
    errors = adoption.unfit(machine, labels)
    if errors or machine is None:
        text = next(iter(errors["instance_id"].values()))
        return Problem("validation_failed", f"{text} Nothing was changed.", errors=errors)
    owner = _owner(conn, wish, machine, labels["bridge"])
    if owner is None:
        return None
    return Problem(
        "instance_owned", f"Machine {machine.id} belongs to {owner}. Nothing was changed at InfraFabric."
    )


def _owner(conn: Transaction, wish: Wish, machine: Instance, mark: str) -> str | None:
    """Whose machine it is, if it is somebody else's. One service at a time can find out."""
    if machine.labels.get("bridge", mark) != mark:
        return "another bridge or another connection of it, by its labels"
    # Not the service but the machine is locked here: two services may want the same.
    services.serialize(conn, f"{wish.connection_id} {machine.id}")
    known = services.find_by_instance(conn, wish.connection_id, machine.id)
    claimed = claimed_by(machine, mark)
    rivals = {claimed} if claimed is not None else set()
    rivals |= {known.service_key} if known is not None and known.state in LIVE else set()
    rivals |= operations.adopting(conn, wish.connection_id, machine.id)
    for key in sorted(rivals - {wish.service_key}):
        rival = services.get(conn, key)
        if rival is None or _wants(conn, rival):
            return f"service {key}"
    return None


def _wants(conn: Transaction, rival: Service) -> bool:
    """Whether that service lives, or something is at work on it that may have to do with the machine."""
    return rival.state in LIVE or operations.first_unfinished(conn, rival.service_key) is not None
