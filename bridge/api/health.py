"""Probes and metrics (requirements D3, E7)."""

from aiohttp import web

from bridge.api.context import api_of
from bridge.domain.problems import ProblemError
from bridge.store.database import ping
from bridge.store.errors import StoreError


async def healthz(request: web.Request) -> web.StreamResponse:
    """The process is alive and its loop turns; nothing else is asked."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.StreamResponse:
    """The database answers, and the process is not on its way out."""
    api = api_of(request)
    if api.health.draining:
        raise ProblemError("not_ready", "The bridge is shutting down.", headers={"Retry-After": "5"})
    try:
        await api.engine.database.read(ping)
    except StoreError as error:
        raise ProblemError(
            "not_ready", "The database does not answer.", headers={"Retry-After": "5"}
        ) from error
    return web.json_response({"status": "ready"})


async def metrics(request: web.Request) -> web.StreamResponse:
    """The Prometheus exposition."""
    api = api_of(request)
    await api.refresh_gauges()
    body, content_type = api.gauges.render()
    return web.Response(body=body, headers={"Content-Type": content_type})
