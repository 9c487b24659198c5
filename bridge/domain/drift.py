"""Drift: where InfraFabric and the bridge disagree about what there is, and which disagreements may be repaired.

Pure comparison; who looks when, and what is done about it, is the engine's.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bridge.domain.provider import Instance, Volume
from bridge.domain.service import CLOCK_SKEW, LIVE, OBSERVED, SIZES, Service, ServiceState


class DriftClass(StrEnum):
    """What can be wrong."""

    MISSING_UPSTREAM = "missing_upstream"
    """A service without its machine: somebody is billed for nothing."""
    ORPHAN_UPSTREAM = "orphan_upstream"
    """A machine of ours without a living service: nobody is billed for it."""
    STATE_DRIFT = "state_drift"
    """The machine runs and should be suspended, or the other way round, or is broken."""
    SPEC_DRIFT = "spec_drift"
    """Plan, sizes, hostname or image are not what was last commanded."""
    EXPIRY_DRIFT = "expiry_drift"
    """The machine ends at another moment than what was paid for."""
    LEFTOVER_VOLUMES = "leftover_volumes"
    """A volume of ours without a living service."""


class Policy(StrEnum):
    """What is done about a class of drift."""

    REPORT = "report"
    REPAIR = "repair"


OF_SERVICE = frozenset(
    {DriftClass.MISSING_UPSTREAM, DriftClass.STATE_DRIFT, DriftClass.SPEC_DRIFT, DriftClass.EXPIRY_DRIFT}
)
"""Findings about a living service; the others are about things without one."""

DESTRUCTIVE = frozenset(
    {DriftClass.MISSING_UPSTREAM, DriftClass.ORPHAN_UPSTREAM, DriftClass.LEFTOVER_VOLUMES}
)
"""Repairing these ends or deletes something."""

PATIENCE = timedelta(hours=24)
"""How long something must have been found again and again before it is deleted."""

_SERVICE_KEY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RESTING = {"running", "stopped", "suspended", "error", "deleted"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement. `removable`: a destructive repair is allowed, as far as this look tells."""

    kind: DriftClass
    object_id: str
    service_key: str | None
    instance_id: str | None = None
    volume_id: str | None = None
    removable: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


def policy_of(policies: Mapping[str, Any], kind: DriftClass) -> Policy:
    """The connection's word on a class; report unless it says otherwise."""
    return Policy.REPAIR if policies.get(kind.value) == Policy.REPAIR else Policy.REPORT


def allowance(ours: int) -> int:
    """How many destructive repairs one run may begin, when it has seen this many machines of ours."""
    return max(3, ours // 100)


def claimed_by(thing: Instance | Volume, mark: str) -> str | None:
    """The service key that a machine or volume carries under our mark (`installation:connection`), or None.

    Labels come first: a machine that was taken over keeps the reference it was born with.
    """
    if thing.labels.get("bridge") == mark and "service_key" in thing.labels:
        named = thing.labels["service_key"]
    else:
        named = _reference(thing).removeprefix(f"{mark}:")
    return named if is_ours(thing, mark) and _SERVICE_KEY.fullmatch(named) else None


def is_ours(thing: Instance | Volume, mark: str) -> bool:
    """Whether it carries our installation's mark at all."""
    return thing.labels.get("bridge") == mark or _reference(thing).startswith(f"{mark}:")


def _reference(thing: Instance | Volume) -> str:
    return thing.reference if isinstance(thing, Instance) else ""


# ---- a living service and its machine -------------------------------------------------------------------------------


def differences(service: Service, machine: Instance | None, volumes: Iterable[Volume]) -> list[Finding]:
    """What is wrong with a service (active or suspended) whose machine was just looked at; None: it is gone."""
    if machine is None or machine.status == "deleted":
        left = sorted(volume.id for volume in volumes if volume.status != "deleted")
        return [_missing(service, left)]
    if machine.status not in _RESTING:
        return []
    return [*_state(service, machine), *_spec(service, machine), *_expiry(service, machine)]


def looks_wrong(service: Service, machine: Instance) -> bool:
    """Whether a closer look at an active or suspended service is worth a request: newer, drifted, or different."""
    news = service.drifted or service.instance_version != machine.version
    attached = {volume.id for volume in service.volumes if volume.instance_id is not None}
    return news or attached != set(machine.volumes) or bool(differences(service, machine, ()))


def _missing(service: Service, left: list[str]) -> Finding:
    detail: dict[str, Any] = {"machine": "gone"}
    if left:
        detail["kept_because"] = f"its volumes {', '.join(left)} still exist"
    return _of(service, DriftClass.MISSING_UPSTREAM, detail, removable=not left)


def _state(service: Service, machine: Instance) -> list[Finding]:
    if OBSERVED.get(machine.status) is service.wanted:
        return []
    detail = {"wanted": service.wanted.value, "found": machine.status}
    return [_of(service, DriftClass.STATE_DRIFT, detail)]


def _spec(service: Service, machine: Instance) -> list[Finding]:
    names = ("plan", *SIZES, "hostname", "image")
    wrong = {
        name: {"wanted": service.wanted_spec[name], "found": getattr(machine, name)}
        for name in names
        if name in service.wanted_spec and service.wanted_spec[name] != getattr(machine, name)
    }
    return [_of(service, DriftClass.SPEC_DRIFT, wrong)] if wrong else []


def _expiry(service: Service, machine: Instance) -> list[Finding]:
    wanted = service.wanted_spec.get("expires_at")
    if wanted is None or _same_moment(machine.expires_at, datetime.fromisoformat(wanted)):
        return []
    found = None if machine.expires_at is None else machine.expires_at.isoformat()
    return [_of(service, DriftClass.EXPIRY_DRIFT, {"wanted": wanted, "found": found})]


def _same_moment(found: datetime | None, wanted: datetime) -> bool:
    """To the second: finer than that nobody bills, and not everybody stores."""
    return found is not None and abs(found - wanted) < timedelta(seconds=1)


def _of(service: Service, kind: DriftClass, detail: Mapping[str, Any], *, removable: bool = False) -> Finding:
    return Finding(
        kind,
        service.service_key,
        service.service_key,
        service.instance_id,
        removable=removable,
        detail=detail,
    )


# ---- things without a living service --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Birth:
    """A create that this database remembers: a machine born meanwhile was made by it."""

    begun: datetime
    ended: datetime

    def covers(self, moment: datetime) -> bool:
        """Whether something made at that moment can be its work."""
        return self.begun - CLOCK_SKEW <= moment <= self.ended + CLOCK_SKEW


def orphan(machine: Instance, key: str | None, service: Service | None, births: Iterable[Birth]) -> Finding:
    """A machine of ours without a living service.

    Only what this database knows to be its own work, of a service that it knows to have ended, may ever be deleted: a
    database restored from a backup, or a copy of it that plays with the same account, knows too little to delete.
    """
    kept = _why_kept(service)
    if kept is None and not any(birth.covers(machine.created_at) for birth in births):
        kept = "no create that the bridge remembers made it: was the database restored from a backup?"
    if kept is None and not machine.reference.endswith(f":{key}"):
        kept = "it was not made for the service whose label it carries"
    detail = {
        "status": machine.status,
        "reference": machine.reference,
        "created_at": machine.created_at.isoformat(),
    }
    if kept is not None:
        detail["kept_because"] = kept
    return Finding(
        DriftClass.ORPHAN_UPSTREAM, machine.id, key, machine.id, removable=kept is None, detail=detail
    )


def leftover(volume: Volume, key: str | None, service: Service | None, *, remembered: bool) -> Finding:
    """A volume of ours without a living service. `remembered`: the database knows the operation that made it."""
    kept = _why_kept(service)
    if kept is None and not remembered:
        kept = "no operation that the bridge remembers made it: was the database restored from a backup?"
    detail: dict[str, Any] = {"status": volume.status, "name": volume.name, "size_gb": volume.size_gb}
    if kept is not None:
        detail["kept_because"] = kept
    return Finding(
        DriftClass.LEFTOVER_VOLUMES,
        volume.id,
        key,
        volume.instance_id,
        volume.id,
        removable=kept is None,
        detail=detail,
    )


def _why_kept(service: Service | None) -> str | None:
    if service is None:
        return "the bridge does not know the service: was the database restored from a backup?"
    if service.state in LIVE:
        return "the service lives and has another machine"
    return None


def lives(service: Service | None) -> bool:
    """Whether a service is one that machines are compared with."""
    return service is not None and service.state in (ServiceState.ACTIVE, ServiceState.SUSPENDED)
