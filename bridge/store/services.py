"""The services table: load, lock, write, list."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping, Select, bindparam, exists, func, select, text

from bridge.domain.provider import Address, FirewallRule, Volume
from bridge.domain.service import Grace, Power, Service, ServiceState
from bridge.store import changes
from bridge.store.schema import services as table
from bridge.store.schema import sightings

_ADDRESSES = TypeAdapter(tuple[Address, ...])
_VOLUMES = TypeAdapter(tuple[Volume, ...])
_GRACE = TypeAdapter(Grace)
_FIREWALL = TypeAdapter(tuple[FirewallRule, ...])
_LOCK_CLASS = 0x1FAC

_GET = select(table).where(table.c.service_key == bindparam("sought"))
_LOCK = _GET.with_for_update()
_SAVE = table.update().where(table.c.service_key == bindparam("sought"))


def serialize(conn: Connection, service_key: str) -> None:
    """Let no other transaction touch this service until ours ends, also while it has no row yet."""
    if conn.dialect.name == "postgresql":
        conn.execute(
            text("SELECT pg_advisory_xact_lock(:class, hashtext(:key))"),
            {"class": _LOCK_CLASS, "key": service_key},
        )


def get(conn: Connection, service_key: str) -> Service | None:
    """The service, or None."""
    return _first(conn, _GET, service_key)


def lock(conn: Connection, service_key: str) -> Service | None:
    """The service with its row locked until the transaction ends (SQLite: the whole file is)."""
    return _first(conn, _LOCK, service_key)


def find_by_instance(conn: Connection, connection_id: str, instance_id: str) -> Service | None:
    """The service whose present machine this is."""
    wanted = (table.c.connection_id == connection_id) & (table.c.instance_id == instance_id)
    row = conn.execute(select(table).where(wanted).limit(1)).mappings().first()
    return None if row is None else _from_row(row)


def insert(conn: Connection, service: Service) -> Service:
    """A first row for a service key; the caller holds no older one."""
    conn.execute(table.insert(), _to_row(service))
    return service


def save(
    conn: Connection,
    before: Service,
    after: Service,
    now: datetime,
    operation: Mapping[str, Any] | None = None,
) -> Service:
    """Write what changed, under the row's lock, and tell Blesta by a change; no change, no write.

    `operation` (`id, action, state, error`) is what the change is reported with; with one, a change is always told.
    """
    if after == before and operation is None:
        return before
    stored = replace(after, version=before.version + 1, updated_at=now)
    conn.execute(_SAVE, _to_row(stored) | {"sought": stored.service_key})
    changes.add(conn, stored, operation, now)
    return stored


def page(
    conn: Connection, connection_id: str | None, *, state: str | None, after: str | None, limit: int
) -> list[Service]:
    """Services by key, at most `limit`, those after key `after`."""
    query = select(table).order_by(table.c.service_key).limit(limit)
    if connection_id is not None:
        query = query.where(table.c.connection_id == connection_id)
    if state is not None:
        query = query.where(table.c.state == state)
    if after is not None:
        query = query.where(table.c.service_key > after)
    return [_from_row(row) for row in conn.execute(query).mappings()]


def of_instances(conn: Connection, connection_id: str, instance_ids: Sequence[str]) -> dict[str, Service]:
    """The services of these machines, by machine id."""
    mine = (table.c.connection_id == connection_id) & table.c.instance_id.in_(instance_ids)
    found = [_from_row(row) for row in conn.execute(select(table).where(mine)).mappings()]
    return {service.instance_id: service for service in found if service.instance_id is not None}


def of_keys(conn: Connection, connection_id: str, service_keys: Sequence[str]) -> dict[str, Service]:
    """Those of these services that exist in the connection, by key."""
    mine = (table.c.connection_id == connection_id) & table.c.service_key.in_(service_keys)
    return {row["service_key"]: _from_row(row) for row in conn.execute(select(table).where(mine)).mappings()}


def unseen(
    conn: Connection, connection_id: str, run_id: str, *, before: datetime, after: str, limit: int
) -> list[str]:
    """Keys of billed services, after a key, whose machine this run of reconcile has not seen.

    Only those whose life began before that moment: younger machines need not have been in the list.
    """
    seen = exists().where(
        (sightings.c.connection_id == connection_id)
        & (sightings.c.instance_id == table.c.instance_id)
        & (sightings.c.run_id == run_id)
    )
    billed = table.c.state.in_((ServiceState.ACTIVE.value, ServiceState.SUSPENDED.value))
    mine = (table.c.connection_id == connection_id) & billed & (table.c.service_key > after)
    query = select(table.c.service_key).where(mine & (table.c.life_started_at < before) & ~seen)
    return list(conn.execute(query.order_by(table.c.service_key).limit(limit)).scalars())


def waiting_for_their_end(conn: Connection, now: datetime, limit: int) -> list[str]:
    """Keys of services whose grace period is over; few services are in one."""
    rows = conn.execute(select(table.c.service_key, table.c.grace).where(table.c.grace.is_not(None)))
    due = [row.service_key for row in rows if _GRACE.validate_python(row.grace).terminate_at <= now]
    return due[:limit]


def live_count(conn: Connection, connection_id: str) -> int:
    """How many services of the connection are not terminated or failed."""
    ended = (ServiceState.TERMINATED.value, ServiceState.FAILED.value)
    query = select(func.count()).where((table.c.connection_id == connection_id) & table.c.state.not_in(ended))
    return conn.execute(query).scalar_one()


def drifted_count(conn: Connection) -> int:
    """How many services differ from what was last commanded."""
    return conn.execute(select(func.count()).where(table.c.drifted)).scalar_one()


def _first(conn: Connection, query: Select[Any], service_key: str) -> Service | None:
    row = conn.execute(query, {"sought": service_key}).mappings().first()
    return None if row is None else _from_row(row)


def _to_row(service: Service) -> dict[str, Any]:
    row = {name: getattr(service, name) for name in Service.__dataclass_fields__}
    return row | {
        "state": service.state.value,
        "wanted": service.wanted.value,
        "power": service.power.value,
        "addresses": [asdict(address) for address in service.addresses],
        "volumes": [asdict(volume) for volume in service.volumes],
        "firewall": [rule.model_dump(mode="json") for rule in service.firewall],
        "create_request": None if service.create_request is None else dict(service.create_request),
        "limits": dict(service.limits),
        "wanted_spec": dict(service.wanted_spec),
        "grace": None if service.grace is None else _GRACE.dump_python(service.grace, mode="json"),
        "retired": list(service.retired),
    }


def _from_row(row: RowMapping) -> Service:
    values = dict(row)
    return Service(
        **values
        | {
            "state": ServiceState(values["state"]),
            "wanted": ServiceState(values["wanted"]),
            "power": Power(values["power"]),
            "addresses": _ADDRESSES.validate_python(values["addresses"]),
            "volumes": _VOLUMES.validate_python(values["volumes"]),
            "firewall": _FIREWALL.validate_python(values["firewall"]),
            "retired": tuple(values["retired"]),
            "wanted_spec": values["wanted_spec"] or {},
            "grace": None if values["grace"] is None else _GRACE.validate_python(values["grace"]),
        }
    )
