"""What the command line does to keys and connections, beside a running server or without one."""

import argparse
import ipaddress
import json
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.app import Foundation, engine_beside, outbound_policy
from bridge.connection_settings import (
    ConnectionSettings,
    describe_connection,
    remove_connection,
    store_connection,
)
from bridge.domain.access import ApiKey, Scope
from bridge.domain.drift import Finding
from bridge.domain.parameters import parse
from bridge.engine.reconcile.run import Reconcile
from bridge.security import keys as minting
from bridge.store import audit, connections, keys
from bridge.store.audit import AuditEvent
from bridge.store.database import Transaction
from bridge.store.reconcile_runs import RunUnderWay

_MOST_DAYS = 3650
_BOUND = frozenset({Scope.MODULE, Scope.INFRAFABRIC})


class AdministrationError(Exception):
    """The command cannot be carried out; nothing was changed."""


async def first_operator_key(base: Foundation) -> str | None:
    """At the first start: a key to begin with; None when there are keys already."""
    minted = minting.mint(base.ids, base.rng)
    key = ApiKey(minted.id, Scope.OPERATOR, None, minted.secret_sha256, (), base.clock.now())
    base.redactor.protect(minted.text)
    made = await base.database.run(_add_first, key)
    return minted.text if made else None


async def create_key(base: Foundation, options: argparse.Namespace) -> int:
    """`keys create`."""
    scope, connection_id = Scope(options.scope), options.connection
    if scope in _BOUND and connection_id is None:
        raise AdministrationError(f"A key of scope {scope} needs --connection.")
    for cidr in options.cidr:
        _check_cidr(cidr)
    if options.days is not None and not 1 <= options.days <= _MOST_DAYS:
        raise AdministrationError(
            f"--days goes from 1 to {_MOST_DAYS}; leave it out for a key without an end."
        )
    now = base.clock.now()
    expires_at = now + timedelta(days=options.days) if options.days is not None else None
    minted = minting.mint(base.ids, base.rng)
    key = ApiKey(minted.id, scope, connection_id, minted.secret_sha256, tuple(options.cidr), now, expires_at)
    await base.database.run(_add, key)
    print(minted.text)
    print(f"Key {minted.id} of scope {scope}. It is not shown again.", file=sys.stderr)
    return 0


async def list_keys(base: Foundation, options: argparse.Namespace) -> int:
    """`keys list`."""
    now = base.clock.now()
    for key in await base.database.read(keys.every):
        state = key.unusable(now, None) if not key.cidrs else ("revoked" if key.revoked_at else None)
        bound = key.connection_id or "-"
        print(f"{key.id}  {key.scope:<11}  {bound:<20}  {_day(key.created_at)}  {state or 'valid'}")
    return 0


async def revoke_key(base: Foundation, options: argparse.Namespace) -> int:
    """`keys revoke`."""
    event = _event(base, "key.revoked", detail={"key": options.id})
    if not await base.database.run(_revoke, options.id, event):
        raise AdministrationError(f"There is no key {options.id}. See: infrafabric-bridge keys list")
    print(f"Key {options.id} is revoked.")
    return 0


async def put_connection(base: Foundation, options: argparse.Namespace) -> int:
    """`connections put`."""
    raw = sys.stdin.buffer.read() if options.json == "-" else _read(Path(options.json))
    settings = parse(ConnectionSettings, raw)
    if settings.infrafabric_api_url is not None:
        outbound_policy(base.settings).check_url(settings.infrafabric_api_url)
    event = _event(base, "connection.changed", connection_id=options.id)
    stored = await base.database.run(store_connection, base.book, options.id, settings, event)
    _print(describe_connection(base.book, stored))
    return 0


async def get_connection(base: Foundation, options: argparse.Namespace) -> int:
    """`connections get`."""
    stored = await base.database.read(connections.get, options.id)
    if stored is None:
        raise AdministrationError(
            f"There is no connection {options.id}. See: infrafabric-bridge connections list"
        )
    _print(describe_connection(base.book, stored))
    return 0


async def list_connections(base: Foundation, options: argparse.Namespace) -> int:
    """`connections list`."""
    for stored in await base.database.read(connections.page, None, 10_000):
        print(f"{stored.id}  {stored.infrafabric_api_url}")
    return 0


async def delete_connection(base: Foundation, options: argparse.Namespace) -> int:
    """`connections delete`."""
    event = _event(base, "connection.deleted", connection_id=options.id)
    await base.database.run(remove_connection, options.id, event)
    print(f"Connection {options.id} is deleted.")
    return 0


async def reconcile(base: Foundation, options: argparse.Namespace) -> int:
    """`reconcile`: 0 = compared, whatever was found; 1 = a connection could not be compared to the end, or asks."""
    if options.allow_removals is not None and options.allow_removals < 0:
        raise AdministrationError("--allow-removals takes a number from 0 on.")
    chosen = await _chosen_connections(base, options.connection)
    async with engine_beside(base) as engine:
        run = Reconcile(engine, wake=lambda operation_id: None)
        outcomes = [await _reconcile_one(run, connection_id, options) for connection_id in chosen]
    return 0 if set(outcomes) <= {"done"} else 1


async def _reconcile_one(run: Reconcile, connection_id: str, options: argparse.Namespace) -> str:
    try:
        report = await run(
            connection_id,
            "light" if options.light else "full",
            dry=options.dry_run,
            allow=options.allow_removals,
            tell=_tell,
        )
    except RunUnderWay:
        print(f"{connection_id}: another process compares it just now. Wait two minutes, then try again.")
        return "under_way"
    counts = report.run.counts
    found = ", ".join(f"{number} {kind}" for kind, number in sorted(report.found.items())) or "nothing"
    seen = f"{counts.get('machines', 0)} machines, {counts.get('volumes', 0)} volumes"
    begun = f"{counts.get('repairs', 0)} repairs and {counts.get('removals', 0)} removals begun"
    print(f"{connection_id}: {report.outcome}; {seen}; wrong: {found}; {begun}. {report.why}".rstrip())
    if report.outcome == "too_many_removals":
        print(_ASK.format(number=counts["removals_wanted"]))
    return report.outcome


_ASK = (
    "{number} things would have to be removed, which is more than one run may do by itself, so none was. Look at "
    "them with GET /v1/drift. If they shall all go: infrafabric-bridge reconcile --allow-removals {number}"
)


def _tell(finding: Finding) -> None:
    named = finding.volume_id or finding.instance_id or "-"
    print(
        f"{finding.kind:<16}  {finding.service_key or '-':<36}  {named}  {json.dumps(dict(finding.detail))}"
    )


async def _chosen_connections(base: Foundation, named: str | None) -> list[str]:
    known = [stored.id for stored in await base.database.read(connections.page, None, 10_000)]
    if named is not None and named not in known:
        raise AdministrationError(f"There is no connection {named}. See: infrafabric-bridge connections list")
    return known if named is None else [named]


# ---- helpers --------------------------------------------------------------------------------------------------------


def _add_first(conn: Transaction, key: ApiKey) -> bool:
    if keys.every(conn):
        return False
    _add(conn, key)
    return True


def _add(conn: Transaction, key: ApiKey) -> None:
    if key.connection_id is not None and connections.get(conn, key.connection_id) is None:
        raise AdministrationError(
            f"There is no connection {key.connection_id}. Make it first: connections put."
        )
    keys.add(conn, key)
    detail = {"key": key.id, "scope": key.scope.value}
    audit.add(
        conn, AuditEvent(key.created_at, "key.created", "cli", connection_id=key.connection_id, detail=detail)
    )


def _revoke(conn: Transaction, key_id: str, event: AuditEvent) -> bool:
    found = keys.revoke(conn, key_id, event.at)
    if found:
        audit.add(conn, event)
    return found


def _event(
    base: Foundation, name: str, *, connection_id: str | None = None, detail: Mapping[str, Any] | None = None
) -> AuditEvent:
    return AuditEvent(base.clock.now(), name, "cli", connection_id=connection_id, detail=detail or {})


def _check_cidr(text: str) -> None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise AdministrationError(f"{text} is no network such as 192.0.2.0/24.") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AdministrationError(f"{path} cannot be read: {error.strerror}.") from error


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _print(value: Any) -> None:
    print(json.dumps(value, indent=2))
