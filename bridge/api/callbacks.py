"""`POST /v1/callbacks/infrafabric/{connection_id}`: verified over the raw bytes, then recorded, then acknowledged."""

import structlog
from aiohttp import web

from bridge.api import bodies, problems
from bridge.api.context import api_of
from bridge.domain.connection import Connection
from bridge.domain.problems import Problem, ProblemError
from bridge.engine.callbacks import Callback
from bridge.engine.context import Connections
from bridge.infrafabric.webhooks import WebhookRejected, parse_report, verify
from bridge.store.database import Transaction

log = structlog.get_logger(__name__)


async def receive(request: web.Request) -> web.StreamResponse:
    """Take one signed message.

    2xx says that it is stored (or known already, or of no use); 4xx that it is not authentic or not readable, and then
    nothing is stored. A connection that does not exist answers like a bad signature: never 410, which would make the
    sender stop for good.
    """
    api = api_of(request)
    if request.content_type != "application/json":
        raise ProblemError("unsupported_media_type", "Send the callback as application/json.")
    raw = await bodies.read_raw(request)
    connection_id = request.match_info["connection_id"]
    connection = await api.engine.database.read(_connection, api.engine.connections, connection_id)
    now = api.engine.now()
    try:
        verified = verify(
            () if connection is None else connection.webhook_secrets,
            request.headers,
            raw,
            now,
            tolerance=api.limits.callback_tolerance,
        )
        api_key = "" if connection is None else connection.infrafabric_api_key
        kind, report = parse_report(verified.body, secret=api_key)
    except WebhookRejected as rejected:
        api.gauges.callback_rejected(rejected.reason)
        log.warning("callback.rejected", connection_id=connection_id[:64], reason=rejected.reason)
        detail = (
            f"Nothing was stored: {rejected.reason}. Sign the exact bytes by the Standard Webhooks scheme."
        )
        return problems.response(Problem(rejected.code, detail))
    taken = await api.commands.take(Callback(connection_id, verified.id, kind, report))
    api.gauges.callback_taken(kind, taken.outcome)
    if taken.outcome == "duplicate":
        api.gauges.deduplicated("callback")
    log.info("callback.taken", connection_id=connection_id, type=kind, outcome=taken.outcome)
    return web.Response(status=204)


def _connection(conn: Transaction, connections: Connections, connection_id: str) -> Connection | None:
    try:
        return connections.load(conn, connection_id)
    except LookupError:
        return None
