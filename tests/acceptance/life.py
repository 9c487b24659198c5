"""Words that the acceptance tests share: an order, each action with its body, and waiting for something to be true."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from bridge.demo.stack import SANDBOX_KEY, Answer, Stack, call

T = TypeVar("T")


def order(**members: Any) -> dict[str, Any]:
    """A create request."""
    return {"type": "vps", "hostname": "one.example", "image": "debian-12", "plan": "vps-1"} | members


def until(what: Callable[[], T], seconds: float = 20.0) -> T:
    """The first true value; fails when there is none in time."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        found = what()
        if found:
            return found
        time.sleep(0.03)
    raise AssertionError(f"nothing came of it within {seconds} s; the last answer was {found!r}")


def by_hand(stack: Stack, method: str, path: str, body: Any = None) -> Answer:
    """Somebody at InfraFabric's own panel."""
    headers = {"Authorization": f"Bearer {SANDBOX_KEY}", "Idempotency-Key": uuid.uuid4().hex}
    return call(method, stack.sandbox_url + path, body=body, headers=headers)


def standing(stack: Stack, **members: Any) -> dict[str, Any]:
    """A running machine that the bridge knows nothing of."""
    wanted = order(reference=f"panel-{uuid.uuid4().hex}", datacenter="fra1", **members)
    name = by_hand(stack, "POST", "/instances", wanted).body["instance"]["id"]

    def running() -> dict[str, Any] | None:
        machine: dict[str, Any] = by_hand(stack, "GET", f"/instances/{name}").body
        return machine if machine["status"] == "running" else None

    return until(running) or {}


Prepare = Callable[[Stack, str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """One action: the request it becomes, how the sandbox counts its effect, and how it is asked for."""

    action: str
    endpoint: str
    effect: str
    body: Prepare
    repeatable: bool = True
    """Whether a billing system repeats it under a new key (else the key comes from a form, and is repeated too)."""
    begins: bool = False
    """Whether it begins a service's life, so that it is asked of a key that never was."""


def _nothing(stack: Stack, key: str) -> dict[str, Any]:
    return {}


def _fixed(**members: Any) -> Prepare:
    return lambda stack, key: members


def _after(
    action: str, prepared: dict[str, Any], then: Callable[[dict[str, Any]], dict[str, Any]]
) -> Prepare:
    def prepare(stack: Stack, key: str) -> dict[str, Any]:
        answer = stack.act(key, action, prepared, wait=30)
        assert answer.body["state"] == "succeeded", answer.body
        service: dict[str, Any] = answer.body["service"]
        return then(service)

    return prepare


def _added(service: dict[str, Any]) -> str:
    found: str = next(a["id"] for a in service["addresses"] if not a["primary"])
    return found


_ACT = "POST /instances/{id}/actions"
_RULES = [{"direction": "in", "action": "accept", "protocol": "tcp", "ports": "22"}]
_LATER = {"terminate_at": "2099-01-01T00:00:00Z"}
_VOLUME = {"name": "data", "size_gb": 10}

CASES = (
    Case("create", "POST /instances", "instance.create", lambda stack, key: order(), begins=True),
    Case(
        "adopt",
        "PATCH /instances/{id}",
        "instance.update",
        lambda stack, key: {"instance_id": standing(stack)["id"]},
        begins=True,
    ),
    Case("edit", "PATCH /instances/{id}", "instance.update", _fixed(plan="vps-4")),
    Case("suspend", _ACT, "instance.suspend", _fixed(reason="unpaid")),
    Case("unsuspend", _ACT, "instance.resume", _after("suspend", {}, lambda service: {})),
    Case("terminate", "DELETE /instances/{id}", "instance.delete", _fixed(confirm=True)),
    Case("terminate_later", _ACT, "instance.suspend", _fixed(terminate_at="2099-01-01T00:00:00Z")),
    Case("undo_terminate", _ACT, "instance.resume", _after("terminate_later", _LATER, lambda service: {})),
    Case("renew", _ACT, "instance.renew", _fixed(expires_at="2030-01-01T00:00:00Z")),
    Case("reboot", _ACT, "instance.reboot", _nothing, repeatable=False),
    Case("reinstall", _ACT, "instance.reinstall", _fixed(image="debian-13", confirm=True), repeatable=False),
    Case("start", _ACT, "instance.start", _after("stop", {}, lambda service: {}), repeatable=False),
    Case("stop", _ACT, "instance.stop", _nothing, repeatable=False),
    Case("reset_password", _ACT, "instance.reset_password", _nothing, repeatable=False),
    Case(
        "add_address",
        "POST /instances/{id}/addresses",
        "address.create",
        _fixed(family="ipv4"),
        repeatable=False,
    ),
    Case(
        "remove_address",
        "DELETE /instances/{id}/addresses/{aid}",
        "address.delete",
        _after("add_address", {"family": "ipv4"}, lambda service: {"address_id": _added(service)}),
        repeatable=False,
    ),
    Case(
        "set_reverse_dns",
        "PATCH /instances/{id}/addresses/{aid}",
        "address.update",
        _after(
            "add_address",
            {"family": "ipv4"},
            lambda service: {"address_id": _added(service), "reverse_dns": "one.example"},
        ),
    ),
    Case("set_firewall", "PUT /instances/{id}/firewall", "firewall.update", _fixed(rules=_RULES)),
    Case("add_volume", "POST /volumes", "volume.create", _fixed(**_VOLUME), repeatable=False),
    Case(
        "resize_volume",
        "PATCH /volumes/{id}",
        "volume.update",
        _after(
            "add_volume", _VOLUME, lambda service: {"volume_id": service["volumes"][0]["id"], "size_gb": 20}
        ),
        repeatable=False,
    ),
    Case(
        "remove_volume",
        "DELETE /volumes/{id}",
        "volume.delete",
        _after("add_volume", _VOLUME, lambda service: {"volume_id": service["volumes"][0]["id"]}),
        repeatable=False,
    ),
)
