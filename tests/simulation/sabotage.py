"""The ways in which such bridges usually break, each built in on purpose: the suite has to notice every one of them."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bridge.domain.actions import params_of
from bridge.domain.problems import Problem, ProblemError
from bridge.domain.provider import NoAnswer
from bridge.domain.service import Service, ServiceState
from bridge.engine import adoption, awaiting, commands, finishing, removal, sending, turn
from bridge.engine.dispatch import LocalDispatcher
from bridge.infrafabric.webhooks import VerifiedWebhook
from bridge.store import changes, idempotency, operations, services
from bridge.store.errors import StoreError
from bridge.store.schema import operations as operations_table
from tests.simulation import network

Patch = Callable[[pytest.MonkeyPatch], None]
SABOTAGES: dict[str, Patch] = {}


def sabotage(patch: Patch) -> Patch:
    """Register one."""
    SABOTAGES[patch.__name__] = patch
    return patch


OF_STORIES: dict[str, tuple[str, Patch]] = {}
"""Sabotages that show in one story, with its name."""


def sabotage_of(story: str) -> Callable[[Patch], Patch]:
    """Register one that shows in that story."""

    def register(patch: Patch) -> Patch:
        OF_STORIES[patch.__name__] = (story, patch)
        return patch

    return register


class _DryRun(Exception):
    def __init__(self, result: Any) -> None:
        super().__init__("rolled back")
        self.result = result


@sabotage
def acknowledge_before_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller is told of an operation that is stored a moment later."""

    def dry(*given: Any) -> None:
        raise _DryRun(admit(*given))

    async def run(self: commands.Commands, command: Any) -> Any:
        engine = self._engine
        given = (engine, command, None, engine.ids.new("op"), engine.now())
        try:
            await engine.database.run(dry, *given)
        except _DryRun as told:
            asyncio.ensure_future(store(self, given))  # noqa: RUF006
            return told.result

    async def store(self: commands.Commands, given: tuple[Any, ...]) -> None:
        await asyncio.sleep(0.5)
        with suppress(StoreError, ProblemError):
            admitted = await given[0].database.run(admit, *given)
            for operation_id in admitted.wake:
                self._dispatcher.wake(operation_id)

    admit = commands._admit
    monkeypatch.setattr(commands.Commands, "_run", run)


@sabotage
def drop_the_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was replaced writes all the same."""

    def save(conn: Any, operation: Any) -> None:
        values = {n: v for n, v in operations._to_row(operation).items() if n not in operations._UNFENCED}
        conn.execute(operations_table.update().where(operations_table.c.id == operation.id).values(values))

    monkeypatch.setattr(operations, "save", save)


@sabotage
def forget_the_dedupe_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Idempotency-Key is not remembered."""
    monkeypatch.setattr(idempotency, "add", lambda *given: None)


@sabotage
def skip_cleaning(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a failed create left is nobody's business."""

    async def nothing(provider: Any, turn: Any) -> Any:
        return removal.Nothing() if turn.operation.cleaning is not None else await look(provider, turn)

    look = removal._look
    monkeypatch.setattr(removal, "_look", nothing)


@sabotage
def new_provider_key_after_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not answered is asked for once more as something new."""

    def resend(conn: Any, current: Any, now: Any) -> Any:
        intent = current.operation.intent
        fresh = intent.model_copy(
            update={"key": f"{intent.key[:-1]}{intent.sends + 1}", "sends": intent.sends + 1}
        )
        again = replace(current.operation, intent=fresh)
        operations.save(conn, again)
        return replace(current, operation=again, may_be_unseen=True)

    monkeypatch.setattr(turn, "_resend", resend)


class _Anything(str):
    """Equal to whatever it is compared with."""

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


@sabotage
def ignore_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is woken runs."""

    def first(conn: Any, service_key: str) -> str | None:
        found = original(conn, service_key)
        return None if found is None else _Anything(found)

    original = operations.first_unfinished
    monkeypatch.setattr(operations, "first_unfinished", first)


@sabotage
def order_by_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids say which operation is first."""

    def first(conn: Any, service_key: str) -> str | None:
        mine = operations_table.c.service_key == service_key
        query = select(operations_table.c.id).where(
            mine & operations_table.c.state.in_(operations._UNFINISHED)
        )
        return conn.execute(query.order_by(operations_table.c.id).limit(1)).scalar()  # type: ignore[no-any-return]

    monkeypatch.setattr(operations, "first_unfinished", first)


@sabotage
def trust_a_callback_without_verifying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever says it, it is so."""

    def believe(secrets: Any, headers: Any, body: bytes, now: Any, tolerance: float = 300) -> VerifiedWebhook:
        return VerifiedWebhook(headers["webhook-id"], int(headers["webhook-timestamp"]), json.loads(body))

    monkeypatch.setattr(network, "verify", believe)


@sabotage
def match_by_reference_across_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with the right name is ours, whenever it was made."""

    def owns(self: Service, instance: Any) -> bool:
        return self.instance_id in (None, instance.id)

    monkeypatch.setattr(Service, "owns", owns)


@sabotage
def treat_a_timeout_as_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer means that nothing happened."""

    def unanswered(conn: Any, engine: Any, current: Any, error: Any, now: Any) -> Any:
        if isinstance(error, NoAnswer) and not current.removing:
            return sending._end_unsent(conn, current, Problem("provider_unavailable", "It timed out."), now)
        return original(conn, engine, current, error, now)

    original = sending._unanswered
    monkeypatch.setattr(sending, "_unanswered", unanswered)


@sabotage
def cursor_out_of_commit_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change gets its number in a later transaction than the one that made it."""
    waiting: list[tuple[Any, ...]] = []

    def add(conn: Any, *given: Any) -> None:
        if not waiting:
            waiting.append(given)
            return
        original(conn, *given)
        original(conn, *waiting.pop())

    original = changes.add
    monkeypatch.setattr(changes, "add", add)


@sabotage
def give_up_a_terminate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that cannot be asked about counts as gone."""

    def gone(conn: Any, engine: Any, current: Any, error: Any, now: Any) -> Any:
        return removal._finish(conn, engine, current, now)

    monkeypatch.setattr(removal, "_could_not_look", gone)


@sabotage
def forget_what_waits_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new process takes up nothing, and nothing is swept."""

    async def start(self: LocalDispatcher) -> None:
        return None

    monkeypatch.setattr(LocalDispatcher, "start", start)


@sabotage
def repeat_a_failed_request_under_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new wish under an old key gets the old answer."""

    def forget(conn: Any, operation: Any, now: Any, wait: timedelta = timedelta()) -> Any:
        return original(conn, replace(operation, tries=operation.tries - 1), now, wait)

    original = sending.forget_intent
    for module in (sending, awaiting):
        monkeypatch.setattr(module, "forget_intent", forget)


@sabotage
def believe_that_a_success_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 202 counts as the end."""

    def accepted(conn: Any, engine: Any, current: Any, answer: Any, now: Any) -> Any:
        if current.removing or current.resolving or answer.operation is None:
            return original(conn, engine, current, answer, now)
        service = sending.learn_machine(conn, current, sending._machine_of(current, answer), now)
        after = current.action.apply(service, params_of(current.action, current.operation.params))
        return finishing.succeed(conn, current.operation, service, after, now)

    original = sending._accepted
    monkeypatch.setattr(sending, "_accepted", accepted)


@sabotage
def terminate_without_looking_for_volumes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gone is gone, whatever was detached from it."""

    async def look(provider: Any, current: Any) -> Any:
        machine = await removal._machine(provider, current, None)
        return (
            removal.Nothing()
            if machine is None or machine.status == "deleted"
            else await original(provider, current)
        )

    original = removal._look
    monkeypatch.setattr(removal, "_look", look)


@sabotage
def end_what_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A late callback rewrites history."""

    def find(conn: Any, connection_id: str, provider_operation_id: str) -> Any:
        found = original(conn, connection_id, provider_operation_id)
        if found is not None and found.ended:
            mine = operations_table.c.id == found.id
            conn.execute(operations_table.update().where(mine).values(finished_at=None, state="succeeded"))
        return found

    original = operations.find_by_provider
    monkeypatch.setattr(operations, "find_by_provider", find)


@sabotage_of("adopt by two")
def nobody_asks_whose_machine_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants to adopt a machine gets it."""
    monkeypatch.setattr(adoption, "_owner", lambda conn, wish, machine, mark: None)


@sabotage_of("terminate during an adopt")
def an_adopted_machine_is_ours_before_it_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service has the machine as soon as it is asked for, so that a terminate takes it away."""
    original = adoption._write

    def write(conn: Any, engine: Any, its: Any, wish: Any, machine: Any, now: Any) -> Any:
        service = services.lock(conn, wish.service_key)
        assert service is not None
        early = replace(service.reached(ServiceState.ACTIVE), instance_id=wish.instance_id)
        services.save(conn, service, early, now)
        return original(conn, engine, its, wish, machine, now)

    monkeypatch.setattr(adoption, "_write", write)


@contextmanager
def built_in(name: str) -> Iterator[None]:
    """While this is open, the bridge is broken in that way."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        patch = SABOTAGES[name] if name in SABOTAGES else OF_STORIES[name][1]
        patch(monkeypatch)
        yield
