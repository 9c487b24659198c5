"""Connections: settings of one Blesta ↔ InfraFabric pair. Secrets go in and never come out."""

from aiohttp import web

from bridge.api import access, bodies
from bridge.api.context import actor_of, api_of, key_of, request_id_of
from bridge.connection_settings import (
    ConnectionSettings,
    describe_connection,
    is_connection_id,
    remove_connection,
    store_connection,
    unknown_connection,
)
from bridge.connections import ConnectionBook
from bridge.domain.access import ApiKey, Scope
from bridge.domain.parameters import parse
from bridge.domain.problems import ProblemError
from bridge.domain.provider import ProviderError, Refused
from bridge.store import connections
from bridge.store.audit import AuditEvent
from bridge.store.connections import StoredConnection
from bridge.store.database import Transaction


async def listing(request: web.Request) -> web.StreamResponse:
    """`GET /v1/connections`: the key's own."""
    api, key = api_of(request), key_of(request)
    page = bodies.page(request)
    bodies.known_cursor(page.after, is_connection_id)
    found = await api.engine.database.read(_page, key, page)
    more = found[page.limit - 1] if len(found) > page.limit else None
    items = [describe_connection(api.connection_book, stored) for stored in found[: page.limit]]
    next_cursor = None if more is None else bodies.encode_cursor(more.id)
    return web.json_response({"items": items, "next_cursor": next_cursor})


async def get(request: web.Request) -> web.StreamResponse:
    """`GET /v1/connections/{connection_id}`."""
    return web.json_response(describe_connection(api_of(request).connection_book, await _own(request)))


async def put(request: web.Request) -> web.StreamResponse:
    """`PUT /v1/connections/{connection_id}`: make it (operators), or change it."""
    api, key = api_of(request), key_of(request)
    connection_id = _connection_id(request, key)
    body = await bodies.read_object(request)
    settings = parse(ConnectionSettings, body.canonical)
    if settings.infrafabric_api_url is not None:
        api.check_url(settings.infrafabric_api_url)
    event = _event(request, "connection.changed", connection_id, sorted(body.value))
    stored = await api.engine.database.run(_store, api.connection_book, key, connection_id, settings, event)
    made = stored.version == 1
    return web.json_response(describe_connection(api.connection_book, stored), status=201 if made else 200)


async def delete(request: web.Request) -> web.StreamResponse:
    """`DELETE /v1/connections/{connection_id}`, while no service lives in it."""
    api, key = api_of(request), key_of(request)
    connection_id = _connection_id(request, key)
    if key.scope is not Scope.OPERATOR:
        raise ProblemError("forbidden", "Only an operator may delete a connection.")
    event = _event(request, "connection.deleted", connection_id, [])
    await api.engine.database.run(remove_connection, connection_id, event)
    return web.Response(status=204)


async def test(request: web.Request) -> web.StreamResponse:
    """`POST /v1/connections/{connection_id}/test`: whether InfraFabric answers with these settings."""
    api = api_of(request)
    stored = await _own(request)
    await bodies.read_object(request)
    connection = api.connection_book.open(stored)
    try:
        found = await api.engine.providers.get(connection).catalog("datacenters")
    except Refused as error:
        return _result(ok=False, detail=f"InfraFabric refused ({error.status} {error.code}): {error.detail}")
    except ProviderError as error:
        return _result(ok=False, detail=f"InfraFabric could not be asked: {error.detail}")
    names = [str(item.get("id")) for item in found]
    if connection.default_datacenter is not None and connection.default_datacenter not in names:
        offered = ", ".join(names)
        return _result(
            ok=False, detail=f"InfraFabric has no datacenter {connection.default_datacenter}: {offered}."
        )
    return _result(ok=True, detail=f"InfraFabric answers and has {len(names)} datacenters.")


def _result(*, ok: bool, detail: str) -> web.Response:
    return web.json_response({"ok": ok, "detail": detail})


# ---- rows -----------------------------------------------------------------------------------------------------------


async def _own(request: web.Request) -> StoredConnection:
    api, key = api_of(request), key_of(request)
    connection_id = _connection_id(request, key)
    stored = await api.engine.database.read(connections.get, connection_id)
    if stored is None:
        raise unknown_connection()
    return stored


def _connection_id(request: web.Request, key: ApiKey) -> str:
    connection_id = request.match_info["connection_id"]
    if not is_connection_id(connection_id) or not access.may_see(key, connection_id):
        raise unknown_connection()
    return connection_id


def _page(conn: Transaction, key: ApiKey, page: bodies.Page) -> list[StoredConnection]:
    if key.connection_id is None:
        return connections.page(conn, page.after, page.limit + 1)
    own = connections.get(conn, key.connection_id)
    return [own] if own is not None and page.after is None else []


def _store(
    conn: Transaction,
    book: ConnectionBook,
    key: ApiKey,
    connection_id: str,
    settings: ConnectionSettings,
    event: AuditEvent,
) -> StoredConnection:
    """Only an operator makes connections; a module's key belongs to one that exists."""
    if key.scope is not Scope.OPERATOR and connections.get(conn, connection_id) is None:
        raise unknown_connection()
    return store_connection(conn, book, connection_id, settings, event)


def _event(request: web.Request, name: str, connection_id: str, members: list[str]) -> AuditEvent:
    return AuditEvent(
        at=api_of(request).engine.now(),
        event=name,
        actor=actor_of(request).text,
        key_id=key_of(request).id,
        connection_id=connection_id,
        request_id=request_id_of(request),
        detail={"members": members} if members else {},
    )
