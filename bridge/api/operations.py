"""Operations: read one (and wait for it), list, cancel, try again."""

from aiohttp import web

from bridge.api import access, bodies, shapes
from bridge.api.context import actor_of, api_of, key_of, request_id_of
from bridge.domain.access import Scope
from bridge.domain.actions import Caller
from bridge.domain.operation import OperationState
from bridge.domain.problems import ProblemError
from bridge.domain.repairs import ACTIONS
from bridge.engine.commands import Asker
from bridge.store import credentials, operations, services, timeline
from bridge.store.database import Transaction

RETRY_AFTER = 2
"""Seconds after which an unfinished operation is worth another look."""

_ORDERS = ("oldest_first", "newest_first")


async def answer(
    request: web.Request, operation_id: str, *, replayed: bool = False, releases: bool = False
) -> web.Response:
    """The operation after the wait that was asked for: 200 when it has ended, else 202.

    `releases`: the caller of a create that asked for a wait is told "on its way", and goes on without us.
    """
    api, key = api_of(request), key_of(request)
    preferred = bodies.preferred_wait(request)
    operation = await api.engine.database.read(access.operation_of, key, operation_id)
    if not operation.ended and preferred:
        await api.commands.wait(operation_id, preferred)
    view = await api.engine.database.read(shapes.load_operation, operation_id)
    assert view is not None
    ended = view.operation.ended
    if releases and not ended and preferred is not None and view.operation.action == "create":
        await api.commands.release(operation_id)
    headers: dict[str, str] = {}
    if preferred is not None:
        headers["Preference-Applied"] = f"wait={preferred}"
    if replayed:
        headers["Idempotent-Replayed"] = "true"
        api.gauges.deduplicated("idempotency_key")
    if releases:
        headers["Location"] = f"/v1/operations/{operation_id}"
    if not ended:
        headers["Retry-After"] = str(RETRY_AFTER)
    body = shapes.operation_json(api.engine, view, with_password=key.scope is Scope.MODULE)
    return web.json_response(body, status=200 if ended or not releases else 202, headers=headers)


async def get(request: web.Request) -> web.StreamResponse:
    """`GET /v1/operations/{id}`, with `Prefer: wait=N` as a long poll."""
    return await answer(request, request.match_info["operation_id"])


async def listing(request: web.Request) -> web.StreamResponse:
    """`GET /v1/operations`."""
    return await page_of_operations(request)


async def cancel(request: web.Request) -> web.StreamResponse:
    """`POST /v1/operations/{id}/cancel`, for staff."""
    api, key = api_of(request), key_of(request)
    asker = _staff(request)
    await bodies.read_object(request)
    operation = await api.engine.database.read(access.operation_of, key, request.match_info["operation_id"])
    await api.commands.cancel(operation.id, asker)
    return await answer(request, operation.id, releases=True)


async def retry(request: web.Request) -> web.StreamResponse:
    """`POST /v1/operations/{id}/retry`, for staff: a new operation, linked to the old one."""
    api, key = api_of(request), key_of(request)
    asker = _staff(request)
    idempotency_key = bodies.idempotency_key(request)
    body = await bodies.read_object(request)
    operation = await api.engine.database.read(access.operation_of, key, request.match_info["operation_id"])
    path = f"/v1/operations/{operation.id}/retry"
    fingerprint = bodies.fingerprint(request, body)
    admitted = await api.commands.retry(operation, asker, idempotency_key, fingerprint, path)
    return await answer(request, admitted.operation.id, replayed=admitted.replayed, releases=True)


async def page_of_operations(request: web.Request, service_key: str | None = None) -> web.Response:
    """Operations in order of acceptance, or the other way round."""
    api, key = api_of(request), key_of(request)
    page = bodies.page(request, ("state", "action", "order"))
    filters = {
        "state": bodies.one_of(request, "state", OperationState),
        "action": bodies.one_of(request, "action", ACTIONS),
    }
    newest_first = bodies.one_of(request, "order", _ORDERS) == "newest_first"
    found = await api.engine.database.read(_page, key.connection_id, service_key, filters, page, newest_first)
    with_password = key.scope is Scope.MODULE
    items = [shapes.operation_json(api.engine, view, with_password=with_password) for _, view in found]
    more = found[page.limit - 1][0] if len(found) > page.limit else None
    next_cursor = None if more is None else bodies.encode_cursor(str(more))
    return web.json_response({"items": items[: page.limit], "next_cursor": next_cursor})


def _page(
    conn: Transaction,
    connection_id: str | None,
    service_key: str | None,
    filters: dict[str, str | None],
    page: bodies.Page,
    newest_first: bool,
) -> list[tuple[int, shapes.OperationView]]:
    after = bodies.number_cursor(page.after)
    found = operations.page(
        conn,
        connection_id=connection_id,
        service_key=service_key,
        state=filters["state"],
        action=filters["action"],
        after=after,
        limit=page.limit + 1,
        newest_first=newest_first,
    )
    histories = timeline.of(conn, [operation.id for _, operation in found])
    views: dict[str, shapes.ServiceView] = {}
    for _, operation in found:
        if operation.service_key not in views:
            views[operation.service_key] = _service(conn, operation.service_key)
    return [
        (number, shapes.OperationView(operation, histories[operation.id], views[operation.service_key]))
        for number, operation in found
    ]


def _service(conn: Transaction, service_key: str) -> shapes.ServiceView:
    service = services.get(conn, service_key)
    if service is None:
        raise LookupError(f"service {service_key} of an operation does not exist")
    current = operations.first_unfinished(conn, service_key)
    return shapes.ServiceView(service, current, credentials.get(conn, service_key))


def _staff(request: web.Request) -> Asker:
    actor = actor_of(request)
    if actor.caller is Caller.CLIENT:
        raise ProblemError("forbidden", "A client may not cancel or retry operations.")
    return Asker(actor.caller, actor.text, key_of(request).id, request_id_of(request))
