"""A machine from the time before the bridge becomes a service's: real processes, and the panel of InfraFabric."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from bridge.demo.stack import Answer, Stack
from tests.acceptance.conftest import active
from tests.acceptance.life import by_hand, standing, until
from tests.acceptance.shop import Shop


def adopt(stack: Stack, key: str, name: str, **members: Any) -> Answer:
    """An adopt with a wait."""
    return stack.act(key, "adopt", {"instance_id": name, **members}, wait=30)


def seen(stack: Stack, name: str) -> dict[str, Any]:
    """The machine, as InfraFabric has it."""
    found: dict[str, Any] = by_hand(stack, "GET", f"/instances/{name}").body
    return found


def findings(stack: Stack, key: str) -> list[dict[str, Any]]:
    """What reconcile finds of a service."""
    stack.command("reconcile")
    found: list[dict[str, Any]] = stack.api("GET", f"/v1/drift?service_key={key}").body["items"]
    return found


def test_an_adopted_machine_is_a_service_like_any_other(stack: Stack) -> None:
    """It is shown as it is, keeps its labels and volumes, pleases reconcile, takes commands, ends with its service."""
    name = standing(stack, hostname="old.example", labels={"owner": "me"})["id"]
    volume = {"name": "data", "size_gb": 10, "datacenter": "fra1", "instance_id": name}
    by_hand(stack, "POST", "/volumes", volume)
    volumes = until(lambda: seen(stack, name)["volumes"])
    key = str(uuid.uuid4())
    answer = adopt(stack, key, name, limits={"volumes": 1}, blesta={"client_id": 7})
    assert answer.body["state"] == "succeeded", answer.body
    service = stack.api("GET", f"/v1/services/{key}").body
    machine = seen(stack, name)
    assert (service["state"], service["hostname"], service["plan"]) == ("active", "old.example", "vps-1")
    assert [address["id"] for address in service["addresses"]] == [a["id"] for a in machine["addresses"]]
    assert [each["id"] for each in service["volumes"]] == volumes
    assert machine["labels"]["owner"] == "me"
    assert machine["labels"]["service_key"] == key
    assert findings(stack, key) == []
    assert list(stack.act(key, "add_volume", {"name": "more", "size_gb": 1}).body["errors"]) == ["name"]
    assert stack.act(key, "reboot", {}, wait=30).body["state"] == "succeeded"
    assert stack.act(key, "suspend", {}, wait=30).body["state"] == "succeeded"
    assert stack.act(key, "terminate", {"confirm": True}, wait=30).body["state"] == "succeeded"
    assert seen(stack, name)["status"] == "deleted"
    assert by_hand(stack, "GET", f"/volumes?instance_id={name}").body["items"] == []


def test_an_adopted_machine_is_adopted_once(stack: Stack) -> None:
    """Asked for again it is done already; a create of Blesta's finds that the service has its machine."""
    name, key = standing(stack)["id"], str(uuid.uuid4())
    assert adopt(stack, key, name).body["state"] == "succeeded"
    again = adopt(stack, key, name)
    assert (again.status, again.body["state"]) == (200, "succeeded")
    order = {"type": "vps", "hostname": "x.example", "image": "debian-12", "plan": "vps-1"}
    created = stack.act(key, "create", order, wait=30)
    assert (created.status, created.body["service"]["instance_id"]) == (200, name)
    other = adopt(stack, key, standing(stack)["id"])
    assert (other.status, other.body["code"]) == (409, "action_not_allowed")


def test_a_machine_that_cannot_be_marked_is_refused(stack: Stack) -> None:
    """InfraFabric changes no labels of a suspended machine, so the answer says to resume it first."""
    name, key = standing(stack)["id"], str(uuid.uuid4())
    by_hand(stack, "POST", f"/instances/{name}/actions", {"action": "suspend"})
    until(lambda: seen(stack, name)["status"] == "suspended")
    answer = adopt(stack, key, name)
    assert (answer.status, list(answer.body["errors"]["instance_id"])) == (422, ["valid"])
    assert "suspended" in answer.body["detail"]
    by_hand(stack, "POST", f"/instances/{name}/actions", {"action": "resume"})
    until(lambda: seen(stack, name)["status"] == "running")
    assert adopt(stack, key, name).body["state"] == "succeeded"


@pytest.mark.parametrize("whose", ["a service's", "another bridge's", "an unknown service's"])
def test_somebody_elses_machine_is_refused(stack: Stack, whose: str) -> None:
    """409 with the owner, nothing accepted, and the machine as it was."""
    owner = active(stack)
    machine = seen(stack, stack.api("GET", f"/v1/services/{owner}").body["instance_id"])
    if whose != "a service's":
        mark = machine["labels"]["bridge"] if whose == "an unknown service's" else "elsewhere:shop"
        machine = standing(stack, labels={"bridge": mark, "service_key": str(uuid.uuid4())})
    key = str(uuid.uuid4())
    answer = adopt(stack, key, machine["id"])
    assert (answer.status, answer.body["code"]) == (409, "instance_owned")
    assert stack.api("GET", f"/v1/services/{key}").status == 404
    assert seen(stack, machine["id"]) == machine


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_some_who_want_it_at_once_one_gets_it(
    request: pytest.FixtureRequest, own_stack: Callable[..., Stack], kind: str
) -> None:
    """The others are refused or fail, and the machine belongs to exactly one."""
    url = {} if kind == "sqlite" else {"BRIDGE_DATABASE_URL": request.getfixturevalue("postgresql_url")}
    stack = own_stack(environment=url)
    name = standing(stack)["id"]
    keys = [str(uuid.uuid4()) for _ in range(4)]
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda k=key: answers.append(adopt(stack, k, name))) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = [answer for answer in answers if answer.body.get("state") == "succeeded"]
    assert len(got) == 1, [answer.body for answer in answers]
    assert seen(stack, name)["labels"]["service_key"] == got[0].body["service_key"]
    assert {a.body.get("code") or (a.body["error"] or {}).get("code") for a in answers} == {
        None,
        "instance_owned",
    }


@pytest.mark.parametrize("retryable", [True, False])
def test_an_adopt_that_fails_leaves_the_machine(stack: Stack, retryable: bool) -> None:
    """A failure that may pass is tried again; one for good ends the operation, and nobody deletes anything."""
    name, key = standing(stack)["id"], str(uuid.uuid4())
    stack.fault(endpoint="PATCH /instances/{id}", kind="operation_fails", count=1, retryable=retryable)
    answer = adopt(stack, key, name)
    assert answer.body["state"] == ("succeeded" if retryable else "failed")
    machine = seen(stack, name)
    assert (machine["status"], "service_key" in machine["labels"]) == ("running", retryable)
    state = stack.api("GET", f"/v1/services/{key}").body["state"]
    assert state == ("active" if retryable else "terminated")


def test_while_infrafabric_is_away_nothing_is_accepted(stack: Stack) -> None:
    """The machine cannot be looked at, so the answer is 503 and there is no operation."""
    name, key = standing(stack)["id"], str(uuid.uuid4())
    stack.fault(endpoint="GET /instances/{id}", kind="error_before", count=1000)
    answer = stack.act(key, "adopt", {"instance_id": name})
    assert (answer.status, answer.body["code"]) == (503, "provider_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert stack.api("GET", f"/v1/services/{key}").status == 404


def test_staff_import_a_machine_through_the_module(shop: Shop) -> None:
    """A pending order gets the machine, becomes active by sync with its addresses, and cancelling deletes it."""
    name = standing(shop.stack)["id"]
    number = shop.order()
    page = shop.blesta.do("tab", service=number, method="tabImport", staff_id=3)
    form = {"action": "adopt", "instance_id": name, "confirm": "1", "nonce": page["nonce"]}
    shop.blesta.do("tab", service=number, method="tabImport", staff_id=3, post=form)
    until(lambda: shop.actions(number, "adopt")[-1]["state"] == "succeeded")
    shop.blesta.do("sync")
    assert shop.status(number) == "active"
    assert shop.field(number, "ifb_instance") == name
    assert shop.field(number, "ifb_ipv4") == seen(shop.stack, name)["addresses"][0]["address"]
    shop.blesta.do("cancel", service=number)
    assert seen(shop.stack, name)["status"] == "deleted"
