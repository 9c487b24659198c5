"""`/_sandbox`: faults in, truth out. For tests and demonstrations on loopback; it asks for no key."""

from collections import Counter
from typing import Any

from aiohttp import web

from bridge.infrafabric.sandbox.problems import Problem, respond
from bridge.infrafabric.sandbox.server import WORLD
from bridge.infrafabric.sandbox.state import Json
from bridge.infrafabric.sandbox.work import shown


async def add_fault(request: web.Request) -> web.StreamResponse:
    """`POST /_sandbox/faults`."""
    return respond(201, request.app[WORLD].faults.add(await request.json()).to_json())


async def list_faults(request: web.Request) -> web.StreamResponse:
    """`GET /_sandbox/faults`."""
    return respond(200, {"items": [fault.to_json() for fault in request.app[WORLD].faults.rules]})


async def clear_faults(request: web.Request) -> web.StreamResponse:
    """`DELETE /_sandbox/faults`."""
    request.app[WORLD].faults.rules.clear()
    return web.Response(status=204)


async def truth(request: web.Request) -> web.StreamResponse:
    """`GET /_sandbox/truth`: everything there is and was."""
    world = request.app[WORLD]
    state = world.state
    by_status = Counter(instance["status"] for instance in state.instances.values())
    living = [i for i in state.instances.values() if i["status"] != "deleted"]
    return respond(
        200,
        {
            "instances": [shown(i) for i in state.instances.values()],
            "living": len(living),
            "by_status": dict(by_status),
            "volumes": [shown(v) for v in state.volumes.values()],
            "living_volumes": sum(1 for v in state.volumes.values() if v["status"] != "deleted"),
            "operations": [
                shown(o) | {"result": None, "key": o.get("_key")} for o in state.operations.values()
            ],
            "effects": dict(state.effects),
            "requests_by_key": dict(state.requests_by_key),
            "webhooks": list(world.sender.log),
            "undelivered": len(state.outbox),
            "faults_fired": world.faults.fired,
        },
    )


async def requests(request: web.Request) -> web.StreamResponse:
    """`GET /_sandbox/requests`: what was asked, oldest first."""
    return respond(200, {"items": list(request.app[WORLD].log)})


async def clear_requests(request: web.Request) -> web.StreamResponse:
    """`DELETE /_sandbox/requests`."""
    request.app[WORLD].log.clear()
    return web.Response(status=204)


async def set_webhook(request: web.Request) -> web.StreamResponse:
    """`PUT /_sandbox/webhook`: `{url, secrets}`."""
    world = request.app[WORLD]
    body = await request.json()
    world.state.webhook = {"url": str(body["url"]), "secrets": [str(secret) for secret in body["secrets"]]}
    world.state.changed()
    return respond(200, {"url": body["url"]})


async def set_options(request: web.Request) -> web.StreamResponse:
    """`PUT /_sandbox/options`: `{speed, capacity}`."""
    world = request.app[WORLD]
    body: Json = await request.json()
    if "speed" in body:
        world.work.speed = float(body["speed"])
    if "capacity" in body:
        world.machines.capacity = body["capacity"]
    return respond(200, body)


async def tamper(request: web.Request) -> web.StreamResponse:
    """`POST /_sandbox/instances/{id}`: change a machine behind the bridge's back; `notify` sends the webhook."""
    world = request.app[WORLD]
    instance = world.state.instances.get(request.match_info["id"])
    if instance is None:
        raise Problem(404, "not_found", "There is no such machine.")
    body: dict[str, Any] = await request.json()
    notify = bool(body.pop("notify", True))
    instance.update(body)
    if instance["status"] == "deleted":
        world.state.by_reference.pop(instance["reference"], None)
    world.state.touch(instance)
    if notify:
        kind = "instance.deleted" if instance["status"] == "deleted" else "instance.updated"
        world.sender.send(kind, shown(instance))
    return respond(200, shown(instance))


def routes(app: web.Application) -> None:
    """All addresses of the control side."""
    app.router.add_post("/_sandbox/faults", add_fault)
    app.router.add_get("/_sandbox/faults", list_faults)
    app.router.add_delete("/_sandbox/faults", clear_faults)
    app.router.add_get("/_sandbox/truth", truth)
    app.router.add_get("/_sandbox/requests", requests)
    app.router.add_delete("/_sandbox/requests", clear_requests)
    app.router.add_put("/_sandbox/webhook", set_webhook)
    app.router.add_put("/_sandbox/options", set_options)
    app.router.add_post("/_sandbox/instances/{id}", tamper)
