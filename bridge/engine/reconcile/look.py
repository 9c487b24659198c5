"""A closer look at one thing: asked for once more, then judged in one transaction.

A list is minutes old when its last page arrives, so it only says where to look. A judgement holds because nothing is at
work on the service, and because the service has not changed between the question and the judgement.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bridge.domain.connection import Connection
from bridge.domain.drift import (
    DriftClass,
    Finding,
    Policy,
    claimed_by,
    differences,
    is_ours,
    leftover,
    lives,
    orphan,
    policy_of,
)
from bridge.domain.provider import Instance, Provider, Volume
from bridge.domain.service import Service
from bridge.engine.context import Engine
from bridge.engine.reconcile import repair
from bridge.engine.volumes import volumes_of
from bridge.store import findings, operations, services
from bridge.store.database import Transaction
from bridge.store.reconcile_runs import Run


@dataclass(frozen=True, slots=True)
class Look:
    """What a run looks with. `tell` hears of every finding; `wake` of every operation that a repair begins."""

    engine: Engine
    connection: Connection
    run: Run
    tell: Callable[[Finding], None]
    wake: Callable[[str], None]

    @property
    def mark(self) -> str:
        """What our machines and volumes carry."""
        return self.engine.labels(self.connection.id, "")["bridge"]

    @property
    def provider(self) -> Provider:
        """InfraFabric."""
        return self.engine.providers.get(self.connection)

    def repairs(self, kind: DriftClass) -> bool:
        """Whether this run may repair such a thing."""
        return not self.run.dry and policy_of(self.connection.policies, kind) is Policy.REPAIR


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look told. `judged`: it came to a judgement; `there`: the thing exists; `repair`: what was begun."""

    judged: bool
    there: bool = False
    repair: str | None = None


_BUSY = Seen(judged=False)

# ---- a living service -----------------------------------------------------------------------------------------------


async def at_service(look: Look, service_key: str, mend: frozenset[DriftClass] = frozenset()) -> Seen:
    """Compare a service with its machine and volumes; take over what is new, record what is wrong.

    `mend`: classes to be repaired on the spot, by an operation that is accepted in the same transaction.

    Raises:
        ProviderError: InfraFabric could not be asked, and nothing is judged.
    """
    database = look.engine.database
    before = await database.read(_at_rest, look.connection.id, service_key)
    if before is None or before.instance_id is None:
        return _BUSY
    machine = await look.provider.instance(before.instance_id)
    volumes = await volumes_of(look.provider, service_key, machine)
    ours = [each for each in volumes if is_ours(each, look.mark) or each.instance_id == before.instance_id]
    seen, found = await database.run(_judge_service, look, before, machine, ours, mend)
    _report(look, found, seen, bool(mend))
    return seen


def _at_rest(conn: Transaction, connection_id: str, service_key: str) -> Service | None:
    """The service, if it is billed and nothing is at work on it."""
    service = services.get(conn, service_key)
    if service is None or service.connection_id != connection_id or not lives(service):
        return None
    return None if operations.first_unfinished(conn, service_key) is not None else service


def _judge_service(
    conn: Transaction,
    look: Look,
    before: Service,
    machine: Instance | None,
    volumes: Sequence[Volume],
    mend: frozenset[DriftClass],
) -> tuple[Seen, list[Finding]]:
    key, now = before.service_key, look.engine.now()
    services.serialize(conn, key)
    service = services.lock(conn, key)
    busy = operations.first_unfinished(conn, key) is not None
    if service is None or service.version != before.version or busy:
        return _BUSY, []
    if machine is not None and machine.version < service.instance_version:
        return _BUSY, []
    after = (service.lost() if machine is None else service.follow(machine)).with_volumes(volumes)
    found = differences(after, machine, volumes)
    there = machine is not None and machine.status != "deleted"
    if look.run.dry:
        return Seen(judged=True, there=there), found
    stored = services.save(conn, service, after, now)
    findings.replace_of_service(conn, look.connection.id, key, found, look.run.id, now)
    begun = repair.of_service(conn, look.engine, look.run, stored, [f for f in found if f.kind in mend])
    return Seen(judged=True, there=there, repair=begun), found


# ---- things without a living service --------------------------------------------------------------------------------


async def at_orphan(look: Look, instance_id: str, *, mend: bool = False) -> Seen:
    """Find out whether a machine of ours belongs to nobody; with `mend`, have it deleted.

    Raises:
        ProviderError: as `at_service`.
    """
    machine = await look.provider.instance(instance_id)
    seen, found = await look.engine.database.run(_judge_orphan, look, instance_id, machine, mend)
    _report(look, found, seen, mend)
    return seen


def _judge_orphan(
    conn: Transaction, look: Look, instance_id: str, machine: Instance | None, mend: bool
) -> tuple[Seen, list[Finding]]:
    there = machine is not None and machine.status != "deleted"
    key = None if machine is None else claimed_by(machine, look.mark)
    owner = services.find_by_instance(conn, look.connection.id, instance_id)
    if machine is None or not there or not is_ours(machine, look.mark) or lives(owner):
        _forget(conn, look, DriftClass.ORPHAN_UPSTREAM, instance_id)
        return Seen(judged=True, there=there), []
    service, busy = _claimed(conn, look, key)
    if busy:
        return Seen(judged=False, there=True), []
    births = [] if service is None else operations.births(conn, service.service_key, look.engine.now())
    return _settle(
        conn, look, orphan(machine, key, service, births), service, mend=mend, with_it=machine.volumes
    )


async def at_volume(
    look: Look, volume_id: str, service_key: str | None, listed: Volume | None = None, *, mend: bool = False
) -> Seen:
    """Find out whether a volume of ours belongs to nobody; with `mend`, have it deleted.

    One that names no service cannot be asked for once more: it is judged as it was `listed`, and never deleted.

    Raises:
        ProviderError: as `at_service`.
    """
    volume = listed
    if service_key is not None:
        left = await look.provider.volumes(label=f"service_key:{service_key}")
        volume = next((v for v in left if v.id == volume_id and v.status != "deleted"), None)
    seen, found = await look.engine.database.run(_judge_volume, look, volume_id, volume, mend)
    _report(look, found, seen, mend)
    return seen


def _judge_volume(
    conn: Transaction, look: Look, volume_id: str, volume: Volume | None, mend: bool
) -> tuple[Seen, list[Finding]]:
    key = None if volume is None else claimed_by(volume, look.mark)
    service, busy = _claimed(conn, look, key)
    if volume is None or not is_ours(volume, look.mark) or lives(service):
        _forget(conn, look, DriftClass.LEFTOVER_VOLUMES, volume_id)
        return Seen(judged=True, there=volume is not None), []
    if busy:
        return Seen(judged=False, there=True), []
    maker = operations.get(conn, volume.labels.get("operation", ""))
    remembered = maker is not None and maker.service_key == key
    return _settle(conn, look, leftover(volume, key, service, remembered=remembered), service, mend=mend)


def _claimed(conn: Transaction, look: Look, key: str | None) -> tuple[Service | None, bool]:
    """The service that a thing claims to be of, locked, and whether something is at work on it."""
    if key is None:
        return None, False
    services.serialize(conn, key)
    service = services.lock(conn, key)
    if service is None or service.connection_id != look.connection.id:
        return None, False
    return service, operations.first_unfinished(conn, key) is not None


def _settle(
    conn: Transaction,
    look: Look,
    finding: Finding,
    service: Service | None,
    *,
    mend: bool,
    with_it: Sequence[str] = (),
) -> tuple[Seen, list[Finding]]:
    begun = None
    if not look.run.dry:
        findings.put(conn, look.connection.id, finding, look.run.id, look.engine.now())
        if mend and service is not None and finding.removable:
            begun = repair.of_leftovers(conn, look.engine, look.run, service, finding, with_it)
    return Seen(judged=True, there=True, repair=begun), [finding]


def _forget(conn: Transaction, look: Look, kind: DriftClass, object_id: str) -> None:
    if not look.run.dry:
        findings.clear(conn, look.connection.id, [kind], object_id)


def _report(look: Look, found: Sequence[Finding], seen: Seen, mending: bool) -> None:
    for finding in [] if mending else found:  # what is being mended was told of before
        look.tell(finding)
    if seen.repair is not None:
        look.wake(seen.repair)
