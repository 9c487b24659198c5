"""One step of one operation: claim it, do what is next, write down what came of it.

Safe to call twice, late, or by two processes at once: whoever claimed last may write, everybody else stops.
"""

from bridge.engine import adoption, awaiting, removal, sending
from bridge.engine.context import Engine
from bridge.engine.finishing import After
from bridge.engine.turn import Turn, begin
from bridge.store.operations import LostTurn


async def advance(engine: Engine, operation_id: str) -> After:
    """Do the next step of the operation.

    Returns when to come back (`wake_at`), or the ended operation and whose turn it is then. A run that lost its claim
    returns an empty `After`: the one that took it goes on.
    """
    token = engine.ids.new("run")
    try:
        turn = await engine.database.run(begin, engine, operation_id, token, engine.now())
        after = await _act(engine, turn) if isinstance(turn, Turn) else turn
    except LostTurn:
        engine.gauges.turn_lost()
        return After()
    if after.ended is not None:
        _tell(engine, after)
    return after


async def _act(engine: Engine, turn: Turn) -> After:
    operation = turn.operation
    if operation.provider_operation_id is not None:
        return await awaiting.look(engine, turn)
    if operation.intent is not None:
        return await sending.send(engine, turn)
    if turn.action.takes_over:
        return await adoption.take_over(engine, turn)
    return await removal.remove(engine, turn)


def _tell(engine: Engine, after: After) -> None:
    operation = after.ended
    assert operation is not None
    lasted = (operation.finished_at or engine.now()) - operation.created_at
    engine.gauges.operation_finished(operation.action, operation.state.value, lasted.total_seconds())
    engine.notifier.notify(operation.id)
