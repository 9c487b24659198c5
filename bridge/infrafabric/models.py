"""InfraFabric's objects as they come over the wire, and what they mean to the bridge.

Answers are validated, because the provider is not trusted more than anybody else (F9); members we do not know are
ignored, so that InfraFabric may add some; an explicit null is the same as a member left out.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from bridge.domain import provider as domain

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._:~-]{0,127}$")]
Name = Annotated[str, Field(max_length=128)]
Text = Annotated[str, Field(max_length=4096)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Version = Annotated[int, Field(ge=0, le=2**63 - 1)]
Labels = Annotated[dict[Name, Annotated[str, Field(max_length=1024)]], Field(default_factory=dict)]


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Senseless(ValueError):
    """The data does not fit what InfraFabric documents."""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


_Model = TypeVar("_Model", bound=BaseModel)


def read(model: type[_Model], value: Any) -> _Model:
    """Validate a JSON value.

    Raises:
        Senseless: it does not fit; the text names members, never their values.
    """
    return _validated(model, _tidy(value))


def read_page(value: Any) -> "Page":
    """A page of a list, its items as they are: each is read by itself, so that one cannot spoil the others.

    Raises:
        Senseless: it is no page.
    """
    page = _validated(Page, value)
    if page.next_cursor is not None and not _storable(page.next_cursor):
        raise Senseless("does not fit at: next_cursor")
    return page


def _validated(model: type[_Model], value: Any) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, item["loc"])) or "all of it" for item in error.errors()[:3])
        raise Senseless(f"does not fit at: {where[:200]}") from error


def _tidy(value: Any) -> Any:
    """Without nulls, and surely without characters that databases or encoders refuse."""
    if isinstance(value, dict):
        return {_tidy(name): _tidy(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if isinstance(value, str) and not _storable(value):
        raise Senseless("contains a NUL character or half a surrogate pair")
    return value


def _storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None


class Failure(_Wire):
    """Why an operation failed."""

    code: Name = "failed"
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
        failure = self.error
        if self.status == "failed" and failure is None:
            failure = Failure()
        password = (self.result or {}).get("root_password")
        return domain.ProviderOperation(
            id=self.id,
            type=self.type,
            status=self.status,
            progress=self.progress,
            instance_id=self.instance_id,
            resource_id=self.resource_id,
            error=None if failure is None else domain.ProviderFailure(**failure.model_dump()),
            root_password=password if isinstance(password, str) and password else None,
        )


class Address(_Wire):
    """`ip_…`."""

    id: Id
    family: Literal["ipv4", "ipv6"]
    address: Annotated[str, Field(pattern=r"^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$")]
    primary: bool = False
    reverse_dns: Annotated[str, Field(max_length=253)] | None = None

    def to_domain(self) -> domain.Address:
        """As the engine knows it."""
        return domain.Address(**self.model_dump())


class Rule(_Wire):
    """A firewall rule."""

    direction: Literal["in", "out"]
    action: Literal["accept", "drop"]
    protocol: Literal["tcp", "udp", "icmp", "any"]
    ports: Annotated[str, Field(max_length=16)] | None = None
    cidrs: tuple[Annotated[str, Field(max_length=64)], ...] = ()
    comment: Annotated[str, Field(max_length=1024)] = ""

    def to_domain(self) -> domain.FirewallRule:
        """As the engine knows it."""
        return domain.FirewallRule(**self.model_dump())


class Firewall(_Wire):
    """The rules of a machine."""

    rules: tuple[Rule, ...] = ()
    version: Version = 0


class Instance(_Wire):
    """`ins_…`."""

    id: Id
    reference: Annotated[str, Field(max_length=255)] = ""
    type: Literal["vps", "container"]
    hostname: Annotated[str, Field(max_length=253)]
    datacenter: Name
    plan: Name | None = None
    cpus: Count
    memory_mb: Count
    disk_gb: Count
    image: Name
    status: domain.InstanceStatus
    addresses: tuple[Address, ...] = ()
    volumes: tuple[Id, ...] = ()
    firewall: Firewall = Firewall()
    expires_at: AwareDatetime | None = None
    labels: Labels
    version: Version
    created_at: AwareDatetime

    def to_domain(self) -> domain.Instance:
        """As the engine knows it."""
        same = self.model_dump(exclude={"addresses", "firewall"})
        return domain.Instance(
            **same,
            addresses=tuple(address.to_domain() for address in self.addresses),
            firewall_rules=tuple(rule.to_domain() for rule in self.firewall.rules),
            firewall_version=self.firewall.version,
        )


class Volume(_Wire):
    """`vol_…`."""

    id: Id
    name: Annotated[str, Field(max_length=255)]
    size_gb: Count
    datacenter: Name
    instance_id: Id | None = None
    status: Literal["creating", "available", "attached", "deleting", "deleted", "error"]
    labels: Labels

    def to_domain(self) -> domain.Volume:
        """As the engine knows it."""
        return domain.Volume(**self.model_dump())


class Mutation(_Wire):
    """The answer to a mutating request. No operation: there was nothing to do, as in deleting what is deleted."""

    operation: Operation | None = None
    instance: Instance | None = None
    volume: Volume | None = None


class Page(_Wire):
    """One page of a list; its items are validated by whoever knows what they are."""

    items: list[dict[str, JsonValue]]
    next_cursor: Text | None = None


class CatalogItem(BaseModel):
    """A plan, image or datacenter; everything it says is handed on."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Name
    name: Annotated[str, Field(max_length=255)] = ""


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
        if not isinstance(body, Mapping):
            return cls()
        said = {name: _line(body.get(name), limit) for name, limit in _PROBLEM_TEXTS.items()}
        return cls(**{name: text for name, text in said.items() if text}, errors=_errors(body.get("errors")))


_PROBLEM_TEXTS = {"code": 64, "title": 200, "detail": 500, "instance_id": 128}


def _line(value: Any, limit: int) -> str:
    """A text for people and logs: one line, bounded, nothing but characters that can be shown."""
    if not isinstance(value, str):
        return ""
    return "".join(character if character.isprintable() else " " for character in value[:limit]).strip()


def _errors(value: Any) -> dict[str, dict[str, str]]:
    if not isinstance(value, Mapping):
        return {}
    return {
        _line(name, 100): {_line(rule, 50): _line(message, 300) for rule, message in list(rules.items())[:10]}
        for name, rules in list(value.items())[:50]
        if isinstance(rules, Mapping)
    }


def moment(value: datetime) -> str:
    """RFC 3339 with Z; a time without a zone is taken as UTC."""
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
