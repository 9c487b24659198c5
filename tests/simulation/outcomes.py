"""What the end of each kind of operation changes in the simulated InfraFabric."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.provider import Provider

Json = dict[str, Any]
_STATUS = {
    "suspend": "suspended",
    "resume": "running",
    "start": "running",
    "stop": "stopped",
    "reboot": "running",
}


def ended(world: "Provider", operation: Json) -> None:
    """The operation succeeded."""
    kind, todo = operation["type"], operation["_todo"]
    family, verb = kind.split(".")
    if family == "volume":
        _volume(world, verb, world.volumes[operation["resource_id"]], todo)
    machine = world.instances.get(operation["instance_id"] or "")
    if machine is None:
        return
    if family == "instance":
        _machine(world, verb, machine, todo)
    elif family == "address":
        _address(world, verb, machine, todo)
    elif family == "firewall":
        machine["firewall"] = {"rules": todo["rules"], "version": machine["firewall"]["version"] + 1}
    else:
        machine["volumes"] = [v["id"] for v in attached(world, machine["id"])]
    world.touch(machine)


def undo(world: "Provider", operation: Json) -> None:
    """The operation failed: a create leaves a broken machine, everything else leaves things as they were."""
    kind, todo = operation["type"], operation["_todo"]
    machine = world.instances.get(operation["instance_id"] or "")
    if kind == "volume.create":
        world.volumes[operation["resource_id"]].update(status="deleted", instance_id=None)
    if machine is None:
        return
    if kind == "instance.create":
        machine["status"] = "error"
    elif machine["status"] in ("deleting", "reinstalling"):
        machine["status"] = todo.get("before", machine["status"])
    world.touch(machine)


def attached(world: "Provider", instance_id: str) -> list[Json]:
    """The volumes of a machine."""
    return [v for v in world.volumes.values() if v["instance_id"] == instance_id and v["status"] != "deleted"]


def _machine(world: "Provider", verb: str, machine: Json, todo: Json) -> None:
    if verb == "create":
        number = len(world.instances)
        machine["status"] = "running"
        machine["addresses"] = [
            _new_address(f"ip_{machine['id']}_4", "ipv4", f"203.0.113.{number % 250 + 1}", primary=True),
            _new_address(f"ip_{machine['id']}_6", "ipv6", f"2001:db8::{number + 1:x}", primary=True),
        ]
    elif verb == "update":
        machine.update(todo["set"])
    elif verb == "delete":
        for volume in attached(world, machine["id"]):
            volume.update(status="deleted" if todo["volumes"] else "available", instance_id=None)
        machine.update(status="deleted", addresses=[], volumes=[])
    elif verb == "renew":
        machine["expires_at"] = todo["expires_at"]
    elif verb == "reinstall":
        machine.update(status="running", image=todo["image"])
    elif verb in _STATUS:
        machine["status"] = _STATUS[verb]


def _address(world: "Provider", verb: str, machine: Json, todo: Json) -> None:
    if verb == "create":
        number = int(todo["id"][-6:], 16)
        text = f"198.51.100.{number % 250 + 1}" if todo["family"] == "ipv4" else f"2001:db8:1::{number:x}"
        machine["addresses"] = [
            *machine["addresses"],
            _new_address(todo["id"], todo["family"], text, primary=False),
        ]
    elif verb == "delete":
        machine["addresses"] = [a for a in machine["addresses"] if a["id"] != todo["id"]]
    else:
        machine["addresses"] = [
            a | {"reverse_dns": todo["reverse_dns"]} if a["id"] == todo["id"] else a
            for a in machine["addresses"]
        ]


def _new_address(name: str, family: str, text: str, *, primary: bool) -> Json:
    return {"id": name, "family": family, "address": text, "primary": primary, "reverse_dns": None}


def _volume(world: "Provider", verb: str, volume: Json, todo: Json) -> None:
    match verb:
        case "create":
            volume["status"] = "attached"
        case "update":
            volume.update({name: todo[name] for name in ("name", "size_gb") if name in todo})
        case "delete":
            volume.update(status="deleted", instance_id=None)
        case "detach":
            volume.update(status="available", instance_id=None)
