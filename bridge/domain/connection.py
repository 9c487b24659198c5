"""A connection: one Blesta installation on one side, one InfraFabric account on the other."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Connection:
    """Settings of a connection with its secrets opened; never log or serialise one (`repr` hides them)."""

    id: str
    infrafabric_api_url: str
    infrafabric_api_key: str = field(repr=False)
    default_datacenter: str | None
    provisioning_timeout: int
    """Seconds a create or reinstall may take."""
    action_timeout: int
    """Seconds the short actions may take."""
    webhook_secrets: tuple[str, ...] = field(repr=False)
    rate_limit_per_minute: int
    max_concurrency: int
    policies: dict[str, Any]
    version: int
    """Grows with every change, so that caches notice."""
    created_at: datetime
    updated_at: datetime

    def provisioning_time(self) -> timedelta:
        """`provisioning_timeout` as a duration."""
        return timedelta(seconds=self.provisioning_timeout)

    def action_time(self) -> timedelta:
        """`action_timeout` as a duration."""
        return timedelta(seconds=self.action_timeout)


def reference(installation: str, connection_id: str, service_key: str) -> str:
    """The name a service's machine carries at the provider."""
    return f"{installation}:{connection_id}:{service_key}"


def labels(installation: str, connection_id: str, service_key: str) -> dict[str, str]:
    """The marks that say whose machine or volume it is."""
    return {"bridge": f"{installation}:{connection_id}", "service_key": service_key}
