"""What each action may be given: one strict pydantic model per action, and Blesta's words for what is wrong.

Ranges and formats are those of InfraFabric, so that a request it would refuse is refused at acceptance.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from bridge.domain.problems import ProblemError
from bridge.domain.provider import FirewallRule

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = rf"^{_LABEL}(?:\.{_LABEL})*$"
_PLAIN_TYPES = r"ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp(?:256|384|521)"
_KEY_TYPES = _PLAIN_TYPES + r"|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com"
_SSH_KEY = rf"^(?:{_KEY_TYPES}) [A-Za-z0-9+/]+={{0,3}}(?: [^\x00-\x1f\x7f]*)?$"
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)
_CIDR = re.compile(r"[0-9A-Fa-f.:]+(?:/[0-9]{1,3})?")
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_LINE = r"^[^\x00-\x1f\x7f]*$"
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")

P = TypeVar("P", bound="Params")

Hostname = Annotated[str, Field(min_length=1, max_length=253, pattern=_HOSTNAME)]
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")]
VolumeName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]
SshKey = Annotated[str, Field(min_length=1, max_length=16384, pattern=_SSH_KEY)]
SshKeys = Annotated[tuple[SshKey, ...], Field(max_length=20)]
Cpus = Annotated[int, Field(ge=1, le=64)]
MemoryMb = Annotated[int, Field(ge=512, le=262144)]
DiskGb = Annotated[int, Field(ge=5, le=4000)]
SizeGb = Annotated[int, Field(ge=1, le=16000)]
Id = Annotated[int, Field(ge=0, le=2**53)] | Annotated[str, Field(pattern=r"^[0-9]{1,16}$")]


def _no_number(value: Any) -> Any:
    """To Python 1 is True; to a caller it is not a yes."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise PydanticCustomError("literal_error", "Input should be True")
    return value


Yes = Annotated[Literal[True], BeforeValidator(_no_number)]


def _rfc3339(value: Any) -> Any:
    """In UTC. Pydantic alone would also take `1700000000` as a moment, and one that is beyond the years in UTC."""
    if not isinstance(value, str):
        return value
    if not _MOMENT.fullmatch(value):
        raise ValueError("not an RFC 3339 moment with a time zone, such as 2030-01-31T00:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("there is no such moment in the years 1 to 9999 of UTC") from error


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]


class Params(BaseModel):
    """Base of all parameter models: no coercion, no unknown members."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Nothing(Params):
    """For actions that need nothing."""


class Limits(Params):
    """What the package allows: how many addresses and volumes, and how large a volume (GiB)."""

    addresses: Annotated[int, Field(ge=0, le=256)] | None = None
    volumes: Annotated[int, Field(ge=0, le=256)] | None = None
    volume_gb: SizeGb | None = None


class BlestaIds(Params):
    """Who the service belongs to in Blesta."""

    company_id: Id | None = None
    client_id: Id | None = None
    service_id: Id | None = None
    package_id: Id | None = None


class Create(Params):
    """A new machine. Either `plan`, or all of `cpus`, `memory_mb` (MiB), `disk_gb` (GiB)."""

    type: Literal["vps", "container"]
    hostname: Hostname
    image: Name
    plan: Name | None = None
    cpus: Cpus | None = None
    memory_mb: MemoryMb | None = None
    disk_gb: DiskGb | None = None
    datacenter: Name | None = None
    ssh_keys: SshKeys = ()
    expires_at: Moment | None = None
    limits: Limits | None = None
    blesta: BlestaIds | None = None

    @model_validator(mode="after")
    def _plan_or_sizes(self) -> Self:
        sizes = (self.cpus, self.memory_mb, self.disk_gb)
        if self.plan is not None and any(size is not None for size in sizes):
            raise _wrong("plan", "valid", "Give either plan or cpus, memory_mb and disk_gb, not both.")
        if self.plan is None:
            names = ("cpus", "memory_mb", "disk_gb")
            missing = [name for name, size in zip(names, sizes, strict=True) if size is None]
            if len(missing) == len(names):
                raise _wrong("plan", "empty", "Give a plan, or cpus, memory_mb and disk_gb.")
            if missing:
                raise _wrong(
                    missing[0], "empty", "Without a plan, cpus, memory_mb and disk_gb are all needed."
                )
        return self


class Adopt(Params):
    """A machine that exists at InfraFabric, to be taken into the service."""

    instance_id: Name
    limits: Limits | None = None
    blesta: BlestaIds | None = None


class Edit(Params):
    """Scaling, hostname and what the package allows; members left out stay as they are."""

    plan: Name | None = None
    cpus: Cpus | None = None
    memory_mb: MemoryMb | None = None
    disk_gb: DiskGb | None = None
    hostname: Hostname | None = None
    limits: Limits | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise _wrong(
                "plan", "empty", "Give at least one of plan, cpus, memory_mb, disk_gb, hostname, limits."
            )
        return self


class Suspend(Params):
    """Why the service is suspended, for staff and client."""

    reason: Annotated[str, Field(max_length=500, pattern=_TEXT)] | None = None


class Terminate(Params):
    """Deleting needs an explicit yes."""

    confirm: Yes


class Renew(Params):
    """The date up to which the service is paid."""

    expires_at: Moment


class Reinstall(Params):
    """A new operating system; everything on the disk is lost, hence the explicit yes."""

    image: Name
    ssh_keys: SshKeys | None = None
    confirm: Yes


class AddressFamily(Params):
    """The family of an address to add."""

    family: Literal["ipv4", "ipv6"]


class AddressId(Params):
    """One of the service's addresses."""

    address_id: Name


class ReverseDns(Params):
    """The name that an address shall resolve to."""

    address_id: Name
    reverse_dns: Hostname


def _cidr(value: str) -> str:
    try:
        if not _CIDR.fullmatch(value):
            raise ValueError(value)
        ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise ValueError("not an IP network such as 192.0.2.0/24") from error
    return value


class Rule(Params):
    """One firewall rule. `ports` such as "22" or "8000-8100", for tcp and udp only; no cidrs = any."""

    direction: Literal["in", "out"]
    action: Literal["accept", "drop"]
    protocol: Literal["tcp", "udp", "icmp", "any"]
    ports: Annotated[str, AfterValidator(lambda value: _port_range(value))] | None = None
    cidrs: Annotated[
        tuple[Annotated[str, Field(max_length=64), AfterValidator(_cidr)], ...], Field(max_length=100)
    ] = ()
    comment: Annotated[str, Field(max_length=255, pattern=_LINE)] = ""

    @model_validator(mode="after")
    def _ports_need_a_protocol(self) -> Self:
        if self.ports is not None and self.protocol not in ("tcp", "udp"):
            raise _wrong("ports", "valid", "Ports go with tcp and udp only.")
        return self

    def to_domain(self) -> FirewallRule:
        """The same rule in the provider's vocabulary."""
        return FirewallRule.model_validate(self.model_dump())


def _port_range(value: str) -> str:
    match = _PORTS.fullmatch(value)
    if match is None:
        raise ValueError('not a port or range such as "22" or "8000-8100"')
    low, high = int(match[1]), int(match[2] or match[1])
    if not 1 <= low <= high <= 65535:
        raise ValueError("ports go from 1 to 65535, the lower one first")
    return value


class TerminateLater(Params):
    """When the machine is to be deleted; a moment that is over means at once."""

    terminate_at: Moment


class FirewallRules(Params):
    """The whole list; it replaces the one before."""

    rules: Annotated[tuple[Rule, ...], Field(max_length=100)]


class NewVolume(Params):
    """A volume to add; `size_gb` in GiB."""

    name: VolumeName
    size_gb: SizeGb


class VolumeSize(Params):
    """A volume to grow; `size_gb` in GiB."""

    volume_id: Name
    size_gb: SizeGb


class VolumeId(Params):
    """One of the service's volumes."""

    volume_id: Name


# ---- what is wrong, in Blesta's words -------------------------------------------------------------------------------


class _FieldWrong(ValueError):
    def __init__(self, name: str, rule: str, message: str) -> None:
        super().__init__(message)
        self.name, self.rule, self.message = name, rule, message


def _wrong(name: str, rule: str, message: str) -> _FieldWrong:
    return _FieldWrong(name, rule, message)


_RULES = {
    "missing": ("empty", "This member is required."),
    "extra_forbidden": ("exists", "There is no such member."),
    "string_too_short": ("empty", "This must not be empty."),
    "string_too_long": ("length", None),
    "too_long": ("length", None),
    "string_pattern_mismatch": ("format", "This has characters or a form that are not allowed."),
    "greater_than_equal": ("valid", None),
    "less_than_equal": ("valid", None),
    "literal_error": ("valid", None),
    "value_error": ("format", None),
}


def field_errors(error: ValidationError) -> dict[str, dict[str, str]]:
    """`{field: {rule: message}}` of a pydantic error; nested names are joined with dots (`rules.0.ports`)."""
    found: dict[str, dict[str, str]] = {}
    for item in error.errors(include_url=False, include_input=True):
        name, rule, message = _explain(item)
        found.setdefault(name, {}).setdefault(rule, message)
    return found


def _explain(item: Mapping[str, Any]) -> tuple[str, str, str]:
    path = [
        str(part) for part in item["loc"] if part not in ("int", "constrained-str", "constrained-int", "str")
    ]
    cause = (item.get("ctx") or {}).get("error")
    if isinstance(cause, _FieldWrong):
        return ".".join([*path, cause.name]), cause.rule, cause.message
    rule, message = _RULES.get(item["type"], ("format", None))
    text = message or str(item["msg"]).removeprefix("Value error, ")
    if item.get("input") is None and item["type"] != "extra_forbidden":
        rule, text = "empty", "This member is required."
    return ".".join(path) or "body", rule, text


def parse(model: type[P], raw: bytes) -> P:
    """The parameters in a JSON body.

    Raises:
        ProblemError: `malformed` when it is no JSON object, `validation_failed` with `errors` otherwise.
    """
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        errors = field_errors(error)
        raise ProblemError(
            "validation_failed",
            "Nothing was changed. Correct the members named in errors and send the request again.",
            errors=errors,
        ) from error
