"""A life from order to termination, each step with its proof, which is read from the sandbox and not from ourselves."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.demo.blesta import Blesta
from bridge.demo.stack import SANDBOX_KEY, Stack

_SECONDS = 60.0


class Unproven(Exception):
    """What the sandbox knows is not what the step should have brought about."""


@dataclass(slots=True)
class Scene:
    """What the steps share. `watched` is the service whose progress is worth showing."""

    stack: Stack
    blesta: Blesta
    services: dict[str, int] = field(default_factory=dict)
    packages: dict[str, int] = field(default_factory=dict)
    watched: str | None = None
    asked_before: int = 0

    def of(self, name: str) -> int:
        """Blesta's id of an order."""
        return self.services[name]

    def field(self, name: str, key: str) -> str:
        """A stored service field; empty when there is none."""
        return str(self.blesta.service(self.of(name))["fields"].get(key, ""))

    def machine(self, name: str) -> Mapping[str, Any]:
        """The one machine of an order, as the sandbox has it.

        Raises:
            Unproven: there is not exactly one.
        """
        reference_end = self.field(name, "ifb_key")
        found = [i for i in self.machines() if str(i["reference"]).endswith(reference_end)]
        if len(found) != 1:
            raise Unproven(f"{len(found)} machines exist for the {name} order")
        return found[0]

    def machines(self) -> list[Mapping[str, Any]]:
        """Everything that was ever made at the sandbox."""
        found: list[Mapping[str, Any]] = self.stack.truth()["instances"]
        return found

    def effects(self, name: str) -> int:
        """How often something took effect at the sandbox."""
        return int(self.stack.truth()["effects"].get(name, 0))

    def requests(self) -> int:
        """How many requests the sandbox has got."""
        return len(self.stack.control("GET", "requests").body["items"])

    def until(self, what: Callable[[], bool], hope: str) -> None:
        """Wait for something to come true.

        Raises:
            Unproven: it did not, within a minute.
        """
        give_up = time.monotonic() + _SECONDS
        while not what():
            if time.monotonic() > give_up:
                raise Unproven(f"{hope} did not happen within {_SECONDS:.0f} s")
            time.sleep(0.05)

    def settle(self) -> None:
        """Wait until the watched service has nothing left to do."""
        path = f"/v1/services/{self.watched}"
        self.until(
            lambda: self.stack.api("GET", path).body["current_operation_id"] is None,
            "the end of the operation",
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens, and how it is proven. `prove` returns the proof in words."""

    title: str
    act: Callable[[Scene], None]
    prove: Callable[[Scene], str]


def expect(holds: bool, found: object) -> None:
    """Raise `Unproven` with what was found instead."""
    if not holds:
        raise Unproven(f"the sandbox has {found}")


# ---- setting the scene ----------------------------------------------------------------------------------------------


def furnish(scene: Scene) -> None:
    """Install the module, connect it to the bridge, and make two packages."""
    blesta, stack = scene.blesta, scene.stack
    blesta.do("install")
    row = blesta.do(
        "add-row",
        name="Demo",
        bridge_url=stack.bridge_url,
        bridge_key=stack.module_key,
        infrafabric_api_url=stack.sandbox_url,
        infrafabric_api_key=SANDBOX_KEY,
        default_datacenter="fra1",
        provisioning_timeout="300",
        webhook_secret=stack.secret,
        wait_seconds="20",
    )["row"]
    for name, plan in (("small", "vps-1"), ("large", "vps-4")):
        meta = {"type": "vps", "plan": plan, "image": "debian-12"}
        scene.packages[name] = blesta.do("add-package", row=row, meta=meta)["package"]


def _order(scene: Scene, name: str) -> None:
    scene.asked_before = scene.requests()
    answer = scene.blesta.do(
        "order",
        package=scene.packages["small"],
        client_id=7,
        fields={"ifb_hostname": f"{name}.example"},
        paid=True,
    )
    scene.services[name] = answer["service"]["id"]
    scene.watched = answer["service"]["fields"]["ifb_key"]


def _activate(scene: Scene) -> None:
    scene.blesta.do("activate", service=scene.of("first"), staff_id=1)
    scene.settle()


def _rebuild(scene: Scene) -> None:
    number = scene.of("first")
    hostname = scene.blesta.service(number)["fields"]["ifb_hostname"]
    scene.blesta.press(number, "Reinstall", "reinstall", typed=hostname)
    scene.settle()


def _reboot(scene: Scene) -> None:
    scene.blesta.press(scene.of("first"), "Power", "reboot")
    scene.settle()


def _enlarge(scene: Scene) -> None:
    scene.blesta.do("change-package", service=scene.of("first"), package=scene.packages["large"])
    scene.settle()


def _bill(command: str, **members: Any) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        scene.blesta.do(command, service=scene.of("first"), **members)
        scene.settle()

    return act


_PAID_UNTIL = (datetime.now(UTC) + timedelta(days=60)).replace(microsecond=0)


def _order_and_kill(scene: Scene) -> None:
    """The bridge dies while InfraFabric makes the machine; Blesta's next cron asks again."""
    _order(scene, "second")
    activation = scene.blesta.begin("activate", service=scene.of("second"), staff_id=1)
    scene.until(lambda: scene.stack.truth()["living"] == 2, "the second create")
    scene.stack.kill_bridge()
    refused = scene.blesta.finish(activation)
    expect(not refused["ok"] and refused["service"]["status"] == "pending", "an activation without a bridge")
    scene.stack.start_bridge()
    scene.blesta.do("cron-provision")
    scene.settle()


def _terminate(name: str) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        scene.watched = scene.field(name, "ifb_key")
        scene.blesta.do("cancel", service=scene.of(name))
        scene.settle()

    return act


# ---- proofs ---------------------------------------------------------------------------------------------------------


def _nobody_was_asked(scene: Scene) -> str:
    status = scene.blesta.service(scene.of("first"))["status"]
    asked = scene.requests() - scene.asked_before
    expect(
        status == "pending" and asked == 0 and not scene.machines(),
        f"{asked} requests, {len(scene.machines())} machines",
    )
    return "pending in Blesta, no machine, InfraFabric was not asked"


def _one_runs(scene: Scene) -> str:
    machine = scene.machine("first")
    expect(machine["status"] == "running" and scene.effects("instance.create") == 1, machine["status"])
    address, password = scene.field("first", "ifb_ipv4"), scene.field("first", "ifb_password")
    addresses = [a["address"] for a in machine["addresses"]]
    expect(address in addresses and bool(password), addresses)
    return f"1 machine, running; fields hold {address} and a root password"


def _is_larger(scene: Scene) -> str:
    machine = scene.machine("first")
    expect(machine["plan"] == "vps-4", machine["plan"])
    return f"plan vps-4, {machine['cpus']} CPUs, {machine['memory_mb']} MB"


def _happened_once(effect: str, words: str) -> Callable[[Scene], str]:
    def prove(scene: Scene) -> str:
        count, status = scene.effects(effect), scene.machine("first")["status"]
        expect(count == 1 and status == "running", f"{count} times {effect}, machine {status}")
        return f"{words} exactly once, machine running"

    return prove


def _is(status: str) -> Callable[[Scene], str]:
    def prove(scene: Scene) -> str:
        found = scene.machine("first")["status"]
        expect(found == status, found)
        return f"machine {found}"

    return prove


def _is_paid(scene: Scene) -> str:
    found = str(scene.machine("first")["expires_at"])
    expect(found.startswith(_PAID_UNTIL.strftime("%Y-%m-%dT%H:%M:%S")), found)
    return f"machine paid until {found[:10]}"


def _one_each(scene: Scene) -> str:
    status = [scene.machine(name)["status"] for name in ("first", "second")]
    made, stored = scene.effects("instance.create"), scene.blesta.service(scene.of("second"))
    expect(status == ["running", "running"] and made == 2, f"{made} creates, machines {status}")
    expect(stored["status"] == "active" and bool(stored["fields"].get("ifb_password")), stored["status"])
    return "2 machines for 2 orders, both running; Blesta's second call made nothing twice"


def _is_gone(name: str, left: int) -> Callable[[Scene], str]:
    def prove(scene: Scene) -> str:
        status, living = scene.machine(name)["status"], scene.stack.truth()["living"]
        expect(status == "deleted" and living == left, f"{name} {status}, {living} living")
        return f"machine deleted, {living} left"

    return prove


STEPS = (
    Step("Order", lambda scene: _order(scene, "first"), _nobody_was_asked),
    Step("Activation", _activate, _one_runs),
    Step("Change to a larger plan", _enlarge, _is_larger),
    Step("Reboot", _reboot, _happened_once("instance.reboot", "rebooted")),
    Step("Reinstall", _rebuild, _happened_once("instance.reinstall", "reinstalled")),
    Step("Suspend", _bill("suspend", suspension_reason="unpaid"), _is("suspended")),
    Step("Unsuspend", _bill("unsuspend"), _is("running")),
    Step("Renew", _bill("renew", date_renews=_PAID_UNTIL.strftime("%Y-%m-%d %H:%M:%S")), _is_paid),
    Step("Second order, bridge killed during its create", _order_and_kill, _one_each),
    Step("Terminate the first", _terminate("first"), _is_gone("first", 1)),
    Step("Terminate the second", _terminate("second"), _is_gone("second", 0)),
)
