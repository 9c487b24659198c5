"""`GET /v1/changes`: what Blesta has to store since a cursor."""

from typing import Any

from aiohttp import web

from bridge.api import bodies, shapes
from bridge.api.context import api_of, key_of
from bridge.domain.access import ApiKey, Scope
from bridge.domain.problems import ProblemError
from bridge.store import changes, services
from bridge.store.database import Transaction


async def listing(request: web.Request) -> web.StreamResponse:
    """Changes in the order of commits; `next_cursor` is where to go on, also when there is nothing new."""
    api, key = api_of(request), key_of(request)
    page = bodies.page(request)
    after = bodies.number_cursor(page.after)
    rows, views = await api.engine.database.read(_page, key, after, page.limit)
    with_password = key.scope is Scope.MODULE
    fields = {
        service_key: shapes.service_fields(api.engine, view, with_password=with_password)
        for service_key, view in views.items()
    }
    items: list[dict[str, Any]] = [
        {
            "cursor": bodies.encode_cursor(str(row.cursor)),
            "service_key": row.service_key,
            "version": row.version,
            "state": row.state,
            "operation": row.operation,
            "fields": fields[row.service_key],
        }
        for row in rows
    ]
    last = rows[-1].cursor if rows else after
    return web.json_response({"items": items, "next_cursor": bodies.encode_cursor(str(last))})


def _page(
    conn: Transaction, key: ApiKey, after: int, limit: int
) -> tuple[list[changes.Change], dict[str, shapes.ServiceView]]:
    newest, oldest = changes.newest(conn), changes.oldest(conn)
    lost = oldest is not None and after < oldest - 1
    if (lost and after > 0) or after > newest:
        raise ProblemError(
            "cursor_expired",
            "Changes from there on are not kept any more. Read GET /v1/services completely, then go on from its "
            "changes_cursor.",
        )
    rows = changes.page(conn, key.connection_id, after, limit)
    views = {}
    for service_key in {row.service_key for row in rows}:
        service = services.get(conn, service_key)
        if service is None:
            raise LookupError(f"service {service_key} of a change does not exist")
        views[service_key] = shapes.load_service(conn, service)
    return rows, views
