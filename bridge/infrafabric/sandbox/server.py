"""The stand-in's HTTP side: authentication, idempotency, faults, and the table of addresses."""

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from bridge.infrafabric.sandbox import catalog
from bridge.infrafabric.sandbox.faults import REQUEST_KINDS, Fault, Faults
from bridge.infrafabric.sandbox.machines import Answer, Machines
from bridge.infrafabric.sandbox.problems import Problem, invalid, respond
from bridge.infrafabric.sandbox.state import Json, State, stamp
from bridge.infrafabric.sandbox.usage import usage
from bridge.infrafabric.sandbox.volumes import Volumes
from bridge.infrafabric.sandbox.webhooks import Sender
from bridge.infrafabric.sandbox.work import Work, shown, shown_operation

_BEFORE = frozenset({"drop_before", "error_before", "throttle", "maintenance", "delay"})
_OPERATION = frozenset({"operation_fails", "operation_hangs"})
_AFTER = REQUEST_KINDS - _BEFORE - _OPERATION
Mutation = Callable[[web.Request, Any, Fault | None], Answer]


@dataclass(slots=True)
class World:
    """Everything the handlers share."""

    state: State
    faults: Faults
    sender: Sender
    work: Work
    machines: Machines
    volumes: Volumes
    api_keys: frozenset[str]
    durable: bool
    log: "deque[Json]"
    in_flight: set[str]


WORLD: web.AppKey[World] = web.AppKey("world", World)


@web.middleware
async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
    """Everything below `/v1`: who asks, and a log line; problems in our form."""
    world = request.app[WORLD]
    status = 500
    try:
        if request.path.startswith("/v1") and not _authorized(world, request):
            raise Problem(401, "unauthorized", "The API key is missing or wrong.")
        response: web.StreamResponse = await handler(request)
        status = response.status
    except Problem as problem:
        status = problem.status
        headers = {"Retry-After": problem.retry_after} if problem.retry_after else {}
        response = respond(problem.status, problem.body(), headers)
    except web.HTTPException as error:
        status = error.status
        response = respond(error.status, Problem(error.status, "not_found", error.reason).body())
    finally:
        if request.path.startswith("/v1"):
            key = request.headers.get("Idempotency-Key")
            entry = {
                "method": request.method,
                "path": request.path,
                "key": key,
                "status": status,
                "at": stamp(),
            }
            world.log.append(entry)
    if "X-Request-Id" in request.headers:
        response.headers["X-Request-Id"] = request.headers["X-Request-Id"]
    return response


def _authorized(world: World, request: web.Request) -> bool:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and key in world.api_keys


# ---- mutations ------------------------------------------------------------------------------------------------------


def mutation(work: Mutation, endpoint: str) -> Any:
    """A handler with idempotency and faults around it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        world = request.app[WORLD]
        key = request.headers.get("Idempotency-Key", "")
        if not key or len(key) > 255:
            raise Problem(400, "idempotency_key_missing", "Send an Idempotency-Key of up to 255 characters.")
        body = await _body(request)
        await before(world, request, endpoint)
        digest = _digest(request, body)
        world.state.requests_by_key[key] += 1
        remembered = world.state.answers.get(key)
        if remembered is not None:
            return await _again(world, request, remembered, digest, endpoint)
        if key in world.in_flight:
            raise Problem(
                409, "idempotency_key_in_flight", "The first one is still under way.", retry_after="1"
            )
        world.in_flight.add(key)
        try:
            status, answer = _do(world, work, request, body, key, digest, endpoint)
            await _deliver_early(world, answer)
            return await after(world, request, endpoint, status, answer, {})
        finally:
            world.in_flight.discard(key)

    return handle


def _do(
    world: World, work: Mutation, request: web.Request, body: Any, key: str, digest: str, endpoint: str
) -> Answer:
    fault = world.faults.strike(endpoint, _OPERATION)
    try:
        status, answer = work(request, body, fault)
    except Problem as problem:
        if problem.remembered:
            _remember(world, key, digest, problem.status, problem.body())
        raise
    if "operation" in answer:
        world.state.operations[answer["operation"]["id"]]["_key"] = key
    _remember(world, key, digest, status, answer)
    return status, answer


def _remember(world: World, key: str, digest: str, status: int, answer: Json) -> None:
    world.state.answers[key] = {"digest": digest, "status": status, "body": answer, "at": stamp()}
    world.state.changed()
    if world.durable:
        world.state.save()


async def _again(
    world: World, request: web.Request, remembered: Json, digest: str, endpoint: str
) -> web.StreamResponse:
    if remembered["digest"] != digest:
        raise Problem(422, "idempotency_key_reused", "The key was used for another request.")
    headers = {"Idempotent-Replayed": "true"}
    return await after(world, request, endpoint, remembered["status"], remembered["body"], headers)


async def _deliver_early(world: World, answer: Json) -> None:
    """The operation ends, and its webhooks arrive, before the request that began it is answered."""
    operation = answer.get("operation")
    if operation is None or world.faults.strike("webhook", frozenset({"early"}), operation["type"]) is None:
        return
    world.work.end(operation["id"])
    await world.sender.flush()


async def _body(request: web.Request) -> Any:
    raw = await request.read()
    if not raw:
        return {}
    try:
        return json.loads(raw)
    except ValueError as error:
        raise Problem(400, "malformed", "The body is not JSON.") from error


def _digest(request: web.Request, body: Any) -> str:
    what = [request.method, request.path, sorted(request.query.items()), body]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


# ---- faults ---------------------------------------------------------------------------------------------------------


async def before(world: World, request: web.Request, endpoint: str) -> None:
    """Faults that strike before anything has happened."""
    fault = world.faults.strike(endpoint, _BEFORE)
    if fault is None:
        return
    options = fault.options
    match fault.kind:
        case "drop_before":
            await _drop(request)
        case "error_before":
            code = str(options.get("code", "internal"))
            raise Problem(int(options.get("status", 500)), code, "It broke before anything happened.")
        case "throttle":
            raise Problem(429, "rate_limited", "Slow down.", retry_after=_retry_after(options))
        case "maintenance":
            raise Problem(503, "maintenance", "Back soon.", retry_after=_retry_after(options))
        case "delay":
            await asyncio.sleep(float(options.get("seconds", 1)))


async def after(
    world: World, request: web.Request, endpoint: str, status: int, body: Json, headers: dict[str, str]
) -> web.StreamResponse:
    """Faults that strike when it has happened, but nobody has been told yet."""
    fault = world.faults.strike(endpoint, _AFTER)
    if fault is None:
        return respond(status, body, headers)
    match fault.kind:
        case "drop_after":
            await _drop(request)
        case "error_after":
            raise Problem(
                int(fault.options.get("status", 502)), "internal", "It broke after it had happened."
            )
        case "hang":
            await asyncio.sleep(float(fault.options.get("seconds", 3600)))
        case "malformed":
            return web.Response(status=status, body=b'{"operation": {"id": ', content_type="application/json")
        case "oversized":
            return respond(status, body | {"padding": "x" * int(fault.options.get("bytes", 8_000_000))})
        case "wrong_status":
            wrong = int(fault.options.get("status", 200))
            location = {"Location": "/v1/elsewhere"} if 300 <= wrong < 400 else {}
            return (
                web.Response(status=wrong, headers=location)
                if wrong in (204, 301, 302)
                else respond(wrong, body)
            )
    return respond(status, body, headers)


async def _drop(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("dropped on request")


def _retry_after(options: dict[str, Any]) -> str:
    return str(options.get("http_date") or options.get("retry_after", 1))


# ---- reading --------------------------------------------------------------------------------------------------------


def reading(work: Callable[[World, web.Request], Json], endpoint: str) -> Any:
    """A handler of a GET, with faults around it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        world = request.app[WORLD]
        await before(world, request, endpoint)
        return await after(world, request, endpoint, 200, work(world, request), {})

    return handle


def _page(request: web.Request, items: list[Json]) -> Json:
    limit_text, cursor = request.query.get("limit", "50"), request.query.get("cursor", "0")
    if not limit_text.isdigit() or not 1 <= int(limit_text) <= 200 or not cursor.isdigit():
        raise invalid({"limit": {"valid": "from 1 to 200"}})
    begin, limit = int(cursor), int(limit_text)
    more = begin + limit < len(items)
    page = [shown(item) for item in items[begin : begin + limit]]
    return {"items": page, "next_cursor": str(begin + limit) if more else None}


def _labelled(things: list[Json], request: web.Request) -> list[Json]:
    name, _, value = request.query.get("label", "").partition(":")
    return [thing for thing in things if not name or thing["labels"].get(name) == value]


def _instances(world: World, request: web.Request) -> Json:
    found = _labelled(list(world.state.instances.values()), request)
    if request.query.get("include_deleted") != "true":
        found = [i for i in found if i["status"] != "deleted"]
    if "reference" in request.query:
        found = [i for i in found if i["reference"] == request.query["reference"]]
    since = request.query.get("updated_since")
    if since is not None:
        found = [i for i in found if _moment(i["updated_at"]) >= _moment(since)]
    return _page(request, found)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid({"updated_since": {"format": "RFC 3339"}}) from error


def _volumes(world: World, request: web.Request) -> Json:
    found = [v for v in _labelled(list(world.state.volumes.values()), request) if v["status"] != "deleted"]
    wanted = request.query.get("instance_id")
    return _page(request, [v for v in found if wanted is None or v["instance_id"] == wanted])


def _catalog(items: list[Json]) -> Callable[[World, web.Request], Json]:
    def work(world: World, request: web.Request) -> Json:
        kind = request.query.get("type")
        return _page(request, [i for i in items if kind is None or i.get("type", kind) == kind])

    return work


def _operation(world: World, request: web.Request) -> Json:
    operation = world.state.operations.get(request.match_info["id"])
    if operation is None:
        raise Problem(404, "not_found", "There is no such operation.")
    return shown_operation(operation, with_result=True)


def _usage(world: World, request: web.Request) -> Json:
    instance = world.machines.get(request.match_info["id"])
    return usage(instance, request.query.get("from"), request.query.get("to"))


# ---- the table ------------------------------------------------------------------------------------------------------


def _id(request: web.Request) -> str:
    return request.match_info["id"]


def routes(app: web.Application, world: World) -> None:
    """All addresses of the API."""
    m, v = world.machines, world.volumes
    gets: tuple[tuple[str, Callable[[World, web.Request], Json]], ...] = (
        ("/datacenters", _catalog(catalog.DATACENTERS)),
        ("/plans", _catalog(catalog.PLANS)),
        ("/images", _catalog(catalog.IMAGES)),
        ("/instances", _instances),
        ("/instances/{id}", lambda w, r: shown(w.machines.get(_id(r)))),
        ("/instances/{id}/usage", _usage),
        ("/volumes", _volumes),
        ("/operations/{id}", _operation),
    )
    mutations: tuple[tuple[str, str, Mutation], ...] = (
        ("POST", "/instances", lambda r, b, f: m.create(b, f)),
        ("PATCH", "/instances/{id}", lambda r, b, f: m.update(_id(r), b, f)),
        ("DELETE", "/instances/{id}", lambda r, b, f: m.delete(_id(r), delete_volumes=_flag(r), fault=f)),
        ("POST", "/instances/{id}/actions", lambda r, b, f: m.act(_id(r), b, f)),
        ("POST", "/instances/{id}/addresses", lambda r, b, f: m.add_address(_id(r), b, f)),
        ("DELETE", "/instances/{id}/addresses/{aid}", lambda r, b, f: m.remove_address(_id(r), _aid(r), f)),
        ("PATCH", "/instances/{id}/addresses/{aid}", lambda r, b, f: m.name_address(_id(r), _aid(r), b, f)),
        ("PUT", "/instances/{id}/firewall", lambda r, b, f: m.set_firewall(_id(r), b, f)),
        ("POST", "/volumes", lambda r, b, f: v.create(b, f)),
        ("PATCH", "/volumes/{id}", lambda r, b, f: v.update(_id(r), b, f)),
        ("DELETE", "/volumes/{id}", lambda r, b, f: v.delete(_id(r), f)),
        ("POST", "/volumes/{id}/actions", lambda r, b, f: v.act(_id(r), b, f)),
    )
    for path, read in gets:
        app.router.add_get(f"/v1{path}", reading(read, f"GET {path}"))
    for method, path, work in mutations:
        app.router.add_route(method, f"/v1{path}", mutation(work, f"{method} {path}"))


def _aid(request: web.Request) -> str:
    return request.match_info["aid"]


def _flag(request: web.Request) -> bool:
    return request.query.get("delete_volumes") == "true"
