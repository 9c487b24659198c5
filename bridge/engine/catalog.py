"""Plans, images and datacenters: fetched when asked for, kept for an hour, and used to refuse unknown names early."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bridge.domain.connection import Connection
from bridge.domain.parameters import Create, Edit, Reinstall
from bridge.domain.problems import ProblemError
from bridge.domain.provider import CatalogKind, ProviderError
from bridge.engine.admission import Command
from bridge.engine.context import Engine
from bridge.store import catalog, services
from bridge.store.catalog import CatalogList
from bridge.store.database import Transaction

KINDS: Mapping[str, CatalogKind] = {"plan": "plans", "image": "images", "datacenter": "datacenters"}
"""Which list each member's name is looked up in."""


async def listing(engine: Engine, connection: Connection, kind: CatalogKind) -> CatalogList:
    """The list, from the store while it is fresh, else from InfraFabric; an old one is better than none.

    Raises:
        ProviderError: there is none, and InfraFabric cannot be asked.
    """
    stored = await engine.database.read(catalog.get, connection.id, kind)
    now = engine.now()
    if stored is not None and now - stored.fetched_at < engine.policy.catalog_ttl:
        return stored
    try:
        items = await engine.providers.get(connection).catalog(kind)
    except ProviderError:
        if stored is not None:
            return stored
        raise
    await engine.database.run(catalog.put, connection.id, kind, items, now)
    return CatalogList(items, now)


def known_names(conn: Transaction, command: Command, now: datetime, ttl: timedelta) -> None:
    """Refuse names that a fresh catalogue does not have, and plans that would shrink a disk; without a fresh one
    InfraFabric decides.

    Raises:
        ProblemError: `validation_failed` with rule `valid`.
    """
    params = command.params
    if not isinstance(params, Create | Edit | Reinstall):
        return
    errors: dict[str, dict[str, str]] = {}
    for member, kind in KINDS.items():
        name: str | None = getattr(params, member, None)
        if name is None:
            continue
        listed = catalog.get(conn, command.connection_id, kind)
        if listed is None or now - listed.fetched_at >= ttl:
            continue
        wrong = _objection(name, listed.items, getattr(params, "type", None))
        if wrong is None and member == "plan" and isinstance(params, Edit):
            wrong = _shrinks(conn, command.service_key, name, listed.items)
        if wrong is not None:
            errors[member] = {"valid": wrong}
    if errors:
        raise ProblemError(
            "validation_failed", "InfraFabric does not offer this. See the catalog.", errors=errors
        )


def _shrinks(
    conn: Transaction, service_key: str, plan: str, items: Sequence[Mapping[str, Any]]
) -> str | None:
    """A plan with a smaller disk than the machine has; InfraFabric would refuse it later, after somebody was billed."""
    service = services.get(conn, service_key)
    disk = next((item.get("disk_gb") for item in items if item.get("id") == plan), None)
    if service is None or service.plan == plan or service.disk_gb is None or not isinstance(disk, int):
        return None
    if disk >= service.disk_gb:
        return None
    return f"{plan} has a disk of {disk} GiB, and a disk cannot shrink; the machine has {service.disk_gb} GiB now."


def _objection(name: str, items: Sequence[Mapping[str, Any]], kind: str | None) -> str | None:
    found = next((item for item in items if item.get("id") == name), None)
    if found is None:
        return f"{name} is not in InfraFabric's catalog."
    if kind is not None and found.get("type") not in (None, kind):
        return f"{name} is for {found['type']}, not for {kind}."
    return None
