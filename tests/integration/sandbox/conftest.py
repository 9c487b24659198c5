"""The stand-in InfraFabric as its own process, spoken to by plain HTTP, and somebody who receives its webhooks."""

import base64
import itertools
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bridge.demo.stack import Answer, Process, call
from tests.acceptance.life import until

KEY = "sandbox-key"
SECRETS = tuple("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"a", b"b"))


class Provider:
    """One sandbox process."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder, self._arguments = folder, arguments
        self.process: Process | None = None
        self.url = ""

    def start(self, *arguments: str) -> "Provider":
        """Begin, or begin again on the same state."""
        state = str(self.folder / "state.json")
        every = ["sandbox", "--state", state, "--speed", "100", *self._arguments, *arguments]
        self.process = Process("sandbox", every, self.folder, {})
        self.url = self.process.start("sandbox listening on ")
        return self

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None, **headers: str) -> Answer:
        """A request with the account's key; mutations get an idempotency key."""
        sent = {"Authorization": f"Bearer {KEY}"}
        if method != "GET":
            sent["Idempotency-Key"] = key or uuid.uuid4().hex
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return call(method, self.url + path, body=body, headers=sent, timeout=10)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """`/_sandbox/…`."""
        return call(method, f"{self.url.removesuffix('/v1')}/_sandbox/{path}", body=body).body

    def fault(self, **rule: Any) -> None:
        """Let something go wrong."""
        assert self.control("POST", "faults", rule)["kind"] == rule["kind"]

    def effects(self, kind: str) -> int:
        """How often that kind of operation was begun."""
        count: int = self.control("GET", "truth")["effects"].get(kind, 0)
        return count

    def ended(self, answer: Answer) -> Any:
        """The operation of an accepted mutation, once it is over."""
        assert answer.status == 202, answer.body
        path = f"/operations/{answer.body['operation']['id']}"
        return until(lambda: (found := self.ask("GET", path).body)["finished_at"] and found)

    def machine(self, **members: Any) -> str:
        """A running machine."""
        return str(self.ended(self.ask("POST", "/instances", order(**members)))["instance_id"])

    def volume(self, instance_id: str | None = None) -> str:
        """A volume of 10 GiB."""
        body = {"name": "data", "size_gb": 10, "datacenter": "fra1", "instance_id": instance_id}
        return str(self.ended(self.ask("POST", "/volumes", body))["resource_id"])


def order(**members: Any) -> dict[str, Any]:
    """A machine to be made."""
    return {
        "reference": uuid.uuid4().hex,
        "type": "vps",
        "hostname": "a.example",
        "datacenter": "fra1",
        "image": "debian-12",
        "plan": "vps-1",
    } | members


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A sandbox for a module's tests."""
    one = Provider(tmp_path_factory.mktemp("sandbox")).start()
    yield one
    one.kill()


@pytest.fixture(autouse=True)
def nothing_goes_wrong_for_long(request: pytest.FixtureRequest) -> Iterator[None]:
    """Faults of one test do not reach the next."""
    yield
    if "provider" in request.fixturenames:
        request.getfixturevalue("provider").control("DELETE", "faults")


MakeProvider = Callable[..., Provider]


@pytest.fixture
def make_provider(tmp_path: Path) -> Iterator[MakeProvider]:
    """Makes sandboxes of a test's own."""
    made: list[Provider] = []
    numbers = itertools.count()

    def make(*arguments: str) -> Provider:
        folder = tmp_path / f"sandbox{next(numbers)}"
        folder.mkdir()
        made.append(Provider(folder, *arguments))
        return made[-1].start()

    yield make
    for one in made:
        one.kill()


class Receiver:
    """Takes webhooks, answering with the next of its statuses, then 204."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes, int]] = []
        self.statuses: list[int] = []
        self.url = ""

    def of(self, kind: str) -> list[tuple[dict[str, str], bytes, int]]:
        """Messages of a type, each attempt of them."""
        return [entry for entry in self.taken if json.loads(entry[1])["type"] == kind]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An address for webhooks."""
    one = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = one.statuses.pop(0) if one.statuses else 204
            one.taken.append(({name.lower(): value for name, value in self.headers.items()}, body, status))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    one.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield one
    server.shutdown()
    thread.join()
    server.server_close()
