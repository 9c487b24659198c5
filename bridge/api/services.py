"""Services: run an action, read state, history, credentials, usage, and what may be done now."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from bridge.api import access, bodies, shapes
from bridge.api.context import actor_of, api_of, key_of, request_id_of
from bridge.api.operations import answer, page_of_operations
from bridge.api.server import Handler
from bridge.domain.access import Scope
from bridge.domain.actions import REGISTRY, Action, Caller
from bridge.domain.parameters import parse
from bridge.domain.problems import ProblemError
from bridge.domain.provider import NoAnswer, ProviderError, Refused
from bridge.domain.service import Service, ServiceState
from bridge.engine.admission import Command, forbidden_reason, project
from bridge.store import audit, changes, operations, services
from bridge.store.audit import AuditEvent
from bridge.store.database import Transaction

_STATES = frozenset(state.value for state in ServiceState)


def run(action: Action) -> Handler:
    """The handler of `POST /v1/services/{service_key}/<action>`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        api, key, actor = api_of(request), key_of(request), actor_of(request)
        service_key = bodies.service_key(request)
        idempotency_key = bodies.idempotency_key(request)
        body = await bodies.read_object(request)
        params = parse(action.params, body.canonical)
        connection_id = await api.engine.database.read(access.connection_for, key, service_key)
        admitted = await api.commands.run(
            Command(
                connection_id=connection_id,
                service_key=service_key,
                action=action,
                params=params,
                caller=actor.caller,
                actor=actor.text,
                path=f"/v1/services/{service_key}/{action.name}",
                idempotency_key=idempotency_key,
                fingerprint=bodies.fingerprint(request, body),
                key_id=key.id,
                request_id=request_id_of(request),
            )
        )
        return await answer(request, admitted.operation.id, replayed=admitted.replayed, releases=True)

    return handle


async def get(request: web.Request) -> web.StreamResponse:
    """`GET /v1/services/{service_key}`."""
    api, key = api_of(request), key_of(request)
    view = await api.engine.database.read(_view, key, bodies.service_key(request))
    return web.json_response(shapes.service_json(api.engine, view, with_password=key.scope is Scope.MODULE))


async def listing(request: web.Request) -> web.StreamResponse:
    """`GET /v1/services`."""
    api, key = api_of(request), key_of(request)
    page = bodies.page(request, ("state",))
    bodies.service_cursor(page.after)
    state = bodies.one_of(request, "state", _STATES)
    found = await api.engine.database.read(_page, key.connection_id, state, page)
    views, newest = found
    more = views[page.limit - 1] if len(views) > page.limit else None
    with_password = key.scope is Scope.MODULE
    return web.json_response(
        {
            "items": [
                shapes.service_json(api.engine, v, with_password=with_password) for v in views[: page.limit]
            ],
            "next_cursor": None if more is None else bodies.encode_cursor(more.service.service_key),
            "changes_cursor": bodies.encode_cursor(str(newest)),
        }
    )


async def history(request: web.Request) -> web.StreamResponse:
    """`GET /v1/services/{service_key}/operations`."""
    api, key = api_of(request), key_of(request)
    service = await api.engine.database.read(access.service_of, key, bodies.service_key(request))
    return await page_of_operations(request, service_key=service.service_key)


async def actions(request: web.Request) -> web.StreamResponse:
    """`GET /v1/services/{service_key}/actions`: the registry, judged for this caller now."""
    api, key = api_of(request), key_of(request)
    projected, pending = await api.engine.database.read(_projected, key, bodies.service_key(request))
    caller = actor_of(request).caller if "X-Actor" in request.headers else None
    limit = api.engine.policy.queue_limit
    items = [_judged(action, projected, caller, pending >= limit) for action in REGISTRY.values()]
    return web.json_response({"items": items})


async def credentials(request: web.Request) -> web.StreamResponse:
    """`GET /v1/services/{service_key}/credentials`; each read is audited."""
    api, key = api_of(request), key_of(request)
    if key.scope is Scope.INFRAFABRIC:
        raise ProblemError("forbidden", "InfraFabric may not read credentials.")
    actor = actor_of(request).text if "X-Actor" in request.headers else key.scope.value
    event = AuditEvent(
        at=api.engine.now(),
        event="credentials.read",
        actor=actor,
        key_id=key.id,
        request_id=request_id_of(request),
    )
    view = await api.engine.database.run(_read_credentials, key, bodies.service_key(request), event)
    password = shapes.open_password(api.engine, view.service.service_key, view.credentials)
    known = view.credentials
    body: dict[str, Any] = {
        "username": None if known is None else known.username,
        "root_password": password,
        "password_available": password is not None,
        "set_at": None if known is None else shapes.moment(known.set_at),
    }
    return web.json_response(body, headers={"Cache-Control": "no-store"})


async def usage(request: web.Request) -> web.StreamResponse:
    """`GET /v1/services/{service_key}/usage?from=&to=`."""
    api, key = api_of(request), key_of(request)
    service = await api.engine.database.read(access.service_of, key, bodies.service_key(request))
    start, end = _period(request)
    if service.instance_id is None:
        raise ProblemError("action_not_allowed", "The service has no machine.", state=service.state.value)
    connection = await api.engine.database.read(api.engine.connections.load, service.connection_id)
    provider = api.engine.providers.get(connection)
    try:
        found: Mapping[str, Any] = await provider.usage(service.instance_id, start, end)
    except ProviderError as error:
        raise unavailable(error) from error
    return web.json_response({"service_key": service.service_key, **found})


def unavailable(error: ProviderError) -> ProblemError:
    """A read that InfraFabric did not answer, as a problem of this request."""
    if isinstance(error, Refused):
        return ProblemError(
            "provider_refused", f"InfraFabric refused ({error.status} {error.code}): {error.detail}"
        )
    again = max(1, int(error.retry_after.total_seconds())) if error.retry_after else 5
    said = "did not answer" if isinstance(error, NoAnswer) else "could not be reached"
    return ProblemError(
        "provider_unavailable", f"InfraFabric {said}. Try again.", headers={"Retry-After": str(again)}
    )


# ---- reading --------------------------------------------------------------------------------------------------------


def _view(conn: Transaction, key: Any, service_key: str) -> shapes.ServiceView:
    return shapes.load_service(conn, access.service_of(conn, key, service_key))


def _page(
    conn: Transaction, connection_id: str | None, state: str | None, page: bodies.Page
) -> tuple[list[shapes.ServiceView], int]:
    newest = changes.newest(conn)
    found = services.page(conn, connection_id, state=state, after=page.after, limit=page.limit + 1)
    return [shapes.load_service(conn, service) for service in found], newest


def _projected(conn: Transaction, key: Any, service_key: str) -> tuple[Service, int]:
    service = access.service_of(conn, key, service_key)
    pending = operations.unfinished(conn, service_key)
    return project(service, pending), len(pending)


def _judged(action: Action, service: Service, caller: Caller | None, full: bool) -> dict[str, Any]:
    reason = forbidden_reason(action, service) or action.full(service)
    if caller is not None and caller not in action.callers:
        reason = f"A {caller.value} may not call {action.name}."
    elif reason is None and full and action.name != "terminate":
        reason = "Too many operations of this service are unfinished."
    return {"action": action.name, "allowed": reason is None, "reason": reason}


def _read_credentials(conn: Transaction, key: Any, service_key: str, event: AuditEvent) -> shapes.ServiceView:
    view = _view(conn, key, service_key)
    named = {"service_key": service_key, "connection_id": view.service.connection_id}
    audit.add(conn, AuditEvent(**{name: getattr(event, name) for name in event.__dataclass_fields__} | named))
    return view


def _period(request: web.Request) -> tuple[datetime | None, datetime | None]:
    errors: dict[str, dict[str, str]] = {}
    for name in request.query:
        if name not in ("from", "to"):
            errors[name] = {"exists": "There is no such query parameter."}
    start, end = (_moment(request, name, errors) for name in ("from", "to"))
    if errors:
        raise ProblemError("validation_failed", "Correct the query parameters in errors.", errors=errors)
    return start, end


_MOMENT = re.compile(r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$")


def _moment(request: web.Request, name: str, errors: dict[str, dict[str, str]]) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        if _MOMENT.match(text):
            return datetime.fromisoformat(text.upper())
    except ValueError:
        errors[name] = {"format": "There is no such moment."}
        return None
    errors[name] = {"format": "Give an RFC 3339 moment with a time zone, such as 2026-01-31T00:00:00Z."}
    return None
