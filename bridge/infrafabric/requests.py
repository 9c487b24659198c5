"""What each command becomes on the wire. A pure function of the command: sent again, it is the same request."""

from dataclasses import dataclass, field
from typing import Any

from bridge.domain import provider as p
from bridge.infrafabric.models import moment


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One HTTP request; `route` is the path's template, for metrics."""

    method: str
    path: str
    route: str
    body: dict[str, Any] | None = None
    query: dict[str, str] = field(default_factory=dict)


def of_command(command: p.Command) -> WireRequest:
    """The mutating request of a command."""
    match command:
        case p.CreateInstance():
            return WireRequest("POST", "/instances", "/instances", _create(command))
        case p.UpdateInstance():
            body = command.model_dump(exclude={"kind", "instance_id"}, exclude_none=True)
            return _instance("PATCH", command.instance_id, "", body)
        case p.DeleteInstance():
            query = {"delete_volumes": "true"}
            return WireRequest("DELETE", f"/instances/{command.instance_id}", "/instances/{id}", None, query)
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
            rules = [rule.model_dump(mode="json") for rule in command.rules]
            return _instance("PUT", command.instance_id, "/firewall", {"rules": rules})
        case p.CreateVolume():
            return WireRequest("POST", "/volumes", "/volumes", command.model_dump(exclude={"kind"}))
        case p.ResizeVolume():
            return _volume("PATCH", command.volume_id, "", {"size_gb": command.size_gb})
        case p.DetachVolume():
            return _volume("POST", command.volume_id, "/actions", {"action": "detach"})
        case p.DeleteVolume():
            return _volume("DELETE", command.volume_id, "", None)


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


def _instance(method: str, instance_id: str, rest: str, body: dict[str, Any] | None) -> WireRequest:
    return WireRequest(method, f"/instances/{instance_id}{rest}", f"/instances/{{id}}{rest}", body)


def _address(method: str, instance_id: str, address_id: str, body: dict[str, Any] | None) -> WireRequest:
    path = f"/instances/{instance_id}/addresses/{address_id}"
    return WireRequest(method, path, "/instances/{id}/addresses/{address_id}", body)


def _volume(method: str, volume_id: str, rest: str, body: dict[str, Any] | None) -> WireRequest:
    return WireRequest(method, f"/volumes/{volume_id}{rest}", f"/volumes/{{id}}{rest}", body)
