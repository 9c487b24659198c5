"""The promise as code: what must hold of every bridge, however it was treated, once everything is quiet.

One place for simulation, enumerated crashes, chaos and acceptance tests. Everything is judged from evidence: the rows
of the database on one side, and on the other what InfraFabric has and which mutations took effect there.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Row = Mapping[str, Any]
BY_LOOKING = frozenset({"create", "terminate", "remove_leftovers", "write_off"})
"""Actions that send as much or as little as what is found asks for; they are judged by what is left."""
TERMINAL = frozenset({"succeeded", "failed", "canceled"})
BILLED = frozenset({"active", "suspended"})
SEEN = {"running": "active", "stopped": "active", "suspended": "suspended"}
IN_DOUBT = frozenset({"outcome_unknown", "timeout"})
"""Codes of failures that do not claim that nothing happened."""


@dataclass(frozen=True)
class Evidence:
    """What is judged. Rows are as SQLite holds them (JSON members as text or parsed).

    `effects`: every mutation InfraFabric accepted, in its order, as `{key, kind, instance_id, outcome}`. `accepted`:
    ids of operations that callers were told of. `strangers`: machines that carry our name and are not ours. `secrets`
    must not appear in `sinks`. `passwords`: by service key, the root password as stored (opened) and as InfraFabric
    last set it.
    """

    services: Sequence[Row]
    operations: Sequence[Row]
    timeline: Sequence[Row]
    changes: Sequence[Row]
    audit: Sequence[Row]
    instances: Sequence[Row]
    volumes: Sequence[Row]
    effects: Sequence[Row]
    accepted: Sequence[str] = ()
    strangers: Sequence[str] = ()
    secrets: Sequence[str] = ()
    sinks: Sequence[str] = ()
    passwords: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)

    @property
    def living(self) -> list[Row]:
        """Our machines that exist."""
        ours = [machine for machine in self.instances if machine["id"] not in self.strangers]
        return [machine for machine in ours if machine["status"] != "deleted"]

    def service(self, key: str) -> Row | None:
        """A service by its key."""
        return next((row for row in self.services if row["service_key"] == key), None)


Invariant = Callable[[Evidence], Iterator[str]]


def violations(evidence: Evidence) -> list[str]:
    """Everything that is not as promised, each with the name of the invariant."""
    return [f"{invariant.__name__}: {text}" for invariant in INVARIANTS for text in invariant(evidence)]


# ---- machines and who pays for them ---------------------------------------------------------------------------------


def every_machine_is_billed(evidence: Evidence) -> Iterator[str]:
    """No machine without a service that knows it, and never two for one service."""
    found: dict[str, str] = {}
    for machine in evidence.living:
        key = _owner(machine)
        service = evidence.service(key)
        if key in found:
            yield f"service {key} has machines {found[key]} and {machine['id']}"
        found[key] = machine["id"]
        if service is None or service["state"] not in BILLED:
            state = "unknown" if service is None else service["state"]
            yield f"machine {machine['id']} ({machine['status']}) exists, and its service is {state}"
        elif service["instance_id"] != machine["id"]:
            yield f"machine {machine['id']} exists, and service {key} knows {service['instance_id']}"


def nobody_pays_for_anothers_machine(evidence: Evidence) -> Iterator[str]:
    """A machine is one service's at most."""
    payers: dict[str, str] = {}
    for service in evidence.services:
        name = service["instance_id"]
        if service["state"] in BILLED and name in payers:
            yield f"services {payers[name]} and {service['service_key']} both have machine {name}"
        elif service["state"] in BILLED and name is not None:
            payers[name] = service["service_key"]


def every_billed_service_has_its_machine(evidence: Evidence) -> Iterator[str]:
    """Nobody pays for nothing, unless the service says that something is wrong with it."""
    living = {machine["id"] for machine in evidence.living}
    for service in evidence.services:
        if service["state"] in BILLED and service["instance_id"] not in living and not service["drifted"]:
            yield f"service {service['service_key']} is {service['state']} without a machine"


def no_volume_is_left(evidence: Evidence) -> Iterator[str]:
    """A volume belongs to a service with a machine, and stands in its list, so that it can be removed."""
    for volume in evidence.volumes:
        if volume["status"] == "deleted":
            continue
        service = evidence.service(volume["labels"].get("service_key", ""))
        if service is None or service["state"] not in BILLED:
            yield f"volume {volume['id']} is left over"
        elif volume["id"] not in {v["id"] for v in _parsed(service["volumes"])} and not service["drifted"]:
            yield f"volume {volume['id']} is in nobody's sight"


# ---- operations -----------------------------------------------------------------------------------------------------


def everything_accepted_is_kept(evidence: Evidence) -> Iterator[str]:
    """Whatever a caller was told of is there."""
    known = {row["id"] for row in evidence.operations}
    for operation_id in evidence.accepted:
        if operation_id not in known:
            yield f"operation {operation_id} was accepted and is gone"


def everything_accepted_ends(evidence: Evidence) -> Iterator[str]:
    """No operation is left unfinished, and a terminate has succeeded."""
    for row in evidence.operations:
        if row["state"] not in TERMINAL:
            yield f"{row['action']} {row['id']} is still {row['state']}"
        elif row["action"] == "terminate" and row["state"] != "succeeded":
            yield f"terminate {row['id']} ended {row['state']}"


def effects_come_in_order(evidence: Evidence) -> Iterator[str]:
    """Effects on a service happen in the order in which its commands were accepted.

    Except those of a command that was canceled: what was on its way then may arrive at a machine that is being deleted.
    """
    canceled = {row["id"] for row in evidence.operations if row["state"] == "canceled"}
    number = {row["id"]: (row["service_key"], row["service_seq"]) for row in evidence.operations}
    reached: dict[str, tuple[int, str]] = {}
    for effect in evidence.effects:
        operation_id = effect["key"].split(":")[0]
        if operation_id not in number:
            yield f"effect {effect['key']} belongs to no operation"
            continue
        service_key, seq = number[operation_id]
        before, name = reached.get(service_key, (0, ""))
        if seq < before and operation_id not in canceled:
            yield f"{effect['kind']} of {effect['key']} came after {name}"
        reached[service_key] = max((before, name), (seq, f"{effect['kind']} of {effect['key']}"))


def effects_happen_once(evidence: Evidence) -> Iterator[str]:
    """A command that succeeded took effect once, one that failed not at all, and none twice.

    Without an effect succeeds only what was so already, or what was found to be so when nobody could be asked.
    """
    done = _effects_by_operation(evidence)
    told = ("nothing_to_do", "nothing_to_send", "evidence")
    idle = {row["operation_id"] for row in evidence.timeline if any(_member(row["detail"], n) for n in told)}
    for row in evidence.operations:
        if row["action"] in BY_LOOKING:
            continue
        count = done[row["id"]]
        if count > 1:
            yield f"{row['action']} {row['id']} took effect {count} times"
        elif row["state"] == "succeeded" and count == 0 and row["id"] not in idle:
            yield f"{row['action']} {row['id']} succeeded without an effect"
        elif row["state"] == "failed" and count and _member(row["error"], "code") not in IN_DOUBT:
            yield f"{row['action']} {row['id']} failed, and took effect"


def _effects_by_operation(evidence: Evidence) -> Mapping[str, int]:
    done: defaultdict[str, int] = defaultdict(int)
    for effect in evidence.effects:
        operation_id, step, _ = effect["key"].split(":")
        done[operation_id] += step == "main" and effect["outcome"] == "succeeded"
    return done


# ---- what Blesta and people are told --------------------------------------------------------------------------------


def services_say_what_is(evidence: Evidence) -> Iterator[str]:
    """A service that claims to be in order describes its machine as it is."""
    machines = {machine["id"]: machine for machine in evidence.living}
    for service in evidence.services:
        machine = machines.get(service["instance_id"])
        if machine is None or service["drifted"] or service["state"] not in BILLED:
            continue
        said, seen = _said(service), _seen(machine, evidence.volumes)
        for name in said:
            if said[name] != seen[name]:
                yield f"service {service['service_key']} says {name} {said[name]!r}, and it is {seen[name]!r}"


def _said(service: Row) -> dict[str, Any]:
    same = {
        name: service[name] for name in ("state", "hostname", "plan", "cpus", "memory_mb", "disk_gb", "image")
    }
    return same | {
        "expires_at": _moment(service["expires_at"]),
        "addresses": sorted((a["id"], a["reverse_dns"]) for a in _parsed(service["addresses"])),
        "volumes": sorted((v["id"], v["size_gb"]) for v in _parsed(service["volumes"])),
        "firewall": len(_parsed(service["firewall"])),
    }


def _seen(machine: Row, volumes: Sequence[Row]) -> dict[str, Any]:
    same = {name: machine[name] for name in ("hostname", "plan", "cpus", "memory_mb", "disk_gb", "image")}
    key = _owner(machine)
    kept = [v for v in volumes if v["labels"].get("service_key") == key and v["status"] != "deleted"]
    return same | {
        "state": SEEN.get(machine["status"], machine["status"]),
        "expires_at": _moment(machine["expires_at"]),
        "addresses": sorted((a["id"], a["reverse_dns"]) for a in machine["addresses"]),
        "volumes": sorted((v["id"], v["size_gb"]) for v in kept),
        "firewall": len(machine["firewall"]["rules"]),
    }


def services_are_what_was_asked_for(evidence: Evidence) -> Iterator[str]:
    """What the last successful commands asked for is what there is, unless an outcome is in doubt and says so."""
    machines = {machine["id"]: machine for machine in evidence.living}
    doubt = {row["service_key"] for row in evidence.operations if _member(row["error"], "code") in IN_DOUBT}
    for service in evidence.services:
        machine = machines.get(service["instance_id"])
        if machine is None or service["state"] not in BILLED or service["service_key"] in doubt:
            continue
        for name, wish in (_parsed(service["wanted_spec"]) or {}).items():
            same = _moment(wish) == _moment(machine[name]) if name == "expires_at" else wish == machine[name]
            if not same:
                yield f"{service['service_key']} was asked to have {name} {wish!r}, and it is {machine[name]!r}"


def changes_tell_the_last_word(evidence: Evidence) -> Iterator[str]:
    """Whoever reads all changes in order knows every service as it is."""
    last: dict[str, Row] = {}
    for change in sorted(evidence.changes, key=lambda row: row["cursor"]):
        before = last.get(change["service_key"])
        if before is not None and before["version"] >= change["version"]:
            yield f"change {change['cursor']} goes back from version {before['version']} to {change['version']}"
        last[change["service_key"]] = change
    for service in evidence.services:
        told = last.get(service["service_key"])
        if told is not None and (told["version"], told["state"]) != (service["version"], service["state"]):
            yield f"the last change of {service['service_key']} is not what it is now"
        if told is None and service["version"]:
            yield f"service {service['service_key']} changed, and no change tells it"


def everything_is_audited(evidence: Evidence) -> Iterator[str]:
    """One audit row for each acceptance."""
    written: defaultdict[str, int] = defaultdict(int)
    for row in evidence.audit:
        written[row["operation_id"]] += row["event"] == "operation.accepted"
    for row in evidence.operations:
        if written[row["id"]] != 1:
            yield f"operation {row['id']} has {written[row['id']]} audit rows"


def passwords_are_the_right_ones(evidence: Evidence) -> Iterator[str]:
    """The stored root password is the one that opens the machine."""
    for key, (stored, true) in evidence.passwords.items():
        service = evidence.service(key)
        if service is not None and service["state"] in BILLED and not service["drifted"] and stored != true:
            yield f"the password of {key} is not the machine's"


def no_secret_is_told(evidence: Evidence) -> Iterator[str]:
    """No secret in any sink."""
    told = json.dumps(
        [[dict(row) for row in rows] for rows in (evidence.timeline, evidence.changes)], default=str
    )
    told += json.dumps(
        [[dict(row) for row in rows] for rows in (evidence.operations, evidence.audit)], default=str
    )
    for secret in evidence.secrets:
        if secret in told or any(secret in sink for sink in evidence.sinks):
            yield f"the secret {secret[:4]}… is told"


INVARIANTS: tuple[Invariant, ...] = (
    every_machine_is_billed,
    nobody_pays_for_anothers_machine,
    every_billed_service_has_its_machine,
    no_volume_is_left,
    everything_accepted_is_kept,
    everything_accepted_ends,
    effects_come_in_order,
    effects_happen_once,
    services_say_what_is,
    services_are_what_was_asked_for,
    changes_tell_the_last_word,
    everything_is_audited,
    passwords_are_the_right_ones,
    no_secret_is_told,
)


def _owner(machine: Row) -> str:
    """The service that a machine belongs to: by its labels, since one that was adopted has a reference of its own."""
    key: str = machine["labels"].get("service_key") or machine["reference"].rpartition(":")[2]
    return key


# ---- reading rows ---------------------------------------------------------------------------------------------------


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _member(value: Any, name: str) -> Any:
    found = _parsed(value) if value else None
    return found.get(name) if isinstance(found, Mapping) else None


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    moment = (
        value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    )
    return (
        moment.replace(tzinfo=None) if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    )
