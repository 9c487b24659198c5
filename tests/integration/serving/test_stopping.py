"""How a bridge ends: in the order of requirement D4, at once when told twice, and the next one goes on."""

import json
import signal
import socket
import threading
import time
import urllib.error
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from bridge.demo.stack import Answer, Stack, call
from tests.acceptance.life import order, until
from tests.integration.serving.conftest import MakeStack

DRAIN = {"BRIDGE_DRAIN_DELAY": "1.5"}


class Background:
    """A call in a thread; when it ended and with what."""

    def __init__(self, work: Callable[[], Answer]) -> None:
        self.answer: Answer | None = None
        self.ended_at = 0.0
        self._work = work
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):
            self.answer = self._work()
        self.ended_at = time.monotonic()

    def result(self) -> Answer | None:
        """Its answer, once there is one; None when the connection broke."""
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.answer


def _status(stack: Stack, path: str) -> int:
    """The status of a GET over a connection of its own; 0 when nobody listens."""
    try:
        return call("GET", stack.bridge_url + path, timeout=5).status
    except (urllib.error.URLError, ConnectionError):
        return 0


def _hanging_create(stack: Stack, **options: Any) -> tuple[str, Background]:
    """A create whose provider operation never ends, with somebody waiting for it."""
    stack.fault(endpoint="POST /instances", kind="operation_hangs", count=1)
    key = str(uuid.uuid4())
    waiting = Background(lambda: stack.act(key, "create", order(), wait=60, **options))
    until(lambda: stack.truth()["living"] == 1)
    return key, waiting


def test_D4_the_order_of_a_drain(make_stack: MakeStack) -> None:
    """Not ready first, while everything still works; then nobody is let in; waiters are woken; exit status 0."""
    stack = make_stack(environment=DRAIN)
    key, waiting = _hanging_create(stack)
    assert (_status(stack, "/readyz"), _status(stack, "/healthz")) == (200, 200)

    stack.bridge.send_signal(signal.SIGTERM)
    began = time.monotonic()
    until(lambda: _status(stack, "/readyz") == 503)
    problem = call("GET", stack.bridge_url + "/readyz")
    assert (problem.body["code"], problem.headers["retry-after"]) == ("not_ready", "5")
    assert _status(stack, "/healthz") == 200
    assert stack.api("GET", f"/v1/services/{key}").body["state"] == "provisioning"
    assert waiting.answer is None
    assert time.monotonic() - began < 1.4, "too slow to prove anything"

    until(lambda: _status(stack, "/healthz") == 0)
    assert time.monotonic() - began >= 1.4
    assert stack.bridge.wait() == 0
    assert time.monotonic() - began < 15
    answer = waiting.result()
    assert answer is not None
    assert (answer.status, answer.body["state"]) == (202, "awaiting")
    events = [json.loads(line)["event"] for line in _logged(stack)]
    assert events.index("bridge.listening") < events.index("bridge.draining") < events.index("bridge.stopped")


def _logged(stack: Stack) -> list[str]:
    return [line for line in stack.bridge.log.read_text().splitlines() if line.startswith("{")]


def test_D4_a_request_half_sent_is_still_answered(make_stack: MakeStack) -> None:
    """What was under way when the signal came is finished, also after the listener is closed."""
    stack = make_stack()
    address = urlsplit(stack.bridge_url)
    body = json.dumps(order()).encode()
    head = (
        f"POST /v1/services/{uuid.uuid4()}/create HTTP/1.1\r\nHost: x\r\nX-Actor: cron\r\nIdempotency-Key: k\r\n"
        f"Authorization: Bearer {stack.module_key}\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        connection.sendall(head.encode() + body[:10])
        time.sleep(0.2)
        stack.bridge.send_signal(signal.SIGTERM)
        until(lambda: _status(stack, "/healthz") == 0)
        connection.sendall(body[10:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 202 "), answer
    assert stack.bridge.wait() == 0
    stack.start_bridge()
    until(lambda: stack.truth()["by_status"] == {"running": 1})


def test_D4_a_turn_under_way_reaches_its_durable_point(make_stack: MakeStack) -> None:
    """The answer to a request that has left is waited for and written down: nothing is sent twice afterwards."""
    stack = make_stack(webhooks=False)
    stack.fault(endpoint="POST /instances", kind="delay", count=1, seconds=1)
    key = str(uuid.uuid4())
    stack.act(key, "create", order())
    time.sleep(0.3)
    assert stack.bridge.stop() == 0
    assert stack.truth()["living"] == 1
    stack.start_bridge()
    until(lambda: stack.api("GET", f"/v1/services/{key}").body["state"] == "active")
    sends = [n for name, n in stack.truth()["requests_by_key"].items() if ":main:1" in name]
    assert sends == [1]


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_D4_a_second_signal_ends_it_at_once_and_the_next_start_resumes(
    make_stack: MakeStack, first: signal.Signals
) -> None:
    """Whoever cannot wait says it twice; what was unfinished is finished by the next process."""
    stack = make_stack(environment={"BRIDGE_DRAIN_DELAY": "60"})
    stack.fault(endpoint="POST /instances", kind="hang", count=1)
    key = str(uuid.uuid4())
    stack.act(key, "create", order())
    until(lambda: stack.truth()["living"] == 1)
    stack.bridge.send_signal(first)
    until(lambda: _status(stack, "/readyz") == 503)
    began = time.monotonic()
    stack.bridge.send_signal(signal.SIGTERM)
    assert stack.bridge.wait() == 1
    assert time.monotonic() - began < 3
    assert "Traceback" not in stack.bridge.log.read_text()
    stack.start_bridge()
    until(lambda: stack.api("GET", f"/v1/services/{key}").body["state"] == "active")
    assert stack.truth()["effects"]["instance.create"] == 1


def test_D4_a_drain_has_an_end(make_stack: MakeStack) -> None:
    """A provider that never answers does not keep the process longer than its timeout."""
    stack = make_stack(environment={"BRIDGE_SHUTDOWN_TIMEOUT": "1"})
    stack.fault(endpoint="POST /instances", kind="hang", count=1)
    stack.act(str(uuid.uuid4()), "create", order())
    until(lambda: stack.truth()["living"] == 1)
    began = time.monotonic()
    assert stack.bridge.stop() == 0
    assert 0.9 < time.monotonic() - began < 6
