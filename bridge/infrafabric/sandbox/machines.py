"""Machines, their verbs, addresses and firewall."""

from typing import Any

from bridge.infrafabric.sandbox import catalog, fields
from bridge.infrafabric.sandbox.faults import Fault
from bridge.infrafabric.sandbox.problems import Problem, invalid
from bridge.infrafabric.sandbox.state import Json, State, new_id, stamp
from bridge.infrafabric.sandbox.work import Work, shown, shown_operation

_SIZES = {"cpus": fields.CPUS, "memory_mb": fields.MEMORY, "disk_gb": fields.DISK}
_CREATE = _SIZES | {
    "reference": fields.text(255),
    "type": fields.one_of("vps", "container"),
    "hostname": fields.HOSTNAME,
    "datacenter": fields.NAME,
    "image": fields.NAME,
    "plan": fields.NAME,
    "ssh_keys": fields.ssh_keys,
    "expires_at": fields.moment,
    "labels": fields.labels,
}
_UPDATE = _SIZES | {"plan": fields.NAME, "hostname": fields.HOSTNAME, "labels": fields.labels}
_VERBS = ("suspend", "resume", "start", "stop", "reboot", "reinstall", "renew", "reset_password")
_WHILE_SUSPENDED = ("resume", "renew")
_ALREADY = {"suspend": "suspended", "resume": "running", "start": "running", "stop": "stopped"}

Answer = tuple[int, Json]


class Machines:
    """The `/instances` part of the API. Every method returns a status and a body, or raises `Problem`."""

    def __init__(self, state: State, work: Work, capacity: int | None) -> None:
        self._state, self._work = state, work
        self.capacity = capacity

    # ---- create, read, change, delete -------------------------------------------------------------------------------

    def create(self, body: Any, fault: Fault | None) -> Answer:
        """`POST /instances`."""
        given = fields.checked(body, _CREATE, ("reference", "type", "hostname", "datacenter", "image"))
        sizes = self._sizes(given)
        self._known(given)
        taken = self._state.by_reference.get(given["reference"])
        if taken is not None:
            raise Problem(409, "reference_exists", "A machine has this reference.", instance_id=taken)
        living = len(self._state.by_reference)
        if self.capacity is not None and living >= self.capacity:
            raise Problem(507, "no_capacity", "There is no room for this machine.")
        instance: Json = {
            "id": new_id("ins"),
            "reference": given["reference"],
            "type": given["type"],
            "hostname": given["hostname"],
            "datacenter": given["datacenter"],
            "plan": given.get("plan"),
            **sizes,
            "image": given["image"],
            "status": "provisioning",
            "addresses": [],
            "volumes": [],
            "firewall": {"rules": [], "version": 0},
            "expires_at": given.get("expires_at"),
            "labels": given.get("labels", {}),
            "version": 1,
            "created_at": stamp(),
            "updated_at": stamp(),
        }
        self._state.instances[instance["id"]] = instance
        self._state.by_reference[instance["reference"]] = instance["id"]
        return self._begun("instance.create", instance, {"created": True}, fault)

    def get(self, instance_id: str) -> Json:
        """The machine, also a deleted one."""
        instance = self._state.instances.get(instance_id)
        if instance is None:
            raise Problem(404, "not_found", "There is no such machine.")
        return instance

    def update(self, instance_id: str, body: Any, fault: Fault | None) -> Answer:
        """`PATCH /instances/{id}`."""
        given = fields.checked(body, _UPDATE)
        instance = self._free(instance_id)
        change = dict(given)
        if "plan" in given:
            plan = catalog.find(catalog.PLANS, given["plan"])
            if plan is None or plan["type"] != instance["type"]:
                raise invalid({"plan": {"exists": "no such plan"}})
            change |= {name: plan[name] for name in _SIZES}
        elif any(name in given for name in _SIZES):
            change["plan"] = None
        if change.get("disk_gb", instance["disk_gb"]) < instance["disk_gb"]:
            raise invalid({"disk_gb": {"disk_shrink": "a disk cannot shrink"}}, "disk_shrink")
        return self._begun("instance.update", instance, {"set": change}, fault)

    def delete(self, instance_id: str, *, delete_volumes: bool, fault: Fault | None) -> Answer:
        """`DELETE /instances/{id}`: at any time."""
        instance = self.get(instance_id)
        if instance["status"] == "deleted":
            return 200, {"instance": shown(instance)}
        self._work.preempt(instance_id)
        before = instance["status"]
        instance["status"] = "deleting"
        self._state.touch(instance)
        todo = {"delete_volumes": delete_volumes, "before": before}
        return self._begun("instance.delete", instance, todo, fault)

    # ---- verbs ------------------------------------------------------------------------------------------------------

    def act(self, instance_id: str, body: Any, fault: Fault | None) -> Answer:
        """`POST /instances/{id}/actions`."""
        known = {"action": fields.one_of(*_VERBS)}
        verb = body.get("action") if isinstance(body, dict) else None
        if verb == "reinstall":
            known |= {"image": fields.NAME, "ssh_keys": fields.ssh_keys}
        if verb == "renew":
            known["expires_at"] = fields.moment
        needed = {"reinstall": ("action", "image"), "renew": ("action", "expires_at")}.get(
            str(verb), ("action",)
        )
        given = fields.checked(body, known, needed)
        instance = self._free(instance_id, verb)
        if _ALREADY.get(given["action"]) == instance["status"]:
            operation = self._work.done_at_once(f"instance.{verb}", instance_id)
            return 202, {"operation": shown_operation(operation), "instance": shown(instance)}
        todo: Json = {"verb": verb}
        if verb == "renew":
            todo = {"set": {"expires_at": given["expires_at"]}}
        if verb == "reinstall":
            todo = self._reinstall(instance, given)
        return self._begun(f"instance.{verb}", instance, todo, fault)

    def _reinstall(self, instance: Json, given: Json) -> Json:
        self._known({"image": given["image"], "type": instance["type"], "disk_gb": instance["disk_gb"]})
        before = instance["status"]
        instance["status"] = "reinstalling"
        self._state.touch(instance)
        return {"image": given["image"], "before": before}

    # ---- addresses and firewall -------------------------------------------------------------------------------------

    def add_address(self, instance_id: str, body: Any, fault: Fault | None) -> Answer:
        """`POST /instances/{id}/addresses`."""
        given = fields.checked(body, {"family": fields.FAMILY}, ("family",))
        instance = self._free(instance_id)
        if len(instance["addresses"]) >= 32:
            raise Problem(507, "no_addresses", "There are no more addresses for this machine.")
        todo = {"family": given["family"], "id": new_id("ip")}
        return self._begun("address.create", instance, todo, fault, todo["id"])

    def remove_address(self, instance_id: str, address_id: str, fault: Fault | None) -> Answer:
        """`DELETE /instances/{id}/addresses/{address_id}`."""
        instance = self._free(instance_id)
        if self._address(instance, address_id)["primary"]:
            raise Problem(409, "primary_address", "The primary address stays.")
        return self._begun("address.delete", instance, {"id": address_id}, fault, address_id)

    def name_address(self, instance_id: str, address_id: str, body: Any, fault: Fault | None) -> Answer:
        """`PATCH /instances/{id}/addresses/{address_id}`."""
        given = fields.checked(body, {"reverse_dns": fields.HOSTNAME}, ("reverse_dns",))
        instance = self._free(instance_id)
        self._address(instance, address_id)
        todo = {"id": address_id, "reverse_dns": given["reverse_dns"]}
        return self._begun("address.update", instance, todo, fault, address_id)

    def set_firewall(self, instance_id: str, body: Any, fault: Fault | None) -> Answer:
        """`PUT /instances/{id}/firewall`."""
        given = fields.checked(body, {"rules": fields.rules}, ("rules",))
        instance = self._free(instance_id)
        blank: Json = {"ports": None, "cidrs": [], "comment": ""}
        rules = [
            blank | {name: value for name, value in r.items() if value is not None} for r in given["rules"]
        ]
        return self._begun("firewall.update", instance, {"rules": rules}, fault)

    # ---- rules ------------------------------------------------------------------------------------------------------

    def free(self, instance_id: str) -> Json:
        """A machine that takes a mutation now, for volumes."""
        return self._free(instance_id)

    def _free(self, instance_id: str, verb: Any = None) -> Json:
        instance = self.get(instance_id)
        if instance["status"] == "deleted":
            raise Problem(409, "instance_deleted", "The machine is deleted.")
        if self._state.running_operation(instance_id) is not None:
            raise Problem(409, "instance_busy", "Another operation is under way.", retry_after="1")
        if instance["status"] == "error" and verb != "reinstall":
            raise Problem(409, "instance_error", "The machine is broken; delete or reinstall it.")
        if instance["status"] == "suspended" and verb not in _WHILE_SUSPENDED and verb != "suspend":
            raise Problem(409, "instance_suspended", "The machine is suspended.")
        return instance

    def _begun(
        self, kind: str, instance: Json, todo: Json, fault: Fault | None, resource_id: str | None = None
    ) -> Answer:
        operation = self._work.begin(kind, instance["id"], resource_id, todo, fault)
        return 202, {"operation": shown_operation(operation), "instance": shown(instance)}

    def _sizes(self, given: Json) -> Json:
        if "plan" in given:
            if any(name in given for name in _SIZES):
                raise invalid({"plan": {"valid": "either a plan or sizes"}})
            plan = catalog.find(catalog.PLANS, given["plan"])
            if plan is None or plan["type"] != given["type"]:
                raise invalid({"plan": {"exists": "no such plan for this type"}})
            return {name: plan[name] for name in _SIZES}
        missing = {name: {"empty": "is required without a plan"} for name in _SIZES if name not in given}
        if missing:
            raise invalid(missing)
        return {name: given[name] for name in _SIZES}

    @staticmethod
    def _known(given: Json) -> None:
        if "datacenter" in given and catalog.find(catalog.DATACENTERS, given["datacenter"]) is None:
            raise invalid({"datacenter": {"exists": "no such datacenter"}})
        image = catalog.find(catalog.IMAGES, given["image"])
        if image is None or image["type"] != given["type"]:
            raise invalid({"image": {"exists": "no such image for this type"}})

    @staticmethod
    def _address(instance: Json, address_id: str) -> Json:
        for address in instance["addresses"]:
            if address["id"] == address_id:
                found: Json = address
                return found
        raise Problem(404, "not_found", "There is no such address.")
