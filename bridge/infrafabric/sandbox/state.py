"""Everything the stand-in knows, as plain JSON objects, kept in one file."""

import asyncio
import json
import os
import secrets
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def now() -> datetime:
    """Wall clock, UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime | None = None) -> str:
    """RFC 3339 with Z."""
    return (moment or now()).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id(prefix: str) -> str:
    """A fresh id."""
    return f"{prefix}_{secrets.token_hex(10)}"


class State:
    """Instances, volumes, operations, remembered answers and undelivered webhooks."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.instances: dict[str, Json] = {}
        self.volumes: dict[str, Json] = {}
        self.operations: dict[str, Json] = {}
        self.answers: dict[str, Json] = {}
        self.outbox: dict[str, Json] = {}
        self.webhook: Json = {"url": "", "secrets": []}
        self.counters: dict[str, int] = {"address": 0}
        self.by_reference: dict[str, str] = {}
        self.busy: dict[str, str] = {}
        self.effects: defaultdict[str, int] = defaultdict(int)
        self.requests_by_key: defaultdict[str, int] = defaultdict(int)
        self._saving: asyncio.TimerHandle | None = None
        if path is not None and path.exists():
            self._load(json.loads(path.read_text()))

    # ---- finding ----------------------------------------------------------------------------------------------------

    def running_operation(self, instance_id: str) -> Json | None:
        """The unfinished operation of a machine."""
        operation_id = self.busy.get(instance_id)
        return None if operation_id is None else self.operations[operation_id]

    def attached(self, instance_id: str) -> list[Json]:
        """Volumes of a machine."""
        return [
            v for v in self.volumes.values() if v["instance_id"] == instance_id and v["status"] != "deleted"
        ]

    # ---- changing ---------------------------------------------------------------------------------------------------

    def touch(self, instance: Json) -> None:
        """A machine changed."""
        instance["version"] += 1
        instance["updated_at"] = stamp()
        self.changed()

    def next_addresses(self) -> tuple[str, str]:
        """A fresh IPv4 and IPv6 address from the ranges kept for documentation, then from a private one."""
        number = self.counters["address"] = self.counters["address"] + 1
        block, host = divmod(number - 1, 250)
        documentation = ("203.0.113", "198.51.100", "192.0.2")
        if block < len(documentation):
            ipv4 = f"{documentation[block]}.{host + 1}"
        else:
            ipv4 = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return ipv4, f"2001:db8::{number:x}"

    # ---- the file ---------------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """Write the file soon."""
        if self.path is not None and self._saving is None:
            self._saving = asyncio.get_running_loop().call_later(0.05, self.save)

    def save(self) -> None:
        """Write the file now: complete or not at all."""
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None
        if self.path is None:
            return
        aside = self.path.with_suffix(".new")
        with aside.open("w") as file:
            json.dump(self._dump(), file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.path)

    def _dump(self) -> Json:
        names = ("instances", "volumes", "operations", "answers", "outbox", "webhook", "counters")
        counts = {"effects": dict(self.effects), "requests_by_key": dict(self.requests_by_key)}
        return {name: getattr(self, name) for name in names} | counts

    def _load(self, stored: Json) -> None:
        for name in ("instances", "volumes", "operations", "answers", "outbox", "webhook", "counters"):
            setattr(self, name, stored[name])
        self.effects.update(stored["effects"])
        self.requests_by_key.update(stored["requests_by_key"])
        for instance in self.instances.values():
            if instance["status"] != "deleted":
                self.by_reference[instance["reference"]] = instance["id"]
        for operation in self.operations.values():
            if operation["status"] in ("queued", "running") and operation["instance_id"] is not None:
                self.busy[operation["instance_id"]] = operation["id"]
