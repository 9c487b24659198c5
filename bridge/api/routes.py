"""Every address of the API in one place; openapi.yaml is checked against this table."""

from aiohttp import web

from bridge.api import callbacks, catalog, changes, connections, drift, health, operations, services
from bridge.api.context import API, Api
from bridge.api.middleware import authenticate, explain, identify
from bridge.api.server import Handler, expect, set_server_header
from bridge.domain.actions import REGISTRY

_SERVICE = "/v1/services/{service_key}"
_OPERATION = "/v1/operations/{operation_id}"
_CONNECTION = "/v1/connections/{connection_id}"

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v1/services", services.listing),
    ("GET", _SERVICE, services.get),
    ("GET", f"{_SERVICE}/actions", services.actions),
    ("GET", f"{_SERVICE}/credentials", services.credentials),
    ("GET", f"{_SERVICE}/operations", services.history),
    ("GET", f"{_SERVICE}/usage", services.usage),
    *(("POST", f"{_SERVICE}/{action.name}", services.run(action)) for action in REGISTRY.values()),
    ("GET", "/v1/operations", operations.listing),
    ("GET", _OPERATION, operations.get),
    ("POST", f"{_OPERATION}/cancel", operations.cancel),
    ("POST", f"{_OPERATION}/retry", operations.retry),
    ("GET", "/v1/changes", changes.listing),
    ("GET", "/v1/drift", drift.listing),
    ("GET", "/v1/catalog/plans", catalog.of_kind("plans")),
    ("GET", "/v1/catalog/images", catalog.of_kind("images")),
    ("GET", "/v1/catalog/datacenters", catalog.of_kind("datacenters")),
    ("GET", "/v1/connections", connections.listing),
    ("GET", _CONNECTION, connections.get),
    ("PUT", _CONNECTION, connections.put),
    ("DELETE", _CONNECTION, connections.delete),
    ("POST", f"{_CONNECTION}/test", connections.test),
    ("POST", "/v1/callbacks/infrafabric/{connection_id}", callbacks.receive),
    ("GET", "/healthz", health.healthz),
    ("GET", "/readyz", health.readyz),
    ("GET", "/metrics", health.metrics),
)


def application(api: Api) -> web.Application:
    """The aiohttp application."""
    app = web.Application(
        middlewares=[identify, explain, authenticate], client_max_size=api.limits.body_bytes
    )
    app[API] = api
    app.on_response_prepare.append(set_server_header)
    for method, path, handler in ROUTES:
        app.router.add_route(method, path, handler, expect_handler=expect)
    return app
