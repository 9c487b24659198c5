"""What each command and question becomes on the wire.

A request is a pure function of the command, down to the byte: sent again after a crash, it is the same request to the
provider's idempotency check.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from bridge.domain import provider as p
from bridge.infrafabric.models import moment


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One HTTP request. `path` is relative to the base URL and escaped; `route` is its template, for metrics."""

    method: str
    path: str
    route: str
    body: dict[str, Any] | None = None
    query: dict[str, str] = field(default_factory=dict)

    def url(self, base: str) -> str:
        """The address under the base URL `base`."""
        query = f"?{urlencode(sorted(self.query.items()))}" if self.query else ""
        return f"{base.rstrip('/')}{self.path}{query}"

    def content(self) -> bytes | None:
        """The JSON body in its one canonical form."""
        if self.body is None:
            return None
        return json.dumps(self.body, sort_keys=True, separators=(",", ":")).encode()

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


def of_command(command: p.Command) -> WireRequest:
    """The mutating request of a command."""
    match command:
        case p.CreateInstance():
            return WireRequest("POST", "/instances", "/instances", _create(command))
        case p.UpdateInstance():
            body = command.model_dump(exclude={"kind", "instance_id"}, exclude_none=True)
            return _instance("PATCH", command.instance_id, "", body)
        case p.DeleteInstance():
            return _instance("DELETE", command.instance_id, "", None, {"delete_volumes": "true"})
        case p.ActOnInstance():
            return _instance("POST", command.instance_id, "/actions", _act(command))
        case p.AddAddress():
            return _instance("POST", command.instance_id, "/addresses", {"family": command.family})
        case p.RemoveAddress():
            return _address("DELETE", command.instance_id, command.address_id, None)
        case p.SetReverseDns():
            body = {"reverse_dns": command.reverse_dns}
            return _address("PATCH", command.instance_id, command.address_id, body)
        case p.SetFirewall():
            rules = [rule.model_dump(mode="json", exclude_none=True) for rule in command.rules]
            return _instance("PUT", command.instance_id, "/firewall", {"rules": rules})
        case p.CreateVolume():
            return WireRequest("POST", "/volumes", "/volumes", command.model_dump(exclude={"kind"}))
        case p.ResizeVolume():
            return _volume("PATCH", command.volume_id, "", {"size_gb": command.size_gb})
        case p.DetachVolume():
            return _volume("POST", command.volume_id, "/actions", {"action": "detach"})
        case p.DeleteVolume():
            return _volume("DELETE", command.volume_id, "", None)


def operation(operation_id: str) -> WireRequest:
    """One operation by id."""
    return WireRequest("GET", f"/operations/{_segment(operation_id)}", "/operations/{id}")


def instance(instance_id: str) -> WireRequest:
    """One machine by id."""
    return _instance("GET", instance_id, "", None)


def usage(instance_id: str, span: dict[str, str]) -> WireRequest:
    """Metering of a machine; `span` may hold `from` and `to`."""
    return _instance("GET", instance_id, "/usage", None, span)


def listing(path: str, query: dict[str, str]) -> WireRequest:
    """One page of a list."""
    return WireRequest("GET", path, path, None, query)


def _create(command: p.CreateInstance) -> dict[str, Any]:
    body = command.model_dump(exclude={"kind", "expires_at"}, exclude_none=True)
    body["ssh_keys"] = list(command.ssh_keys)
    if command.expires_at is not None:
        body["expires_at"] = moment(command.expires_at)
    return body


def _act(command: p.ActOnInstance) -> dict[str, Any]:
    body: dict[str, Any] = {"action": command.verb}
    if command.image is not None:
        body["image"] = command.image
    if command.ssh_keys is not None:
        body["ssh_keys"] = list(command.ssh_keys)
    if command.expires_at is not None:
        body["expires_at"] = moment(command.expires_at)
    return body


def _segment(text: str) -> str:
    """An id as one segment of a path, whatever it contains; dots alone would climb up the path."""
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")


def _instance(
    method: str, instance_id: str, rest: str, body: dict[str, Any] | None, query: dict[str, str] | None = None
) -> WireRequest:
    path = f"/instances/{_segment(instance_id)}{rest}"
    return WireRequest(method, path, f"/instances/{{id}}{rest}", body, query or {})


def _address(method: str, instance_id: str, address_id: str, body: dict[str, Any] | None) -> WireRequest:
    path = f"/instances/{_segment(instance_id)}/addresses/{_segment(address_id)}"
    return WireRequest(method, path, "/instances/{id}/addresses/{address_id}", body)


def _volume(method: str, volume_id: str, rest: str, body: dict[str, Any] | None) -> WireRequest:
    return WireRequest(method, f"/volumes/{_segment(volume_id)}{rest}", f"/volumes/{{id}}{rest}", body)
