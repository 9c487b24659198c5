"""Who may talk to the bridge: API keys, their scopes, and the actor a request speaks for."""

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.domain.actions import Caller
from bridge.domain.problems import ProblemError


class Scope(StrEnum):
    """What a key is for."""

    MODULE = "module"
    """A Blesta module: everything about the services of its one connection."""
    INFRAFABRIC = "infrafabric"
    """InfraFabric itself, for one connection."""
    OPERATOR = "operator"
    """The hosting company's own tools; bound to a connection or to none."""
    METRICS = "metrics"
    """Only `/metrics`."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key; the secret itself is shown once, at its making, and only its SHA-256 is kept."""

    id: str
    scope: Scope
    connection_id: str | None
    secret_sha256: str
    cidrs: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def unusable(self, now: datetime, client_ip: str | None) -> str | None:
        """Why the key may not be used (a word for metrics and audit), or None."""
        if self.revoked_at is not None and self.revoked_at <= now:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        if self.cidrs and not _inside(client_ip, self.cidrs):
            return "address"
        return None


def _inside(client_ip: str | None, cidrs: tuple[str, ...]) -> bool:
    if client_ip is None:
        return False
    address = ipaddress.ip_address(client_ip)
    networks = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
    return any(address.version == network.version and address in network for network in networks)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who a request speaks for: `client:42`, `staff:3`, `cron`, `infrafabric`."""

    caller: Caller
    text: str


_ACTOR = re.compile(r"(?:(client|staff):([0-9]{1,16})|cron)")


def actor_of(scope: Scope, header: str | None) -> Actor:
    """The actor of a request.

    A module has to say for whom it speaks, InfraFabric speaks for itself, an operator is staff by default.

    Raises:
        ProblemError: `actor_missing` or `actor_invalid` (400), `forbidden` (403).
    """
    if header is None:
        if scope is Scope.MODULE:
            raise ProblemError("actor_missing", "Send X-Actor: client:<id>, staff:<id> or cron.")
        if scope is Scope.INFRAFABRIC:
            return Actor(Caller.INFRAFABRIC, "infrafabric")
        return Actor(Caller.STAFF, "operator")
    match = _ACTOR.fullmatch(header)
    if match is None:
        raise ProblemError("actor_invalid", "X-Actor is client:<number>, staff:<number> or cron. Correct it.")
    if scope is Scope.INFRAFABRIC:
        raise ProblemError(
            "forbidden", "A key of scope infrafabric speaks for InfraFabric only. Leave X-Actor out."
        )
    return Actor(Caller(match[1] or "cron"), header)
