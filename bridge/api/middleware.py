"""What every request passes: an id, a log line, a measurement, authentication, and problems for whatever goes wrong."""

import asyncio
import re
from typing import Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bridge.api import problems
from bridge.api.context import ACTOR, KEY, REQUEST_ID, Api, api_of
from bridge.api.server import Handler
from bridge.domain.access import ApiKey, Scope, actor_of
from bridge.domain.problems import Problem, ProblemError
from bridge.store import keys
from bridge.store.errors import StoreError

log = structlog.get_logger(__name__)

_REQUEST_ID: Final = re.compile(r"^[A-Za-z0-9._:-]{1,128}$")
_ACTION_PATH: Final = re.compile(r"^/v1/services/[^/]+/[^/]+$")
OPEN: Final = frozenset({"/healthz", "/readyz", "/v1/callbacks/infrafabric/{connection_id}"})
"""Routes without an API key: probes, and callbacks, which are signed."""


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, echo it, log the outcome and measure it."""
    given = request.headers.get("X-Request-Id", "")
    api = api_of(request)
    request_id = given if _REQUEST_ID.match(given) else api.engine.ids.new("req")
    request[REQUEST_ID] = request_id
    begun = api.engine.clock.monotonic()
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        api.health.requests += 1
        try:
            response = await handler(request)
        finally:
            api.health.requests -= 1
        seconds = api.engine.clock.monotonic() - begun
        route = _route(request)
        api.gauges.request_finished(request.method, route, response.status, seconds)
        log.info(
            "request.answered",
            method=request.method,
            route=route,
            status=response.status,
            seconds=round(seconds, 4),
        )
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id
    return response


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a problem document; never show a stack trace to a caller."""
    try:
        return await handler(request)
    except ProblemError as error:
        return problems.of_error(error)
    except web.HTTPNotFound as error:
        return _not_found(request, error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return problems.of_exception(error)
    except (web.RequestPayloadError, HttpProcessingError):
        return problems.of_status(400)
    except StoreError as error:
        log.warning("store.unavailable", why=str(error))
        problem = Problem(
            "store_unavailable", "The database is not available. Nothing was changed. Try again soon."
        )
        return problems.response(problem, {"Retry-After": "5"})
    except (asyncio.CancelledError, ConnectionError):
        raise
    except Exception:
        log.exception("request.broken")
        return problems.of_status(500)


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who asks; open routes ask for nothing, unknown ones have nothing to protect."""
    route = _route(request)
    if route in OPEN or request.match_info.http_exception is not None:
        return await handler(request)
    api = api_of(request)
    key = await _key(api, request)
    if route == "/metrics":
        _require(key, {Scope.METRICS, Scope.OPERATOR})
        return await handler(request)
    _require(key, {Scope.MODULE, Scope.INFRAFABRIC, Scope.OPERATOR})
    headers = request.headers.getall("X-Actor", [])
    if len(headers) > 1:
        raise ProblemError("actor_invalid", "Send one X-Actor.")
    needs_actor = request.method not in ("GET", "HEAD")
    header = headers[0] if headers else None
    request[KEY] = key
    if needs_actor or header is not None:
        request[ACTOR] = actor_of(key.scope, header)
    return await handler(request)


async def _key(api: Api, request: web.Request) -> ApiKey:
    unauthorized = ProblemError(
        "unauthorized", "Send Authorization: Bearer <key> with a key that is valid here."
    )
    headers = request.headers.getall("Authorization", [])
    scheme, _, text = (headers[0] if len(headers) == 1 else "").partition(" ")
    parsed = api.parse_key(text.strip()) if scheme.lower() == "bearer" else None
    if parsed is None:
        raise unauthorized
    key_id, secret = parsed
    key = await api.engine.database.read(keys.get, key_id)
    if key is None or not api.key_matches(secret, key.secret_sha256):
        raise unauthorized
    reason = key.unusable(api.engine.now(), api.client_ip(request))
    if reason is not None:
        log.warning("key.refused", key_id=key.id, reason=reason)
        raise unauthorized
    return key


def _require(key: ApiKey, scopes: set[Scope]) -> None:
    if key.scope not in scopes:
        raise ProblemError("forbidden", f"A key of scope {key.scope.value} may not do this.")


def _route(request: web.Request) -> str:
    """The route's template, never the raw path: metrics must not grow with what callers make up."""
    resource = request.match_info.route.resource
    return "unmatched" if resource is None else resource.canonical


def _not_found(request: web.Request, error: web.HTTPException) -> web.Response:
    if request.method == "POST" and _ACTION_PATH.match(request.path):
        return problems.response(Problem("unknown_action", "There is no such action. See GET …/actions."))
    return problems.of_exception(error)
