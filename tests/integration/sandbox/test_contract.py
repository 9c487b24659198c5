"""The stand-in obeys InfraFabric's page: endpoints, refusals, idempotency, lists."""

import uuid
from typing import Any

import pytest

from bridge.demo.stack import call
from tests.acceptance.life import until
from tests.integration.sandbox.conftest import Provider, order

RULES = {"rules": [{"direction": "in", "action": "accept", "protocol": "tcp", "ports": "22"}]}


# ---- what works -----------------------------------------------------------------------------------------------------


def test_a_machine_s_life(provider: Provider) -> None:
    """Every mutation is a 202 with an operation that ends, and changes what the page says; versions only grow."""
    made = provider.ask("POST", "/instances", order())
    assert made.body["operation"]["type"] == "instance.create"
    assert made.body["instance"]["status"] == "provisioning"
    done = provider.ended(made)
    assert (done["status"], done["progress"], bool(done["result"]["root_password"])) == (
        "succeeded",
        100,
        True,
    )
    path = f"/instances/{done['instance_id']}"
    versions = [made.body["instance"]["version"]]

    def now() -> Any:
        found = provider.ask("GET", path).body
        versions.append(found["version"])
        return found

    assert now()["status"] == "running"
    assert {a["family"] for a in now()["addresses"] if a["primary"]} == {"ipv4", "ipv6"}
    provider.ended(provider.ask("PATCH", path, {"plan": "vps-2"}))
    assert [now()[name] for name in ("plan", "cpus", "memory_mb", "disk_gb")] == ["vps-2", 2, 2048, 40]
    provider.ended(provider.ask("PATCH", path, {"cpus": 3}))
    assert (now()["plan"], now()["cpus"]) == (None, 3)
    for verb, status in (
        ("stop", "stopped"),
        ("start", "running"),
        ("reboot", "running"),
        ("suspend", "suspended"),
        ("resume", "running"),
    ):
        done = provider.ended(provider.ask("POST", f"{path}/actions", {"action": verb}))
        assert (done["type"], now()["status"]) == (f"instance.{verb}", status)
    renewed = {"action": "renew", "expires_at": "2030-01-01T00:00:00Z"}
    provider.ended(provider.ask("POST", f"{path}/actions", renewed))
    assert now()["expires_at"] == "2030-01-01T00:00:00Z"
    again = {"action": "reinstall", "image": "debian-13", "ssh_keys": []}
    assert provider.ended(provider.ask("POST", f"{path}/actions", again))["result"]["root_password"]
    assert now()["image"] == "debian-13"
    assert provider.ended(provider.ask("POST", f"{path}/actions", {"action": "reset_password"}))["result"]
    provider.ended(provider.ask("PUT", f"{path}/firewall", RULES))
    assert now()["firewall"]["version"] == 1
    provider.ended(provider.ask("DELETE", path))
    assert now()["status"] == "deleted"
    assert versions == sorted(versions)
    assert provider.ask("DELETE", path).status == 200


def test_addresses_and_volumes(provider: Provider) -> None:
    """`resource_id` names the new thing; a volume is attached, grown, detached and deleted."""
    machine = provider.machine()
    path = f"/instances/{machine}"
    address = provider.ended(provider.ask("POST", f"{path}/addresses", {"family": "ipv4"}))["resource_id"]
    provider.ended(provider.ask("PATCH", f"{path}/addresses/{address}", {"reverse_dns": "x.example"}))
    found = {a["id"]: a for a in provider.ask("GET", path).body["addresses"]}
    assert (found[address]["primary"], found[address]["reverse_dns"]) == (False, "x.example")
    provider.ended(provider.ask("DELETE", f"{path}/addresses/{address}"))
    assert address not in {a["id"] for a in provider.ask("GET", path).body["addresses"]}
    volume = provider.volume(machine)
    assert provider.ask("GET", path).body["volumes"] == [volume]
    provider.ended(provider.ask("PATCH", f"/volumes/{volume}", {"size_gb": 20}))
    (shown,) = provider.ask("GET", f"/volumes?instance_id={machine}").body["items"]
    assert (shown["size_gb"], shown["status"]) == (20, "attached")
    provider.ended(provider.ask("POST", f"/volumes/{volume}/actions", {"action": "detach"}))
    provider.ended(
        provider.ask("POST", f"/volumes/{volume}/actions", {"action": "attach", "instance_id": machine})
    )
    provider.ended(provider.ask("POST", f"/volumes/{volume}/actions", {"action": "detach"}))
    provider.ended(provider.ask("DELETE", f"/volumes/{volume}"))
    assert provider.ask("GET", f"/volumes?instance_id={machine}").body["items"] == []


@pytest.mark.parametrize("delete_volumes", [True, False])
def test_deleting_a_machine_takes_its_volumes_only_when_asked(
    provider: Provider, delete_volumes: bool
) -> None:
    """Without the flag an attached volume is detached and lives on."""
    machine = provider.machine()
    volume = provider.volume(machine)
    flag = "?delete_volumes=true" if delete_volumes else ""
    provider.ended(provider.ask("DELETE", f"/instances/{machine}{flag}"))
    (found,) = [v for v in provider.control("GET", "truth")["volumes"] if v["id"] == volume]
    assert (found["status"], found["instance_id"]) == ("deleted" if delete_volumes else "available", None)


def test_already_in_that_state_is_an_operation_that_has_succeeded(provider: Provider) -> None:
    """202, done at once, no new effect to wait for."""
    machine = provider.machine()
    answer = provider.ask("POST", f"/instances/{machine}/actions", {"action": "start"})
    assert (answer.status, answer.body["operation"]["status"]) == (202, "succeeded")


def test_a_password_is_only_in_the_operation_itself(provider: Provider) -> None:
    """Neither the answer of the mutation nor the truth shows it."""
    made = provider.ask("POST", "/instances", order())
    done = provider.ended(made)
    assert made.body["operation"]["result"] is None
    assert done["result"]["root_password"] not in str(provider.control("GET", "truth"))


@pytest.mark.parametrize(
    "path", ["/datacenters", "/plans", "/images", "/plans?type=container", "/images?type=vps"]
)
def test_the_catalogue(provider: Provider, path: str) -> None:
    """Lists with ids and names, filtered by type."""
    items = provider.ask("GET", path).body["items"]
    assert items
    assert all(item["id"] and item["name"] for item in items)
    if "type=" in path:
        assert {item["type"] for item in items} == {path.rpartition("=")[2]}


def test_lists_go_by_cursor_and_filters(provider: Provider) -> None:
    """Every machine once over all pages; by reference and label; deleted ones only when asked for."""
    label = uuid.uuid4().hex
    machines = [provider.machine(labels={"test": label}) for _ in range(5)]
    provider.ended(provider.ask("DELETE", f"/instances/{machines[0]}"))
    found, cursor = [], ""
    while True:
        page = provider.ask("GET", f"/instances?label=test:{label}&limit=2{cursor}").body
        found += [item["id"] for item in page["items"]]
        assert len(page["items"]) <= 2
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == machines[1:]
    everything = provider.ask("GET", f"/instances?label=test:{label}&include_deleted=true").body["items"]
    assert [item["id"] for item in everything] == machines
    reference = everything[1]["reference"]
    (one,) = provider.ask("GET", f"/instances?reference={reference}").body["items"]
    assert one["id"] == machines[1]
    for bad in ("limit=0", "limit=201", "limit=x", "cursor=x"):
        assert provider.ask("GET", f"/instances?{bad}").status == 422


def test_usage(provider: Provider) -> None:
    """Hourly points between two moments, the same each time."""
    path = f"/instances/{provider.machine()}/usage?from=2026-01-01T00:00:00Z&to=2026-01-01T05:00:00Z"
    found = provider.ask("GET", path).body
    assert len(found["series"]) == 5
    assert found == provider.ask("GET", path).body
    assert {"cpu_hours", "memory_gb_hours", "disk_gb_hours", "cost", "from", "to"} <= set(found)


# ---- what is refused ------------------------------------------------------------------------------------------------

BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({"reference": None}, "reference"),
    ({"type": "vm"}, "type"),
    ({"hostname": "-x"}, "hostname"),
    ({"datacenter": "moon"}, "datacenter"),
    ({"image": "dos"}, "image"),
    ({"image": "ct-alpine-3"}, "image"),
    ({"plan": "vps-9"}, "plan"),
    ({"plan": "ct-1"}, "plan"),
    ({"plan": None}, "cpus"),
    ({"cpus": 1}, "plan"),
    ({"plan": None, "cpus": 65, "memory_mb": 512, "disk_gb": 5}, "cpus"),
    ({"ssh_keys": ["x"]}, "ssh_keys"),
    ({"expires_at": "soon"}, "expires_at"),
    ({"labels": {str(n): "x" for n in range(21)}}, "labels"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("change", "field"), BAD_BODIES)
def test_bad_fields_are_422_with_their_names(provider: Provider, change: dict[str, Any], field: str) -> None:
    """And nothing is made."""
    before = provider.effects("instance.create")
    answer = provider.ask("POST", "/instances", order(**change))
    assert answer.status == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert field in answer.body["errors"]
    assert provider.effects("instance.create") == before


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("PATCH", "", {"disk_gb": 10}, 422, "disk_shrink"),
        ("PATCH", "", {"plan": "ct-4"}, 422, "validation_failed"),
        ("POST", "/actions", {"action": "dance"}, 422, "validation_failed"),
        ("POST", "/actions", {"action": "renew"}, 422, "validation_failed"),
        ("POST", "/actions", {"action": "reinstall"}, 422, "validation_failed"),
        ("POST", "/actions", {"action": "stop", "image": "debian-12"}, 422, "validation_failed"),
        ("POST", "/addresses", {"family": "ipx"}, 422, "validation_failed"),
        ("DELETE", "/addresses/ip_0", None, 404, "not_found"),
        ("PUT", "/firewall", {"rules": [{"direction": "up"}]}, 422, "validation_failed"),
        ("PUT", "/firewall", {"rules": RULES["rules"] * 101}, 422, "validation_failed"),
    ],
)
def test_what_a_machine_does_not_take(
    provider: Provider, method: str, path: str, body: Any, status: int, code: str
) -> None:
    """Each refusal with its status and code."""
    answer = provider.ask(method, f"/instances/{provider.machine()}{path}", body)
    assert (answer.status, answer.body["code"]) == (status, code)


def test_primary_addresses_and_attached_volumes_stay(provider: Provider) -> None:
    """409 `primary_address`, 409 `volume_attached`, and a volume never shrinks."""
    machine = provider.machine()
    volume = provider.volume(machine)
    primary = provider.ask("GET", f"/instances/{machine}").body["addresses"][0]["id"]
    kept = provider.ask("DELETE", f"/instances/{machine}/addresses/{primary}")
    assert (kept.status, kept.body["code"]) == (409, "primary_address")
    kept = provider.ask("DELETE", f"/volumes/{volume}")
    assert (kept.status, kept.body["code"]) == (409, "volume_attached")
    assert provider.ask("PATCH", f"/volumes/{volume}", {"size_gb": 9}).status == 422


def test_a_reference_is_unique_among_the_living(provider: Provider) -> None:
    """409 names the machine that has it; once that one is deleted the reference is free."""
    reference = uuid.uuid4().hex
    machine = provider.machine(reference=reference)
    taken = provider.ask("POST", "/instances", order(reference=reference))
    assert (taken.status, taken.body["code"], taken.body["instance_id"]) == (409, "reference_exists", machine)
    provider.ended(provider.ask("DELETE", f"/instances/{machine}"))
    assert provider.machine(reference=reference) != machine


@pytest.mark.parametrize(
    ("state", "code", "allowed"),
    [
        ("suspended", "instance_suspended", {"resume", "renew", "DELETE"}),
        ("error", "instance_error", {"reinstall", "DELETE"}),
        ("deleted", "instance_deleted", {"DELETE"}),
    ],
)
def test_states_in_which_little_is_taken(
    provider: Provider, state: str, code: str, allowed: set[str]
) -> None:
    """Exactly what the page names is taken, everything else is 409 with the state's code."""
    extra = {"renew": {"expires_at": "2030-01-01T00:00:00Z"}, "reinstall": {"image": "debian-12"}}
    for verb in ("resume", "renew", "stop", "reboot", "reset_password", "reinstall", "DELETE"):
        path = f"/instances/{_in_state(provider, state)}"
        if verb == "DELETE":
            answer = provider.ask("DELETE", path)
        else:
            answer = provider.ask("POST", f"{path}/actions", {"action": verb} | extra.get(verb, {}))
        if verb in allowed:
            assert answer.status in (200, 202), verb
        else:
            assert (answer.status, answer.body["code"]) == (409, code), verb


def _in_state(provider: Provider, state: str) -> str:
    if state == "error":
        provider.fault(endpoint="POST /instances", kind="operation_fails", count=1)
        return provider.machine()
    machine = provider.machine()
    path = f"/instances/{machine}"
    change = provider.ask("DELETE", path) if state == "deleted" else None
    provider.ended(change or provider.ask("POST", f"{path}/actions", {"action": "suspend"}))
    return machine


def test_one_operation_at_a_time_and_only_delete_preempts(provider: Provider) -> None:
    """A busy machine answers 409 with Retry-After to all but DELETE, which ends what runs as `canceled`."""
    provider.fault(endpoint="POST /instances/{id}/actions", kind="operation_hangs", count=1)
    machine = provider.machine()
    path = f"/instances/{machine}"
    volume = provider.volume(machine)
    running = provider.ask("POST", f"{path}/actions", {"action": "reboot"}).body["operation"]["id"]
    for method, where, body in (
        ("POST", f"{path}/actions", {"action": "stop"}),
        ("PATCH", path, {"cpus": 2}),
        ("POST", f"{path}/addresses", {"family": "ipv4"}),
        ("PUT", f"{path}/firewall", RULES),
        ("POST", f"/volumes/{volume}/actions", {"action": "detach"}),
    ):
        busy = provider.ask(method, where, body)
        assert (busy.status, busy.body["code"], busy.headers["retry-after"]) == (409, "instance_busy", "1")
    provider.ended(provider.ask("DELETE", path))
    ended = provider.ask("GET", f"/operations/{running}").body
    assert (ended["status"], ended["error"]["code"]) == ("failed", "canceled")


def test_auth_bad_json_and_unknown_addresses(provider: Provider) -> None:
    """401, 400, 404 as problem documents; X-Request-Id comes back."""
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic sandbox-key"}):
        assert call("GET", provider.url + "/plans", headers=headers).status == 401
    assert provider.ask("POST", "/instances", "text").body["code"] == "malformed"
    for path in ("/instances/ins_0", "/operations/op_0", "/nowhere"):
        assert provider.ask("GET", path).body["code"] == "not_found"
    assert provider.ask("GET", "/plans", X_Request_Id="abc").headers["x-request-id"] == "abc"
    assert provider.ask("GET", "/plans?limit=1", X_Request_Id="abc").status == 200


def test_507_when_it_is_full(provider: Provider) -> None:
    """`no_capacity`, nothing made, and the same key may be tried again later."""
    provider.control("PUT", "options", {"capacity": 0})
    body = order()
    full = provider.ask("POST", "/instances", body, key="full-1")
    provider.control("PUT", "options", {"capacity": None})
    assert (full.status, full.body["code"]) == (507, "no_capacity")
    assert provider.ask("POST", "/instances", body, key="full-1").status == 202


# ---- idempotency ----------------------------------------------------------------------------------------------------


def test_the_same_key_and_request_gets_the_first_answer(provider: Provider) -> None:
    """202 and definite 4xx alike, marked as replayed, with one effect; the body's form does not matter."""
    body, key = order(), uuid.uuid4().hex
    first = provider.ask("POST", "/instances", body, key=key)
    again = provider.ask("POST", "/instances", dict(reversed(body.items())), key=key)
    assert "idempotent-replayed" not in first.headers
    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (202, first.body, "true")
    refused = [provider.ask("POST", "/instances", order(plan="vps-9"), key=key + "x") for _ in range(1)]
    assert refused[0].status == 422


def test_the_same_key_for_another_request_is_refused(provider: Provider) -> None:
    """Another body, path, method or query under the key is 422 `idempotency_key_reused`."""
    machine, key = provider.machine(), uuid.uuid4().hex
    path = f"/instances/{machine}"
    assert provider.ask("PATCH", path, {"cpus": 2}, key=key).status == 202
    for method, where, body in (
        ("PATCH", path, {"cpus": 3}),
        ("DELETE", path, None),
        ("PATCH", f"{path}?x=1", {"cpus": 2}),
    ):
        answer = provider.ask(method, where, body, key=key)
        assert (answer.status, answer.body["code"]) == (422, "idempotency_key_reused")


def test_a_mutation_needs_a_key(provider: Provider) -> None:
    """None, an empty or a too long one is 400."""
    for key in (None, "", "x" * 256):
        headers = {"Authorization": "Bearer sandbox-key"} | ({} if key is None else {"Idempotency-Key": key})
        answer = call("POST", provider.url + "/instances", body=order(), headers=headers)
        assert (answer.status, answer.body["code"]) == (400, "idempotency_key_missing")


def test_busy_and_5xx_are_not_remembered(provider: Provider) -> None:
    """What only time settles may be asked again under the same key, and then works once."""
    machine, key = provider.machine(), uuid.uuid4().hex
    path = f"/instances/{machine}/actions"
    provider.control("PUT", "options", {"speed": 2})
    provider.ask("POST", path, {"action": "reboot"})
    provider.control("PUT", "options", {"speed": 100})
    assert provider.ask("POST", path, {"action": "stop"}, key=key).status == 409
    provider.fault(endpoint="POST /instances/{id}/actions", kind="error_before", count=1, status=503)
    assert provider.ask("POST", path, {"action": "stop"}, key=key).status == 503
    until(lambda: provider.ask("POST", path, {"action": "stop"}, key=key).status == 202)


def test_a_definite_refusal_is_remembered(provider: Provider) -> None:
    """The same 409 under the same key, also when the reason has gone."""
    reference, key = uuid.uuid4().hex, uuid.uuid4().hex
    body = order(reference=reference)
    machine = provider.machine(reference=reference)
    first = provider.ask("POST", "/instances", body, key=key)
    provider.ended(provider.ask("DELETE", f"/instances/{machine}"))
    again = provider.ask("POST", "/instances", body, key=key)
    assert (first.status, again.status, again.headers["idempotent-replayed"]) == (409, 409, "true")
