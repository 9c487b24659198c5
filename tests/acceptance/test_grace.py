"""A cancellation with a grace period, in Blesta's words: the machine waits for its end, and staff may think again."""

from tests.acceptance.life import until
from tests.acceptance.shop import Shop


def test_a_canceled_machine_is_kept_and_brought_back(shop: Shop) -> None:
    """Canceled in Blesta, suspended and alive at InfraFabric; undone by staff, `sync` takes the cancellation back."""
    shop.package = shop.add_package("vps-1", grace_hours="24", limit_addresses="2")
    number = shop.sell()
    shop.blesta.do("cancel", service=number)
    assert (shop.status(number), shop.the_machine(number)["status"]) == ("canceled", "suspended")
    key = shop.field(number, "ifb_key")
    assert shop.stack.api("GET", f"/v1/services/{key}").body["terminate_at"] is not None
    undone = shop.stack.act(key, "undo_terminate", wait=20)
    assert undone.body["state"] == "succeeded"
    shop.blesta.do("sync")
    assert (shop.status(number), shop.the_machine(number)["status"]) == ("active", "running")
    refused = shop.stack.act(key, "add_address", {"family": "ipv4"})
    assert (refused.status, list(refused.body["errors"])) == (422, ["family"]), (
        "the package allows two addresses"
    )


def test_a_grace_period_that_is_over_ends_the_machine(shop: Shop) -> None:
    """The bridge itself terminates it, soon after, and Blesta hears that it is gone."""
    number = shop.sell()
    key = shop.field(number, "ifb_key")
    over = shop.stack.act(key, "terminate_later", {"terminate_at": "2020-01-01T00:00:00Z"}, wait=20)
    assert over.body["state"] == "succeeded"
    until(lambda: shop.living(number) == [], 40)
    until(lambda: shop.stack.api("GET", f"/v1/services/{key}").body["state"] == "terminated")
    shop.blesta.do("sync")
    assert shop.field(number, "ifb_state") == "terminated"
