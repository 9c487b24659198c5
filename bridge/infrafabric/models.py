"""InfraFabric's objects as they come over the wire, and what they mean to the bridge.

Answers are validated; members we do not know are ignored, so that InfraFabric may add some.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from bridge.domain import provider as domain


def _empty_if_null(value: Any) -> Any:
    return [] if value is None else value


Id = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(max_length=4096)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Failure(_Wire):
    """Why an operation failed."""

    code: Annotated[str, Field(max_length=128)] = "failed"
    message: Text = ""
    retryable: bool = False


class Operation(_Wire):
    """`op_…`."""

    id: Id
    type: Annotated[str, Field(max_length=64)]
    status: Literal["queued", "running", "succeeded", "failed"]
    progress: Annotated[int, Field(ge=0, le=100)] = 0
    instance_id: Id | None = None
    resource_id: Id | None = None
    error: Failure | None = None
    result: dict[str, JsonValue] | None = None

    def to_domain(self) -> domain.ProviderOperation:
        """As the engine knows it."""
        error = self.error
        if self.status == "failed" and error is None:
            error = Failure()
        password = (self.result or {}).get("root_password")
        return domain.ProviderOperation(
            id=self.id,
            type=self.type,
            status=self.status,
            progress=self.progress,
            instance_id=self.instance_id,
            resource_id=self.resource_id,
            error=None
            if error is None
            else domain.ProviderFailure(error.code, error.message, error.retryable),
            root_password=password if isinstance(password, str) and password else None,
        )


class Address(_Wire):
    """`ip_…`."""

    id: Id
    family: Literal["ipv4", "ipv6"]
    address: Annotated[str, Field(max_length=64)]
    primary: bool = False
    reverse_dns: Annotated[str, Field(max_length=253)] | None = None


class Rule(_Wire):
    """A firewall rule."""

    direction: Literal["in", "out"]
    action: Literal["accept", "drop"]
    protocol: Literal["tcp", "udp", "icmp", "any"]
    ports: Annotated[str, Field(max_length=16)] | None = None
    cidrs: Annotated[tuple[str, ...], BeforeValidator(_empty_if_null)] = ()
    comment: Annotated[str, Field(max_length=1024), BeforeValidator(lambda v: "" if v is None else v)] = ""


class Firewall(_Wire):
    """The rules of a machine."""

    rules: Annotated[tuple[Rule, ...], BeforeValidator(_empty_if_null)] = ()
    version: int = 0


class Instance(_Wire):
    """`ins_…`."""

    id: Id
    reference: Annotated[str, Field(max_length=255), BeforeValidator(lambda v: "" if v is None else v)] = ""
    type: Literal["vps", "container"]
    hostname: Annotated[str, Field(max_length=253)]
    datacenter: Annotated[str, Field(max_length=128)]
    plan: Annotated[str, Field(max_length=128)] | None = None
    cpus: int
    memory_mb: int
    disk_gb: int
    image: Annotated[str, Field(max_length=128)]
    status: domain.InstanceStatus
    addresses: Annotated[tuple[Address, ...], BeforeValidator(_empty_if_null)] = ()
    volumes: Annotated[tuple[Id, ...], BeforeValidator(_empty_if_null)] = ()
    firewall: Annotated[Firewall, BeforeValidator(lambda v: {} if v is None else v)] = Firewall()
    expires_at: AwareDatetime | None = None
    labels: Annotated[dict[str, str], BeforeValidator(lambda v: {} if v is None else v)] = Field(
        default_factory=dict
    )
    version: Annotated[int, Field(ge=0)]
    created_at: AwareDatetime

    def to_domain(self) -> domain.Instance:
        """As the engine knows it."""
        return domain.Instance(
            id=self.id,
            reference=self.reference,
            type=self.type,
            hostname=self.hostname,
            datacenter=self.datacenter,
            plan=self.plan,
            cpus=self.cpus,
            memory_mb=self.memory_mb,
            disk_gb=self.disk_gb,
            image=self.image,
            status=self.status,
            addresses=tuple(domain.Address(**a.model_dump()) for a in self.addresses),
            volumes=self.volumes,
            firewall_rules=tuple(domain.FirewallRule(**rule.model_dump()) for rule in self.firewall.rules),
            firewall_version=self.firewall.version,
            expires_at=self.expires_at,
            labels=self.labels,
            version=self.version,
            created_at=self.created_at,
        )


class Volume(_Wire):
    """`vol_…`."""

    id: Id
    name: Annotated[str, Field(max_length=255)]
    size_gb: int
    datacenter: Annotated[str, Field(max_length=128)]
    instance_id: Id | None = None
    status: Literal["creating", "available", "attached", "deleting", "deleted", "error"]
    labels: Annotated[dict[str, str], BeforeValidator(lambda v: {} if v is None else v)] = Field(
        default_factory=dict
    )

    def to_domain(self) -> domain.Volume:
        """As the engine knows it."""
        return domain.Volume(**self.model_dump())


class Mutation(_Wire):
    """The answer to a mutating request. Without an operation it is only good for a machine that is deleted already."""

    operation: Operation | None = None
    instance: Instance | None = None
    volume: Volume | None = None


class Listing(_Wire):
    """One page of a list."""

    items: list[dict[str, JsonValue]]
    next_cursor: Annotated[str, Field(max_length=4096)] | None = None


class CatalogItem(BaseModel):
    """A plan, image or datacenter; everything it says is handed on."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Id
    name: Annotated[str, Field(max_length=255), BeforeValidator(lambda v: "" if v is None else v)] = ""


class Usage(BaseModel):
    """Metering; everything it says is handed on."""

    model_config = ConfigDict(extra="allow", frozen=True)

    instance_id: Id
    series: list[dict[str, JsonValue]] = Field(default_factory=list)


class Problem(_Wire):
    """An error answer, read leniently: a wrong member is left out, not believed."""

    code: str = ""
    title: str = ""
    detail: str = ""
    instance_id: str | None = None
    errors: dict[str, dict[str, str]] = Field(default_factory=dict)

    @classmethod
    def read(cls, body: Any) -> "Problem":
        """What can be used of any JSON value."""
        if not isinstance(body, dict):
            return cls()
        texts = {
            name: str(body[name])[:500]
            for name in ("code", "title", "detail", "instance_id")
            if isinstance(body.get(name), str)
        }
        return cls.model_validate(texts | {"errors": _errors(body.get("errors"))})


def _errors(value: Any) -> dict[str, dict[str, str]]:
    if not isinstance(value, dict):
        return {}
    return {
        str(name)[:100]: {str(rule)[:50]: str(message)[:300] for rule, message in rules.items()}
        for name, rules in value.items()
        if isinstance(rules, dict)
    }


def moment(value: datetime) -> str:
    """RFC 3339 with Z, as InfraFabric writes it."""
    return value.isoformat().replace("+00:00", "Z")
