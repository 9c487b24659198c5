"""Asking again (requirements B1 to B11): by key, and by what the command means."""

import json
import sqlite3
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bridge.demo.stack import Answer, Stack
from tests.acceptance.life import order, until
from tests.integration.api.conftest import assert_problem, send


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Processes of its own: here something is meant to change."""
    with Stack(tmp_path_factory.mktemp("stack"), speed=50) as running:
        yield running


@pytest.fixture
def active(stack: Stack) -> str:
    """A service with a machine."""
    key = str(uuid.uuid4())
    assert stack.act(key, "create", order(), wait=30).body["state"] == "succeeded"
    return key


def reboots(stack: Stack, service_key: str) -> int:
    """How often the service's machine was rebooted."""
    machine = stack.api("GET", f"/v1/services/{service_key}").body["instance_id"]
    done = [o for o in stack.truth()["operations"] if o["type"] == "instance.reboot"]
    return sum(operation["instance_id"] == machine for operation in done)


def nothing_was_done(answer: Answer) -> None:
    """200 with an operation that says that nothing had to be done."""
    assert (answer.status, answer.body["state"]) == (200, "succeeded"), answer.body
    assert answer.body["timeline"][-1]["detail"] == {"nothing_to_do": True}


# ---- by key ---------------------------------------------------------------------------------------------------------


def test_b1_a_quoted_key_is_the_bare_one(stack: Stack, active: str) -> None:
    """`"k"` as the standard writes it and `k` as everybody does are the same."""
    first = stack.act(active, "reboot", idempotency_key="once-quoted", wait=30)
    again = stack.act(active, "reboot", idempotency_key='"once-quoted"', wait=30)
    assert again.body["id"] == first.body["id"]
    assert reboots(stack, active) == 1


def test_b3_an_ended_operation_is_answered_with_200(stack: Stack, active: str) -> None:
    """The same key gets the same operation, and nothing happens twice."""
    first = stack.act(active, "reboot", idempotency_key="k", wait=30)
    again = stack.act(active, "reboot", idempotency_key="k")
    assert (again.status, again.body["id"]) == (200, first.body["id"])
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert reboots(stack, active) == 1


def test_b3_a_running_operation_is_answered_with_202(stack: Stack, active: str) -> None:
    """The claim belongs to the operation, which goes on; nobody has to wait for it to be free."""
    stack.fault(endpoint="POST /instances/{id}/actions", kind="delay", count=1, seconds=1)
    first = stack.act(active, "reboot", idempotency_key="k")
    again = stack.act(active, "reboot", idempotency_key="k")
    assert (first.status, again.status) == (202, 202)
    assert first.body["id"] == again.body["id"]
    assert again.headers["retry-after"].isdigit()
    assert again.headers["location"] == f"/v1/operations/{first.body['id']}"


def test_b3_a_failure_is_answered_again_and_not_tried_again(stack: Stack, active: str) -> None:
    """The stored answer stands; a new attempt needs a new key."""
    stack.fault(endpoint="POST /instances/{id}/actions", kind="operation_fails", count=1, retryable=False)
    first = stack.act(active, "reboot", idempotency_key="k", wait=30)
    again = stack.act(active, "reboot", idempotency_key="k", wait=30)
    assert (first.body["state"], again.body["state"]) == ("failed", "failed")
    assert first.body["id"] == again.body["id"]
    assert stack.act(active, "reboot", idempotency_key="k2", wait=30).body["state"] == "succeeded"


def test_b3_a_refused_request_is_not_remembered(stack: Stack, active: str) -> None:
    """A validation failure never used the key up."""
    assert_problem(stack.act(active, "renew", {"expires_at": "soon"}, idempotency_key="k"), 422)
    good = {"expires_at": "2031-01-01T00:00:00Z"}
    assert stack.act(active, "renew", good, idempotency_key="k", wait=30).body["state"] == "succeeded"


def test_b4_keys_outlive_a_restart(stack: Stack, active: str) -> None:
    """They are kept on disk, for thirty days."""
    first = stack.act(active, "reboot", idempotency_key="k", wait=30)
    stack.kill_bridge()
    stack.start_bridge()
    assert stack.act(active, "reboot", idempotency_key="k").body["id"] == first.body["id"]
    assert reboots(stack, active) == 1


def test_b6_a_key_belongs_to_its_path(stack: Stack, active: str) -> None:
    """Another service, and another action, may use the same key for themselves."""
    other = str(uuid.uuid4())
    answers = [
        stack.act(active, "reboot", idempotency_key="same", wait=30),
        stack.act(active, "stop", idempotency_key="same", wait=30),
        stack.act(other, "create", order(), idempotency_key="same", wait=30),
    ]
    assert len({answer.body["id"] for answer in answers}) == 3


def test_b7_json_is_compared_by_its_meaning(stack: Stack) -> None:
    """Order of members and blanks do not make another request; another value does."""
    key, body = str(uuid.uuid4()), order()
    first = stack.act(key, "create", body, idempotency_key="k", wait=30)
    path = f"/v1/services/{key}/create"
    headers = [
        ("Authorization", f"Bearer {stack.module_key}"),
        ("X-Actor", "staff:1"),
        ("Idempotency-Key", "k"),
        ("Content-Type", "application/json"),
    ]
    turned = json.dumps(dict(reversed(body.items())), indent=4).encode()
    again = send(stack, "POST", path, turned, headers)
    assert (again.status, again.body["id"]) == (200, first.body["id"])
    other = json.dumps(body | {"hostname": "two.example"}).encode()
    assert_problem(send(stack, "POST", path, other, headers), 422, "idempotency_key_reused")


def test_b9_twenty_at_once_are_one(stack: Stack, active: str) -> None:
    """The claim is one insert: whoever comes second gets the first one's operation."""

    def ask(_: int) -> Answer:
        return stack.act(active, "reboot", idempotency_key="k", wait=30)

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(ask, range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert reboots(stack, active) == 1


def test_b10_a_dead_owner_s_claim_is_resumed(stack: Stack, active: str) -> None:
    """Killed while the operation runs, the bridge goes on with it; the key leads to it."""
    stack.fault(endpoint="POST /instances/{id}/actions", kind="drop_after", count=1)
    first = stack.act(active, "reboot", idempotency_key="k")
    stack.kill_bridge()
    stack.start_bridge()
    again = stack.act(active, "reboot", idempotency_key="k", wait=30)
    assert (again.body["id"], again.body["state"]) == (first.body["id"], "succeeded")
    assert reboots(stack, active) == 1


def test_b11_decided_provider_keys_are_stored_before_they_are_used(stack: Stack, active: str) -> None:
    """Made from operation, step and try, and on disk while the request still hangs."""
    stack.fault(endpoint="POST /instances/{id}/actions", kind="delay", count=1, seconds=2)
    operation = stack.act(active, "reboot").body["id"]

    def stored() -> Any:
        database = sqlite3.connect(f"file:{stack.folder / 'data' / 'bridge.db'}?mode=ro", uri=True)
        (intent,) = database.execute("SELECT intent FROM operations WHERE id = ?", (operation,)).fetchone()
        database.close()
        return json.loads(intent)["key"] if intent else None

    assert until(stored) == f"{operation}:main:1"
    assert f"{operation}:main:1" not in stack.truth()["requests_by_key"]
    until(lambda: stack.truth()["requests_by_key"].get(f"{operation}:main:1") == 1)


# ---- by meaning -----------------------------------------------------------------------------------------------------


def test_b2_a_create_that_runs_is_joined(stack: Stack) -> None:
    """Another key, the same order: the operation that is on its way already."""
    stack.fault(endpoint="POST /instances", kind="delay", count=1, seconds=1)
    key = str(uuid.uuid4())
    first, again = (stack.act(key, "create", order()) for _ in range(2))
    assert (first.status, again.status) == (202, 202)
    assert first.body["id"] == again.body["id"]
    ended = stack.act(key, "create", order(), wait=30)
    assert (ended.body["id"], ended.body["state"]) == (first.body["id"], "succeeded")


def test_b2_a_create_of_what_is_there_does_nothing(stack: Stack, active: str) -> None:
    """The same order again, also with members that are not compared."""
    nothing_was_done(stack.act(active, "create", order()))
    nothing_was_done(
        stack.act(active, "create", order(expires_at="2040-01-01T00:00:00Z", limits={"volumes": 3}))
    )


@pytest.mark.parametrize("change", [{"plan": "vps-2"}, {"image": "debian-13"}, {"hostname": "x.example"}])
def test_b2_a_create_of_something_else_is_a_conflict(
    stack: Stack, active: str, change: dict[str, Any]
) -> None:
    """The key is taken by another order."""
    assert_problem(stack.act(active, "create", order(**change)), 409, "create_conflict")


def test_b2_a_create_that_failed_is_tried_anew(stack: Stack) -> None:
    """Cleaned up first, then a new attempt under a new provider key."""
    stack.fault(endpoint="POST /instances", kind="operation_fails", count=1, retryable=False)
    key = str(uuid.uuid4())
    first = stack.act(key, "create", order(), wait=30)
    again = stack.act(key, "create", order(), wait=30)
    assert (first.body["state"], again.body["state"]) == ("failed", "succeeded")
    living = [
        i for i in stack.truth()["instances"] if i["reference"].endswith(key) and i["status"] != "deleted"
    ]
    assert len(living) == 1


def test_b2_a_terminated_service_may_begin_a_new_life(stack: Stack, active: str) -> None:
    """With another machine, and another order if it likes."""
    before = stack.api("GET", f"/v1/services/{active}").body["instance_id"]
    assert stack.act(active, "terminate", {"confirm": True}, wait=30).body["state"] == "succeeded"
    again = stack.act(active, "create", order(plan="vps-2"), wait=30)
    assert again.body["state"] == "succeeded"
    assert again.body["service"]["instance_id"] not in (None, before)


def test_b2_what_already_is_so_answers_200(stack: Stack, active: str) -> None:
    """Suspend, unsuspend, renew, edit and terminate do nothing where nothing is to be done."""
    nothing_was_done(stack.act(active, "unsuspend"))
    nothing_was_done(stack.act(active, "edit", {"plan": "vps-1"}))
    paid = {"expires_at": "2032-01-01T00:00:00Z"}
    assert stack.act(active, "renew", paid, wait=30).body["state"] == "succeeded"
    nothing_was_done(stack.act(active, "renew", paid))
    nothing_was_done(stack.act(active, "renew", {"expires_at": "2031-01-01T00:00:00Z"}))
    assert stack.act(active, "suspend", wait=30).body["state"] == "succeeded"
    nothing_was_done(stack.act(active, "suspend"))
    assert stack.act(active, "terminate", {"confirm": True}, wait=30).body["state"] == "succeeded"
    nothing_was_done(stack.act(active, "terminate", {"confirm": True}))


def test_b2_a_terminate_of_what_never_was_is_done_already(stack: Stack) -> None:
    """Nothing upstream is asked for it."""
    before = len(stack.control("GET", "requests").body["items"])
    nothing_was_done(stack.act(str(uuid.uuid4()), "terminate", {"confirm": True}))
    assert len(stack.control("GET", "requests").body["items"]) == before
