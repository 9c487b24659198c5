"""Blesta's own calls through the real module in real `php` processes, while everything around them goes wrong."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.demo.stack import Stack
from tests.acceptance.life import until
from tests.acceptance.shop import Shop

CREATE = "POST /instances"


def _creates(stack: Stack) -> int:
    return int(stack.truth()["effects"].get("instance.create", 0))


# ---- a life ---------------------------------------------------------------------------------------------------------


def test_a_whole_life_in_blestas_words(shop: Shop) -> None:
    """Each of Blesta's commands does to the machine what it says, and the fields follow."""
    blesta, number = shop.blesta, shop.sell()
    machine = shop.the_machine(number)
    assert (machine["status"], machine["hostname"]) == ("running", "one.example")
    assert shop.field(number, "ifb_instance") == machine["id"]
    assert shop.field(number, "ifb_ipv4") == machine["addresses"][0]["address"]
    assert "ifb_password" in blesta.service(number)["encrypted"]

    blesta.do("edit", service=number, fields={"ifb_hostname": "two.example"})
    assert shop.the_machine(number)["hostname"] == shop.field(number, "ifb_hostname") == "two.example"
    blesta.do("change-package", service=number, package=shop.add_package("vps-4"))
    assert shop.the_machine(number)["plan"] == shop.field(number, "ifb_plan") == "vps-4"
    blesta.do("suspend", service=number, suspension_reason="unpaid")
    assert (shop.the_machine(number)["status"], shop.status(number)) == ("suspended", "suspended")
    blesta.do("unsuspend", service=number)
    assert (shop.the_machine(number)["status"], shop.status(number)) == ("running", "active")
    blesta.do("renew", service=number, date_renews="2031-02-03 04:05:06")
    assert shop.the_machine(number)["expires_at"] == "2031-02-03T04:05:06Z"
    password = shop.field(number, "ifb_password")
    blesta.press(number, "Reinstall", "reinstall", typed="two.example")
    until(lambda: shop.actions(number, "reinstall")[0]["state"] == "succeeded")
    blesta.do("sync")
    assert shop.field(number, "ifb_password") not in ("", password)
    blesta.do("cancel", service=number)
    assert (shop.living(number), shop.status(number)) == ([], "canceled")


def test_bridge_killed_between_create_and_terminate(shop: Shop) -> None:
    """What one process accepted and made, the next one knows and ends."""
    number = shop.sell()
    shop.stack.kill_bridge()
    refused = shop.blesta.try_("cancel", service=number)
    assert not refused["ok"]
    assert len(shop.living(number)) == 1
    shop.stack.start_bridge()
    shop.blesta.do("cancel", service=number)
    assert shop.living(number) == []


# ---- one order, one machine -----------------------------------------------------------------------------------------


def test_two_simultaneous_activations_make_one_machine(shop: Shop) -> None:
    """Staff presses the button while cron is at the same order."""
    number, before = shop.order(), _creates(shop.stack)
    shop.stack.control("PUT", "options", {"speed": 4})
    both = [shop.blesta.begin("activate", service=number, staff_id=1), shop.blesta.begin("cron-provision")]
    answers = [shop.blesta.finish(process) for process in both]
    assert [answer["ok"] for answer in answers] == [True, True]
    assert (len(shop.machines(number)), shop.status(number)) == (1, "active")
    assert _creates(shop.stack) - before == 1
    assert shop.field(number, "ifb_instance") == shop.the_machine(number)["id"]


@pytest.mark.parametrize("times", [1, 6])
def test_lost_answers_to_a_create_make_one_machine(shop: Shop, times: int) -> None:
    """InfraFabric makes the machine and the answer is lost, again and again."""
    number, before = shop.order(), _creates(shop.stack)
    shop.stack.fault(endpoint=CREATE, kind="drop_after", count=times)
    shop.blesta.try_("activate", service=number)
    until(lambda: shop.actions(number, "create")[0]["state"] == "succeeded", 60)
    shop.blesta.try_("cron-provision")
    shop.blesta.do("sync")
    assert (len(shop.machines(number)), _creates(shop.stack) - before) == (1, 1)
    assert shop.status(number) == "active"
    assert shop.field(number, "ifb_instance") == shop.the_machine(number)["id"]
    assert shop.stack.truth()["faults_fired"] >= times


def test_php_killed_during_the_create_makes_one_machine(shop: Shop) -> None:
    """The web server ends the request; Blesta knows nothing, and its cron asks again."""
    number = shop.order()
    shop.stack.control("PUT", "options", {"speed": 2})
    process = shop.blesta.begin("activate", service=number, staff_id=1)
    until(lambda: shop.machines(number))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert shop.status(number) == "pending"
    shop.blesta.do("cron-provision")
    assert (len(shop.machines(number)), shop.status(number)) == (1, "active")
    assert shop.field(number, "ifb_ipv4")


# ---- longer than the wait -------------------------------------------------------------------------------------------


def test_create_longer_than_the_wait_activates_and_sync_fills_the_fields(
    stack: Stack, tmp_path: Path
) -> None:
    """The mode for shops that want the order out of the way."""
    shop = Shop(stack, tmp_path, completion_mode="activate", wait_seconds="1")
    number = shop.order()
    stack.control("PUT", "options", {"speed": 1})
    shop.blesta.do("activate", service=number)
    assert (shop.status(number), shop.field(number, "ifb_ipv4")) == ("active", "")
    until(lambda: shop.actions(number, "create")[0]["state"] == "succeeded")
    shop.blesta.do("sync")
    machine = shop.the_machine(number)
    assert shop.field(number, "ifb_ipv4") == machine["addresses"][0]["address"]
    assert shop.field(number, "ifb_password")
    assert "ifb_password" in shop.blesta.service(number)["encrypted"]


def test_create_longer_than_the_wait_stays_pending_until_it_is_ready(stack: Stack, tmp_path: Path) -> None:
    """The mode for shops whose welcome mail has to carry address and password."""
    shop = Shop(stack, tmp_path, completion_mode="pending", wait_seconds="1")
    number = shop.order()
    stack.control("PUT", "options", {"speed": 1})
    refused = shop.blesta.try_("activate", service=number)
    assert (refused["ok"], shop.status(number)) == (False, "pending")
    until(lambda: shop.actions(number, "create")[0]["state"] == "succeeded")
    shop.blesta.do("cron-provision")
    assert (shop.status(number), len(shop.machines(number))) == ("active", 1)
    assert shop.field(number, "ifb_ipv4") == shop.the_machine(number)["addresses"][0]["address"]


# ---- failing and ending ---------------------------------------------------------------------------------------------


def test_decided_failed_create_is_cleaned_up_and_the_next_cron_succeeds(shop: Shop) -> None:
    """A machine that broke while it was made is removed; Blesta's next call makes another one."""
    number = shop.order()
    shop.stack.fault(endpoint=CREATE, kind="operation_fails", count=1, code="image_broken", retryable=False)
    refused = shop.blesta.try_("activate", service=number)
    assert (refused["ok"], shop.status(number)) == (False, "pending")
    until(lambda: shop.actions(number, "create")[0]["state"] == "failed")
    assert shop.living(number) == []
    shop.blesta.do("cron-provision")
    assert (shop.status(number), len(shop.living(number))) == ("active", 1)
    assert shop.field(number, "ifb_instance") == shop.the_machine(number)["id"]


def test_cancel_whose_answer_was_lost_succeeds(shop: Shop) -> None:
    """The deletion happened, nobody heard of it."""
    number = shop.sell()
    shop.stack.fault(endpoint="DELETE /instances/{id}", kind="drop_after", count=2)
    shop.blesta.do("cancel", service=number)
    until(lambda: shop.actions(number, "terminate")[0]["state"] == "succeeded")
    assert (shop.living(number), shop.status(number)) == ([], "canceled")
    assert shop.blesta.try_("cancel", service=number)["ok"]


def test_cancel_of_a_machine_that_is_already_gone_succeeds(shop: Shop) -> None:
    """Somebody removed the machine in InfraFabric's own panel."""
    number = shop.sell()
    shop.stack.control("POST", f"instances/{shop.the_machine(number)['id']}", {"status": "deleted"})
    assert shop.living(number) == []
    shop.blesta.do("cancel", service=number)
    assert shop.status(number) == "canceled"
    assert shop.actions(number, "terminate")[0]["state"] == "succeeded"


# ---- nobody waits for somebody else ---------------------------------------------------------------------------------


def test_ten_orders_of_which_the_first_hangs(stack: Stack, tmp_path: Path) -> None:
    """One order that InfraFabric does not answer holds up no other."""
    shop = Shop(stack, tmp_path, completion_mode="pending", wait_seconds="2")
    orders = [shop.order(f"host{i}.example") for i in range(10)]
    stack.fault(endpoint=CREATE, kind="hang", count=1, seconds=3600)
    shop.blesta.try_("cron-provision")
    assert [shop.status(number) for number in orders] == ["pending"] + ["active"] * 9
    assert [len(shop.machines(number)) for number in orders] == [1] * 10


@pytest.fixture
def frozen(shop: Shop) -> Any:
    """The bridge accepts connections and says nothing."""
    shop.stack.bridge.send_signal(signal.SIGSTOP)
    yield shop
    shop.stack.bridge.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    "ask",
    [
        lambda shop: shop.order(),
        lambda shop: shop.blesta.do("fields", package=shop.package, method="getClientAddFields"),
        lambda shop: shop.blesta.do("fields", package=shop.package, method="getAdminAddFields"),
    ],
    ids=["pending_order", "client_order_page", "staff_order_page"],
)
def test_ordering_never_waits_for_infrafabric(frozen: Shop, ask: Callable[[Shop], Any]) -> None:
    """Order page and pending order ask nobody, so that they work while nobody answers."""
    started = time.monotonic()
    ask(frozen)
    assert time.monotonic() - started < 1.5
