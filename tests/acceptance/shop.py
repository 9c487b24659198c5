"""A hosting company: the real module in Blesta's stead, with a package to sell, in front of a stack."""

from pathlib import Path
from typing import Any

from bridge.demo.blesta import Blesta
from bridge.demo.stack import SANDBOX_KEY, Stack

CLIENT_TABS = (
    "Overview", "Power", "Reinstall", "Network", "Firewall", "Storage", "Access", "Usage", "Activity",
)  # fmt: skip
STAFF_TABS = (*CLIENT_TABS, "Operations", "Import")


class Shop:
    """Sells machines of one package; `stack` delivers them."""

    def __init__(self, stack: Stack, folder: Path, **row: Any) -> None:
        self.stack, self.blesta = stack, Blesta(folder)
        self.blesta.do("install")
        self.row = self.blesta.do("add-row", **self._row(**row))["row"]
        self.package = self.add_package("vps-1")

    def _row(self, **changes: Any) -> dict[str, Any]:
        return {
            "name": "Main",
            "bridge_url": self.stack.bridge_url,
            "bridge_key": self.stack.module_key,
            "infrafabric_api_url": self.stack.sandbox_url,
            "infrafabric_api_key": SANDBOX_KEY,
            "default_datacenter": "fra1",
            "webhook_secret": self.stack.secret,
            "wait_seconds": "10",
            **changes,
        }

    def add_package(self, plan: str, **members: str) -> int:
        """Another package; its id."""
        meta = {"type": "vps", "plan": plan, "image": "debian-12", **members}
        found: int = self.blesta.do("add-package", row=self.row, meta=meta)["package"]
        return found

    def order(self, hostname: str = "one.example", package: int | None = None) -> int:
        """A paid, pending order; its id."""
        bought = self.package if package is None else package
        answer = self.blesta.do(
            "order", package=bought, client_id=7, fields={"ifb_hostname": hostname}, paid=True
        )
        assert answer["service"]["status"] == "pending"
        number: int = answer["service"]["id"]
        return number

    def sell(self, **package: str) -> int:
        """An active service, of a package with these members if there are any; its id."""
        number = self.order(package=self.add_package("vps-1", **package) if package else None)
        self.blesta.do("activate", service=number)
        assert self.field(number, "ifb_ipv4")
        return number

    def status(self, number: int) -> str:
        """Blesta's word for the service."""
        return str(self.blesta.service(number)["status"])

    def field(self, number: int, key: str) -> str:
        """A stored service field; empty when there is none."""
        return str(self.blesta.service(number)["fields"].get(key, ""))

    def machines(self, number: int) -> list[dict[str, Any]]:
        """Every machine that was ever made for the service, as the sandbox has them."""
        key = self.field(number, "ifb_key")
        return [i for i in self.stack.truth()["instances"] if i["reference"].endswith(key)]

    def living(self, number: int) -> list[dict[str, Any]]:
        """Those that exist."""
        return [machine for machine in self.machines(number) if machine["status"] != "deleted"]

    def the_machine(self, number: int) -> dict[str, Any]:
        """The only one that exists."""
        (machine,) = self.living(number)
        return machine

    def actions(self, number: int, action: str) -> list[dict[str, Any]]:
        """The bridge's operations of one action on the service."""
        key = self.field(number, "ifb_key")
        found: list[dict[str, Any]] = self.stack.api(
            "GET", f"/v1/services/{key}/operations?action={action}"
        ).body["items"]
        return found
