"""Connections: settings of one Blesta ↔ InfraFabric pair. Secrets go in and never come out."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from aiohttp import web
from pydantic import AfterValidator, Field
from sqlalchemy import Connection as Transaction

from bridge.api import access, bodies
from bridge.api.context import Api, actor_of, api_of, key_of, request_id_of
from bridge.api.shapes import moment
from bridge.domain.access import ApiKey, Scope
from bridge.domain.parameters import Name, Params, parse
from bridge.domain.problems import ProblemError
from bridge.domain.provider import ProviderError, Refused
from bridge.infrafabric.webhooks import parse_secret
from bridge.store import audit, catalog, connections, services
from bridge.store.audit import AuditEvent
from bridge.store.connections import StoredConnection

HIDDEN = "***"
_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")


def _secret(value: str) -> str:
    if value != HIDDEN:
        parse_secret(value)
    return value


Secret = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_secret)]
Header = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[!-~]+$")]


class Settings(Params):
    """What `PUT` may carry; a member left out, or a secret of `***`, keeps its old value."""

    infrafabric_api_url: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    infrafabric_api_key: Header | None = None
    default_datacenter: Name | None = None
    provisioning_timeout: Annotated[int, Field(ge=10, le=3600)] | None = None
    action_timeout: Annotated[int, Field(ge=5, le=3600)] | None = None
    webhook_secrets: Annotated[tuple[Secret, ...], Field(max_length=8)] | None = None
    rate_limit_per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = None
    max_concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    policies: dict[str, str] | None = None


async def listing(request: web.Request) -> web.StreamResponse:
    """`GET /v1/connections`: the key's own."""
    api, key = api_of(request), key_of(request)
    page = bodies.page(request)
    found = await api.engine.database.read(_page, key, page)
    more = found[page.limit - 1] if len(found) > page.limit else None
    items = [_json(api, stored) for stored in found[: page.limit]]
    next_cursor = None if more is None else bodies.encode_cursor(more.id)
    return web.json_response({"items": items, "next_cursor": next_cursor})


async def get(request: web.Request) -> web.StreamResponse:
    """`GET /v1/connections/{connection_id}`."""
    api = api_of(request)
    return web.json_response(_json(api, await _own(request)))


async def put(request: web.Request) -> web.StreamResponse:
    """`PUT /v1/connections/{connection_id}`: make it (operators), or change it."""
    api, key = api_of(request), key_of(request)
    connection_id = _connection_id(request, key)
    body = await bodies.read_object(request)
    settings = parse(Settings, body.canonical)
    if settings.infrafabric_api_url is not None:
        api.check_url(settings.infrafabric_api_url)
    event = _event(request, "connection.changed", connection_id, sorted(body.value))
    stored, made = await api.engine.database.run(_store, api, key, connection_id, settings, event)
    return web.json_response(_json(api, stored), status=201 if made else 200)


async def delete(request: web.Request) -> web.StreamResponse:
    """`DELETE /v1/connections/{connection_id}`, while no service lives in it."""
    api, key = api_of(request), key_of(request)
    if key.scope is not Scope.OPERATOR:
        raise ProblemError("forbidden", "Only an operator may delete a connection.")
    connection_id = _connection_id(request, key)
    await api.engine.database.run(
        remove, connection_id, _event(request, "connection.deleted", connection_id, [])
    )
    return web.Response(status=204)


async def test(request: web.Request) -> web.StreamResponse:
    """`POST /v1/connections/{connection_id}/test`: whether InfraFabric answers with these settings."""
    api = api_of(request)
    stored = await _own(request)
    await bodies.read_object(request)
    connection = await api.engine.database.read(api.engine.connections.load, stored.id)
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
        raise _unknown()
    return stored


def _connection_id(request: web.Request, key: ApiKey) -> str:
    connection_id = request.match_info["connection_id"]
    if not _ID.match(connection_id) or not access.may_see(key, connection_id):
        raise _unknown()
    return connection_id


def _unknown() -> ProblemError:
    return ProblemError("not_found", "There is no such connection. Check the id.")


def _page(conn: Transaction, key: ApiKey, page: bodies.Page) -> list[StoredConnection]:
    if key.connection_id is None:
        return connections.page(conn, page.after, page.limit + 1)
    own = connections.get(conn, key.connection_id)
    return [own] if own is not None and page.after is None else []


def _store(
    conn: Transaction, api: Api, key: ApiKey, connection_id: str, settings: Settings, event: AuditEvent
) -> tuple[StoredConnection, bool]:
    before = connections.lock(conn, connection_id)
    if before is None and key.scope is not Scope.OPERATOR:
        raise _unknown()
    after = store(conn, api, connection_id, settings, event.at)
    audit.add(conn, event)
    return after, before is None


def store(
    conn: Transaction, api: Api, connection_id: str, settings: Settings, now: datetime
) -> StoredConnection:
    """Insert or change a connection; secrets are sealed on the way.

    Raises:
        ProblemError: `validation_failed` when a new one lacks its address or key.
    """
    before = connections.lock(conn, connection_id)
    values = settings.model_dump(exclude_none=True)
    changed = _sealed(api, connection_id, values, before)
    if before is None:
        _require(changed)
        after = StoredConnection(
            **_DEFAULTS | changed, id=connection_id, version=1, created_at=now, updated_at=now
        )
    else:
        after = replace(before, **changed, version=before.version + 1, updated_at=now)
        catalog.forget(conn, connection_id)
    connections.put(conn, after)
    return after


_DEFAULTS: dict[str, Any] = {
    "default_datacenter": None,
    "provisioning_timeout": 300,
    "action_timeout": 120,
    "rate_limit_per_minute": 600,
    "max_concurrency": 16,
    "policies": {},
}


def _require(values: dict[str, Any]) -> None:
    missing = [name for name in ("infrafabric_api_url", "infrafabric_api_key") if name not in values]
    if missing:
        errors = {name: {"empty": "A new connection needs this."} for name in missing}
        raise ProblemError("validation_failed", "The connection was not made.", errors=errors)


def _sealed(
    api: Api, connection_id: str, values: dict[str, Any], before: StoredConnection | None
) -> dict[str, Any]:
    book = api.connection_book
    key = values.pop("infrafabric_api_key", HIDDEN)
    if key != HIDDEN:
        values["infrafabric_api_key"] = book.seal_api_key(connection_id, key)
    secrets: tuple[str, ...] | None = values.pop("webhook_secrets", None)
    if secrets is not None and HIDDEN in secrets:
        kept = () if before is None else book.open(before).webhook_secrets
        secrets = tuple(dict.fromkeys([*kept, *(secret for secret in secrets if secret != HIDDEN)]))
    if secrets is not None or before is None:
        values["webhook_secrets"] = book.seal_webhook_secrets(connection_id, tuple(secrets or ()))
    return values


def remove(conn: Transaction, connection_id: str, event: AuditEvent) -> None:
    """Delete a connection.

    Raises:
        ProblemError: 404, or 409 `connection_in_use`.
    """
    if connections.lock(conn, connection_id) is None:
        raise _unknown()
    living = services.live_count(conn, connection_id)
    if living:
        detail = f"{living} services of this connection are not terminated. Terminate them first."
        raise ProblemError("connection_in_use", detail, live_services=living)
    connections.remove(conn, connection_id)
    audit.add(conn, event)


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


def _json(api: Api, stored: StoredConnection) -> dict[str, Any]:
    opened = api.connection_book.open(stored)
    fingerprint: Callable[[str], str] = api.connection_book.fingerprint
    return {
        "id": stored.id,
        "infrafabric_api_url": stored.infrafabric_api_url,
        "infrafabric_api_key": HIDDEN,
        "infrafabric_api_key_fingerprint": fingerprint(opened.infrafabric_api_key),
        "default_datacenter": stored.default_datacenter,
        "provisioning_timeout": stored.provisioning_timeout,
        "action_timeout": stored.action_timeout,
        "webhook_secrets": [HIDDEN for _ in opened.webhook_secrets],
        "webhook_secret_fingerprints": [fingerprint(secret) for secret in opened.webhook_secrets],
        "rate_limit_per_minute": stored.rate_limit_per_minute,
        "max_concurrency": stored.max_concurrency,
        "policies": dict(stored.policies),
        "created_at": moment(stored.created_at),
        "updated_at": moment(stored.updated_at),
    }
