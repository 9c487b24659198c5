"""Commands that do not fit the service as it is: refused with what is the matter, and nothing changes."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from bridge.domain.actions import REGISTRY
from tests.integration.api.conftest import World, assert_errors, assert_problem
from tests.integration.api.table import BODIES

STATES = ("active", "suspended", "terminated", "failed")
WELCOME = {
    "create": {"active", "suspended", "terminated", "failed"},  # of a live one: its own 409, see below
    "adopt": {"terminated", "failed"},  # of a machine that exists, see below
    "suspend": {"active", "suspended"},
    "unsuspend": {"active", "suspended"},
    "terminate": {"active", "suspended", "terminated", "failed"},
    "terminate_later": {"active", "suspended"},
    "undo_terminate": {"active", "suspended"},
    "renew": {"active", "suspended"},
}
"""The states in which an action is done or there is nothing to do; all others want an active service."""
REFUSED = [(a, s) for a in REGISTRY for s in STATES if s not in WELCOME.get(a, {"active"})]


@pytest.mark.parametrize(("action", "state"), REFUSED)
def test_a11_decided_codes_an_action_that_the_state_forbids_is_409(
    unchanged: World, action: str, state: str
) -> None:
    """The answer says in which state the service is, and why that does not do."""
    answer = unchanged.stack.act(unchanged.services[state], action, BODIES[action].base)
    body = assert_problem(answer, 409, "action_not_allowed")
    assert body["state"] == state
    assert state in body["reason"]
    assert action in body["reason"]


@pytest.mark.parametrize("action", sorted(set(REGISTRY) - {"create", "adopt", "terminate"}))
def test_a11_decided_codes_an_action_on_a_service_that_never_was_is_404(
    unchanged: World, action: str
) -> None:
    """Only create and adopt make a service; terminate of none is done already."""
    answer = unchanged.stack.act(str(uuid.uuid4()), action, BODIES[action].base)
    assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("state", ["terminated", "failed", ""])
def test_a11_a_machine_that_does_not_exist_cannot_be_adopted(unchanged: World, state: str) -> None:
    """InfraFabric is asked before anything is accepted."""
    key = unchanged.services[state] if state else str(uuid.uuid4())
    assert_errors(unchanged.stack.act(key, "adopt", BODIES["adopt"].base), "instance_id", "exists")


@pytest.mark.parametrize("state", ["active", "suspended"])
@pytest.mark.parametrize(
    "other", [{"hostname": "two.example"}, {"image": "debian-13"}, {"type": "container"}, {"plan": "vps-4"}]
)
def test_a11_a_second_create_with_another_request_is_409(
    unchanged: World, state: str, other: dict[str, Any]
) -> None:
    """One service key is one machine."""
    body = BODIES["create"].base | {"blesta": {"client_id": 7}} | other
    answer = unchanged.stack.act(unchanged.services[state], "create", body)
    assert_problem(answer, 409, "create_conflict")


def test_b7_a_key_that_was_used_for_another_request_is_422(unchanged: World) -> None:
    """The Idempotency-Key of an accepted command does not open another one."""
    answer = unchanged.stack.act(
        unchanged.services["suspended"], "suspend", {"reason": "another"}, idempotency_key="suspended-once"
    )
    assert_problem(answer, 422, "idempotency_key_reused")


Given = Callable[[World], dict[str, Any]]


def _address(world: World, *, primary: bool) -> str:
    found: str = next(a["id"] for a in world.service["addresses"] if a["primary"] is primary)
    return found


def _volume(world: World) -> str:
    found: str = world.service["volumes"][0]["id"]
    return found


def _foreign(world: World) -> str:
    other = world.stack.api("GET", f"/v1/services/{world.services['suspended']}").body
    found: str = other["addresses"][0]["id"]
    return found


_UNFIT: tuple[tuple[str, Given, str, str], ...] = (
    ("edit", lambda w: {"disk_gb": 39}, "disk_gb", "valid"),
    ("edit", lambda w: {}, "plan", "empty"),
    ("create", lambda w: BODIES["create"].base | {"cpus": 2}, "plan", "valid"),
    ("remove_address", lambda w: {"address_id": "ip_none"}, "address_id", "exists"),
    ("remove_address", lambda w: {"address_id": _address(w, primary=True)}, "address_id", "valid"),
    ("remove_address", lambda w: {"address_id": _foreign(w)}, "address_id", "exists"),
    ("set_reverse_dns", lambda w: {"address_id": _foreign(w), "reverse_dns": "a.b"}, "address_id", "exists"),
    ("add_volume", lambda w: {"name": "more", "size_gb": 10}, "name", "valid"),
    ("resize_volume", lambda w: {"volume_id": "vol_none", "size_gb": 20}, "volume_id", "exists"),
    ("resize_volume", lambda w: {"volume_id": _volume(w), "size_gb": 9}, "size_gb", "valid"),
    ("resize_volume", lambda w: {"volume_id": _volume(w), "size_gb": 101}, "size_gb", "valid"),
    ("remove_volume", lambda w: {"volume_id": "vol_none"}, "volume_id", "exists"),
)


@pytest.mark.parametrize(("action", "given", "name", "rule"), _UNFIT)
def test_a11_what_only_the_service_can_tell_to_be_wrong_is_named(
    unchanged: World, action: str, given: Given, name: str, rule: str
) -> None:
    """Shrinking, somebody else's address or volume, and more than the package allows."""
    answer = unchanged.stack.act(unchanged.active, action, given(unchanged))
    assert_errors(answer, name, rule)


def test_a11_an_address_beyond_the_package_is_named(unchanged: World) -> None:
    """The package's number of addresses is the most there can be."""
    assert len(unchanged.service["addresses"]) == unchanged.service["limits"]["addresses"]
    answer = unchanged.stack.act(unchanged.active, "add_address", {"family": "ipv6"})
    assert_errors(answer, "family", "valid")
    items = unchanged.stack.api("GET", f"/v1/services/{unchanged.active}/actions").body["items"]
    (told,) = (item for item in items if item["action"] == "add_address")
    assert not told["allowed"]
    assert told["reason"] == answer.body["errors"]["family"]["valid"]
