"""Volumes."""

from typing import Any

from bridge.infrafabric.sandbox import catalog, fields
from bridge.infrafabric.sandbox.faults import Fault
from bridge.infrafabric.sandbox.machines import Answer, Machines
from bridge.infrafabric.sandbox.problems import Problem, invalid
from bridge.infrafabric.sandbox.state import Json, State, new_id, stamp
from bridge.infrafabric.sandbox.work import Work, shown, shown_operation

_CREATE = {
    "name": fields.NAME,
    "size_gb": fields.SIZE,
    "datacenter": fields.NAME,
    "instance_id": fields.NAME,
    "labels": fields.labels,
}


class Volumes:
    """The `/volumes` part of the API."""

    def __init__(self, state: State, work: Work, machines: Machines) -> None:
        self._state, self._work, self._machines = state, work, machines

    def create(self, body: Any, fault: Fault | None) -> Answer:
        """`POST /volumes`; with a machine it is attached to it."""
        given = fields.checked(body, _CREATE, ("name", "size_gb", "datacenter"))
        if catalog.find(catalog.DATACENTERS, given["datacenter"]) is None:
            raise invalid({"datacenter": {"exists": "no such datacenter"}})
        instance_id = given.get("instance_id")
        if instance_id is not None:
            self._machines.free(instance_id)
        volume: Json = {
            "id": new_id("vol"),
            "name": given["name"],
            "size_gb": given["size_gb"],
            "datacenter": given["datacenter"],
            "instance_id": instance_id,
            "status": "creating",
            "labels": given.get("labels", {}),
            "created_at": stamp(),
        }
        self._state.volumes[volume["id"]] = volume
        return self._begun("volume.create", volume, {"created": True}, fault)

    def update(self, volume_id: str, body: Any, fault: Fault | None) -> Answer:
        """`PATCH /volumes/{id}`: grow or rename."""
        given = fields.checked(body, {"name": fields.NAME, "size_gb": fields.SIZE})
        volume = self._free(volume_id)
        if given.get("size_gb", volume["size_gb"]) < volume["size_gb"]:
            raise invalid({"size_gb": {"valid": "a volume only grows"}})
        return self._begun("volume.update", volume, {"set": given}, fault)

    def delete(self, volume_id: str, fault: Fault | None) -> Answer:
        """`DELETE /volumes/{id}`: once it is detached."""
        volume = self.get(volume_id)
        if volume["status"] == "deleted":
            return 200, {"volume": shown(volume)}
        if volume["instance_id"] is not None:
            raise Problem(409, "volume_attached", "Detach the volume first.")
        self._free(volume_id)
        volume["status"] = "deleting"
        return self._begun("volume.delete", volume, {"deleted": True}, fault)

    def act(self, volume_id: str, body: Any, fault: Fault | None) -> Answer:
        """`POST /volumes/{id}/actions`."""
        known = {"action": fields.one_of("attach", "detach"), "instance_id": fields.NAME}
        given = fields.checked(body, known, ("action",))
        volume = self._free(volume_id)
        if given["action"] == "detach":
            if volume["instance_id"] is None:
                raise Problem(409, "volume_detached", "The volume is not attached.")
            return self._begun("volume.detach", volume, {"detached": True}, fault)
        if "instance_id" not in given:
            raise invalid({"instance_id": {"empty": "is required to attach"}})
        if volume["instance_id"] is not None:
            raise Problem(409, "volume_attached", "The volume is attached already.")
        self._machines.free(given["instance_id"])
        return self._begun("volume.attach", volume, {"instance_id": given["instance_id"]}, fault)

    def get(self, volume_id: str) -> Json:
        """The volume."""
        volume = self._state.volumes.get(volume_id)
        if volume is None:
            raise Problem(404, "not_found", "There is no such volume.")
        return volume

    def _free(self, volume_id: str) -> Json:
        volume = self.get(volume_id)
        if volume["status"] == "deleted":
            raise Problem(404, "not_found", "The volume is deleted.")
        if volume["instance_id"] is not None:
            self._machines.free(volume["instance_id"])
        return volume

    def _begun(self, kind: str, volume: Json, todo: Json, fault: Fault | None) -> Answer:
        instance_id = todo.get("instance_id") or volume["instance_id"]
        operation = self._work.begin(kind, instance_id, volume["id"], todo, fault)
        return 202, {"operation": shown_operation(operation), "volume": shown(volume)}
