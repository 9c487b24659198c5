"""Between bridge and InfraFabric: requests, answers and callbacks that get lost, late, doubled or broken."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from multidict import CIMultiDict

from bridge.engine.callbacks import Callback
from bridge.infrafabric.transport import Interrupted, Reply, Unreachable
from bridge.infrafabric.webhooks import WebhookRejected, parse_report, verify
from tests.simulation.clockwork import true_time
from tests.simulation.provider import Fate

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import World

TIMEOUT = 30.0
RETRIES = (5.0, 30.0, 120.0, 600.0, 3600.0, 21600.0)
_SHORT = frozenset({"address", "firewall", "volume"})


@dataclass(slots=True)
class Weather:
    """How likely each fault is. All zero: a fine day."""

    unreachable: float = 0.0
    lost: float = 0.0
    late: float = 0.0
    answer_lost: float = 0.0
    doubled: float = 0.0
    error_before: float = 0.0
    error_after: float = 0.0
    throttled: float = 0.0
    malformed: float = 0.0
    operation_fails: float = 0.0
    operation_hangs: float = 0.0
    callback_lost: float = 0.0
    callback_doubled: float = 0.0
    callback_late: float = 0.0
    forged: float = 0.0
    commit_fails: float = 0.0
    commit_unclear: float = 0.0

    def calm(self) -> None:
        """From now on nothing goes wrong."""
        for each in fields(self):
            setattr(self, each.name, 0.0)


@dataclass(slots=True)
class Sky:
    """Decides what goes wrong, and counts it."""

    weather: Weather
    dice: Random
    injected: int = 0

    def strikes(self, name: str) -> bool:
        """Whether this fault happens now."""
        chance: float = getattr(self.weather, name)
        hit = chance > 0 and self.dice.random() < chance
        self.injected += hit
        return hit

    def fate(self, kind: str) -> Fate:
        """What becomes of a provider operation."""
        if self.strikes("operation_hangs"):
            return Fate(None)
        longest = 6.0 if kind in ("instance.create", "instance.reinstall") else 2.0
        seconds = self.dice.choice((0.0, 0.05, self.dice.uniform(0.1, longest)))
        if self.strikes("operation_fails"):
            failure = {"code": "internal", "message": "it broke", "retryable": self.dice.random() < 0.6}
            return Fate(seconds, failure)
        return Fate(seconds)


class SimTransport:
    """`Transport` for one process."""

    def __init__(self, world: "World", process: "Process") -> None:
        self._world, self._process = world, process

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """See `Transport.send`."""
        world, process = self._world, self._process
        await process.thaw()
        process.reach("send")
        world.calls.append(asyncio.get_running_loop().time())
        if world.sky.strikes("unreachable"):
            await self._pause(0.01)
            raise Unreachable("connect", "It does not accept connections.")
        await self._pause(world.dice.uniform(0.001, 0.2))
        reply = await self._exchange(method, url, headers, body)
        await self._pause(world.dice.choice((0.001, 0.05, 0.5)))
        process.reach("answer")
        return reply

    async def close(self) -> None:
        """Nothing to let go of."""

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        world, sky = self._world, self._world.sky
        if sky.strikes("lost"):
            await self._pause(TIMEOUT)
            raise Interrupted("timeout", "No complete answer came in time.")
        if sky.strikes("late"):
            delay = TIMEOUT + world.dice.uniform(0.1, 10)
            world.later(delay, self._arrive, method, url, headers, body)
            await self._pause(TIMEOUT)
            raise Interrupted("timeout", "No complete answer came in time.")
        if sky.strikes("error_before"):
            return _problem(world.dice.choice((500, 503)), "internal")
        if sky.strikes("throttled"):
            return _problem(429, "rate_limited", {"retry-after": str(world.dice.choice((0, 1, 3, 20)))})
        reply = self._arrive(method, url, headers, body)
        self._process.reach("effect")
        if sky.strikes("doubled"):
            world.later(world.dice.uniform(0, 8), self._arrive, method, url, headers, body)
        if sky.strikes("answer_lost"):
            raise Interrupted("disconnected", "The connection broke.")
        if sky.strikes("error_after"):
            return _problem(502, "bad_gateway")
        return Reply(reply.status, reply.headers, b'{"operation":') if sky.strikes("malformed") else reply

    def _arrive(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        split = urlsplit(url)
        path = split.path.removeprefix("/v1")
        query = dict(parse_qsl(split.query))
        key = headers.get("Idempotency-Key")
        status, answer = self._world.provider.handle(method, path, query, key, body, true_time())
        self._world.pump()
        kind = "application/json" if status < 400 else "application/problem+json"
        return Reply(status, {"content-type": kind}, json.dumps(answer).encode())

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._process.thaw()


def _problem(status: int, code: str, headers: Mapping[str, str] | None = None) -> Reply:
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": code}
    return Reply(
        status, {"content-type": "application/problem+json", **(headers or {})}, json.dumps(body).encode()
    )


# ---- callbacks ------------------------------------------------------------------------------------------------------


async def deliver(world: "World", message_id: str, kind: str, data: dict[str, Any]) -> None:
    """InfraFabric's side of a callback: signed anew for each attempt, repeated until it is taken."""
    body = json.dumps({"type": kind, "timestamp": true_time().isoformat(), "data": data}).encode()
    if world.sky.strikes("callback_lost"):
        return
    late = world.sky.strikes("callback_late")
    await asyncio.sleep(world.dice.uniform(10, 120) if late else world.dice.uniform(0.0, 0.4))
    again = 1 + world.sky.strikes("callback_doubled")
    for pause in (0.0, *RETRIES):
        await asyncio.sleep(pause)
        if await _attempt(world, message_id, body, world.secret) == 204:
            again -= 1
            if not again:
                return


async def forge(world: "World", kind: str, data: dict[str, Any]) -> None:
    """Somebody without the secret says something."""
    body = json.dumps({"type": kind, "timestamp": true_time().isoformat(), "data": data}).encode()
    await _attempt(world, f"msg_forged_{world.dice.getrandbits(32):x}", body, b"not the secret, only as long")


async def _attempt(world: "World", message_id: str, body: bytes, secret: bytes) -> int:
    stamp = str(int(true_time().timestamp()))
    digest = hmac.new(secret, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    headers = CIMultiDict(
        {
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }
    )
    try:
        return await world.process.call(receive(world.process, headers, body))
    except ConnectionError:
        return 0


async def receive(process: "Process", headers: CIMultiDict[str], body: bytes) -> int:
    """The bridge's side: what the HTTP handler does, without HTTP."""
    engine = process.engine
    connection = await engine.database.read(engine.connections.load, "shop")
    try:
        verified = verify(connection.webhook_secrets, headers, body, engine.now(), tolerance=300)
        kind, report = parse_report(verified.body)
    except WebhookRejected:
        return 401
    await process.commands.take(Callback("shop", verified.id, kind, report))
    return 204
