"""`GET /v1/catalog/{plans,images,datacenters}`: what InfraFabric offers, for Blesta's package form."""

from aiohttp import web

from bridge.api.context import api_of, key_of
from bridge.api.server import Handler
from bridge.api.services import unavailable
from bridge.api.shapes import moment
from bridge.domain.access import ApiKey
from bridge.domain.problems import ProblemError
from bridge.domain.provider import CatalogKind, ProviderError
from bridge.engine.catalog import listing
from bridge.store import connections
from bridge.store.database import Transaction


def of_kind(kind: CatalogKind) -> Handler:
    """The handler for one kind of list."""

    async def handle(request: web.Request) -> web.StreamResponse:
        api, key = api_of(request), key_of(request)
        wanted = _wanted_type(request)
        connection_id = await api.engine.database.read(_connection_id, key)
        connection = await api.engine.database.read(api.engine.connections.load, connection_id)
        try:
            found = await listing(api.engine, connection, kind)
        except ProviderError as error:
            raise unavailable(error) from error
        items = [item for item in found.items if wanted is None or item.get("type") in (None, wanted)]
        body = {"items": items, "next_cursor": None, "fetched_at": moment(found.fetched_at)}
        return web.json_response(body)

    return handle


def _wanted_type(request: web.Request) -> str | None:
    wanted = request.query.get("type")
    unknown = [name for name in request.query if name != "type"]
    errors = {name: {"exists": "There is no such query parameter."} for name in unknown}
    if wanted is not None and wanted not in ("vps", "container"):
        errors["type"] = {"valid": "type is vps or container."}
    if errors:
        raise ProblemError("validation_failed", "Correct the query parameters in errors.", errors=errors)
    return wanted


def _connection_id(conn: Transaction, key: ApiKey) -> str:
    if key.connection_id is not None:
        return key.connection_id
    known = connections.page(conn, None, 2)
    if len(known) != 1:
        raise ProblemError(
            "connection_required", "Use a key that is bound to the connection whose catalog you mean."
        )
    return known[0].id
