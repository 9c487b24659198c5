"""What packages and options promise, kept by the real bridge: firewall, addresses, limits, and disks that stay."""

from pathlib import Path
from typing import Any

from bridge.demo.stack import Stack
from tests.acceptance.life import until
from tests.acceptance.shop import Shop


def ipv4(machine: dict[str, Any]) -> int:
    """How many IPv4 addresses a machine has."""
    return sum(address["family"] == "ipv4" for address in machine["addresses"])


def test_a_new_machine_begins_with_the_package_s_firewall(shop: Shop) -> None:
    """It is in force soon after the machine is, once, and what the client sets later stays."""
    number = shop.sell(firewall_preset="ssh")
    until(lambda: shop.the_machine(number)["firewall"]["rules"])
    ports = [rule["ports"] for rule in shop.the_machine(number)["firewall"]["rules"]]
    assert ports == ["22", None, None]
    shop.blesta.press(number, "Firewall", "set_firewall", rules=[])
    until(lambda: shop.the_machine(number)["firewall"]["rules"] == [])
    shop.blesta.do("sync")
    shop.blesta.do("sync")
    assert shop.the_machine(number)["firewall"]["rules"] == []
    assert len(shop.actions(number, "set_firewall")) == 2


def ordered(shop: Shop, extra_ips: str) -> int:
    """A paid order of a machine with extra addresses; its id."""
    answer = shop.blesta.do(
        "order",
        package=shop.package,
        client_id=7,
        fields={"ifb_hostname": "many.example"},
        configoptions={"extra_ips": extra_ips},
        paid=True,
    )
    number: int = answer["service"]["id"]
    return number


def test_bought_addresses_are_there_once(shop: Shop) -> None:
    """Also after cron has run twice; one more is bought by an edit; fewer are refused while the machine has them."""
    number = ordered(shop, "2")
    shop.blesta.do("activate", service=number)
    shop.blesta.do("sync")
    until(lambda: ipv4(shop.the_machine(number)) == 3)
    shop.blesta.do("sync")
    shop.blesta.do("sync")
    assert ipv4(shop.the_machine(number)) == 3
    shop.blesta.do("edit", service=number, fields={}, configoptions={"extra_ips": "3"})
    until(lambda: ipv4(shop.the_machine(number)) == 4)
    refused = shop.blesta.try_("edit", service=number, fields={}, configoptions={"extra_ips": "1"})
    assert list(refused["errors"]) == ["extra_ips"]
    assert ipv4(shop.the_machine(number)) == 4


def test_an_address_that_was_given_back_can_be_bought_again(shop: Shop) -> None:
    """Removed, it stays away whatever cron does; bought anew, it is there, once."""
    number = ordered(shop, "1")
    shop.blesta.do("activate", service=number)
    until(lambda: ipv4(shop.the_machine(number)) == 2)
    (bought,) = (a for a in shop.the_machine(number)["addresses"] if not a["primary"])
    shop.blesta.press(number, "Network", "remove_address", address_id=bought["id"])
    until(lambda: ipv4(shop.the_machine(number)) == 1)
    shop.blesta.do("sync")
    shop.blesta.press(number, "Power", "reboot")
    until(lambda: shop.actions(number, "reboot")[0]["state"] == "succeeded")
    shop.blesta.do("sync")
    shop.blesta.do("edit", service=number, fields={}, configoptions={"extra_ips": "0"})
    assert len(shop.actions(number, "add_address")) == 1
    for _ in range(2):
        shop.blesta.do("edit", service=number, fields={}, configoptions={"extra_ips": "1"})
    until(lambda: ipv4(shop.the_machine(number)) == 2)
    shop.blesta.do("sync")
    assert len(shop.actions(number, "add_address")) == 2


def test_bought_addresses_of_a_service_that_cron_activates(stack: Stack, tmp_path: Path) -> None:
    """Nobody calls the module for it again, so they come with the machine's readiness."""
    shop = Shop(stack, tmp_path, completion_mode="pending", wait_seconds="1")
    number = ordered(shop, "1")
    stack.control("PUT", "options", {"speed": 1})
    assert not shop.blesta.try_("activate", service=number)["ok"]
    until(lambda: shop.actions(number, "create")[0]["state"] == "succeeded")
    shop.blesta.do("sync")
    assert shop.status(number) == "active"
    until(lambda: ipv4(shop.the_machine(number)) == 2)


def test_a_downgrade_that_would_shrink_the_disk_is_refused_before_it_is_billed(shop: Shop) -> None:
    """Neither a smaller package nor a smaller option gets as far as an operation; a larger one acts."""
    number = shop.sell()
    larger, smaller = shop.add_package("vps-4"), shop.add_package("vps-1")
    shop.blesta.do("change-package", service=number, package=larger)
    assert shop.the_machine(number)["disk_gb"] == 80
    edits = len(shop.actions(number, "edit"))
    refused = shop.blesta.try_("change-package", service=number, package=smaller)
    assert list(refused["errors"]) == ["disk_gb"]
    option = shop.blesta.try_("edit", service=number, fields={}, configoptions={"plan": "vps-2"})
    assert list(option["errors"]) == ["disk_gb"]
    assert len(shop.actions(number, "edit")) == edits
    assert (shop.the_machine(number)["plan"], shop.blesta.service(number)["package_id"]) == ("vps-4", larger)
    shop.stack.api("GET", "/v1/catalog/plans")
    direct = shop.stack.act(shop.field(number, "ifb_key"), "edit", {"plan": "vps-2"})
    assert (direct.status, list(direct.body["errors"])) == (422, ["plan"])


def test_a_repeated_request_gets_its_answer_although_it_would_be_refused_by_now(shop: Shop) -> None:
    """The same Idempotency-Key is the same operation, whatever the machine has become since."""
    key = shop.field(shop.sell(), "ifb_key")
    shop.stack.api("GET", "/v1/catalog/plans")
    first = shop.stack.act(key, "edit", {"plan": "vps-2"}, idempotency_key="once", wait=30)
    assert shop.stack.act(key, "edit", {"plan": "vps-4"}, wait=30).body["state"] == "succeeded"
    again = shop.stack.act(key, "edit", {"plan": "vps-2"}, idempotency_key="once")
    assert (again.status, again.body["id"]) == (200, first.body["id"])
    assert shop.stack.act(key, "edit", {"plan": "vps-2"}).status == 422


def test_an_upgrade_takes_the_new_package_s_limits_along(shop: Shop) -> None:
    """A client of a package with more volumes may add them from then on."""
    number = shop.sell(limit_volumes="0")
    key = shop.field(number, "ifb_key")
    assert shop.stack.act(key, "add_volume", {"name": "a", "size_gb": 1}).status == 422
    shop.blesta.do("change-package", service=number, package=shop.add_package("vps-2", limit_volumes="1"))
    assert shop.stack.api("GET", f"/v1/services/{key}").body["limits"] == {"volumes": 1}
    assert (
        shop.stack.act(key, "add_volume", {"name": "a", "size_gb": 1}, wait=30).body["state"] == "succeeded"
    )
