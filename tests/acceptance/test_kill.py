"""The bridge is killed with SIGKILL in the middle of every action; afterwards the effect has happened exactly once."""

import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from bridge.demo.stack import Stack, call
from bridge.domain.actions import REGISTRY
from tests.acceptance.conftest import active
from tests.acceptance.life import CASES, Case, until

SLOW = 2


@dataclass(frozen=True, slots=True)
class Moment:
    """When the process dies: what is arranged before the call, and what shows that the moment has come."""

    name: str
    arrange: Callable[[Stack, Case], None]
    has_come: Callable[[Stack, Case, str, int], bool]


def _nothing_arrives(stack: Stack, case: Case) -> None:
    stack.fault(endpoint=case.endpoint, kind="drop_before", count=1000)


def _answer_never_comes(stack: Stack, case: Case) -> None:
    stack.fault(endpoint=case.endpoint, kind="hang", count=1)


def _takes_its_time(stack: Stack, case: Case) -> None:
    stack.control("PUT", "options", {"speed": SLOW})


def _effects(stack: Stack, case: Case) -> int:
    count: int = stack.truth()["effects"].get(case.effect, 0)
    return count


def _state(stack: Stack, case: Case, key: str) -> Any:
    items = stack.api("GET", f"/v1/services/{key}/operations?action={case.action}").body.get("items", [])
    return items[-1]["state"] if items else None


MOMENTS = (
    Moment(
        "intent_written",
        _nothing_arrives,
        lambda stack, case, key, before: _state(stack, case, key) == "running",
    ),
    Moment(
        "sent_without_answer",
        _answer_never_comes,
        lambda stack, case, key, before: _effects(stack, case) == before + 1,
    ),
    Moment(
        "awaiting",
        _takes_its_time,
        lambda stack, case, key, before: _state(stack, case, key) == "awaiting",
    ),
)


def test_every_action_has_a_case() -> None:
    """No action can be added without being killed here."""
    assert {case.action for case in CASES} == set(REGISTRY)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.action)
def test_killed_bridge_still_does_it_exactly_once(stack: Stack, case: Case, moment: Moment) -> None:
    """One effect at the sandbox; the repeated call gets the same operation or its no-op; the fields are right."""
    key = str(uuid.uuid4()) if case.begins else active(stack)
    body = case.body(stack, key)
    before, nonce = _effects(stack, case), uuid.uuid4().hex
    moment.arrange(stack, case)
    caller = _call_in_background(stack, key, case, body, nonce)
    until(lambda: moment.has_come(stack, case, key, before))
    stack.kill_bridge()
    caller.join(10)
    stack.control("DELETE", "faults")
    stack.control("PUT", "options", {"speed": 50})
    stack.start_bridge()

    again = stack.act(
        key, case.action, body, idempotency_key=None if case.repeatable else nonce, wait=30, actor="staff:1"
    )

    assert (again.status, again.body["state"]) == (200, "succeeded"), again.body
    until(lambda: stack.api("GET", f"/v1/services/{key}").body["current_operation_id"] is None)
    assert _effects(stack, case) == before + 1
    _agrees_with_the_sandbox(stack, key, password=case.action != "adopt")


def _call_in_background(stack: Stack, key: str, case: Case, body: Any, nonce: str) -> threading.Thread:
    headers = {
        "Authorization": f"Bearer {stack.module_key}",
        "X-Actor": "staff:1",
        "Idempotency-Key": nonce,
        "Prefer": "wait=30",
    }

    def work() -> None:
        # The bridge dies under this request, as intended.
        with suppress(OSError):
            call("POST", f"{stack.bridge_url}/v1/services/{key}/{case.action}", body=body, headers=headers)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def _agrees_with_the_sandbox(stack: Stack, key: str, *, password: bool) -> None:
    """The bridge's picture is the sandbox's, and there is one machine at most."""
    service = stack.api("GET", f"/v1/services/{key}").body
    truth = stack.truth()
    mine = [i for i in truth["instances"] if i["labels"].get("service_key") == key]
    living = [machine for machine in mine if machine["status"] != "deleted"]
    fields = {field["key"]: field["value"] for field in service["fields"]}
    if service["state"] == "terminated":
        assert living == []
        assert "ifb_instance" not in fields
        return
    (machine,) = living
    assert fields["ifb_instance"] == machine["id"]
    assert fields["ifb_ipv4"] == machine["addresses"][0]["address"]
    assert bool(fields.get("ifb_password")) == password
    assert {a["id"] for a in service["addresses"]} == {a["id"] for a in machine["addresses"]}
    assert {v["id"] for v in service["volumes"]} == set(machine["volumes"])
    for name in ("plan", "image", "hostname", "cpus", "disk_gb"):
        assert service[name] == machine[name]
