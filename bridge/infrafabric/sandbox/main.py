"""Starting the stand-in: flags, the server, and a clean end."""

import argparse
import asyncio
import signal
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from bridge.infrafabric.sandbox import control
from bridge.infrafabric.sandbox.faults import Faults
from bridge.infrafabric.sandbox.machines import Machines
from bridge.infrafabric.sandbox.server import WORLD, World, guard, routes
from bridge.infrafabric.sandbox.state import State
from bridge.infrafabric.sandbox.volumes import Volumes
from bridge.infrafabric.sandbox.webhooks import SCHEDULE, Sender
from bridge.infrafabric.sandbox.work import Work


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How the stand-in runs. `speed` divides all latencies; `webhook_speed` the pauses between deliveries."""

    host: str = "127.0.0.1"
    port: int = 0
    state: Path | None = None
    durable: bool = False
    api_keys: tuple[str, ...] = ("sandbox-key",)
    speed: float = 1.0
    webhook_url: str = ""
    webhook_secrets: tuple[str, ...] = ()
    webhook_speed: float = 1.0
    seed: int | None = None
    capacity: int | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 lets the system choose")
    parser.add_argument(
        "--state", type=Path, help="JSON file that keeps everything; without it all is in memory"
    )
    parser.add_argument("--durable", action="store_true", help="write the file before each answer")
    parser.add_argument("--api-key", action="append", help="accepted key (repeatable) [sandbox-key]")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster than real everything goes")
    parser.add_argument("--webhook-url", default="", help="where callbacks go")
    parser.add_argument(
        "--webhook-secret", action="append", help="secret to sign with (two during a rotation)"
    )
    parser.add_argument(
        "--webhook-speed", type=float, default=1.0, help="how much faster undelivered callbacks repeat"
    )
    parser.add_argument("--seed", type=int, help="makes faults and latencies repeatable")
    parser.add_argument("--capacity", type=int, help="how many machines fit")


def options_from(given: argparse.Namespace) -> SandboxOptions:
    """Options from parsed flags."""
    return SandboxOptions(
        host=given.host,
        port=given.port,
        state=given.state,
        durable=given.durable,
        api_keys=tuple(given.api_key or ("sandbox-key",)),
        speed=given.speed,
        webhook_url=given.webhook_url,
        webhook_secrets=tuple(given.webhook_secret or ()),
        webhook_speed=given.webhook_speed,
        seed=given.seed,
        capacity=given.capacity,
    )


def build(options: SandboxOptions) -> tuple[web.Application, World]:
    """The application and the world it serves."""
    state = State(options.state)
    if options.webhook_url:
        state.webhook = {"url": options.webhook_url, "secrets": list(options.webhook_secrets)}
    faults = Faults(options.seed)
    sender = Sender(state, faults, tuple(pause / options.webhook_speed for pause in SCHEDULE))
    work = Work(state, faults, sender, options.speed)
    machines = Machines(state, work, options.capacity)
    world = World(
        state=state,
        faults=faults,
        sender=sender,
        work=work,
        machines=machines,
        volumes=Volumes(state, work, machines),
        api_keys=frozenset(options.api_keys),
        durable=options.durable,
        log=deque(maxlen=100_000),
        in_flight=set(),
    )
    app = web.Application(middlewares=[guard])
    app[WORLD] = world
    routes(app, world)
    control.routes(app)
    return app, world


def run(options: SandboxOptions) -> int:
    """Serve until SIGTERM or SIGINT."""
    asyncio.run(_serve(options))
    return 0


async def _serve(options: SandboxOptions) -> None:
    app, world = build(options)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    await world.sender.start()
    world.work.resume()
    site = web.TCPSite(runner, options.host, options.port, backlog=1024)
    await site.start()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    print(f"sandbox listening on http://{options.host}:{runner.addresses[0][1]}/v1", flush=True)
    await stopping.wait()
    world.work.cancel_timers()
    await world.sender.stop()
    await runner.cleanup()
    world.state.save()
