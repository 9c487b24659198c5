"""Blesta in a simulation: orders and changes, asked for again after every error as its cron does."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from bridge.domain.actions import REGISTRY, Caller
from bridge.domain.problems import ProblemError
from bridge.domain.service import Service
from bridge.engine.admission import Command
from bridge.store import operations, services

if TYPE_CHECKING:
    from tests.simulation.world import World

FORM = frozenset(
    {"reboot", "reinstall", "start", "stop", "reset_password", "add_address", "remove_address"}
    | {"add_volume", "resize_volume", "remove_volume"}
)
"""Asked for by a form with a nonce; everything else is repeated under a new key and is safe by what it means."""

Body = Callable[[Service | None, Random], dict[str, Any] | None]


def _order(service: Service | None, dice: Random) -> dict[str, Any]:
    return {
        "type": "vps",
        "hostname": "one.example",
        "image": "debian-12",
        "plan": "vps-1",
        "blesta": {"client_id": 7},
    }


def _of_address(service: Service | None, dice: Random) -> dict[str, Any] | None:
    extra = [a for a in service.addresses if not a.primary] if service else []
    return {"address_id": dice.choice(extra).id} if extra else None


def _of_volume(service: Service | None, dice: Random) -> dict[str, Any] | None:
    return {"volume_id": dice.choice(service.volumes).id} if service and service.volumes else None


def _with(body: Body, **members: Any) -> Body:
    def build(service: Service | None, dice: Random) -> dict[str, Any] | None:
        found = body(service, dice)
        return None if found is None else found | members

    return build


def _just(**members: Any) -> Body:
    return lambda service, dice: dict(members)


def _expiry(service: Service | None, dice: Random) -> dict[str, Any]:
    return {"expires_at": f"2030-{dice.randint(1, 12):02}-01T00:00:00Z"}


_RULE = {"direction": "in", "action": "accept", "protocol": "tcp", "ports": "22"}
BODIES: dict[str, Body] = {
    "create": _order,
    "adopt": _just(instance_id="ins_legacy"),
    "edit": lambda service, dice: {"plan": dice.choice(("vps-1", "vps-2", "vps-4"))},
    "suspend": _just(reason="unpaid"),
    "unsuspend": _just(),
    "terminate": _just(confirm=True),
    "terminate_later": _just(terminate_at="2030-01-01T00:00:00Z"),
    "undo_terminate": _just(),
    "renew": _expiry,
    "reboot": _just(),
    "reinstall": _just(image="debian-13", confirm=True),
    "start": _just(),
    "stop": _just(),
    "reset_password": _just(),
    "add_address": _just(family="ipv4"),
    "remove_address": _of_address,
    "set_reverse_dns": _with(_of_address, reverse_dns="one.example"),
    "set_firewall": _just(rules=[_RULE]),
    "add_volume": _just(name="data", size_gb=10),
    "resize_volume": _with(_of_volume, size_gb=20),
    "remove_volume": _of_volume,
}


@dataclass(slots=True)
class Caller_:
    """One caller: asks until it is answered."""

    world: "World"
    dice: Random
    patience: int = 60

    async def ask(
        self, service_key: str, action: str, body: dict[str, Any] | None = None, wait: float = 0
    ) -> str:
        """The operation's id, or the code of the problem it was refused with, or `gave up`."""
        nonce = f"form-{self.dice.getrandbits(64):x}"
        if body is None:
            body = BODIES[action](await self._service(service_key), self.dice)
            if body is None:
                return "nothing to ask for"
        for _ in range(self.patience):
            key = nonce if action in FORM else f"call-{self.dice.getrandbits(64):x}"
            try:
                return await self._once(service_key, action, body, key, wait)
            except ProblemError as error:
                if error.problem.code != "queue_full":
                    return error.problem.code
            except ConnectionError:
                self.world.unanswered += 1
            await asyncio.sleep(self.dice.uniform(0.5, 20))
        return "gave up"

    async def _once(self, service_key: str, action: str, body: dict[str, Any], key: str, wait: float) -> str:
        process = self.world.process
        declared = REGISTRY[action]
        command = Command(
            connection_id="shop",
            service_key=service_key,
            action=declared,
            params=declared.params.model_validate(body, strict=False),
            caller=Caller.STAFF,
            actor="staff:1",
            path=f"/v1/services/{service_key}/{action}",
            idempotency_key=key,
            fingerprint=json.dumps([action, body], sort_keys=True),
        )
        admitted = await process.call(process.commands.run(command))
        operation = admitted.operation
        self.world.promised(f"{service_key}/{action}/{key}", operation.id)
        if wait and not operation.ended:
            await process.call(process.commands.wait(operation.id, wait))
            now = await process.call(process.engine.database.read(operations.get, operation.id))
            if now is not None and not now.ended and action == "create":
                await process.call(process.commands.release(operation.id))
        return operation.id

    async def _service(self, service_key: str) -> Service | None:
        return await self.world.database.read(services.get, service_key)


async def live(world: "World", service_key: str, dice: Random) -> None:
    """One service's life as a shop would have it, with everything in a random order."""
    caller = Caller_(world, dice)
    for _ in range(dice.choice((1, 1, 1, 2))):
        if dice.random() < 0.15:
            # Sometimes two services want the same machine.
            name = dice.choice(("ins_legacy", f"ins_legacy{service_key[-1]}"))
            world.legacy(name)
            await caller.ask(service_key, "adopt", {"instance_id": name}, wait=dice.choice((0, 5)))
            if dice.random() < 0.3:
                await caller.ask(service_key, "terminate")
        await caller.ask(service_key, "create", wait=dice.choice((0, 0, 5, 10)))
        if dice.random() < 0.3:
            await caller.ask(service_key, "create", wait=0)
        for action in _wishes(dice):
            await asyncio.sleep(dice.choice((0.0, 0.0, 1.0, dice.uniform(1, 30))))
            await caller.ask(service_key, action, wait=dice.choice((0, 0, 8)))
        if dice.random() < 0.15:
            await caller.ask(service_key, "add_volume", wait=30)
            await caller.ask(service_key, "remove_volume")
            await asyncio.sleep(dice.uniform(0, 3))
            await caller.ask(service_key, "terminate")
        elif dice.random() < 0.6:
            await asyncio.sleep(dice.choice((0.0, 0.5, dice.uniform(0, 20))))
            await caller.ask(service_key, "terminate", wait=dice.choice((0, 10)))


def _wishes(dice: Random) -> list[str]:
    """What is asked for between a create and its end."""
    some = [name for name in BODIES if name not in ("create", "adopt", "terminate")]
    return [dice.choice(some) for _ in range(dice.randint(0, 4))]
