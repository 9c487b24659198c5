"""A bridge and a sandbox as real processes on loopback, set up as an operator would: by command line and HTTP.

The demonstration and the acceptance tests both stand on this.
"""

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 20.0
CONNECTION = "demo"
SANDBOX_KEY = "sandbox-key"


class StackError(Exception):
    """A process did not start or did not answer as it should."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; `body` is the parsed JSON, or None."""

    status: int
    headers: Mapping[str, str]
    body: Any


def call(
    method: str, url: str, *, body: Any = None, headers: Mapping[str, str] | None = None, timeout: float = 90
) -> Answer:
    """One JSON request; error statuses are answers too."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} if data is not None else {}
    request = urllib.request.Request(url, data=data, method=method, headers={**sent, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return _answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers, error.read())


def _answer(status: int, headers: Any, raw: bytes) -> Answer:
    names = {name.lower(): value for name, value in headers.items()}
    is_json = "json" in names.get("content-type", "")
    return Answer(status, names, json.loads(raw) if raw and is_json else None)


class Process:
    """One of our programs as a child process; its output goes to a file."""

    def __init__(self, name: str, arguments: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name, self._arguments, self._environment = name, arguments, dict(environment)
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        if self._process is None:
            raise StackError(f"{self.name} is not running")
        return self._process.pid

    def start(self, expected: str) -> str:
        """Start it and wait for the line that begins with `expected`; returns the rest of that line."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bridge", *self._arguments],
                stdout=output,
                stderr=output,
                env={**os.environ, **self._environment},
                start_new_session=True,
            )
        return self._line(expected, begin)

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        return self._end(signal.SIGTERM)

    def send_signal(self, number: int) -> None:
        """Any signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self, seconds: float = START_SECONDS) -> int:
        """Until it ends by itself."""
        if self._process is None:
            return 0
        return self._process.wait(seconds)

    def _end(self, number: int) -> int:
        if self._process is None or self._process.poll() is not None:
            return 0 if self._process is None else self._process.returncode
        self._process.send_signal(number)
        return self._process.wait(START_SECONDS + 20)

    def _line(self, expected: str, begin: int) -> str:
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            text = self.log.read_bytes()[begin:].decode(errors="replace")
            for line in text.splitlines():
                if line.startswith(expected):
                    return line.removeprefix(expected).strip()
            if self._process is not None and self._process.poll() is not None:
                raise StackError(f"{self.name} ended at once:\n{text[-3000:]}")
            time.sleep(0.02)
        raise StackError(f"{self.name} did not start within {START_SECONDS:.0f} s:\n{text[-3000:]}")


class Stack:
    """Sandbox and bridge in one folder, connected to each other in both directions."""

    def __init__(
        self,
        folder: Path,
        *,
        speed: float = 1.0,
        environment: Mapping[str, str] | None = None,
        webhooks: bool = True,
    ) -> None:
        self.folder, self._speed, self._webhooks = folder, speed, webhooks
        self.environment = {
            "BRIDGE_DATA_DIR": str(folder / "data"),
            "BRIDGE_PORT": "0",
            **(environment or {}),
        }
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self.sandbox_url = self.bridge_url = self.operator_key = self.module_key = ""
        self.sandbox = self._sandbox_process()
        self.bridge = Process("bridge", ["serve"], folder, self.environment)

    # ---- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Both processes, a connection between them, and a module's key."""
        self.sandbox_url = self.sandbox.start("sandbox listening on ")
        self.start_bridge()
        self.operator_key = self._printed("operator key (shown once, keep it): ")
        self.put_connection()
        self.module_key = self.command("keys", "create", "--scope", "module", "--connection", CONNECTION)
        self.aim_webhooks()

    def start_bridge(self) -> None:
        """The bridge alone; at a second start it takes its port again, as its callers expect."""
        self.bridge_url = self.bridge.start("bridge listening on ")
        self.bridge = self._same_port(self.bridge)

    def kill_bridge(self) -> None:
        """SIGKILL."""
        self.bridge.kill()

    def stop(self) -> None:
        """End both, gently where possible."""
        self.bridge.stop()
        self.sandbox.stop()

    def __enter__(self) -> "Stack":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bridge.kill()
        self.sandbox.kill()

    # ---- talking ----------------------------------------------------------------------------------------------------

    def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        actor: str | None = "staff:1",
        idempotency_key: str | None = None,
        wait: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A request to the bridge with the module's key."""
        sent = {"Authorization": f"Bearer {key or self.module_key}", **(headers or {})}
        if actor is not None:
            sent["X-Actor"] = actor
        if method == "POST":
            sent["Idempotency-Key"] = idempotency_key or uuid.uuid4().hex
        if wait is not None:
            sent["Prefer"] = f"wait={wait}"
        return call(method, self.bridge_url + path, body=body, headers=sent)

    def act(self, service_key: str, action: str, body: Any = None, **options: Any) -> Answer:
        """Run an action on a service."""
        return self.api(
            "POST", f"/v1/services/{service_key}/{action}", {} if body is None else body, **options
        )

    def truth(self) -> Any:
        """What the sandbox knows."""
        return self.control("GET", "truth").body

    def control(self, method: str, path: str, body: Any = None) -> Answer:
        """The sandbox's control side."""
        base = self.sandbox_url.removesuffix("/v1")
        return call(method, f"{base}/_sandbox/{path}", body=body)

    def fault(self, **rule: Any) -> None:
        """Let something go wrong at the sandbox."""
        answer = self.control("POST", "faults", rule)
        if answer.status != 201:
            raise StackError(f"the sandbox refused the fault: {answer.body}")

    def command(self, *arguments: str, stdin: str | None = None) -> str:
        """Run an `infrafabric-bridge` command beside the server; returns what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *arguments],
            input=stdin,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"{' '.join(arguments)} failed:\n{done.stderr}")
        return done.stdout.strip()

    def put_connection(self, **changes: Any) -> None:
        """Tell the bridge where its InfraFabric is."""
        settings = {
            "infrafabric_api_url": self.sandbox_url,
            "infrafabric_api_key": SANDBOX_KEY,
            "default_datacenter": "fra1",
            "webhook_secrets": [self.secret],
            **changes,
        }
        answer = self.api("PUT", f"/v1/connections/{CONNECTION}", settings, key=self.operator_key, actor=None)
        if answer.status not in (200, 201):
            raise StackError(f"the bridge refused the connection: {answer.body}")

    def aim_webhooks(self) -> None:
        """Tell the sandbox where its bridge is."""
        url = f"{self.bridge_url}/v1/callbacks/infrafabric/{CONNECTION}" if self._webhooks else ""
        self.control("PUT", "webhook", {"url": url, "secrets": [self.secret]})

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _sandbox_process(self) -> Process:
        arguments = ["sandbox", "--state", str(self.folder / "sandbox.json"), "--speed", str(self._speed)]
        arguments += ["--webhook-speed", str(max(self._speed, 5.0)), "--api-key", SANDBOX_KEY]
        return Process("sandbox", arguments, self.folder, {})

    def _same_port(self, bridge: Process) -> Process:
        self.environment["BRIDGE_PORT"] = self.bridge_url.rpartition(":")[2]
        bridge._environment.update(self.environment)
        return bridge

    def _printed(self, beginning: str) -> str:
        for line in self.bridge.log.read_text().splitlines():
            if line.startswith(beginning):
                return line.removeprefix(beginning)
        raise StackError("the bridge printed no operator key")
