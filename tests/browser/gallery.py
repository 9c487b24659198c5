"""A machine that has everything there is to show, and its tabs as pages of Blesta 5 and Blesta 6.

The views are the module's own, drawn by PHP from a bridge and a sandbox; only the frame around them is made up: the
style sheets that the two versions of Blesta build upon.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.demo.stack import Stack
from tests.acceptance.life import until
from tests.acceptance.shop import CLIENT_TABS, STAFF_TABS, Shop

_STYLES = Path("/usr/share/javascript")
STYLES: Mapping[str, Path] = {
    "blesta5": _STYLES / "bootstrap/css/bootstrap.min.css",
    "blesta6": _STYLES / "bootstrap5/css/bootstrap.min.css",
}
_PAGE = """<!DOCTYPE html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>
<link rel="stylesheet" href="{style}"></head>
<body><div class="container" style="max-width: 960px; padding: 16px"><h3>{title}</h3>{body}</div></body></html>
"""


class Gallery:
    """One installation with one furnished machine."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.shop, self._folder = Shop(stack, folder), folder
        meta = {
            "image_choices": "debian-12=Debian 12\nubuntu-24.04=Ubuntu 24.04",
            "limit_addresses": "4",
            "limit_volumes": "3",
            "limit_volume_gb": "500",
        }
        self.number = self.shop.sell(**meta)
        self._furnish()

    def _furnish(self) -> None:
        self._press("Network", "add_address", family="ipv4")
        address = self.shop.the_machine(self.number)["addresses"][-1]["id"]
        self._press("Network", "set_reverse_dns", address_id=address, reverse_dns="mail.example.com")
        self._press("Storage", "add_volume", name="data", size_gb="50")
        common = {"direction": "in", "cidrs": "", "comment": ""}
        rules = [
            {**common, "action": "accept", "protocol": "tcp", "ports": "22", "comment": "SSH"},
            {**common, "action": "accept", "protocol": "tcp", "ports": "80-443", "cidrs": "192.0.2.0/24"},
            {**common, "action": "drop", "protocol": "any", "ports": ""},
        ]
        self._press("Firewall", "set_firewall", rules=rules)
        stack = self.shop.stack
        stack.fault(endpoint="POST /instances/{id}/actions", kind="operation_fails", count=1, retryable=False)
        self._press("Power", "reboot", outcome="failed")

    def _press(self, tab: str, action: str, *, outcome: str = "succeeded", **form: Any) -> None:
        self.shop.blesta.press(self.number, tab, action, **form)
        until(lambda: self.shop.actions(self.number, action)[-1]["state"] == outcome)

    def draw(self, method: str, **more: Any) -> str:
        """The tab's own HTML."""
        answer = self.shop.blesta.try_("tab", service=self.number, method=method, staff_id=3, **more)
        html: str = answer["html"]
        return html

    def pages(self) -> Iterator[tuple[str, str]]:
        """Name and HTML of every tab, and of the forms as they look after a mistake."""
        for method in (*(f"tabClient{name}" for name in CLIENT_TABS), *(f"tab{name}" for name in STAFF_TABS)):
            yield method, self.draw(method)
        nonce = "0b5ad1f6-54a4-4a4e-8c0c-0d9d6a1a7c02"
        rule = {"direction": "in", "action": "accept", "protocol": "tcp", "ports": "99999", "cidrs": "x"}
        post: dict[str, Any] = {"action": "set_firewall", "nonce": nonce, "rules": [rule]}
        yield "tabClientFirewall-mistake", self.draw("tabClientFirewall", post=post)
        post = {
            "action": "reinstall",
            "nonce": nonce,
            "confirm": "1",
            "typed": "other",
            "ssh_key": "nonsense",
        }
        yield "tabClientReinstall-mistake", self.draw("tabClientReinstall", post=post)
        post = {"action": "reveal", "nonce": nonce}
        yield "tabClientAccess-revealed", self.draw("tabClientAccess", post=post)
        for name in ("manage", "add-row", "edit-row"):
            page = self.shop.blesta.do("page", page=name, row=self.shop.row)
            yield f"staff-{name}", str(page["html"])
        self.shop.stack.control("PUT", "options", {"speed": 0.2})
        self.shop.blesta.press(self.number, "Reinstall", "reinstall", typed="one.example")
        until(lambda: "<progress" in self.draw("tabClientOverview"))
        yield "tabClientOverview-running", self.draw("tabClientOverview")

    def frame(self, name: str, body: str, version: str) -> Path:
        """A file with the page as that version of Blesta would show it."""
        style = STYLES[version]
        file = self._folder / f"{name}-{version}.html"
        file.write_text(_PAGE.format(language="en", title=name, style=style.as_uri(), body=body))
        return file
