"""The operations table: acceptance in order, fenced saves, and the sweep.

Fence: `claim` puts a token into the row, and every later write of that run carries it; a run whose token was replaced
changes nothing (`LostTurn`). Order: `service_seq` is given under the service's lock and decides who may run.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, func, select

from bridge.domain.drift import Birth
from bridge.domain.operation import UNFINISHED, Cleaning, Halt, Intent, Operation, OperationState
from bridge.store.schema import operations as table

_UNFINISHED = tuple(state.value for state in UNFINISHED)
_UNFENCED = frozenset({"halt", "released", "token", "progress"})
"""Written by others while a run is under way; a fenced save leaves them alone."""

# The hottest statements are built once; what they are given names the columns they write.
_INSERT = table.insert()
_GET = select(table).where(table.c.id == bindparam("sought"))
_LOCK = _GET.with_for_update()
_OF_SERVICE = (table.c.service_key == bindparam("key")) & table.c.state.in_(_UNFINISHED)
_OPEN = select(table).where(_OF_SERVICE).order_by(table.c.service_seq)
_FIRST_OPEN = select(table.c.id).where(_OF_SERVICE).order_by(table.c.service_seq).limit(1)
_CHANGE = table.update().where(table.c.id == bindparam("sought"))
_SAVE = _CHANGE.where((table.c.token == bindparam("fence")) & table.c.state.in_(_UNFINISHED))


class LostTurn(Exception):
    """Another run has taken this operation over; what this one knows is not written, and it stops here."""


def insert(conn: Connection, operation: Operation) -> Operation:
    """Append an accepted operation with the next number of its service; the service's row must be locked."""
    newest = select(func.coalesce(func.max(table.c.service_seq), 0))
    seq = conn.execute(newest.where(table.c.service_key == operation.service_key)).scalar_one() + 1
    conn.execute(_INSERT, _to_row(operation) | {"service_seq": seq})
    stored = get(conn, operation.id)
    assert stored is not None
    return stored


def get(conn: Connection, operation_id: str) -> Operation | None:
    """The operation, or None."""
    row = conn.execute(_GET, {"sought": operation_id}).mappings().first()
    return None if row is None else _from_row(row)


def lock(conn: Connection, operation_id: str) -> Operation | None:
    """The operation with its row locked until the transaction ends."""
    row = conn.execute(_LOCK, {"sought": operation_id}).mappings().first()
    return None if row is None else _from_row(row)


def unfinished(conn: Connection, service_key: str) -> list[Operation]:
    """What is still to be done on a service, in its order."""
    return [_from_row(row) for row in conn.execute(_OPEN, {"key": service_key}).mappings()]


def first_unfinished(conn: Connection, service_key: str) -> str | None:
    """The id of the one operation of a service that may run now."""
    return conn.execute(_FIRST_OPEN, {"key": service_key}).scalar()


def first_unfinished_of(conn: Connection, service_keys: Sequence[str]) -> dict[str, str]:
    """`first_unfinished` for many services at once."""
    query = (
        select(table.c.service_key, table.c.id)
        .where(table.c.service_key.in_(service_keys) & table.c.state.in_(_UNFINISHED))
        .order_by(table.c.service_key, table.c.service_seq.desc())
    )
    return {row.service_key: row.id for row in conn.execute(query)}


def births(conn: Connection, service_key: str, now: datetime) -> list[Birth]:
    """When creates of a service were under way."""
    mine = (
        (table.c.service_key == service_key) & (table.c.action == "create") & table.c.started_at.is_not(None)
    )
    rows = conn.execute(select(table.c.started_at, table.c.finished_at).where(mine).order_by(table.c.number))
    return [Birth(row.started_at, row.finished_at or now) for row in rows]


def adopting(conn: Connection, connection_id: str, instance_id: str) -> set[str]:
    """The services with an unfinished adopt of that machine."""
    mine = (
        (table.c.connection_id == connection_id) & table.c.wake_at.is_not(None) & (table.c.action == "adopt")
    )
    rows = conn.execute(select(table.c.service_key, table.c.params).where(mine))
    return {row.service_key for row in rows if row.params.get("instance_id") == instance_id}


def claim(conn: Connection, operation_id: str, token: str) -> None:
    """Put this run's token into the row; whoever held it before can write no more."""
    conn.execute(_CHANGE, {"sought": operation_id, "token": token})


def save(conn: Connection, operation: Operation) -> None:
    """Write the engine's members of an unfinished operation under its token.

    Raises:
        LostTurn: the token was replaced, or the operation has ended meanwhile.
    """
    foreign = _UNFENCED - {"progress"} if operation.ended else _UNFENCED
    values = {name: value for name, value in _to_row(operation).items() if name not in foreign}
    fenced = values | {"sought": operation.id, "fence": operation.token}
    if conn.execute(_SAVE, fenced).rowcount != 1:
        raise LostTurn(operation.id)


def set_progress(conn: Connection, operation_id: str, progress: int) -> None:
    """Raise the progress shown; it never goes back."""
    rising = (table.c.id == operation_id) & (table.c.progress < progress) & table.c.state.in_(_UNFINISHED)
    conn.execute(table.update().where(rising).values(progress=progress))


def set_halt(conn: Connection, operation_id: str, halt: Halt) -> None:
    """Mark a running operation as being ended."""
    conn.execute(_CHANGE, {"sought": operation_id, "halt": halt.value})


def set_released(conn: Connection, operation_id: str) -> None:
    """Note that the caller stopped waiting: Blesta shows the service from now on."""
    conn.execute(_CHANGE, {"sought": operation_id, "released": True})


def wake(conn: Connection, operation_ids: Iterable[str], at: datetime) -> None:
    """Make unfinished operations due."""
    mine = table.c.id.in_(list(operation_ids)) & table.c.state.in_(_UNFINISHED)
    conn.execute(table.update().where(mine).values(wake_at=at))


def due(conn: Connection, before: datetime, limit: int) -> list[str]:
    """Ids of unfinished operations whose time has come, longest overdue first."""
    query = select(table.c.id).where(table.c.wake_at <= before).order_by(table.c.wake_at).limit(limit)
    return list(conn.execute(query).scalars())


def all_unfinished(conn: Connection) -> list[tuple[str, datetime | None]]:
    """Every unfinished operation with its time, for a process that starts."""
    query = select(table.c.id, table.c.wake_at).where(table.c.wake_at.is_not(None)).order_by(table.c.number)
    return [(row.id, row.wake_at) for row in conn.execute(query)]


def states(conn: Connection, operation_ids: Sequence[str]) -> dict[str, OperationState]:
    """The state of each of these operations."""
    rows = conn.execute(select(table.c.id, table.c.state).where(table.c.id.in_(operation_ids)))
    return {row.id: OperationState(row.state) for row in rows}


def find_by_provider(conn: Connection, connection_id: str, provider_operation_id: str) -> Operation | None:
    """The operation that waits for, or waited for, this provider operation."""
    mine = (table.c.connection_id == connection_id) & (table.c.provider_operation_id == provider_operation_id)
    rows = _all(conn, select(table).where(mine).order_by(table.c.number.desc()).limit(1))
    return rows[0] if rows else None


def page(
    conn: Connection,
    *,
    connection_id: str | None = None,
    service_key: str | None = None,
    state: str | None = None,
    action: str | None = None,
    after: int = 0,
    limit: int = 50,
    newest_first: bool = False,
) -> list[tuple[int, Operation]]:
    """Operations in order of acceptance with their list position, at most `limit`, those after position `after` (0: the
    beginning); `newest_first` turns the order round.
    """
    number = table.c.number
    query = select(table).order_by(number.desc() if newest_first else number).limit(limit)
    if after:
        query = query.where(number < after if newest_first else number > after)
    filters = {"connection_id": connection_id, "service_key": service_key, "state": state, "action": action}
    for name, value in filters.items():
        if value is not None:
            query = query.where(table.c[name] == value)
    return [(row["number"], _from_row(row)) for row in conn.execute(query).mappings()]


def unfinished_summary(conn: Connection) -> tuple[dict[str, int], datetime | None]:
    """How many operations are in each unfinished state, and when the oldest was accepted."""
    mine = table.c.wake_at.is_not(None)
    rows = conn.execute(select(table.c.state, func.count()).where(mine).group_by(table.c.state))
    oldest = conn.execute(select(func.min(table.c.created_at)).where(mine)).scalar()
    return {row[0]: row[1] for row in rows}, oldest


def overdue_terminates(conn: Connection, before: datetime) -> int:
    """How many terminates began before that moment and are still not confirmed."""
    late = table.c.wake_at.is_not(None) & (table.c.action == "terminate") & (table.c.created_at < before)
    return conn.execute(select(func.count()).where(late)).scalar_one()


def _all(conn: Connection, query: Select[Any]) -> list[Operation]:
    return [_from_row(row) for row in conn.execute(query).mappings()]


def _to_row(operation: Operation) -> dict[str, Any]:
    row = {name: getattr(operation, name) for name in Operation.__dataclass_fields__}
    return row | {
        "params": dict(operation.params),
        "state": operation.state.value,
        "error": None if operation.error is None else dict(operation.error),
        "intent": None if operation.intent is None else operation.intent.model_dump(mode="json"),
        "cleaning": None if operation.cleaning is None else operation.cleaning.to_json(),
        "halt": operation.halt.value,
        "wake_at": None if operation.ended else operation.wake_at,
    }


def _from_row(row: RowMapping) -> Operation:
    values = {name: row[name] for name in Operation.__dataclass_fields__}
    return Operation(
        **values
        | {
            "state": OperationState(values["state"]),
            "halt": Halt(values["halt"]),
            "intent": None if values["intent"] is None else Intent.model_validate(values["intent"]),
            "cleaning": None if values["cleaning"] is None else Cleaning(**values["cleaning"]),
        }
    )
