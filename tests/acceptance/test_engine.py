"""What the engine decides when things cross, fail, come late or never: every rule against a real bridge and sandbox."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from bridge.demo.stack import CONNECTION, Answer, Stack
from tests.acceptance.conftest import active
from tests.acceptance.life import order, until

CREATE = "POST /instances"
ACT = "POST /instances/{id}/actions"


def state_of(stack: Stack, answer: Answer) -> Callable[[], Any]:
    """Asks for the present state of the operation that an answer named."""
    return lambda: stack.api("GET", f"/v1/operations/{answer.body['id']}").body["state"]


def ended(stack: Stack, answer: Answer, seconds: float = 30) -> dict[str, Any]:
    """The operation that an answer named, once it is over."""

    def over() -> Any:
        body = stack.api("GET", f"/v1/operations/{answer.body['id']}").body
        return body if body["state"] in ("succeeded", "failed", "canceled") else None

    found: dict[str, Any] = until(over, seconds)
    return found


def events(operation: dict[str, Any]) -> list[str]:
    """What happened to an operation, in order."""
    return [event["event"] for event in operation["timeline"]]


def machines(stack: Stack, key: str) -> list[dict[str, Any]]:
    """What exists for a service."""
    found = stack.truth()["instances"]
    return [i for i in found if i["reference"].endswith(key) and i["status"] != "deleted"]


def service(stack: Stack, key: str) -> dict[str, Any]:
    """The bridge's picture of a service."""
    found: dict[str, Any] = stack.api("GET", f"/v1/services/{key}").body
    return found


# ---- terminate during a create (A8) ---------------------------------------------------------------------------------


def _before_it_arrives(stack: Stack) -> None:
    stack.fault(endpoint=CREATE, kind="drop_before", count=1000)


def _without_an_answer(stack: Stack) -> None:
    stack.fault(endpoint=CREATE, kind="drop_after", count=3)


def _while_it_is_made(stack: Stack) -> None:
    stack.control("PUT", "options", {"speed": 1})


def _which_never_ends(stack: Stack) -> None:
    stack.fault(endpoint=CREATE, kind="operation_hangs", count=1)


@pytest.mark.parametrize(
    ("arrange", "state"),
    [
        (_before_it_arrives, "running"),
        (_without_an_answer, "running"),
        (_while_it_is_made, "awaiting"),
        (_which_never_ends, "awaiting"),
    ],
    ids=["before_it_arrives", "without_an_answer", "while_it_is_made", "which_never_ends"],
)
def test_a8_decided_terminate_during_a_create_leaves_nothing(
    stack: Stack, arrange: Callable[[Stack], None], state: str
) -> None:
    """The create ends canceled, the service terminated, and no machine exists, whatever the create was doing."""
    key = str(uuid.uuid4())
    arrange(stack)
    create = stack.act(key, "create", order())
    until(lambda: state_of(stack, create)() == state)
    terminate = stack.act(key, "terminate", {"confirm": True})
    assert terminate.status == 202
    until(lambda: stack.control("DELETE", "faults").status == 204)
    assert ended(stack, terminate, 90)["state"] == "succeeded"
    canceled = ended(stack, create)
    assert (canceled["state"], canceled["error"]["code"]) == ("canceled", "canceled")
    assert "halting" in events(canceled)
    assert (service(stack, key)["state"], machines(stack, key)) == ("terminated", [])


def test_decided_admission_terminate_cancels_what_waits_and_is_always_admitted(stack: Stack) -> None:
    """A full queue does not keep a service from being ended, and nothing queued happens after its end."""
    key = active(stack)
    stack.fault(endpoint=ACT, kind="hang", count=1)
    waiting = [stack.act(key, "reboot") for _ in range(16)]
    assert {answer.status for answer in waiting} == {202}
    full = stack.act(key, "reboot")
    assert (full.status, full.body["code"]) == (429, "queue_full")
    terminate = stack.act(key, "terminate", {"confirm": True})
    assert ended(stack, terminate, 90)["state"] == "succeeded"
    assert {ended(stack, answer)["state"] for answer in waiting} == {"canceled"}
    assert machines(stack, key) == []


def test_terminate_of_a_service_that_never_was(stack: Stack) -> None:
    """Blesta cancels an order that was never provisioned: done, with an operation that says so."""
    answer = stack.act(str(uuid.uuid4()), "terminate", {"confirm": True})
    assert (answer.status, answer.body["state"]) == (200, "succeeded")
    assert answer.body["timeline"][-1]["detail"] == {"nothing_to_do": True}


def test_decided_terminate_waits_until_the_volumes_are_gone_too(stack: Stack) -> None:
    """Terminated means that nothing is left that costs money."""
    key = active(stack)
    assert stack.act(key, "add_volume", {"name": "data", "size_gb": 10}, wait=30).body["state"] == "succeeded"
    assert stack.act(key, "terminate", {"confirm": True}, wait=30).body["state"] == "succeeded"
    left = [
        v
        for v in stack.truth()["volumes"]
        if v["status"] != "deleted" and v["labels"].get("service_key") == key
    ]
    assert (left, machines(stack, key)) == ([], [])


# ---- a create that fails (A17) --------------------------------------------------------------------------------------


def test_a17_decided_deadlines_a_create_past_its_own_is_cleaned_up(own_stack: Callable[..., Stack]) -> None:
    """InfraFabric never finishes: after provisioning_timeout the half-made machine is removed, then it has failed."""
    stack = own_stack()
    stack.put_connection(provisioning_timeout=10)
    key = str(uuid.uuid4())
    stack.fault(endpoint=CREATE, kind="operation_hangs", count=1)
    create = stack.act(key, "create", order())
    until(lambda: machines(stack, key))
    operation = ended(stack, create, 40)
    assert (operation["state"], operation["error"]["code"]) == ("failed", "timeout")
    assert "cleaning" in events(operation)
    assert (service(stack, key)["state"], machines(stack, key)) == ("failed", [])


def test_a17_decided_failed_create_a_retryable_failure_is_tried_again(stack: Stack) -> None:
    """Two failures that InfraFabric calls retryable cost time, not an order; each leaves nothing behind."""
    key = str(uuid.uuid4())
    stack.fault(endpoint=CREATE, kind="operation_fails", count=2, retryable=True)
    create = stack.act(key, "create", order(), wait=60)
    assert create.body["state"] == "succeeded", create.body
    assert events(create.body).count("cleaning") == 2
    assert len(machines(stack, key)) == 1
    keys = [k for k in stack.truth()["requests_by_key"] if k.startswith(create.body["id"]) and ":main:" in k]
    assert len(keys) == 3


def test_a17_a_malformed_answer_to_a_create_leaves_no_second_machine(stack: Stack) -> None:
    """The machine was made, the answer is rubbish: the same key is asked again."""
    key = str(uuid.uuid4())
    stack.fault(endpoint=CREATE, kind="malformed", count=2)
    create = stack.act(key, "create", order(), wait=60)
    assert create.body["state"] == "succeeded", create.body
    assert len(machines(stack, key)) == 1


def test_a_failed_create_may_be_created_again_and_a_terminated_service_lives_anew(stack: Stack) -> None:
    """Same service key, new attempt; after terminate a new life, with a machine of its own."""
    key = str(uuid.uuid4())
    stack.fault(endpoint=CREATE, kind="operation_fails", count=1, retryable=False)
    failed = stack.act(key, "create", order(), wait=60)
    assert (failed.body["state"], service(stack, key)["state"]) == ("failed", "failed")
    assert failed.body["error"]["detail"]
    assert stack.act(key, "create", order(), wait=60).body["state"] == "succeeded"
    (first,) = machines(stack, key)
    assert stack.act(key, "terminate", {"confirm": True}, wait=60).body["state"] == "succeeded"
    assert stack.act(key, "create", order(hostname="new.example"), wait=60).body["state"] == "succeeded"
    (second,) = machines(stack, key)
    assert second["id"] != first["id"]
    assert (service(stack, key)["instance_id"], service(stack, key)["hostname"]) == (
        second["id"],
        "new.example",
    )


# ---- callbacks (C7, C10) --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lost", "double", "early", "late", "reorder", "bad_signature"])
def test_c10_callbacks_in_every_disorder(stack: Stack, kind: str) -> None:
    """Lost, doubled, early, late, reordered, forged: the service ends up as InfraFabric has it, by one effect each."""
    stack.fault(kind=kind, count=20, seconds=1)
    key = active(stack)
    assert stack.act(key, "suspend", {}, wait=30).body["state"] == "succeeded"
    assert stack.act(key, "unsuspend", {}, wait=30).body["state"] == "succeeded"
    (machine,) = machines(stack, key)
    until(lambda: service(stack, key)["power"] == "on")
    seen = service(stack, key)
    assert (seen["state"], seen["instance_id"], machine["status"]) == ("active", machine["id"], "running")
    assert stack.truth()["effects"]["instance.create"] == len(stack.truth()["instances"])


def test_without_any_callback_polling_settles(own_stack: Callable[..., Stack]) -> None:
    """A firewall keeps InfraFabric from calling back: everything works, a little later."""
    stack = own_stack(webhooks=False, environment={"BRIDGE_POLL_FIRST": "0.3"})
    key = active(stack)
    created = stack.api("GET", f"/v1/services/{key}/operations").body["items"][0]
    assert "polled" in events(created)
    assert "callback" not in events(created)


def test_decided_late_truth_a_machine_deleted_elsewhere_is_noticed(stack: Stack) -> None:
    """The service follows what is true upstream, and the difference to what was commanded is shown."""
    key = active(stack)
    (machine,) = machines(stack, key)
    stack.control("POST", f"instances/{machine['id']}", {"status": "deleted", "webhook": True})
    seen = until(lambda: (found := service(stack, key))["drifted"] and found)
    assert seen["drifted"]
    change = stack.api("GET", "/v1/changes?limit=200").body["items"]
    assert any(item["service_key"] == key for item in change)


# ---- order ----------------------------------------------------------------------------------------------------------


def test_decided_admission_commands_take_effect_in_the_order_of_acceptance(stack: Stack) -> None:
    """Judged on the projected state, run one after the other, although all were accepted at once."""
    key = active(stack)
    (machine,) = machines(stack, key)
    accepted = [
        stack.act(key, *command)
        for command in (
            ("edit", {"plan": "vps-2"}),
            ("suspend", {}),
            ("unsuspend", {}),
            ("reboot", {}),
            ("edit", {"hostname": "two.example"}),
            ("stop", {}),
        )
    ]
    assert {answer.status for answer in accepted} == {202}
    assert [ended(stack, answer)["state"] for answer in accepted] == ["succeeded"] * 6
    upstream = [o["type"] for o in stack.truth()["operations"] if o["instance_id"] == machine["id"]]
    verbs = ["create", "update", "suspend", "resume", "reboot", "update", "stop"]
    assert upstream == [f"instance.{verb}" for verb in verbs]


def test_decided_admission_a_command_that_no_longer_applies_is_not_sent(stack: Stack) -> None:
    """Accepted behind a create that then fails: judged again when its turn comes, and nothing leaves the house."""
    key = str(uuid.uuid4())
    stack.control("PUT", "options", {"speed": 5})
    stack.fault(endpoint=CREATE, kind="operation_fails", count=1, retryable=False)
    create, reboot = stack.act(key, "create", order()), stack.act(key, "reboot")
    assert (create.status, reboot.status) == (202, 202)
    assert ended(stack, create)["state"] == "failed"
    outcome = ended(stack, reboot)
    assert (outcome["state"], outcome["error"]["code"]) == ("failed", "state_changed")
    assert "sent" not in events(outcome)


def test_services_do_not_wait_for_each_other(stack: Stack) -> None:
    """One service's request hangs; another one is served meanwhile."""
    stuck, free = active(stack), active(stack)
    stack.fault(endpoint=ACT, kind="hang", count=1)
    hanging = stack.act(stuck, "reboot")
    until(lambda: stack.truth()["faults_fired"])
    assert stack.act(free, "reboot", wait=10).body["state"] == "succeeded"
    assert state_of(stack, hanging)() == "running"


# ---- cancel and retry -----------------------------------------------------------------------------------------------


def test_cancel_and_retry_by_staff_a_running_create_is_halted_and_cleaned_up(stack: Stack) -> None:
    """Staff ends a create: the machine goes, the operation is canceled, the service has failed."""
    key = str(uuid.uuid4())
    stack.fault(endpoint=CREATE, kind="operation_hangs", count=1)
    create = stack.act(key, "create", order())
    until(lambda: state_of(stack, create)() == "awaiting")
    assert stack.api("POST", f"/v1/operations/{create.body['id']}/cancel", {}).status in (200, 202)
    assert ended(stack, create)["state"] == "canceled"
    assert (machines(stack, key), service(stack, key)["state"]) == ([], "failed")


def test_cancel_and_retry_by_staff_a_queued_operation_is_canceled_at_once(stack: Stack) -> None:
    """What waits is canceled at once; what runs cannot be, and says so."""
    key = active(stack)
    stack.control("PUT", "options", {"speed": 1})
    running, queued, last = (stack.act(key, "reboot") for _ in range(3))
    until(lambda: state_of(stack, running)() == "awaiting")
    assert stack.api("POST", f"/v1/operations/{queued.body['id']}/cancel", {}).body["state"] == "canceled"
    refused = stack.api("POST", f"/v1/operations/{running.body['id']}/cancel", {})
    assert (refused.status, refused.body["code"]) == (409, "action_not_allowed")
    assert ended(stack, last)["state"] == "succeeded"


def test_cancel_and_retry_by_staff_retry_is_a_new_operation_linked_by_retry_of(stack: Stack) -> None:
    """A failed operation never changes; trying again is another one, and repeating that request makes no third."""
    key = active(stack)
    stack.fault(endpoint=ACT, kind="operation_fails", count=1, retryable=False)
    failed = stack.act(key, "reboot", wait=30)
    assert failed.body["state"] == "failed"
    path, nonce = f"/v1/operations/{failed.body['id']}/retry", uuid.uuid4().hex
    again = stack.api("POST", path, {}, idempotency_key=nonce, wait=30)
    assert (again.body["state"], again.body["retry_of"]) == ("succeeded", failed.body["id"])
    repeated = stack.api("POST", path, {}, idempotency_key=nonce)
    assert (repeated.body["id"], repeated.headers["idempotent-replayed"]) == (again.body["id"], "true")
    assert ended(stack, failed)["state"] == "failed"


# ---- InfraFabric away -----------------------------------------------------------------------------------------------


def test_decided_deadlines_suspend_outlasts_an_outage(own_stack: Callable[..., Stack]) -> None:
    """Suspended is only said once it is true, and it becomes true when InfraFabric is back."""
    stack = own_stack(
        environment={"BRIDGE_BACKOFF_CAP": "1", "BRIDGE_BREAKER_FIRST": "0.5", "BRIDGE_BREAKER_MAX": "1"}
    )
    key = active(stack)
    stack.sandbox.kill()
    suspend = stack.act(key, "suspend", {}, wait=2)
    assert (suspend.status, suspend.body["state"]) == (202, "running")
    assert service(stack, key)["state"] == "active"
    port = stack.sandbox_url.split(":")[2].split("/")[0]
    stack.sandbox._arguments += ["--port", port]
    stack.sandbox.start("sandbox listening on ")
    assert ended(stack, suspend)["state"] == "succeeded"
    (machine,) = machines(stack, key)
    assert machine["status"] == "suspended"


def test_a_throttled_account_is_served_later(stack: Stack) -> None:
    """429 with Retry-After is a pause, not a failure."""
    stack.fault(endpoint=CREATE, kind="throttle", count=2, retry_after=1)
    key = active(stack)
    assert len(machines(stack, key)) == 1


def test_busy_machine_is_tried_until_it_is_free(stack: Stack) -> None:
    """InfraFabric says that the machine is busy with something of its own."""
    key = active(stack)
    stack.fault(endpoint=ACT, kind="error_before", status=409, code="instance_busy", count=2)
    assert stack.act(key, "reboot", wait=60).body["state"] == "succeeded"


# ---- the same request (B1 to B10) -----------------------------------------------------------------------------------


def test_b9_thirty_simultaneous_creates_are_one(stack: Stack) -> None:
    """Same service, same Idempotency-Key, at once: one operation, one machine, nobody gets an error."""
    key, nonce = str(uuid.uuid4()), uuid.uuid4().hex
    answers: list[Answer] = []

    def ask() -> None:
        answers.append(stack.act(key, "create", order(), idempotency_key=nonce, wait=30))

    callers = [threading.Thread(target=ask) for _ in range(30)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert len(machines(stack, key)) == 1


def test_b9_simultaneous_creates_under_different_keys_are_one(stack: Stack) -> None:
    """Staff and cron have different keys; the service key says that it is one order."""
    key = str(uuid.uuid4())
    answers: list[Answer] = []
    callers = [
        threading.Thread(target=lambda: answers.append(stack.act(key, "create", order(), wait=30)))
        for _ in range(10)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert {(answer.status, answer.body["state"]) for answer in answers} == {(200, "succeeded")}
    assert len(machines(stack, key)) == 1


def test_connection_is_there(stack: Stack) -> None:
    """The module sees its own connection and no secret of it."""
    (item,) = stack.api("GET", "/v1/connections").body["items"]
    assert (item["id"], item["infrafabric_api_key"], item["webhook_secrets"]) == (CONNECTION, "***", ["***"])
