"""A provider that does exactly what a test tells it to, over real sockets, and remembers every byte it was sent."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

Step = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived; `at` in seconds of the event loop."""

    method: str
    target: str
    headers: dict[str, str]
    keys: tuple[str, ...]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        """The body's JSON value."""
        return json.loads(self.body)


class ScriptedServer:
    """Plays its `script` one step a request; when that is over, `otherwise` for ever."""

    def __init__(self, *script: Step, otherwise: Step | None = None) -> None:
        self.script = list(script)
        self.otherwise = otherwise or says(500)
        self.seen: list[Seen] = []
        self.most_at_once = 0
        self._now = 0
        self._arrived = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen on loopback."""
        app = web.Application(client_max_size=2**22)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def stop(self) -> None:
        """Break off whatever still hangs."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def arrival(self, count: int) -> None:
        """Wait until that many requests have arrived."""
        async with self._arrived:
            await asyncio.wait_for(self._arrived.wait_for(lambda: len(self.seen) >= count), 5)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        keys = tuple(request.headers.getall("Idempotency-Key", []))
        headers = {name.lower(): value for name, value in request.headers.items()}
        at = asyncio.get_running_loop().time()
        self.seen.append(Seen(request.method, request.raw_path, headers, keys, await request.read(), at))
        async with self._arrived:
            self._arrived.notify_all()
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            return await (self.script.pop(0) if self.script else self.otherwise)(request)
        finally:
            self._now -= 1


def says(status: int, body: Any = None, **headers: str) -> Step:
    """Answer with a JSON body; of header names `_` becomes `-`."""

    async def step(request: web.Request) -> web.StreamResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        data = b"" if body is None else json.dumps(body).encode()
        return web.Response(status=status, body=data, content_type="application/json", headers=names)

    return step


def problem(status: int, code: str, **members: Any) -> Step:
    """Answer with a problem document."""
    return says(status, {"type": f"urn:{code}", "status": status, "code": code, **members})


def raw(content: bytes, status: int = 202) -> Step:
    """Answer with these bytes."""

    async def step(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=content, content_type="application/json")

    return step


def endless(chunk: bytes, count: int) -> Step:
    """Answer 200 in chunks, without saying how long it will be."""

    async def step(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(count):
            await response.write(chunk)
        return response

    return step


async def breaks(request: web.Request) -> web.StreamResponse:
    """Take the request, then reset the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    raise ConnectionResetError


async def hangs(request: web.Request) -> web.StreamResponse:
    """Take the request and never answer."""
    await asyncio.sleep(3600)
    raise AssertionError


async def not_http(request: web.Request) -> web.StreamResponse:
    """Answer with something that is no HTTP."""
    assert isinstance(request.transport, asyncio.Transport)
    request.transport.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await asyncio.sleep(0.01)
    request.transport.abort()
    raise ConnectionResetError


def later(seconds: float, step: Step) -> Step:
    """Think for a while before the step."""

    async def thinking(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await step(request)

    return thinking


# ---- what InfraFabric documents -------------------------------------------------------------------------------------


def operation(**members: Any) -> dict[str, Any]:
    """An operation that runs."""
    return {
        "id": "op_1",
        "type": "instance.reboot",
        "status": "running",
        "progress": 0,
        "instance_id": "ins_1",
        "resource_id": None,
        "error": None,
        "result": None,
        "created_at": "2026-01-01T00:00:00Z",
        "finished_at": None,
    } | members


def instance(**members: Any) -> dict[str, Any]:
    """A machine that runs."""
    return {
        "id": "ins_1",
        "reference": "r",
        "type": "vps",
        "hostname": "a.example",
        "datacenter": "fra1",
        "plan": "vps-1",
        "cpus": 1,
        "memory_mb": 1024,
        "disk_gb": 20,
        "image": "debian-12",
        "status": "running",
        "addresses": [],
        "volumes": [],
        "firewall": {"rules": [], "version": 0},
        "expires_at": None,
        "labels": {},
        "version": 1,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    } | members


def volume(**members: Any) -> dict[str, Any]:
    """A volume of the machine."""
    return {
        "id": "vol_1",
        "name": "data",
        "size_gb": 10,
        "datacenter": "fra1",
        "instance_id": "ins_1",
        "status": "attached",
        "labels": {},
        "created_at": "2026-01-01T00:00:00Z",
    } | members


def taken(**members: Any) -> Step:
    """202 with a running operation."""
    return says(202, {"operation": operation(**members), "instance": instance()})
