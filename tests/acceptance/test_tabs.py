"""The tabs of the module, drawn by real PHP from a real bridge, and what their forms do to a machine at the sandbox."""

import html
import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.acceptance.life import until
from tests.acceptance.shop import CLIENT_TABS, STAFF_TABS, Shop


def show(shop: Shop, number: int, method: str, **more: Any) -> dict[str, Any]:
    """A tab as its visitor sees it."""
    answer: dict[str, Any] = shop.blesta.try_("tab", service=number, method=method, staff_id=3, **more)
    return answer


@pytest.fixture
def number(shop: Shop) -> int:
    """A service with a running machine."""
    return shop.sell()


def test_every_tab_is_drawn_for_client_and_staff(shop: Shop, number: int) -> None:
    """With all there is to show, nothing stale, no secret, and no form without its token."""
    password = shop.field(number, "ifb_password")
    for method in (*(f"tabClient{name}" for name in CLIENT_TABS), *(f"tab{name}" for name in STAFF_TABS)):
        answer = show(shop, number, method)
        assert answer["ok"], (method, answer["errors"])
        page = answer["html"]
        assert "cannot be read" not in page, method
        assert password not in page, method
        assert page.count("<form") == page.count("_csrf_token"), method
    overview = show(shop, number, "tabClientOverview")["html"]
    machine = shop.the_machine(number)
    assert machine["addresses"][0]["address"] in overview
    assert machine["plan"] in overview


def test_network_and_storage_of_the_tabs_change_the_machine(shop: Shop, number: int) -> None:
    """An address comes, gets a name and goes; a volume comes, grows and goes; each is in the history."""
    blesta = shop.blesta

    def press(tab: str, action: str, **form: str) -> None:
        blesta.press(number, tab, action, **form)
        until(lambda: shop.actions(number, action)[-1]["state"] == "succeeded")

    press("Network", "add_address", family="ipv6")
    added = next(a for a in shop.the_machine(number)["addresses"] if not a["primary"])
    press("Network", "set_reverse_dns", address_id=added["id"], reverse_dns="six.example")
    named = next(a for a in shop.the_machine(number)["addresses"] if a["id"] == added["id"])
    assert named["reverse_dns"] == "six.example"
    press("Network", "remove_address", address_id=added["id"])
    assert all(a["primary"] for a in shop.the_machine(number)["addresses"])
    press("Storage", "add_volume", name="data", size_gb="10")
    (volume,) = shop.the_machine(number)["volumes"]
    press("Storage", "resize_volume", volume_id=volume, size_gb="20")
    press("Storage", "remove_volume", volume_id=volume)
    assert shop.the_machine(number)["volumes"] == []
    history = show(shop, number, "tabClientActivity")["html"]
    words = re.findall(r"<td>([^<]*)</td>", history)
    assert words.count("Done") == 7, "six of these and the create"
    assert "Client" in words


def test_the_firewall_editor_saves_what_it_shows(shop: Shop, number: int) -> None:
    """A preset is taken into the list, saved as it is shown, and shown again as the machine's rules."""
    empty = show(shop, number, "tabClientFirewall")
    form = {"action": "preset", "preset": "web", "nonce": empty["nonce"]}
    draft = show(shop, number, "tabClientFirewall", post=form)
    assert shop.the_machine(number)["firewall"]["rules"] == []
    rules = _rules(draft["html"])
    assert [rule["ports"] for rule in rules] == ["22", "80", "443", "", ""]
    shop.blesta.press(number, "Firewall", "set_firewall", rules=rules)
    until(lambda: shop.actions(number, "set_firewall")[-1]["state"] == "succeeded")
    saved = shop.the_machine(number)["firewall"]["rules"]
    assert [(rule["action"], rule["ports"]) for rule in saved] == [
        ("accept", "22"),
        ("accept", "80"),
        ("accept", "443"),
        ("accept", None),
        ("drop", None),
    ]
    assert _rules(show(shop, number, "tabClientFirewall")["html"]) == rules


def test_a_bad_rule_is_told_at_its_field_and_changes_nothing(shop: Shop, number: int) -> None:
    """The form's own check and the bridge's come to the same field."""
    rule = {
        "direction": "in",
        "action": "accept",
        "protocol": "tcp",
        "ports": "70000",
        "cidrs": "",
        "comment": "",
    }
    nonce = show(shop, number, "tabClientFirewall")["nonce"]
    form = {"action": "set_firewall", "nonce": nonce, "rules": [rule]}
    answer = show(shop, number, "tabClientFirewall", post=form)
    assert list(answer["errors"]) == ["rules.0.ports"]
    key = shop.field(number, "ifb_key")
    direct = shop.stack.act(key, "set_firewall", {"rules": [{**rule, "cidrs": []}]})
    assert list(direct.body["errors"]) == ["rules.0.ports"]
    assert shop.the_machine(number)["firewall"]["rules"] == []


def test_the_password_is_shown_on_a_post_alone_and_audited(shop: Shop, number: int) -> None:
    """Reset, fetched, revealed to who asked; the bridge's audit knows that client."""
    old = shop.field(number, "ifb_password")
    shop.blesta.press(number, "Access", "reset_password")
    until(lambda: shop.actions(number, "reset_password")[-1]["state"] == "succeeded")
    shop.blesta.do("sync")
    new = shop.field(number, "ifb_password")
    assert new not in ("", old)
    nonce = show(shop, number, "tabClientAccess")["nonce"]
    shown = show(shop, number, "tabClientAccess", post={"action": "reveal", "nonce": nonce})
    assert html.escape(new) in shown["html"]
    assert _readers(shop, shop.field(number, "ifb_key")) == ["client:7"]
    assert new not in str(shown["log"])
    assert html.escape(new) not in show(shop, number, "tabClientAccess")["html"]


def test_limits_of_the_package_are_told_before_and_kept_after(shop: Shop) -> None:
    """A full package disables the button with the bridge's reason, and a forged post is refused by the bridge."""
    number = shop.sell(limit_addresses="2", limit_volumes="0")
    page = show(shop, number, "tabClientNetwork")
    assert re.search(r'name="submit_add_address"[^>]*disabled', page["html"])
    assert "The package allows 2 addresses" in page["html"]
    form = {"action": "add_address", "family": "ipv4", "nonce": page["nonce"]}
    assert list(show(shop, number, "tabClientNetwork", post=form)["errors"]) == ["family"]
    assert len(shop.the_machine(number)["addresses"]) == 2
    form = {"action": "add_volume", "name": "a", "size_gb": "1", "nonce": page["nonce"]}
    assert list(show(shop, number, "tabClientStorage", post=form)["errors"]) == ["name"]


def test_a_double_click_is_one_action(shop: Shop, number: int) -> None:
    """The same form posted twice is one volume."""
    nonce = show(shop, number, "tabClientStorage")["nonce"]
    form = {"action": "add_volume", "name": "once", "size_gb": "1", "nonce": nonce}
    running = [
        shop.blesta.begin("tab", service=number, method="tabClientStorage", post=form) for _ in range(2)
    ]
    assert [shop.blesta.finish(one)["ok"] for one in running] == [True, True]
    until(lambda: shop.actions(number, "add_volume")[-1]["state"] == "succeeded")
    assert len(shop.the_machine(number)["volumes"]) == 1


def test_staff_cancel_and_retry_from_the_operations_tab(shop: Shop, number: int) -> None:
    """A failed operation is tried again by a press of a button, as the staff member who pressed it."""
    shop.stack.fault(
        endpoint="POST /instances/{id}/actions", kind="operation_fails", count=1, retryable=False
    )
    shop.blesta.press(number, "Power", "reboot")
    until(lambda: shop.actions(number, "reboot")[-1]["state"] == "failed")
    failed = shop.actions(number, "reboot")[-1]
    page = show(shop, number, "tabOperations")
    assert failed["id"] in page["html"]
    form = {"action": "retry", "operation_id": failed["id"], "confirm": "1", "nonce": page["nonce"]}
    answer = show(shop, number, "tabOperations", post=form)
    assert answer["ok"], answer["errors"]
    until(lambda: shop.actions(number, "reboot")[-1]["state"] == "succeeded")
    again = shop.actions(number, "reboot")[-1]
    assert (again["retry_of"], again["actor"]) == (failed["id"], "staff:3")


def _readers(shop: Shop, key: str) -> list[str]:
    """Who has read the service's credentials, by the bridge's audit."""
    (file,) = (shop.stack.folder / "data").glob("*.db")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        query = "SELECT actor FROM audit WHERE event = 'credentials.read' AND service_key = ? ORDER BY number"
        return [row[0] for row in database.execute(query, (key,))]


def _rules(page: str) -> list[dict[str, str]]:
    """The rules as the form shows them."""
    rules: dict[str, dict[str, str]] = {}
    for number, name, value in re.findall(r'name="rules\[(\d+)\]\[(\w+)\]" value="([^"]*)"', page):
        rules.setdefault(number, {})[name] = html.unescape(value)
    for number, name, options in re.findall(
        r'<select name="rules\[(\d+)\]\[(\w+)\]"[^>]*>(.*?)</select>', page, re.S
    ):
        chosen = re.search(r'value="([^"]*)" selected', options)
        rules[number][name] = chosen[1] if chosen else ""
    return [rules[number] for number in sorted(rules, key=int)]
