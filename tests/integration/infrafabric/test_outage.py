"""A provider that is away altogether is left in peace: the whole engine and client, hours in virtual time."""

import asyncio
import json
import uuid
from bisect import bisect_left
from collections.abc import Mapping

import pytest

from bridge.infrafabric.transport import Interrupted, Reply, Unreachable
from bridge.store import operations
from tests.integration.infrafabric.scripted import instance, operation
from tests.unit.engine import virtual

CREATE = {"type": "vps", "hostname": "a.example", "image": "debian-12", "plan": "vps-1"}


class Provider:
    """Works, and never finishes anything, until it is away in one of several ways; notes when it was called."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self.away = False
        self.calls: dict[str, list[float]] = {}

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """See `Transport`."""
        account = headers["Authorization"].removeprefix("Bearer key-of-")
        self.calls.setdefault(account, []).append(asyncio.get_running_loop().time())
        if not self.away:
            return self._works(method, url, body)
        if self._kind == "unreachable":
            raise Unreachable("connect", "It does not accept connections.")
        if self._kind == "silent":
            await asyncio.sleep(30)
            raise Interrupted("timeout", "No complete answer came within 30 s.")
        if self._kind == "broken":
            return Reply(500, {}, b"")
        return Reply(503, {"retry-after": "1"}, b"")

    def _works(self, method: str, url: str, body: bytes | None) -> Reply:
        name = url.rpartition("/")[2]
        if method == "GET":
            return Reply(200, {}, json.dumps(operation(id=name, instance_id="ins" + name[2:])).encode())
        sent = json.loads(body or b"{}")
        number = sent["reference"].rpartition(":")[2][:8]
        answer = {
            "operation": operation(id=f"op_{number}", instance_id=f"ins_{number}"),
            "instance": instance(id=f"ins_{number}", reference=sent["reference"], status="provisioning"),
        }
        return Reply(202, {}, json.dumps(answer).encode())

    async def close(self) -> None:
        """See `Transport`."""


def _in(times: list[float], begin: float) -> int:
    return bisect_left(times, begin + 60) - bisect_left(times, begin)


def _worst(calls: list[float], accepted: list[float]) -> float:
    """How far the fullest 60 s window is above 1.1 times the commands accepted in it."""
    begins = {*calls, *accepted, *(at - 60 + 1e-6 for at in calls)}
    return max(_in(calls, begin) - 1.1 * _in(accepted, begin) for begin in begins)


async def _outage(url: str, provider: Provider) -> tuple[dict[str, list[float]], int]:
    """Commands before and during five minutes of outage: at once, in a trickle, and after a pause."""
    world = virtual.world(url, provider)
    await world.dispatcher.start()
    accepted: dict[str, list[float]] = {"c1": [], "c2": []}
    for connection in accepted:
        await world.connect(connection)

    async def order(connection: str, count: int) -> None:
        for _ in range(count):
            await world.act(str(uuid.uuid4()), "create", CREATE, connection)
            accepted[connection].append(asyncio.get_running_loop().time())

    await order("c1", 10)
    await order("c2", 3)
    await asyncio.sleep(60)
    provider.away = True
    began = asyncio.get_running_loop().time()
    await order("c1", 25)
    for _ in range(12):
        await order("c2", 1)
        await asyncio.sleep(10)
    await order("c1", 5)
    await asyncio.sleep(180)
    provider.calls = {name: [at for at in calls if at >= began] for name, calls in provider.calls.items()}
    left = len(await world.database.read(operations.all_unfinished))
    await world.close()
    return {name: [at for at in times if at >= began] for name, times in accepted.items()}, left


@pytest.mark.parametrize("kind", ["unreachable", "silent", "broken", "maintenance"])
def test_D8_decided_total_outage_is_met_with_few_calls(sqlite_url: str, kind: str) -> None:
    """Calls in any 60 s: at most 1.1 per command accepted in it + 50 per connection, cleaning and polling included."""
    provider = Provider(kind)
    accepted, _ = virtual.run(_outage(sqlite_url, provider))
    for connection, times in accepted.items():
        calls = sorted(provider.calls[connection])
        assert len(calls) > 10, "the outage was never noticed"
        assert _worst(calls, times) <= 50, connection
