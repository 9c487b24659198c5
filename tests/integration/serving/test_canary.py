"""Canaries: secrets go in by every door, and no sink may ever show one (requirement E5)."""

import base64
import json
import socket
import time
import urllib.request
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from standardwebhooks import Webhook

from bridge.demo.stack import SANDBOX_KEY, Answer, Stack, call
from tests.acceptance.life import order, until
from tests.integration.serving.echo import echo_provider

ECHO_KEY = "canary-provider-key-5d1c7a"
BODY = "canary-body-9f8e7d6c"
HEADER = "canary-header-1a2b3c4d"
WEBHOOK = "whsec_" + base64.b64encode(b"canary-webhook-secret-of-32-byte").decode()


class Sinks:
    """Every answer the bridge gave, and what is on disk."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.answers: list[str] = []
        self.canaries: dict[str, str] = {}

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """A request whose answer is kept."""
        answer = self.stack.api(method, path, body, **options)
        self.answers.append(json.dumps([dict(answer.headers), answer.body]))
        return answer

    def raw(self, content: bytes) -> None:
        """Bytes straight into the socket."""
        address = urlsplit(self.stack.bridge_url)
        with socket.create_connection((address.hostname, address.port), 5) as connection:
            connection.settimeout(5)
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        self.answers.append(answer.decode(errors="replace"))

    def files(self) -> dict[str, bytes]:
        """Log, database with its companions, whatever else lies in the data folder but the key file."""
        data = self.stack.folder / "data"
        names = [path for path in data.iterdir() if path.name != "master.keys"]
        return {path.name: path.read_bytes() for path in (self.stack.bridge.log, *names)}


def _doors(sinks: Sinks, echo_url: str) -> None:
    _settings(sinks, echo_url)
    _bad_requests(sinks)
    _bad_callbacks(sinks)


def _settings(sinks: Sinks, echo_url: str) -> None:
    operator: dict[str, Any] = {"key": sinks.stack.operator_key, "actor": None}
    settings = {
        "infrafabric_api_url": echo_url,
        "infrafabric_api_key": ECHO_KEY,
        "default_datacenter": "fra1",
        "webhook_secrets": [WEBHOOK],
    }
    assert sinks.ask("PUT", "/v1/connections/echo", settings, **operator).status == 201
    assert sinks.ask("GET", "/v1/connections/echo", **operator).status == 200
    assert sinks.ask("GET", "/v1/connections", **operator).status == 200
    sinks.ask("POST", "/v1/connections/echo/test", {}, **operator)
    for wrong in (
        {"webhook_secrets": [BODY]},
        {"webhook_secrets": ["whsec_" + base64.b64encode(BODY.encode()).decode()]},
        {"infrafabric_api_key": f"{BODY} with spaces"},
        {"infrafabric_api_key": [BODY]},
        {"infrafabric_api_url": f"https://user:{BODY}@example.com/v1"},
        {"infrafabric_api_url": f"https://example.com/v1?key={BODY}"},
        {"password": BODY},
        {"policies": {"x": [BODY]}},
    ):
        assert sinks.ask("PUT", "/v1/connections/echo", wrong, **operator).status == 422


def _bad_requests(sinks: Sinks) -> None:
    service = f"/v1/services/{uuid.uuid4()}/create"
    for body in (
        order(root_password=BODY),
        order(hostname=f"-{BODY}"),
        order(ssh_keys=[f"ssh-rsa {BODY} !"]),
        [BODY],
        BODY,
    ):
        assert sinks.ask("POST", service, body).status in (400, 422)
    for key in (HEADER, f"brk_abcdefgh_{HEADER}", "brk_abcdefgh_" + HEADER.ljust(43, "x")):
        assert sinks.ask("GET", "/v1/services", key=key).status == 401
    sinks.ask("GET", f"/v1/services?token={BODY}")
    sinks.ask("GET", f"/v1/{BODY}")
    sinks.ask("POST", service, {}, headers={"X-Actor": HEADER, "Cookie": HEADER, "Prefer": HEADER})
    start = f"POST {service} HTTP/1.1\r\nHost: x\r\n"
    sinks.raw(f"{start}Authorization: Bearer {HEADER}\0\r\n\r\n".encode())
    sinks.raw(f"{start}Authorization Bearer {HEADER}\r\n\r\n".encode())
    sinks.raw(f"{start}Authorization: Bearer {HEADER}\r\nContent-Length: {BODY}\r\n\r\n".encode())
    sinks.raw(f"{start}Authorization: Bearer {HEADER}\r\nExpect: {BODY}\r\n\r\n".encode())
    sinks.raw(f"GET /{BODY}\0 HTTP/1.1\r\nAuthorization: {HEADER}\r\n\r\n".encode())
    sinks.raw(f"{BODY} / HTTP/9\r\n\r\n".encode())
    sinks.raw(
        f"{start}Authorization: Bearer {sinks.stack.module_key}\r\nTransfer-Encoding: chunked\r\n"
        f"X-Actor: cron\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\n\r\nzz{BODY}\r\n".encode()
    )
    sinks.raw(
        f"{start}Authorization: Bearer {sinks.stack.module_key}\r\nContent-Length: 999\r\nX-Actor: cron\r\n"
        f'Idempotency-Key: k\r\nContent-Type: application/json\r\n\r\n{{"x": "{BODY}'.encode()
    )


def _bad_callbacks(sinks: Sinks) -> None:
    path = "/v1/callbacks/infrafabric/echo"
    assert sinks.ask("POST", path, {"type": BODY, "data": BODY}).status in (400, 401)
    forged = {
        "webhook-id": "m1",
        "webhook-timestamp": str(int(time.time())),
        "webhook-signature": f"v1,{HEADER}",
    }
    assert sinks.ask("POST", path, {"type": BODY}, headers=forged).status in (400, 401)
    _signed(sinks, path, {"type": "operation.failed", "data": {"id": BODY, "secret": BODY}})
    _signed(sinks, path, {"type": "unheard.of", "data": BODY})


def _signed(sinks: Sinks, path: str, message: Any) -> None:
    now, body, message_id = datetime.now(UTC), json.dumps(message), uuid.uuid4().hex
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(WEBHOOK).sign(message_id, now, body),
    }
    answer = call("POST", sinks.stack.bridge_url + path, body=message, headers=headers)
    assert answer.status == 204, answer


def _life(sinks: Sinks) -> list[str]:
    """A service's life, with passwords, and one that fails at the provider that repeats everything."""
    key = str(uuid.uuid4())
    stack = sinks.stack
    passwords = []
    assert stack.act(key, "create", order(), wait=30).body["state"] == "succeeded"
    passwords.append(stack.api("GET", f"/v1/services/{key}/credentials").body["root_password"])
    assert stack.act(key, "reset_password", wait=30).body["state"] == "succeeded"
    passwords.append(stack.api("GET", f"/v1/services/{key}/credentials").body["root_password"])
    stack.fault(endpoint="POST /instances/{id}/actions", kind="operation_fails", count=1, message=SANDBOX_KEY)
    sinks.ask("POST", f"/v1/services/{key}/reboot", {}, wait=30, key=stack.operator_key)
    assert stack.act(key, "terminate", {"confirm": True}, wait=30).body["state"] == "succeeded"
    assert len(set(passwords)) == 2
    return passwords


def _refused_life(sinks: Sinks) -> None:
    stack = sinks.stack
    echo_key = stack.command("keys", "create", "--scope", "module", "--connection", "echo")
    service = str(uuid.uuid4())
    answer = sinks.ask("POST", f"/v1/services/{service}/create", order(), wait=30, key=echo_key)
    assert answer.body["state"] == "failed", answer.body
    for path in (
        f"/v1/services/{service}",
        f"/v1/services/{service}/operations",
        f"/v1/operations/{answer.body['id']}",
        "/v1/changes",
        "/v1/catalog/plans",
    ):
        sinks.ask("GET", path, key=echo_key)


@pytest.fixture(scope="module")
def sinks(stack: Stack) -> Sinks:
    """A bridge through which every canary has gone, with all that it left behind."""
    found = Sinks(stack)
    with echo_provider() as url:
        _doors(found, url)
        passwords = _life(found)
        _refused_life(found)
    found.ask("GET", "/v1/operations", key=stack.operator_key)
    found.ask("GET", "/v1/services", key=stack.operator_key)
    metrics = _text(stack, "/metrics")
    found.answers.append(metrics)
    found.canaries = _canaries(stack, passwords)
    return found


def _text(stack: Stack, path: str) -> str:
    headers = {"Authorization": f"Bearer {stack.operator_key}"}
    with urllib.request.urlopen(urllib.request.Request(stack.bridge_url + path, headers=headers)) as answer:
        text: str = answer.read().decode()
        return text


def _canaries(stack: Stack, passwords: list[str]) -> dict[str, str]:
    named = {
        "provider key": ECHO_KEY,
        "sandbox key": SANDBOX_KEY,
        "webhook secret": WEBHOOK.removeprefix("whsec_"),
        "own webhook secret": stack.secret.removeprefix("whsec_"),
        "module key": stack.module_key.rpartition("_")[2],
        "body": BODY,
        "header": HEADER,
        "master key": (stack.folder / "data" / "master.keys").read_text().strip().partition(":")[2],
    }
    return named | {f"password {number}": password for number, password in enumerate(passwords)}


def _forms(secret: str) -> set[bytes]:
    """As it is, and in the disguises in which programs write things down."""
    plain = secret.encode()
    return {
        plain,
        base64.b64encode(plain).rstrip(b"="),
        plain.hex().encode(),
        json.dumps(secret)[1:-1].encode(),
    }


def test_E5_no_answer_shows_a_canary(sinks: Sinks) -> None:
    """Problem bodies, headers, operations with timelines, changes, lists, settings, metrics."""
    assert len(sinks.canaries) == 10
    for name, secret in sinks.canaries.items():
        for text in sinks.answers:
            for form in _forms(secret):
                assert form not in text.encode(), f"{name}: {text[:2000]}"


def test_E5_no_file_holds_a_canary(sinks: Sinks) -> None:
    """Log of standard output and error, and the database's bytes with audit rows and write-ahead log."""
    files = sinks.files()
    assert {"bridge.log", "bridge.db", "bridge.db-wal"} <= set(files)
    for name, secret in sinks.canaries.items():
        for file, content in files.items():
            for form in _forms(secret):
                at = content.find(form)
                assert at < 0, f"{name} in {file}: …{content[max(0, at - 300) : at + 100]!r}"


def test_E5_the_operator_key_was_printed_exactly_once(sinks: Sinks) -> None:
    """At the first start, on standard output, and nowhere else."""
    secret = sinks.stack.operator_key.rpartition("_")[2].encode()
    found = {name: content.count(secret) for name, content in sinks.files().items()}
    assert {name: count for name, count in found.items() if count} == {"bridge.log": 1}


def test_E5_every_log_line_is_one_json_object(sinks: Sinks) -> None:
    """Whatever was sent, also straight into the socket, no line could be broken or forged."""
    printed = ("bridge listening on ", "operator key (shown once, keep it): ")
    lines = Path(sinks.stack.bridge.log).read_text().splitlines()
    logged = [json.loads(line) for line in lines if not line.startswith(printed)]
    assert len(lines) - len(logged) == 2
    assert len(logged) > 30
    assert all({"at", "event", "level", "logger"} <= set(entry) for entry in logged)
    assert not [entry for entry in logged if entry["level"] in ("error", "critical")]


def test_E5_a_request_id_is_on_the_answer_and_on_every_line_of_it(sinks: Sinks) -> None:
    """What the caller sends as X-Request-Id comes back and stands in the log, with the operation it began."""
    stack, request_id = sinks.stack, f"trace-{uuid.uuid4()}"
    answer = stack.act(str(uuid.uuid4()), "create", order(), headers={"X-Request-Id": request_id}, wait=30)
    assert answer.headers["x-request-id"] == request_id

    def logged() -> bool:
        lines = stack.bridge.log.read_text().splitlines()
        found = [json.loads(line) for line in lines if request_id in line]
        return {"request.answered", "operation.ended"} <= {entry["event"] for entry in found}

    until(logged)
    evil = stack.api("GET", "/v1/services", headers={"X-Request-Id": 'a"b'})
    assert evil.headers["x-request-id"].startswith("req_")
