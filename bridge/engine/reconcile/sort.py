"""Sorting a page of a list: what is in order stays untouched, what may be wrong gets a closer look."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bridge.domain.drift import claimed_by, is_ours, lives, looks_wrong
from bridge.domain.provider import Instance, Page, Volume
from bridge.domain.service import Service
from bridge.engine.reconcile.look import Look
from bridge.store import findings, operations, reconcile_runs, services
from bridge.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Suspects:
    """What of a page needs a closer look. `ours`: how many of its things carry our mark or belong to a service."""

    services: list[str] = field(default_factory=list)
    machines: list[str] = field(default_factory=list)
    volumes: list[Volume] = field(default_factory=list)
    ours: int = 0


def machines(conn: Transaction, look: Look, page: Page[Instance]) -> Suspects:
    """Note who was seen, and tell who looks wrong. What is not ours is not even looked at."""
    if look.run.kind == "full":
        reconcile_runs.sight(conn, look.run, page.ids)
    connection_id = look.connection.id
    owners = services.of_instances(conn, connection_id, [machine.id for machine in page.items])
    ours = [m for m in page.items if lives(owners.get(m.id)) or is_ours(m, look.mark)]
    claims = {machine.id: _claim(look, machine, owners) for machine in ours}
    keys = sorted({key for key in claims.values() if key is not None})
    busy = operations.first_unfinished_of(conn, keys)
    known_wrong = findings.touched(conn, connection_id, keys)
    suspects = Suspects(ours=len(ours))
    for machine in ours:
        key, owner = claims[machine.id], owners.get(machine.id)
        if key in busy:
            continue
        if owner is None or not lives(owner):
            if machine.status != "deleted":
                suspects.machines.append(machine.id)
        elif key in known_wrong or looks_wrong(owner, machine):
            suspects.services.append(owner.service_key)
    return suspects


def _claim(look: Look, machine: Instance, owners: dict[str, Service]) -> str | None:
    owner = owners.get(machine.id)
    return owner.service_key if owner is not None and lives(owner) else claimed_by(machine, look.mark)


def volumes(conn: Transaction, look: Look, page: Sequence[Volume]) -> Suspects:
    """Volumes that no living service has in its list as they are."""
    ours = [volume for volume in page if volume.status not in ("deleted", "deleting")]
    claims = {volume.id: claimed_by(volume, look.mark) for volume in ours}
    keys = sorted({key for key in claims.values() if key is not None})
    found = services.of_keys(conn, look.connection.id, keys)
    busy = operations.first_unfinished_of(conn, keys)
    suspects = Suspects(ours=len(ours))
    for volume in ours:
        key = claims[volume.id]
        service = None if key is None else found.get(key)
        if key in busy:
            continue
        if service is None or not lives(service):
            suspects.volumes.append(volume)
        elif volume not in service.volumes and service.service_key not in suspects.services:
            suspects.services.append(service.service_key)
    return suspects
