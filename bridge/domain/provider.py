"""What the bridge asks of a machine provider, in its own words.

The engine speaks only this vocabulary; `bridge.infrafabric` turns it into InfraFabric's wire format and back. Commands
are pydantic models because an intent stores them: what is sent again after a crash must be the same request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

# ---- commands: every one becomes exactly one mutating request -------------------------------------------------------


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FirewallRule(_Command):
    """One packet filter rule; the first match wins."""

    direction: Literal["in", "out"]
    action: Literal["accept", "drop"]
    protocol: Literal["tcp", "udp", "icmp", "any"]
    ports: str | None = None
    cidrs: tuple[str, ...] = ()
    comment: str = ""


class CreateInstance(_Command):
    """Make a machine named `reference`. Either `plan`, or `cpus`, `memory_mb` (MiB) and `disk_gb` (GiB)."""

    kind: Literal["create_instance"] = "create_instance"
    reference: str
    type: str
    hostname: str
    datacenter: str
    image: str
    plan: str | None = None
    cpus: int | None = None
    memory_mb: int | None = None
    disk_gb: int | None = None
    ssh_keys: tuple[str, ...] = ()
    expires_at: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)


class UpdateInstance(_Command):
    """Change size, plan, hostname or the whole set of labels; members that are None stay as they are."""

    kind: Literal["update_instance"] = "update_instance"
    instance_id: str
    plan: str | None = None
    cpus: int | None = None
    memory_mb: int | None = None
    disk_gb: int | None = None
    hostname: str | None = None
    labels: dict[str, str] | None = None


class DeleteInstance(_Command):
    """Delete the machine and its attached volumes; preempts whatever runs on it."""

    kind: Literal["delete_instance"] = "delete_instance"
    instance_id: str


Verb = Literal["suspend", "resume", "start", "stop", "reboot", "reinstall", "renew", "reset_password"]


class ActOnInstance(_Command):
    """One of the machine's verbs. `image` and `ssh_keys` belong to reinstall, `expires_at` to renew."""

    kind: Literal["act_on_instance"] = "act_on_instance"
    instance_id: str
    verb: Verb
    image: str | None = None
    ssh_keys: tuple[str, ...] | None = None
    expires_at: datetime | None = None


class AddAddress(_Command):
    """Give the machine one more address of the family."""

    kind: Literal["add_address"] = "add_address"
    instance_id: str
    family: Literal["ipv4", "ipv6"]


class RemoveAddress(_Command):
    """Take an address away."""

    kind: Literal["remove_address"] = "remove_address"
    instance_id: str
    address_id: str


class SetReverseDns(_Command):
    """Set the name an address resolves to."""

    kind: Literal["set_reverse_dns"] = "set_reverse_dns"
    instance_id: str
    address_id: str
    reverse_dns: str


class SetFirewall(_Command):
    """Replace the machine's whole list of rules."""

    kind: Literal["set_firewall"] = "set_firewall"
    instance_id: str
    rules: tuple[FirewallRule, ...]


class CreateVolume(_Command):
    """Make a volume of `size_gb` GiB attached to the machine."""

    kind: Literal["create_volume"] = "create_volume"
    instance_id: str
    name: str
    size_gb: int
    datacenter: str
    labels: dict[str, str] = Field(default_factory=dict)


class ResizeVolume(_Command):
    """Grow a volume to `size_gb` GiB."""

    kind: Literal["resize_volume"] = "resize_volume"
    volume_id: str
    size_gb: int


class DetachVolume(_Command):
    """Detach a volume from its machine."""

    kind: Literal["detach_volume"] = "detach_volume"
    volume_id: str


class DeleteVolume(_Command):
    """Delete a detached volume."""

    kind: Literal["delete_volume"] = "delete_volume"
    volume_id: str


Command = Annotated[
    CreateInstance
    | UpdateInstance
    | DeleteInstance
    | ActOnInstance
    | AddAddress
    | RemoveAddress
    | SetReverseDns
    | SetFirewall
    | CreateVolume
    | ResizeVolume
    | DetachVolume
    | DeleteVolume,
    Field(discriminator="kind"),
]

COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)
"""Reads a stored command back: `COMMANDS.validate_python(data)`."""

# ---- answers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProviderFailure:
    """Why a provider operation failed. `retryable`: the same wish may succeed later, under a new key."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class ProviderOperation:
    """A provider operation as last seen. `root_password` only when asked for by id, and only for a day."""

    id: str
    type: str
    status: Literal["queued", "running", "succeeded", "failed"]
    progress: int
    instance_id: str | None
    resource_id: str | None
    error: ProviderFailure | None
    root_password: str | None = None

    @property
    def ended(self) -> bool:
        """True once the provider will not change it any more."""
        return self.status in ("succeeded", "failed")


@dataclass(frozen=True, slots=True)
class Address:
    """One IP address of a machine."""

    id: str
    family: str
    address: str
    primary: bool
    reverse_dns: str | None


InstanceStatus = Literal[
    "provisioning", "running", "stopped", "suspended", "reinstalling", "error", "deleting", "deleted"
]


@dataclass(frozen=True, slots=True)
class Instance:
    """A machine as the provider describes it; newer = higher `version` within one id. Memory MiB, disk GiB."""

    id: str
    reference: str
    type: str
    hostname: str
    datacenter: str
    plan: str | None
    cpus: int
    memory_mb: int
    disk_gb: int
    image: str
    status: InstanceStatus
    addresses: tuple[Address, ...]
    volumes: tuple[str, ...]
    firewall_rules: tuple[FirewallRule, ...]
    firewall_version: int
    expires_at: datetime | None
    labels: Mapping[str, str]
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Volume:
    """A block volume; `size_gb` GiB."""

    id: str
    name: str
    size_gb: int
    datacenter: str
    instance_id: str | None
    status: Literal["creating", "available", "attached", "deleting", "deleted", "error"]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took a command. `operation` is None when there was nothing to do (deleting what is deleted)."""

    operation: ProviderOperation | None
    instance: Instance | None = None
    volume: Volume | None = None


Thing = TypeVar("Thing", covariant=True)


@dataclass(frozen=True, slots=True)
class Page(Generic[Thing]):
    """One page of a long list. `ids` names everything on it, also what could not be read and is not in `items`."""

    items: tuple[Thing, ...]
    ids: tuple[str, ...]
    next_cursor: str | None

    @property
    def unreadable(self) -> int:
        """How many things on the page make no sense."""
        return len(self.ids) - len(self.items)


CatalogKind = Literal["plans", "images", "datacenters"]

# ---- what can go wrong ----------------------------------------------------------------------------------------------


class ProviderError(Exception):
    """Base of everything that can go wrong between the bridge and the provider."""

    def __init__(self, detail: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class NoAnswer(ProviderError):
    """Silence: the request may have taken effect.

    Timeouts after sending, broken connections, 5xx, unreadable answers, `idempotency_key_in_flight`.
    """


class NotSent(ProviderError):
    """The request surely did not reach the provider: no connection, breaker open, retry budget empty."""


class TryLater(ProviderError):
    """The provider surely did not do it, and may if asked again with the same key (429, 408, `instance_busy`)."""


class Refused(ProviderError):
    """A definite no (4xx, 3xx, 507). `instance_id` when the provider named one (`reference_exists`)."""

    def __init__(
        self,
        detail: str,
        *,
        status: int,
        code: str,
        errors: Mapping[str, Mapping[str, str]] | None = None,
        instance_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.errors = dict(errors or {})
        self.instance_id = instance_id


class Provider(Protocol):
    """One connection's way to the provider. Every method may raise any `ProviderError`."""

    async def execute(self, command: Command, key: str) -> Accepted:
        """Send one mutating request under idempotency key `key`. Repeating it with the same key is safe."""
        ...

    async def operation(self, operation_id: str) -> ProviderOperation | None:
        """The operation, or None if the provider does not know it."""
        ...

    async def instance(self, instance_id: str) -> Instance | None:
        """The machine, also a deleted one (status `deleted`); None if the provider does not know it."""
        ...

    async def instances_by_reference(self, reference: str) -> tuple[Instance, ...]:
        """All machines under that reference that are not deleted."""
        ...

    async def volumes(
        self, *, instance_id: str | None = None, label: str | None = None
    ) -> tuple[Volume, ...]:
        """All volumes of a machine, or with label `key:value`, every page of them."""
        ...

    async def instance_page(
        self, cursor: str | None, *, updated_since: datetime | None = None
    ) -> Page[Instance]:
        """The account's machines from a cursor on; with `updated_since` only what changed, deleted ones as well."""
        ...

    async def volume_page(self, cursor: str | None, *, label: str) -> Page[Volume]:
        """The volumes with label `key:value` from a cursor on."""
        ...

    async def usage(
        self, instance_id: str, start: datetime | None, end: datetime | None
    ) -> Mapping[str, Any]:
        """Metering of the machine as the provider gives it (validated, JSON-able)."""
        ...

    async def catalog(self, kind: CatalogKind) -> tuple[Mapping[str, Any], ...]:
        """All items of a catalogue list, JSON-able, each with `id` and `name`."""
        ...


# ---- callbacks ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OperationReport:
    """A verified callback about a provider operation (never with a password)."""

    operation: ProviderOperation


@dataclass(frozen=True, slots=True)
class InstanceReport:
    """A verified callback about a machine. `deleted` for `instance.deleted`."""

    instance: Instance
    deleted: bool


@dataclass(frozen=True, slots=True)
class UnknownReport:
    """A verified callback that the bridge has no use for: unknown type, or data that makes no sense."""

    reason: str


Report = OperationReport | InstanceReport | UnknownReport
