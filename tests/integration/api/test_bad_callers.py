"""Callers who may not: without a good key, of the wrong scope, for a client, and of another connection."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import Any

import pytest

from bridge.api.routes import ROUTES
from bridge.demo.stack import CONNECTION, Answer
from bridge.domain.actions import REGISTRY
from tests.integration.api.conftest import OTHER, SECRET, World, assert_problem, send
from tests.integration.api.table import BODIES

CALLBACK = "/v1/callbacks/infrafabric/{connection_id}"
OPEN = {"/healthz", "/readyz", CALLBACK}
GUARDED = [(method, path) for method, path, _ in ROUTES if path not in OPEN]
OWNED = [(method, path) for method, path in GUARDED if "{" in path]
NOT_FOR_CLIENTS = {"create", "adopt", "suspend", "unsuspend", "terminate", "renew"} | {
    "terminate_later",
    "undo_terminate",
}


def _ask(world: World, method: str, path: str, key: str, **options: Any) -> Answer:
    """The route about the module's own objects, with a body it would accept, under another key."""
    names = {"service_key": world.active, "operation_id": world.operation_id, "connection_id": CONNECTION}
    bodies = {
        "PUT": {"action_timeout": 77},
        "POST": BODIES[_verb(path)].base if _verb(path) in BODIES else {},
    }
    body = bodies.get(method)
    return world.stack.api(method, path.format(**names), body, key=key, **options)


def _verb(path: str) -> str:
    return path.rpartition("/")[2]


@pytest.mark.parametrize("key", ["expired", "revoked", "elsewhere"])
@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_f5_a_key_that_ended_opens_nothing(unchanged: World, method: str, path: str, key: str) -> None:
    """Expired, revoked, or used from outside its networks: 401 on every route, as if it never was."""
    answer = _ask(unchanged, method, path, unchanged.keys[key])
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


_SECRETS = ("", "-", "Bearer", "Bearer ", "Bearer wrong", "Basic {module}", "{module}", "Bearer {module}x", "Bearer {cut}")  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("header", [*_SECRETS, "Bearer {mixed}", "Bearer é", "Bearer {module} {module}"])
def test_f5_a_missing_or_invalid_key_opens_nothing(unchanged: World, header: str) -> None:
    """Nearly right is wrong: another scheme, a cut secret, one key's id with another's secret."""
    module, other = unchanged.keys["module"], unchanged.keys["other"]
    mixed = "_".join([*module.split("_")[:2], other.split("_")[2]])
    text = header.format(module=module, cut=module[:-1], mixed=mixed)
    common = [
        ("X-Actor", "staff:1"),
        ("Idempotency-Key", uuid.uuid4().hex),
        ("Content-Type", "application/json"),
    ]
    sent = [*common, *([] if header == "-" else [("Authorization", text)])]
    raw = json.dumps(BODIES["create"].base).encode()
    for method, path in (("POST", f"/v1/services/{uuid.uuid4()}/create"), ("GET", "/v1/services")):
        assert_problem(send(unchanged.stack, method, path, raw, sent), 401, "unauthorized")


def test_f5_two_authorizations_open_nothing(unchanged: World) -> None:
    """Nobody can tell which key is meant."""
    both = [("Authorization", f"Bearer {unchanged.keys[name]}") for name in ("module", "other")]
    assert_problem(send(unchanged.stack, "GET", "/v1/services", None, both), 401, "unauthorized")


# ---- scopes and actors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), [route for route in GUARDED if route[1] != "/metrics"])
def test_f5_a_metrics_key_reads_metrics_only(unchanged: World, method: str, path: str) -> None:
    """403 on every other route."""
    assert_problem(_ask(unchanged, method, path, unchanged.keys["metrics"]), 403, "forbidden")


@pytest.mark.parametrize(
    ("key", "method", "path", "actor"),
    [
        ("module", "GET", "/metrics", None),
        ("infrafabric", "GET", "/metrics", None),
        ("module", "DELETE", "/v1/connections/{connection_id}", "staff:1"),
        ("infrafabric", "DELETE", "/v1/connections/{connection_id}", None),
        ("infrafabric", "GET", "/v1/services/{service_key}/credentials", None),
        ("infrafabric", "POST", "/v1/services/{service_key}/reboot", "staff:1"),
    ],
)
def test_f5_a_scope_ends_where_it_ends(
    unchanged: World, key: str, method: str, path: str, actor: str | None
) -> None:
    """403 for what the key's scope does not cover."""
    assert_problem(_ask(unchanged, method, path, unchanged.keys[key], actor=actor), 403, "forbidden")


@pytest.mark.parametrize("action", sorted(NOT_FOR_CLIENTS))
def test_a11_decided_codes_a_client_may_not_decide_about_billing(unchanged: World, action: str) -> None:
    """Create, adopt, suspend, unsuspend, terminate (now or later, or undone) and renew are never a client's."""
    answer = unchanged.stack.act(unchanged.active, action, BODIES[action].base, actor="client:7")
    assert_problem(answer, 403, "forbidden")


def test_a11_a_client_may_not_raise_the_limits_of_its_package(unchanged: World) -> None:
    """An edit is a client's, what the package allows is not."""
    answer = unchanged.stack.act(unchanged.active, "edit", {"limits": {"volumes": 99}}, actor="client:7")
    assert_problem(answer, 403, "forbidden")


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a11_a_client_may_not_cancel_or_retry(unchanged: World, verb: str) -> None:
    """Operations belong to staff."""
    path = f"/v1/operations/{unchanged.operation_id}/{verb}"
    assert_problem(unchanged.stack.api("POST", path, {}, actor="client:7"), 403, "forbidden")


# ---- another connection's -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["other", "other operator"])
@pytest.mark.parametrize(("method", "path"), OWNED)
def test_f1_decided_codes_another_connection_s_objects_do_not_exist(
    unchanged: World, method: str, path: str, key: str
) -> None:
    """404 on every route about a service, an operation or a connection of somebody else."""
    assert_problem(_ask(unchanged, method, path, unchanged.keys[key]), 404, "not_found")


@pytest.mark.parametrize("state", ["suspended", "terminated", "failed"])
@pytest.mark.parametrize("action", list(REGISTRY))
def test_f1_another_connection_s_service_does_not_exist_in_any_state(
    unchanged: World, action: str, state: str
) -> None:
    """The answer does not tell in which state the service is that the key may not see."""
    key = unchanged.services[state]
    answer = unchanged.stack.act(key, action, BODIES[action].base, key=unchanged.keys["other"])
    assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("path", ["/v1/services", "/v1/operations", "/v1/changes", "/v1/connections"])
@pytest.mark.parametrize("key", ["other", "other operator"])
def test_f1_lists_show_nothing_of_another_connection(unchanged: World, key: str, path: str) -> None:
    """The other connection has no services, so its lists are empty, and it sees itself only."""
    items = unchanged.stack.api("GET", path, key=unchanged.keys[key]).body["items"]
    assert [item.get("id") for item in items] == ([OTHER] if path == "/v1/connections" else [])
    assert unchanged.stack.api("GET", path).body["items"]


def test_f1_another_client_s_order_does_not_exist(unchanged: World) -> None:
    """The same service key with another client id is somebody else's order."""
    body = BODIES["create"].base | {"blesta": {"client_id": 8}}
    assert_problem(unchanged.stack.act(unchanged.active, "create", body), 404, "not_found")


def _signed(secret: str, raw: bytes, at: int) -> list[tuple[str, str]]:
    message = b"msg_1.%d." % at + raw
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), message, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    names = {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": signature}
    return [("Content-Type", "application/json"), *names.items()]


@pytest.mark.parametrize("connection", [CONNECTION, "nowhere", "..%2fdemo"])
def test_f1_a_callback_signed_for_another_connection_is_not_authentic(
    unchanged: World, connection: str
) -> None:
    """One customer's secret signs nothing for another, and an unknown connection looks the same."""
    data = {"instance_id": unchanged.service["instance_id"], "status": "deleted"}
    raw = json.dumps({"type": "instance.deleted", "data": data}).encode()
    path = CALLBACK.format(connection_id=connection)
    headers = _signed(SECRET, raw, int(time.time()))
    assert_problem(send(unchanged.stack, "POST", path, raw, headers), 401, "signature_invalid")


@pytest.mark.parametrize(("late", "code"), [(-3600, "timestamp_invalid"), (3600, "timestamp_invalid")])
def test_f1_an_old_callback_is_not_taken(unchanged: World, late: int, code: str) -> None:
    """A good signature from another hour may be a recording."""
    path = CALLBACK.format(connection_id=OTHER)
    headers = _signed(SECRET, b"{}", int(time.time()) + late)
    assert_problem(send(unchanged.stack, "POST", path, b"{}", headers), 400, code)


def test_f1_an_unsigned_callback_is_not_taken(unchanged: World) -> None:
    """Nothing is believed without a signature."""
    path = CALLBACK.format(connection_id=CONNECTION)
    answer = send(unchanged.stack, "POST", path, b"{}", [("Content-Type", "application/json")])
    assert_problem(answer, 400, "signature_missing")
