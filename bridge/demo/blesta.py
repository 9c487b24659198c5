"""A small Blesta around the real module: every command is a `php` process of its own, as a web request would be."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

_DRIVER = Path(__file__).resolve().parents[2] / "php_shim" / "tests" / "host" / "blesta.php"


class BlestaError(Exception):
    """The host itself broke, or a command did not end as the story needs it."""


class Blesta:
    """One installation, kept in a file of `folder`."""

    def __init__(self, folder: Path) -> None:
        self._state = folder / "blesta.json"

    def begin(self, command: str, **members: Any) -> "subprocess.Popen[str]":
        """Start a command and do not wait for it; `finish` reads its answer.

        Raises:
            BlestaError: there is no PHP, or this is not a checkout.
        """
        php = shutil.which("php")
        if php is None:
            raise BlestaError("There is no php. Install Debian's php-cli and php-curl, or let make do it.")
        if not _DRIVER.exists():
            raise BlestaError("The module's host is missing. Run this from a checkout of the project.")
        return subprocess.Popen(
            [php, str(_DRIVER), "--state", str(self._state), command, json.dumps(members)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: "subprocess.Popen[str]", seconds: float = 120) -> dict[str, Any]:
        """The answer of a command.

        Raises:
            BlestaError: it printed none.
        """
        with process:
            printed, complaint = process.communicate(timeout=seconds)
        if process.returncode != 0 or complaint:
            raise BlestaError(f"The module's host broke: {printed}{complaint}")
        answer: dict[str, Any] = json.loads(printed)
        return answer

    def try_(self, command: str, **members: Any) -> dict[str, Any]:
        """Run a command; a refusal by the module is an answer (`ok` is false)."""
        return self.finish(self.begin(command, **members))

    def do(self, command: str, **members: Any) -> dict[str, Any]:
        """Run a command that has to succeed.

        Raises:
            BlestaError: the module set errors.
        """
        answer = self.try_(command, **members)
        if not answer["ok"]:
            raise BlestaError(f"{command} was refused: {json.dumps(answer['errors'])}")
        return answer

    def service(self, number: int) -> dict[str, Any]:
        """A service as Blesta has stored it, encrypted fields opened."""
        found: dict[str, Any] = self.do("show", service=number)["service"]
        return found

    def press(self, number: int, tab: str, action: str, **form: Any) -> None:
        """Press a button on one of the client's tabs: the form is fetched for its nonce, then posted."""
        method = f"tabClient{tab}"
        nonce = self.do("tab", service=number, method=method)["nonce"]
        post = {"action": action, "confirm": "1", "nonce": nonce, **form}
        self.do("tab", service=number, method=method, post=post)
