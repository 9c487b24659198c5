"""What the end of each kind of operation changes."""

from collections.abc import Callable

from bridge.infrafabric.sandbox.state import Json, State, new_id

Effect = Callable[[State, Json, Json], None]


def apply(state: State, operation: Json) -> None:
    """Change the world as the operation said it would."""
    kind, todo = operation["type"], operation["_todo"]
    if not todo:
        return
    target_id = operation["resource_id"] if kind.startswith("volume.") else operation["instance_id"]
    things = state.volumes if kind.startswith("volume.") else state.instances
    target = things[target_id]
    _EFFECTS[kind](state, target, todo)
    if kind.startswith("volume."):
        instance = state.instances.get(operation["instance_id"] or "")
        if instance is not None and instance["status"] != "deleted":
            instance["volumes"] = [v["id"] for v in state.attached(instance["id"])]
            state.touch(instance)
    elif kind != "instance.delete":
        state.touch(target)
    state.changed()


def mark_broken(state: State, operation: Json) -> None:
    """A create that failed leaves a machine in status error."""
    instance = state.instances[operation["instance_id"]]
    if instance["status"] == "provisioning":
        instance["status"] = "error"
        state.touch(instance)


def restore(state: State, operation: Json) -> None:
    """An operation that failed leaves the machine as it was before."""
    instance = state.instances[operation["instance_id"]]
    before = operation["_todo"].get("before")
    if before is not None and instance["status"] in ("reinstalling", "deleting"):
        instance["status"] = before
        state.touch(instance)


def _status(value: str) -> Effect:
    def effect(state: State, instance: Json, todo: Json) -> None:
        instance["status"] = value

    return effect


def _created(state: State, instance: Json, todo: Json) -> None:
    ipv4, ipv6 = state.next_addresses()
    instance["status"] = "running"
    instance["addresses"] = [
        {"id": new_id("ip"), "family": "ipv4", "address": ipv4, "primary": True, "reverse_dns": None},
        {"id": new_id("ip"), "family": "ipv6", "address": ipv6, "primary": True, "reverse_dns": None},
    ]


def _set(state: State, thing: Json, todo: Json) -> None:
    thing.update(todo["set"])


def _deleted(state: State, instance: Json, todo: Json) -> None:
    for volume in state.attached(instance["id"]):
        if todo["delete_volumes"]:
            volume.update(status="deleted", instance_id=None)
        else:
            volume.update(status="available", instance_id=None)
    instance.update(status="deleted", addresses=[], volumes=[])
    state.by_reference.pop(instance["reference"], None)
    state.touch(instance)


def _reinstalled(state: State, instance: Json, todo: Json) -> None:
    instance.update(status="running", image=todo["image"])


def _address_added(state: State, instance: Json, todo: Json) -> None:
    ipv4, ipv6 = state.next_addresses()
    address = ipv4 if todo["family"] == "ipv4" else ipv6
    entry = {
        "id": todo["id"],
        "family": todo["family"],
        "address": address,
        "primary": False,
        "reverse_dns": None,
    }
    instance["addresses"].append(entry)


def _address_removed(state: State, instance: Json, todo: Json) -> None:
    instance["addresses"] = [a for a in instance["addresses"] if a["id"] != todo["id"]]


def _address_named(state: State, instance: Json, todo: Json) -> None:
    for address in instance["addresses"]:
        if address["id"] == todo["id"]:
            address["reverse_dns"] = todo["reverse_dns"]


def _firewall(state: State, instance: Json, todo: Json) -> None:
    instance["firewall"] = {"rules": todo["rules"], "version": instance["firewall"]["version"] + 1}


def _volume_created(state: State, volume: Json, todo: Json) -> None:
    volume["status"] = "attached" if volume["instance_id"] is not None else "available"


def _attached(state: State, volume: Json, todo: Json) -> None:
    volume.update(status="attached", instance_id=todo["instance_id"])


def _detached(state: State, volume: Json, todo: Json) -> None:
    volume.update(status="available", instance_id=None)


_EFFECTS: dict[str, Effect] = {
    "instance.create": _created,
    "instance.update": _set,
    "instance.delete": _deleted,
    "instance.suspend": _status("suspended"),
    "instance.resume": _status("running"),
    "instance.start": _status("running"),
    "instance.stop": _status("stopped"),
    "instance.reboot": _status("running"),
    "instance.reinstall": _reinstalled,
    "instance.renew": _set,
    "instance.reset_password": lambda state, instance, todo: None,
    "address.create": _address_added,
    "address.delete": _address_removed,
    "address.update": _address_named,
    "firewall.update": _firewall,
    "volume.create": _volume_created,
    "volume.update": _set,
    "volume.delete": _status("deleted"),
    "volume.attach": _attached,
    "volume.detach": _detached,
}
