"""Provider operations: they take their time, report progress, and change the world when they end."""

import asyncio
import secrets
from typing import Any

from bridge.infrafabric.sandbox import effects
from bridge.infrafabric.sandbox.faults import Fault, Faults
from bridge.infrafabric.sandbox.state import Json, State, new_id, stamp
from bridge.infrafabric.sandbox.webhooks import Sender

LATENCY = {
    "instance.create": (2.0, 6.0),
    "instance.reinstall": (3.0, 6.0),
    "instance.reboot": (1.0, 3.0),
    "instance.update": (1.0, 3.0),
    "instance.suspend": (0.5, 1.5),
    "instance.resume": (0.5, 1.5),
    "instance.delete": (1.0, 2.0),
}
_OTHERS = (0.5, 1.0)
_LONGEST = 3600.0
_WITH_PASSWORD = frozenset({"instance.create", "instance.reinstall", "instance.reset_password"})


def shown(thing: Json) -> Json:
    """Without what is only for the stand-in itself."""
    return {name: value for name, value in thing.items() if not name.startswith("_")}


def shown_operation(operation: Json, *, with_result: bool = False) -> Json:
    """An operation; the password only when it is asked for by id."""
    public = shown(operation)
    return public if with_result else public | {"result": None}


class Work:
    """Begins and ends operations."""

    def __init__(self, state: State, faults: Faults, sender: Sender, speed: float) -> None:
        self.state, self._faults, self._sender = state, faults, sender
        self.speed = speed
        self._timers: dict[str, list[asyncio.TimerHandle]] = {}

    def resume(self) -> None:
        """Take up operations that an earlier process left unfinished."""
        for operation in self.state.operations.values():
            if operation["status"] in ("queued", "running"):
                self._set_timers(operation)

    def begin(
        self, kind: str, instance_id: str | None, resource_id: str | None, todo: Json, fault: Fault | None
    ) -> Json:
        """Start an operation; `todo` is what its end will do."""
        operation: Json = {
            "id": new_id("op"),
            "type": kind,
            "status": "running",
            "progress": 0,
            "instance_id": instance_id,
            "resource_id": resource_id,
            "error": None,
            "result": None,
            "created_at": stamp(),
            "finished_at": None,
            "_todo": todo,
            "_fails": None,
            "_hangs": False,
        }
        if fault is not None and fault.kind == "operation_fails":
            operation["_fails"] = {
                "code": fault.options.get("code", "internal"),
                "message": fault.options.get("message", "It did not work."),
                "retryable": bool(fault.options.get("retryable", False)),
            }
        operation["_hangs"] = fault is not None and fault.kind == "operation_hangs"
        self.state.operations[operation["id"]] = operation
        if instance_id is not None:
            self.state.busy[instance_id] = operation["id"]
        self.state.effects[kind] += 1
        self.state.changed()
        self._set_timers(operation)
        return operation

    def done_at_once(self, kind: str, instance_id: str) -> Json:
        """Already in that state: an operation that has succeeded; its webhook is sent like any other."""
        operation = self.begin(kind, instance_id, None, {}, None)
        self.end(operation["id"])
        return operation

    def preempt(self, instance_id: str) -> None:
        """A delete ends whatever runs on the machine."""
        running = self.state.running_operation(instance_id)
        if running is not None:
            self._fail(
                running, {"code": "canceled", "message": "The machine is being deleted.", "retryable": False}
            )

    def end(self, operation_id: str) -> None:
        """The time is over: the effect, or the failure."""
        operation = self.state.operations[operation_id]
        if operation["status"] not in ("queued", "running"):
            return
        if operation["_fails"] is not None:
            self._fail(operation, operation["_fails"])
            return
        effects.apply(self.state, operation)
        operation.update(status="succeeded", progress=100, finished_at=stamp())
        if operation["type"] in _WITH_PASSWORD:
            operation["result"] = {"root_password": secrets.token_urlsafe(15)}
        self._closed(operation, "operation.succeeded")

    def _fail(self, operation: Json, error: Json) -> None:
        if operation["type"] == "instance.create":
            effects.mark_broken(self.state, operation)
        elif operation["instance_id"] is not None:
            effects.restore(self.state, operation)
        operation.update(status="failed", error=error, finished_at=stamp())
        self._closed(operation, "operation.failed")

    def _closed(self, operation: Json, kind: str) -> None:
        for timer in self._timers.pop(operation["id"], []):
            timer.cancel()
        instance_id = operation["instance_id"]
        if instance_id is not None and self.state.busy.get(instance_id) == operation["id"]:
            del self.state.busy[instance_id]
        self.state.changed()
        self._sender.send(kind, shown_operation(operation))
        instance = self.state.instances.get(instance_id or "")
        if instance is not None:
            deleted = instance["status"] == "deleted"
            self._sender.send("instance.deleted" if deleted else "instance.updated", shown(instance))

    def _set_timers(self, operation: Json) -> None:
        loop = asyncio.get_running_loop()
        if operation["_hangs"]:
            failure = {"code": "timeout", "message": "It took more than an hour.", "retryable": True}
            self._timers[operation["id"]] = [loop.call_later(_LONGEST, self._fail, operation, failure)]
            return
        low, high = LATENCY.get(operation["type"], _OTHERS)
        seconds = self._faults.between(low, high) / self.speed
        timers = [loop.call_later(seconds, self.end, operation["id"])]
        if seconds > 0.2:
            for part in (0.3, 0.6, 0.9):
                timers.append(loop.call_later(seconds * part, self._progress, operation, int(part * 100)))
        self._timers[operation["id"]] = timers

    def _progress(self, operation: Json, percent: int) -> None:
        operation["progress"] = percent
        self.state.changed()
        self._sender.send("operation.progress", shown_operation(operation))

    def cancel_timers(self) -> None:
        """The process ends; the next one resumes."""
        for timers in self._timers.values():
            for timer in timers:
                timer.cancel()


Todo = dict[str, Any]
