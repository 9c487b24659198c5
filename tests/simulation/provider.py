"""InfraFabric as a pure state machine: the second model of its contract, written for simulation.

No sockets, no clock of its own, no chance of its own: whoever calls says what time it is and what will go wrong. What
it remembers of every mutation (`Effect`) is what the invariants judge by.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.simulation.clockwork import EPOCH
from tests.simulation.outcomes import ended, undo

Json = dict[str, Any]
SIZES = {
    "vps-1": {"cpus": 1, "memory_mb": 2048, "disk_gb": 40},
    "vps-2": {"cpus": 2, "memory_mb": 4096, "disk_gb": 80},
    "vps-4": {"cpus": 4, "memory_mb": 8192, "disk_gb": 160},
}
LONGEST = timedelta(hours=1)
_ALREADY = {"suspend": "suspended", "resume": "running", "start": "running", "stop": "stopped"}
_PASSWORD = frozenset({"instance.create", "instance.reinstall", "instance.reset_password"})


class Refusal(Exception):
    """An error answer. `forgotten`: the same key may be tried again."""

    def __init__(self, status: int, code: str, *, forgotten: bool = False, **members: Any) -> None:
        super().__init__(code)
        self.status, self.code, self.members = status, code, members
        self.forgotten = forgotten or status >= 500 or status in (408, 429)

    def body(self) -> Json:
        """The problem document."""
        return {
            "type": "about:blank",
            "title": self.code,
            "status": self.status,
            "code": self.code,
            **self.members,
        }


@dataclass(slots=True)
class Effect:
    """One mutation that was accepted: under which key, of which kind, on what, and how it ended."""

    at: datetime
    key: str
    kind: str
    instance_id: str | None
    operation_id: str
    body: Json
    outcome: str = "running"


@dataclass(slots=True)
class Fate:
    """What will become of the next operation: how long it takes, and whether it fails. No `seconds`: it hangs."""

    seconds: float | None = 1.0
    failure: Json | None = None


@dataclass(slots=True)
class Timer:
    """An operation whose end is due."""

    at: datetime
    operation_id: str
    failure: Json | None


@dataclass(slots=True)
class Provider:
    """One account. `fate` decides about each new operation; `events` collects webhooks as (type, data)."""

    dice: Random
    fate: Callable[[str], Fate]
    instances: dict[str, Json] = field(default_factory=dict)
    volumes: dict[str, Json] = field(default_factory=dict)
    operations: dict[str, Json] = field(default_factory=dict)
    answers: dict[str, tuple[str, int, Json]] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    events: list[tuple[str, Json]] = field(default_factory=list)
    full: bool = False
    now: datetime = EPOCH

    # ---- requests ---------------------------------------------------------------------------------------------------

    def handle(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        key: str | None,
        body: bytes | None,
        now: datetime,
    ) -> tuple[int, Json]:
        """One request, answered at once."""
        self.advance(now)
        given = {k: v for k, v in json.loads(body or b"{}").items() if v is not None}
        parts = tuple(path.strip("/").split("/"))
        try:
            if method == "GET":
                return 200, self._read(parts, query)
            if not key or len(key) > 255:
                raise Refusal(400, "idempotency_key_missing")
            return self._once(method, parts, query, key, given)
        except Refusal as refusal:
            return refusal.status, refusal.body()

    def _once(
        self, method: str, parts: tuple[str, ...], query: Mapping[str, str], key: str, given: Json
    ) -> tuple[int, Json]:
        digest = json.dumps([method, parts, sorted(query.items()), given], sort_keys=True)
        if key in self.answers:
            before, status, body = self.answers[key]
            if before != digest:
                raise Refusal(422, "idempotency_key_reused")
            return status, body
        try:
            status, body = self._mutate(method, parts, query, key, given)
        except Refusal as refusal:
            if not refusal.forgotten:
                self.answers[key] = (digest, refusal.status, refusal.body())
            raise
        self.answers[key] = (digest, status, json.loads(json.dumps(body)))
        return status, body

    def _read(self, parts: tuple[str, ...], query: Mapping[str, str]) -> Json:
        match parts:
            case ("operations", operation_id):
                return _found(self.operations, operation_id)
            case ("instances", instance_id):
                return _found(self.instances, instance_id)
            case ("instances",):
                return _page([i for i in self.instances.values() if _listed(i, query)], query)
            case ("volumes",):
                name, _, value = query.get("label", "").partition(":")
                left = [v for v in self.volumes.values() if v["status"] != "deleted"]
                mine = [v for v in left if query.get("instance_id") in (None, v["instance_id"])]
                return _page([v for v in mine if not name or v["labels"].get(name) == value], query)
        raise Refusal(404, "not_found")

    def _mutate(
        self, method: str, parts: tuple[str, ...], query: Mapping[str, str], key: str, given: Json
    ) -> tuple[int, Json]:
        match method, parts:
            case "POST", ("instances",):
                return self._create(key, given)
            case "PATCH", ("instances", instance_id):
                return self._update(key, instance_id, given)
            case "DELETE", ("instances", instance_id):
                return self._delete(key, instance_id, query)
            case "POST", ("instances", instance_id, "actions"):
                return self._act(key, instance_id, given)
            case "POST", ("instances", instance_id, "addresses"):
                fresh = self._id("ip")
                return self._begin(
                    key, "address.create", self._free(instance_id), given | {"id": fresh}, fresh
                )
            case "DELETE", ("instances", instance_id, "addresses", address_id):
                return self._address(key, "address.delete", instance_id, address_id, given)
            case "PATCH", ("instances", instance_id, "addresses", address_id):
                return self._address(key, "address.update", instance_id, address_id, given)
            case "PUT", ("instances", instance_id, "firewall"):
                return self._begin(key, "firewall.update", self._free(instance_id), given)
            case "POST", ("volumes",):
                return self._new_volume(key, given)
            case "PATCH", ("volumes", volume_id):
                return self._on_volume(key, "volume.update", volume_id, given)
            case "DELETE", ("volumes", volume_id):
                return self._drop_volume(key, volume_id)
            case "POST", ("volumes", volume_id, "actions"):
                return self._on_volume(key, f"volume.{given['action']}", volume_id, given)
        raise Refusal(404, "not_found")

    # ---- machines ---------------------------------------------------------------------------------------------------

    def _create(self, key: str, given: Json) -> tuple[int, Json]:
        taken = [
            i
            for i in self.instances.values()
            if i["reference"] == given["reference"] and i["status"] != "deleted"
        ]
        if taken:
            raise Refusal(409, "reference_exists", instance_id=taken[0]["id"])
        if self.full:
            raise Refusal(507, "no_capacity")
        sizes = (
            SIZES[given["plan"]]
            if "plan" in given
            else {n: given[n] for n in ("cpus", "memory_mb", "disk_gb")}
        )
        machine: Json = {
            "id": self._id("ins"),
            **{name: given[name] for name in ("reference", "type", "hostname", "datacenter", "image")},
            **{"plan": given.get("plan"), **sizes, "status": "provisioning", "addresses": [], "volumes": []},
            **{"firewall": {"rules": [], "version": 0}, "expires_at": given.get("expires_at")},
            **{"labels": given.get("labels", {}), "version": 1, "created_at": self._stamp()},
            **{"updated_at": self.now.isoformat()},
        }
        self.instances[machine["id"]] = machine
        return self._begin(key, "instance.create", machine, given)

    def _update(self, key: str, instance_id: str, given: Json) -> tuple[int, Json]:
        machine = self._free(instance_id)
        change = given | (SIZES[given["plan"]] if "plan" in given else {})
        if change.get("disk_gb", machine["disk_gb"]) < machine["disk_gb"]:
            raise Refusal(422, "disk_shrink", errors={"disk_gb": {"disk_shrink": "cannot shrink"}})
        return self._begin(key, "instance.update", machine, {"set": change})

    def _delete(self, key: str, instance_id: str, query: Mapping[str, str]) -> tuple[int, Json]:
        machine = _found(self.instances, instance_id)
        if machine["status"] == "deleted":
            return 200, {"instance": machine}
        running = self.running(instance_id)
        if running is not None:
            self._fail(running, {"code": "canceled", "message": "preempted", "retryable": False})
        todo = {"before": machine["status"], "volumes": query.get("delete_volumes") == "true"}
        machine["status"] = "deleting"
        return self._begin(key, "instance.delete", machine, todo)

    def _act(self, key: str, instance_id: str, given: Json) -> tuple[int, Json]:
        verb = given["action"]
        machine = self._free(instance_id, verb)
        todo = {**given, "before": machine["status"]}
        if verb == "reinstall":
            machine["status"] = "reinstalling"
        answer = self._begin(key, f"instance.{verb}", machine, todo)
        if _ALREADY.get(verb) == machine["status"]:
            operation = self.operations[answer[1]["operation"]["id"]]
            self._end(operation)
            return 202, {"operation": public(operation), "instance": machine}
        return answer

    def _address(
        self, key: str, kind: str, instance_id: str, address_id: str, given: Json
    ) -> tuple[int, Json]:
        machine = self._free(instance_id)
        mine = [a for a in machine["addresses"] if a["id"] == address_id]
        if not mine:
            raise Refusal(404, "not_found")
        if kind == "address.delete" and mine[0]["primary"]:
            raise Refusal(409, "primary_address")
        return self._begin(key, kind, machine, given | {"id": address_id}, address_id)

    def _free(self, instance_id: str, verb: str = "") -> Json:
        machine = _found(self.instances, instance_id)
        if machine["status"] == "deleted":
            raise Refusal(409, "instance_deleted")
        if self.running(instance_id) is not None:
            raise Refusal(409, "instance_busy", forgotten=True)
        if machine["status"] == "error" and verb != "reinstall":
            raise Refusal(409, "instance_error")
        if machine["status"] == "suspended" and verb not in ("resume", "renew", "suspend"):
            raise Refusal(409, "instance_suspended")
        return machine

    # ---- volumes ----------------------------------------------------------------------------------------------------

    def _new_volume(self, key: str, given: Json) -> tuple[int, Json]:
        machine = self._free(given["instance_id"])
        volume = {
            "id": self._id("vol"),
            **{name: given[name] for name in ("name", "size_gb", "datacenter", "instance_id")},
            **{"status": "creating", "labels": given.get("labels", {}), "created_at": self._stamp()},
        }
        self.volumes[volume["id"]] = volume
        return self._begin(key, "volume.create", machine, given, volume["id"])

    def _on_volume(self, key: str, kind: str, volume_id: str, given: Json) -> tuple[int, Json]:
        volume = _found(self.volumes, volume_id)
        if volume["status"] == "deleted":
            raise Refusal(404, "not_found")
        machine = self._free(volume["instance_id"]) if volume["instance_id"] else None
        return self._begin(key, kind, machine, given, volume_id)

    def _drop_volume(self, key: str, volume_id: str) -> tuple[int, Json]:
        volume = _found(self.volumes, volume_id)
        if volume["status"] == "deleted":
            return 200, {"volume": volume}
        if volume["instance_id"] is not None:
            raise Refusal(409, "volume_attached")
        return self._begin(key, "volume.delete", None, {}, volume_id)

    # ---- operations -------------------------------------------------------------------------------------------------

    def running(self, instance_id: str) -> Json | None:
        """The unfinished operation of a machine."""
        for operation in reversed(self.operations.values()):
            if operation["instance_id"] == instance_id and operation["status"] == "running":
                return operation
        return None

    def _begin(
        self, key: str, kind: str, machine: Json | None, todo: Json, resource_id: str | None = None
    ) -> tuple[int, Json]:
        operation: Json = {
            **{"id": self._id("op"), "type": kind, "status": "running", "progress": 0},
            **{"instance_id": machine["id"] if machine else None, "resource_id": resource_id},
            **{"error": None, "result": None, "_todo": todo, "_created": kind == "instance.create"},
        }
        self.operations[operation["id"]] = operation
        self.effects.append(Effect(self.now, key, kind, operation["instance_id"], operation["id"], todo))
        fate = self.fate(kind)
        failure = fate.failure
        if fate.seconds is None:
            failure = {"code": "timeout", "message": "an hour is over", "retryable": True}
        span = LONGEST if fate.seconds is None else timedelta(seconds=fate.seconds)
        self.timers.append(Timer(self.now + span, operation["id"], failure))
        subject = {"volume": self.volumes[resource_id]} if kind.startswith("volume.") and resource_id else {}
        return 202, {"operation": public(operation), **({"instance": machine} if machine else {}), **subject}

    def advance(self, now: datetime) -> None:
        """Let everything end that is due."""
        self.now = max(self.now, now)
        for timer in sorted(self.timers, key=lambda timer: timer.at):
            if timer.at > now:
                break
            operation = self.operations[timer.operation_id]
            if operation["status"] == "running":
                self._fail(operation, timer.failure) if timer.failure else self._end(operation)
        self.timers = [t for t in self.timers if self.operations[t.operation_id]["status"] == "running"]

    def _end(self, operation: Json) -> None:
        ended(self, operation)
        if operation["type"] in _PASSWORD:
            operation["result"] = {"root_password": f"secret-{self._id('pw')}"}
            self.passwords.append(operation["result"]["root_password"])
        self._close(operation, "succeeded", None)

    def _fail(self, operation: Json, failure: Json) -> None:
        undo(self, operation)
        self._close(operation, "failed", failure)

    def _close(self, operation: Json, status: str, error: Json | None) -> None:
        operation.update(status=status, error=error, progress=100 if error is None else operation["progress"])
        for effect in self.effects:
            if effect.operation_id == operation["id"]:
                effect.outcome = status
        self.events.append((f"operation.{status}", public(operation)))
        machine = self.instances.get(operation["instance_id"] or "")
        if machine is not None:
            kind = "instance.deleted" if machine["status"] == "deleted" else "instance.updated"
            self.events.append((kind, json.loads(json.dumps(machine))))

    def touch(self, machine: Json) -> None:
        """It has changed."""
        machine["version"] += 1
        machine["updated_at"] = self.now.isoformat()

    # ---- small things -----------------------------------------------------------------------------------------------

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self.dice.getrandbits(48):012x}"

    def _stamp(self) -> str:
        return self.now.isoformat().replace("+00:00", "Z")


def public(operation: Json) -> Json:
    """Without the password, and without the model's own notes."""
    return {n: v for n, v in operation.items() if not n.startswith("_")} | {"result": None}


def _found(things: dict[str, Json], name: str) -> Json:
    if name not in things:
        raise Refusal(404, "not_found")
    return things[name]


def _listed(machine: Json, query: Mapping[str, str]) -> bool:
    if machine["status"] == "deleted" and query.get("include_deleted") != "true":
        return False
    since = datetime.fromisoformat(query.get("updated_since", "1970-01-01T00:00:00Z"))
    return (
        query.get("reference") in (None, machine["reference"]) and machine["updated_at"] >= since.isoformat()
    )


def _page(items: list[Json], query: Mapping[str, str]) -> Json:
    begin, limit = int(query.get("cursor", "0")), int(query.get("limit", "50"))
    more = str(begin + limit) if begin + limit < len(items) else None
    return {"items": items[begin : begin + limit], "next_cursor": more}
