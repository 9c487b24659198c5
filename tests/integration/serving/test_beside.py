"""What happens beside a running bridge: commands on its database, a second server, proxies, a lost database."""

import os
import subprocess
import sys
import time
import uuid
from typing import Any

import pytest

from bridge.demo.stack import CONNECTION, Stack, call
from tests.acceptance.life import order, until
from tests.conftest import PostgresServer
from tests.integration.serving.conftest import MakeStack


def _key(stack: Stack, *options: str, scope: str = "module") -> str:
    bound = ["--connection", CONNECTION] if scope == "module" else []
    return stack.command("keys", "create", "--scope", scope, *bound, *options)


def _services(stack: Stack, key: str, **headers: str) -> int:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return stack.api("GET", "/v1/services", key=key, headers=names).status


def test_a_key_revoked_by_command_ends_within_a_second(stack: Stack) -> None:
    """The server has no cache that would let it live on; other keys do."""
    key, other = _key(stack), _key(stack)
    assert (_services(stack, key), _services(stack, other)) == (200, 200)
    stack.command("keys", "revoke", key.split("_")[1])
    began = time.monotonic()
    until(lambda: _services(stack, key) == 401, 2)
    assert time.monotonic() - began < 1
    assert _services(stack, other) == 200


def test_F5_two_live_keys_overlap_during_a_rotation(stack: Stack) -> None:
    """The new one works before the old one ends, and they see the same services."""
    old, new = _key(stack), _key(stack)
    service = str(uuid.uuid4())
    stack.act(service, "create", order(), wait=30, key=old)
    assert stack.api("GET", f"/v1/services/{service}", key=new).status == 200
    stack.command("keys", "revoke", old.split("_")[1])
    assert stack.api("GET", f"/v1/services/{service}", key=new).status == 200


@pytest.mark.parametrize("scope", ["metrics", "operator", "module"])
def test_F5_scopes(stack: Stack, scope: str) -> None:
    """Metrics are for metrics and operator keys, services for all but metrics keys."""
    key = _key(stack, scope=scope)
    headers = {"Authorization": f"Bearer {key}"}
    assert call("GET", stack.bridge_url + "/metrics", headers=headers).status == (
        403 if scope == "module" else 200
    )
    assert _services(stack, key) == (403 if scope == "metrics" else 200)
    assert call("GET", stack.bridge_url + "/metrics").status == 401


def test_F4_F5_a_key_bound_to_a_network_behind_a_proxy(stack: Stack) -> None:
    """Judged by the first untrusted address from the right; forged or broken headers are 400, not a way in."""
    key = _key(stack, "--cidr", "203.0.113.0/24")
    assert _services(stack, key) == 401
    assert _services(stack, key, X_Forwarded_For="203.0.113.9") == 200
    assert _services(stack, key, X_Forwarded_For="198.51.100.1, 203.0.113.9, 127.0.0.1") == 200
    assert _services(stack, key, X_Forwarded_For="203.0.113.9, 198.51.100.1") == 401
    assert _services(stack, key, X_Forwarded_For="nonsense") == 400


def test_a_connection_changed_by_command_is_seen_within_a_second(stack: Stack) -> None:
    """The next request to InfraFabric already has the new key, without a restart."""

    def works() -> Any:
        path = f"/v1/connections/{CONNECTION}/test"
        return stack.api("POST", path, {}, key=stack.operator_key, actor=None).body["ok"]

    assert works() is True
    stack.command("connections", "put", CONNECTION, "--json", "-", stdin='{"infrafabric_api_key": "wrong"}')
    until(lambda: works() is False, 1)
    stack.command(
        "connections", "put", CONNECTION, "--json", "-", stdin='{"infrafabric_api_key": "sandbox-key"}'
    )
    until(lambda: works() is True, 1)


def test_a_second_server_on_the_same_file_is_refused(stack: Stack) -> None:
    """It says who serves and what to do, ends with status 1, and the first one does not notice."""
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "serve"],
        env={**os.environ, **stack.environment, "BRIDGE_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert f"process {stack.bridge.pid}" in done.stderr
    assert "BRIDGE_DATA_DIR" in done.stderr
    assert "Traceback" not in done.stderr
    assert "listening" not in done.stdout
    assert stack.act(str(uuid.uuid4()), "create", order(), wait=30).body["state"] == "succeeded"


def test_a_port_that_is_taken_is_said_plainly(stack: Stack) -> None:
    """Status 1 and one sentence with the address, not a stack trace."""
    port = stack.bridge_url.rpartition(":")[2]
    folder = stack.folder / "other"
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "serve"],
        env={**os.environ, "BRIDGE_DATA_DIR": str(folder), "BRIDGE_PORT": port},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert port in done.stderr
    assert "Traceback" not in done.stderr


def test_a_service_key_ends_where_it_ends(stack: Stack) -> None:
    """A newline behind a well-formed key, escaped in the path, makes another key of it: not found."""
    for tail in ("%0A", "%00", "%20", "%2F", "x"):
        path = f"/v1/services/{uuid.uuid4()}{tail}/create"
        assert stack.api("POST", path, order()).status == 404, tail
    operator: dict[str, Any] = {"key": stack.operator_key, "actor": None}
    settings = {"infrafabric_api_url": stack.sandbox_url, "infrafabric_api_key": "x"}
    assert stack.api("PUT", "/v1/connections/a%0A", settings, **operator).status == 404


def test_D3_a_lost_database_makes_it_unready_but_not_dead(
    make_stack: MakeStack, postgres_server: PostgresServer
) -> None:
    """Without its database the process still answers /healthz, says on /readyz that it is not ready, and 503 else."""
    url = postgres_server.create(migrated=False)
    stack = make_stack(environment={"BRIDGE_DATABASE_URL": url})
    assert call("GET", stack.bridge_url + "/readyz").status == 200
    postgres_server.drop(url)
    ready = call("GET", stack.bridge_url + "/readyz")
    assert (ready.status, ready.body["code"]) == (503, "not_ready")
    assert call("GET", stack.bridge_url + "/healthz").status == 200
    assert stack.api("GET", "/v1/services").body["code"] == "store_unavailable"
