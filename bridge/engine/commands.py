"""What callers can ask of the engine: run an action, wait for it, cancel it, try it again."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from bridge.domain.actions import Caller, params_of
from bridge.domain.operation import Halt, Operation, OperationState
from bridge.domain.parameters import Adopt
from bridge.domain.problems import Problem, ProblemError
from bridge.domain.repairs import ACTIONS
from bridge.domain.service import Service, ServiceState
from bridge.engine import adoption
from bridge.engine.admission import Admitted, Command, admit
from bridge.engine.callbacks import Callback, Taken, take
from bridge.engine.catalog import known_names
from bridge.engine.context import Engine
from bridge.engine.dispatch import Dispatcher
from bridge.engine.finishing import end_queued, report
from bridge.store import operations, services, timeline
from bridge.store.database import Transaction

T = TypeVar("T")
Guard = Callable[[Transaction], None]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks something about an operation, and under which key."""

    caller: Caller
    actor: str
    key_id: str | None = None
    request_id: str | None = None


class Commands:
    """The engine's front desk. Everything accepted here is durable before the method returns."""

    def __init__(self, engine: Engine, dispatcher: Dispatcher) -> None:
        self._engine, self._dispatcher = engine, dispatcher

    async def run(self, command: Command) -> Admitted:
        """Accept a command.

        A caller that goes away does not undo it: the transaction and the wake-ups happen all the same.

        Raises:
            ProblemError: nothing was changed.
            StoreError: nothing was stored.
        """
        return await _unabandoned(self._run(command))

    async def wait(self, operation_id: str, seconds: float) -> None:
        """Sleep until the operation is over, at most `seconds`."""

        async def ended() -> bool:
            now = await self._engine.database.read(operations.get, operation_id)
            return now is None or now.ended

        await self._engine.notifier.wait(operation_id, seconds, ended)

    async def release(self, operation_id: str) -> None:
        """The caller of a create was told "on its way" and shows the service from now on."""
        await _unabandoned(self._engine.database.run(operations.set_released, operation_id))

    async def cancel(self, operation_id: str, asker: Asker) -> None:
        """Cancel what waits; end and clean up a create that runs.

        Raises:
            ProblemError: `action_not_allowed` when it is too late, or another running action.
        """
        woken = await _unabandoned(
            self._engine.database.run(_cancel, operation_id, asker, self._engine.now())
        )
        self._engine.notifier.notify(operation_id)
        for woken_id in woken:
            self._dispatcher.wake(woken_id)

    async def retry(
        self, operation: Operation, asker: Asker, key: str, fingerprint: str, path: str
    ) -> Admitted:
        """A new operation with the parameters of one that failed or was canceled, linked to it.

        Raises:
            ProblemError: as `run`, and `action_not_allowed` while there is nothing to try again.
        """
        if operation.state not in (OperationState.FAILED, OperationState.CANCELED):
            reason = (
                f"The operation is {operation.state.value}; only failed or canceled ones can be tried again."
            )
            raise ProblemError("action_not_allowed", reason, state=operation.state.value, reason=reason)
        action = ACTIONS[operation.action]
        return await self.run(
            Command(
                connection_id=operation.connection_id,
                service_key=operation.service_key,
                action=action,
                params=params_of(action, operation.params),
                caller=asker.caller,
                actor=asker.actor,
                path=path,
                idempotency_key=key,
                fingerprint=fingerprint,
                key_id=asker.key_id,
                request_id=asker.request_id,
                retry_of=operation.id,
            )
        )

    def announce(self, admitted: Admitted) -> None:
        """Wake what became due, and whoever waited for what was ended; everything is durable already."""
        for operation_id in admitted.ended:
            self._engine.notifier.notify(operation_id)
        for operation_id in admitted.wake:
            self._dispatcher.wake(operation_id)

    async def take(self, callback: Callback) -> Taken:
        """Record a verified callback and act on it; durable when this returns."""
        engine = self._engine
        taken = await _unabandoned(engine.database.run(take, engine, callback, engine.now()))
        for operation_id in taken.wake:
            self._dispatcher.wake(operation_id)
        return taken

    async def _run(self, command: Command) -> Admitted:
        engine = self._engine
        guard = None
        if isinstance(command.params, Adopt):
            guard = await adoption.guard(engine, command, command.params)
        admitted = await engine.database.run(
            _admit, engine, command, guard, engine.ids.new("op"), engine.now()
        )
        self.announce(admitted)
        return admitted


def _admit(
    conn: Transaction, engine: Engine, command: Command, guard: Guard | None, operation_id: str, now: datetime
) -> Admitted:
    connection = engine.connections.load(conn, command.connection_id)

    def judge(conn: Transaction) -> None:
        known_names(conn, command, now, engine.policy.catalog_ttl)
        if guard is not None:
            guard(conn)

    return admit(
        conn,
        command,
        operation_id=operation_id,
        now=now,
        queue_limit=engine.policy.queue_limit,
        default_datacenter=bool(connection.default_datacenter),
        guard=judge,
    )


def _cancel(conn: Transaction, operation_id: str, asker: Asker, now: datetime) -> list[str]:
    operation = operations.lock(conn, operation_id)
    if operation is None or operation.state is OperationState.CANCELED:
        return []
    if operation.state is OperationState.QUEUED:
        return _cancel_queued(conn, operation, asker, now)
    if operation.ended or operation.action != "create":
        reason = f"This {operation.action} is {operation.state.value}; only what waits and creates can be canceled."
        raise ProblemError("action_not_allowed", reason, state=operation.state.value, reason=reason)
    if operation.halt is Halt.NO:
        operations.set_halt(conn, operation_id, Halt.CANCEL)
        operations.wake(conn, [operation_id], now)
        timeline.add(conn, operation_id, now, "halting", {"by": asker.actor})
    return [operation_id]


def _cancel_queued(conn: Transaction, operation: Operation, asker: Asker, now: datetime) -> list[str]:
    service = services.lock(conn, operation.service_key)
    problem = Problem("canceled", f"{asker.actor} canceled the operation before it began.")
    done = end_queued(conn, operation, problem, now)
    if service is not None:
        services.save(conn, service, _unborn(service, operation), now, report(done))
    following = operations.first_unfinished(conn, operation.service_key)
    if following is None:
        return []
    operations.wake(conn, [following], now)
    return [following]


def _unborn(service: Service, operation: Operation) -> Service:
    """A service whose create never began is not on its way any more."""
    if operation.action == "create" and service.state is ServiceState.PROVISIONING:
        return replace(
            service, state=ServiceState.FAILED, wanted=ServiceState.FAILED, state_reason="canceled"
        )
    return service


async def _unabandoned(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end even if the waiting caller is cancelled (requirement D5)."""
    return await asyncio.shield(asyncio.ensure_future(work))
