"""`GET /v1/drift`: where InfraFabric and the bridge disagree, as reconcile found it."""

from typing import Any

from aiohttp import web

from bridge.api import bodies
from bridge.api.context import api_of, key_of
from bridge.api.shapes import moment
from bridge.domain.drift import DriftClass
from bridge.store import findings
from bridge.store.findings import Recorded


async def listing(request: web.Request) -> web.StreamResponse:
    """What stands, in the order in which it was found; `class` and `service_key` choose."""
    api, key = api_of(request), key_of(request)
    page = bodies.page(request, ("class", "service_key"))
    kind = bodies.one_of(request, "class", DriftClass)
    service_key = bodies.uuid_of(request, "service_key")
    found = await api.engine.database.read(
        findings.page,
        key.connection_id,
        kind=kind,
        service_key=service_key,
        after=bodies.number_cursor(page.after),
        limit=page.limit + 1,
    )
    shown = found[: page.limit]
    more = bodies.encode_cursor(str(shown[-1].number)) if len(found) > page.limit else None
    return web.json_response({"items": [_shape(each) for each in shown], "next_cursor": more})


def _shape(recorded: Recorded) -> dict[str, Any]:
    finding = recorded.finding
    return {
        "class": finding.kind.value,
        "connection_id": recorded.connection_id,
        "service_key": finding.service_key,
        "instance_id": finding.instance_id,
        "volume_id": finding.volume_id,
        "detail": dict(finding.detail),
        "first_seen": moment(recorded.first_seen),
        "last_seen": moment(recorded.last_seen),
        "operation_id": recorded.operation_id,
    }
