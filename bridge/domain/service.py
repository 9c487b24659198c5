"""A service: what Blesta sells, and what the bridge knows of the machine behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bridge.domain.provider import Address, FirewallRule, Instance, Volume


class ServiceState(StrEnum):
    """Where a service is in its life."""

    PROVISIONING = "provisioning"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"
    FAILED = "failed"


class Power(StrEnum):
    """Whether the machine runs, as last seen."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


CLOCK_SKEW = timedelta(seconds=60)
"""How far the provider's clock may be behind ours when the age of a machine is compared with the start of a life."""

LIVE = frozenset({ServiceState.PROVISIONING, ServiceState.ACTIVE, ServiceState.SUSPENDED})
"""States in which somebody is billed for a machine, or soon will be."""

SIZES = ("cpus", "memory_mb", "disk_gb")

_POWER = {"running": Power.ON, "stopped": Power.OFF, "suspended": Power.OFF}
OBSERVED = {
    "running": ServiceState.ACTIVE,
    "stopped": ServiceState.ACTIVE,
    "suspended": ServiceState.SUSPENDED,
}


@dataclass(frozen=True, slots=True)
class Grace:
    """A delayed termination: when the machine will be deleted, and what the service goes back to if that is undone."""

    terminate_at: datetime
    was: ServiceState


@dataclass(frozen=True, slots=True)
class Service:
    """One service. Memory MiB, disk GiB. `version` grows with every stored change.

    `state` follows what is seen upstream, `wanted` is what the last successful command asked for; where they differ the
    service is `drifted`. A key can have several lives; `retired` names the machines of the earlier ones.
    """

    service_key: str
    connection_id: str
    created_at: datetime
    updated_at: datetime
    state: ServiceState = ServiceState.PROVISIONING
    wanted: ServiceState = ServiceState.ACTIVE
    state_reason: str | None = None
    power: Power = Power.UNKNOWN
    drifted: bool = False
    type: str | None = None
    hostname: str | None = None
    plan: str | None = None
    cpus: int | None = None
    memory_mb: int | None = None
    disk_gb: int | None = None
    image: str | None = None
    datacenter: str | None = None
    addresses: tuple[Address, ...] = ()
    volumes: tuple[Volume, ...] = ()
    firewall: tuple[FirewallRule, ...] = ()
    instance_id: str | None = None
    instance_version: int = 0
    expires_at: datetime | None = None
    life: int = 0
    life_started_at: datetime | None = None
    create_request: Mapping[str, Any] | None = None
    client_id: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    retired: tuple[str, ...] = ()
    wanted_spec: Mapping[str, Any] = field(default_factory=dict)
    """What the last successful commands asked for: plan or sizes, hostname, image, expires_at (RFC 3339)."""
    grace: Grace | None = None
    last_operation_id: str | None = None
    last_error: str | None = None
    version: int = 0

    def observe(self, instance: Instance) -> "Service":
        """The service with everything the machine says of itself; state is left to `follow` or to an action."""
        return replace(
            self,
            power=_POWER.get(instance.status, Power.UNKNOWN),
            type=instance.type,
            hostname=instance.hostname,
            plan=instance.plan,
            cpus=instance.cpus,
            memory_mb=instance.memory_mb,
            disk_gb=instance.disk_gb,
            image=instance.image,
            datacenter=instance.datacenter,
            addresses=instance.addresses,
            volumes=tuple(_as_attached(volume, instance) for volume in self.volumes),
            firewall=instance.firewall_rules,
            instance_id=instance.id,
            instance_version=instance.version,
            expires_at=instance.expires_at,
        )

    def with_volumes(self, volumes: Sequence[Volume]) -> "Service":
        """The service with its volumes: those of its machine, and detached ones, which cost money as well."""
        mine = (None, self.instance_id)
        return replace(
            self, volumes=tuple(v for v in volumes if v.instance_id in mine and v.status != "deleted")
        )

    def knows(self, instance: Instance) -> bool:
        """Whether this machine's description is not newer than what is stored; versions compare within one id only."""
        return self.instance_id == instance.id and instance.version <= self.instance_version

    def owns(self, instance: Instance) -> bool:
        """Whether the machine is this life's: by id, else (id unknown) by age and not a machine of an earlier life.

        One that another service has adopted keeps this service's reference and is that service's by its label.
        """
        if self.instance_id is not None:
            return self.instance_id == instance.id
        if instance.labels.get("service_key", self.service_key) != self.service_key:
            return False
        if self.life_started_at is None or instance.id in self.retired:
            return False
        return instance.created_at >= self.life_started_at - CLOCK_SKEW

    def follow(self, instance: Instance) -> "Service":
        """Take over a change made upstream while no operation runs: the truth is shown, and marked where unwanted."""
        seen = self.observe(instance)
        state = OBSERVED.get(instance.status)
        if state is None:
            return replace(
                seen, drifted=True, state_reason=f"InfraFabric reports the machine as {instance.status}."
            )
        drifted = state is not self.wanted
        reason = f"InfraFabric reports the machine as {instance.status}." if drifted else self.state_reason
        if self.drifted and not drifted:
            reason = None
        return replace(seen, state=state, drifted=drifted, state_reason=reason)

    def lost(self) -> "Service":
        """The provider does not know the machine any more: nobody decided that here, so it is only marked."""
        return replace(
            self,
            power=Power.UNKNOWN,
            drifted=True,
            state_reason="InfraFabric does not know the machine any more.",
        )

    def asked(self, **wishes: Any) -> "Service":
        """Remember what a command asked for. A plan stands for its sizes, and sizes without a plan for themselves."""
        given = {name: _plain(wish) for name, wish in wishes.items() if wish is not None}
        outdated = SIZES if "plan" in given else ("plan",) if given.keys() & set(SIZES) else ()
        kept = {name: wish for name, wish in self.wanted_spec.items() if name not in outdated}
        return replace(self, wanted_spec={**kept, **given})

    def reached(self, state: ServiceState, reason: str | None = None) -> "Service":
        """A command succeeded: the service is where it was wanted."""
        return replace(self, state=state, wanted=state, state_reason=reason, drifted=False)

    def without_machine(self) -> "Service":
        """The machine is gone: nothing of it is shown any more, and its id can never match again."""
        retired = self.retired if self.instance_id is None else (*self.retired, self.instance_id)
        return replace(
            self,
            power=Power.UNKNOWN,
            addresses=(),
            volumes=(),
            firewall=(),
            grace=None,
            instance_id=None,
            instance_version=0,
            retired=retired,
        )


def _plain(wish: Any) -> Any:
    return wish.isoformat() if isinstance(wish, datetime) else wish


def _as_attached(volume: Volume, instance: Instance) -> Volume:
    """A volume that the machine does not have any more may still exist: shown as detached until the list is read."""
    if volume.id in instance.volumes or volume.instance_id is None:
        return volume
    return replace(volume, instance_id=None, status="available")


def fields(
    service: Service, password: str | None, *, username: str | None = None
) -> list[dict[str, str | bool]]:
    """Exactly what the module stores in Blesta: `{key, value, encrypted}`, no empty values (design §5)."""
    first = {family: _first(service.addresses, family) for family in ("ipv4", "ipv6")}
    values: Sequence[tuple[str, str | None]] = (
        ("ifb_key", service.service_key),
        ("ifb_state", service.state),
        ("ifb_instance", service.instance_id),
        ("ifb_hostname", service.hostname),
        ("ifb_ipv4", first["ipv4"]),
        ("ifb_ipv6", first["ipv6"]),
        ("ifb_ips", ", ".join(address.address for address in service.addresses)),
        ("ifb_user", username),
        ("ifb_password", password),
        ("ifb_plan", service.plan),
        ("ifb_image", service.image),
        ("ifb_datacenter", service.datacenter),
        (
            "ifb_expires",
            service.expires_at.isoformat().replace("+00:00", "Z") if service.expires_at else None,
        ),
        ("ifb_operation", service.last_operation_id),
        ("ifb_error", service.last_error),
    )
    return [
        {"key": key, "value": str(value), "encrypted": key == "ifb_password"}
        for key, value in values
        if value
    ]


def _first(addresses: Sequence[Address], family: str) -> str | None:
    """The primary address of the family, else any of it."""
    mine = sorted((a for a in addresses if a.family == family), key=lambda address: not address.primary)
    return mine[0].address if mine else None
