"""Who wakes operations: in one process, asyncio itself.

The wake-up is a hint and the table is the truth: at the start every unfinished operation is woken, and a sweep wakes
whatever is due and not known to be on its way, so that a lost hint costs a moment and never an operation.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bridge.domain.operation import TERMINAL, Operation
from bridge.engine.context import Engine
from bridge.engine.finishing import After
from bridge.store import operations
from bridge.store.errors import StoreError

log = structlog.get_logger(__name__)


class Dispatcher(Protocol):
    """Brings operations to `advance`, at least once each time they are woken."""

    def wake(self, operation_id: str, at: datetime | None = None) -> None:
        """Advance the operation now, or at that moment."""
        ...


Advance = Callable[[Engine, str], Awaitable[After]]


class LocalDispatcher:
    """All operations of one process. Bounded: at most `concurrency` turns at a time; one turn per operation."""

    def __init__(
        self,
        engine: Engine,
        advance: Advance,
        *,
        concurrency: int = 64,
        sweep_every: timedelta = timedelta(seconds=1),
        crash_backoff: timedelta = timedelta(seconds=5),
    ) -> None:
        self._engine, self._advance = engine, advance
        self._slots = asyncio.Semaphore(concurrency)
        self._sweep_every, self._crash_backoff = sweep_every, crash_backoff
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Wake everything that was unfinished when the process before this one ended, then keep sweeping."""
        for operation_id, wake_at in await self._engine.database.read(operations.all_unfinished):
            self.wake(operation_id, wake_at)
        self._sweeper = asyncio.create_task(self._sweep(), name="sweep")

    def wake(self, operation_id: str, at: datetime | None = None) -> None:
        """See `Dispatcher.wake`."""
        if self._stopping:
            return
        delay = 0.0 if at is None else (at - self._engine.now()).total_seconds()
        if delay > 0:
            self._set_timer(operation_id, delay)
        elif operation_id in self._turns:
            self._again.add(operation_id)
        else:
            self._begin(operation_id)

    async def stop(self, seconds: float) -> None:
        """Begin no more turns and give those under way `seconds` to reach their next durable point."""
        self._stopping = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        for timer in self._timers.values():
            timer.cancel()
        turns = list(self._turns.values())
        if turns:
            _, late = await asyncio.wait(turns, timeout=seconds)
            for turn in late:
                turn.cancel()
            await asyncio.gather(*turns, return_exceptions=True)

    @property
    def busy(self) -> int:
        """How many turns are under way or wait for a slot."""
        return len(self._turns)

    # ---- turns ------------------------------------------------------------------------------------------------------

    def _set_timer(self, operation_id: str, delay: float) -> None:
        present = self._timers.pop(operation_id, None)
        if present is not None:
            present.cancel()
        loop = asyncio.get_running_loop()
        self._timers[operation_id] = loop.call_later(delay, self._ring, operation_id)

    def _ring(self, operation_id: str) -> None:
        self._timers.pop(operation_id, None)
        self.wake(operation_id)

    def _begin(self, operation_id: str) -> None:
        timer = self._timers.pop(operation_id, None)
        if timer is not None:
            timer.cancel()
        task = asyncio.create_task(self._turn(operation_id), name=f"turn {operation_id}")
        self._turns[operation_id] = task

    async def _turn(self, operation_id: str) -> None:
        """Advance until nothing is due at once; a wake-up during a turn is one more turn, never a lost one."""
        # A task inherits the context of whoever woke it, for instance another request; this work has its own.
        structlog.contextvars.clear_contextvars()
        with structlog.contextvars.bound_contextvars(operation_id=operation_id):
            try:
                async with self._slots:
                    while not self._stopping:
                        self._again.discard(operation_id)
                        after = await self._safely(operation_id)
                        # Every advance may end the operation; the one after it no longer knows whose turn it is.
                        if after.next_id is not None:
                            self.wake(after.next_id)
                        if operation_id not in self._again and not self._is_due(after):
                            break
            finally:
                del self._turns[operation_id]
                self._again.discard(operation_id)
            if after.wake_at is not None:
                self.wake(operation_id, after.wake_at)

    def _is_due(self, after: After) -> bool:
        return after.wake_at is not None and after.wake_at <= self._engine.now()

    async def _safely(self, operation_id: str) -> After:
        """A turn that breaks is tried again later; the operation stays as its last durable point left it."""
        try:
            after = await self._advance(self._engine, operation_id)
        except StoreError as error:
            log.warning("turn.store_unavailable", why=str(error))
            return After(wake_at=self._engine.now() + self._crash_backoff)
        except Exception:
            log.exception("turn.broken")
            return After(wake_at=self._engine.now() + self._crash_backoff)
        if after.ended is not None:
            _log_end(after.ended)
        return after

    # ---- the sweep --------------------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            await self._engine.clock.sleep(self._sweep_every.total_seconds())
            try:
                await self._sweep_once()
            except StoreError as error:
                log.warning("sweep.store_unavailable", why=str(error))

    async def _sweep_once(self) -> None:
        due = await self._engine.database.read(operations.due, self._engine.now(), 1000)
        for operation_id in due:
            if operation_id not in self._turns:
                self.wake(operation_id)
        waited_for = list(self._engine.notifier.waited_for())
        if waited_for:
            await self._look_for_ends(waited_for)

    async def _look_for_ends(self, operation_ids: list[str]) -> None:
        """Another process (a command) may have ended an operation that somebody here waits for."""
        for operation_id, state in (
            await self._engine.database.read(operations.states, operation_ids)
        ).items():
            if state in TERMINAL:
                self._engine.notifier.notify(operation_id)


def _log_end(operation: Operation) -> None:
    log.info(
        "operation.ended",
        action=operation.action,
        state=operation.state.value,
        service_key=operation.service_key,
        connection_id=operation.connection_id,
        accepted_by_request=operation.request_id,
    )
