"""Requests that are broken below HTTP's surface: each is answered by a problem document (requirements D1 and D2).

Sent byte by byte over raw sockets, because no client library would send them.
"""

import json
import socket
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bridge.demo.stack import Stack
from bridge.domain.problems import CATALOGUE

RFC_9457 = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 100, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
    },
    "propertyNames": {"pattern": "^[A-Za-z0-9_]{3,}$"},
}


@dataclass(frozen=True)
class Raw:
    """One answer, parsed no further than needed."""

    status: int
    headers: dict[str, str]
    body: bytes


def exchange(url: str, sent: bytes) -> list[Raw]:
    """Send these bytes and read every answer until the server closes or nothing more comes."""
    host, _, port = url.removeprefix("http://").partition(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=3) as connection:
        connection.sendall(sent)
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except TimeoutError:
            pass  # kept open, as HTTP/1.1 does
        except ConnectionResetError:
            assert received, "the connection was reset without an answer"
    return list(_answers(received))


def _answers(received: bytes) -> Iterator[Raw]:
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        length = int(headers.get("content-length", 0))
        yield Raw(int(lines[0].split()[1]), headers, rest[:length])
        received = rest[length:]


def problem_of(answer: Raw) -> Any:
    """The document, after everything that is true of all of them was checked."""
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    body = json.loads(answer.body)
    Draft202012Validator(RFC_9457).validate(body)
    assert body["status"] == answer.status
    assert (body["status"], body["title"]) == CATALOGUE[body["code"]]
    assert body["type"].endswith(body["code"])
    assert "python" not in answer.headers.get("server", "").lower()
    assert b"Traceback" not in answer.body
    return body


_HOST = b"Host: bridge\r\n"
_JSON = b"Content-Type: application/json\r\n"
_CREATE = b"POST /v1/services/6f1c1f0e-7a55-4c6e-9d6d-2f1b8f0a4c11/create HTTP/1.1\r\n" + _HOST
_AUTH = b"Authorization: Bearer %KEY%\r\nIdempotency-Key: k\r\nX-Actor: cron\r\n"

CASES: dict[str, tuple[bytes, int]] = {
    "unknown_route": (b"GET /nowhere HTTP/1.1\r\n" + _HOST + b"\r\n", 404),
    "dots_in_the_path": (b"GET /v1/../../etc/passwd HTTP/1.1\r\n" + _HOST + b"\r\n", 404),
    "wrong_method": (b"DELETE /v1/services HTTP/1.1\r\n" + _HOST + b"\r\n", 405),
    "trace": (b"TRACE /healthz HTTP/1.1\r\n" + _HOST + b"\r\n", 405),
    "unknown_method": (b"BREW /healthz HTTP/1.1\r\n" + _HOST + b"\r\n", 400),
    "no_http_at_all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "bad_version": (b"GET /healthz HTTP/9.9\r\n" + _HOST + b"\r\n", 400),
    "header_without_colon": (b"GET /healthz HTTP/1.1\r\n" + _HOST + b"nonsense\r\n\r\n", 400),
    "nul_in_header": (b"GET /healthz HTTP/1.1\r\n" + _HOST + b"X-A: a\x00b\r\n\r\n", 400),
    "space_before_colon": (b"GET /healthz HTTP/1.1\r\n" + _HOST + b"X-A : b\r\n\r\n", 400),
    "header_too_long": (b"GET /healthz HTTP/1.1\r\n" + _HOST + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    "line_too_long": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + _HOST + b"\r\n", 431),
    "two_lengths": (_CREATE + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    "bad_length": (_CREATE + b"Content-Length: two\r\n\r\n{}", 400),
    "length_and_chunks": (_CREATE + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "bad_chunk": (_CREATE + _AUTH + _JSON + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n", 400),
    "unknown_expectation": (_CREATE + _AUTH + b"Expect: a-miracle\r\nContent-Length: 2\r\n\r\n{}", 417),
    "content_encoding": (
        _CREATE + _AUTH + _JSON + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415
    ),
    "wrong_charset": (
        _CREATE + _AUTH + b"Content-Type: application/json; charset=utf-16\r\nContent-Length: 2\r\n\r\n{}", 415
    ),
    "form": (
        _CREATE + _AUTH + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b", 415
    ),
    "bad_json": (_CREATE + _AUTH + _JSON + b"Content-Length: 1\r\n\r\n{", 400),
    "bad_utf8": (_CREATE + _AUTH + _JSON + b'Content-Length: 9\r\n\r\n{"a":"\xff"}', 400),
    "said_too_large": (_CREATE + _AUTH + _JSON + b"Content-Length: 1048576\r\n\r\n", 413),
    "chunks_too_large": (
        _CREATE + _AUTH + _JSON + b"Transfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b" " * 65536 + b"\r\n"
        + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 5 + b"0\r\n\r\n", 413,
    ),
    "no_key": (b"GET /v1/services HTTP/1.1\r\n" + _HOST + b"\r\n", 401),
    "http_1_0": (b"GET /nowhere HTTP/1.0\r\n\r\n", 404),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_d1_d2_every_broken_request_gets_a_problem_document(name: str, stack: Stack) -> None:
    """Status, content type and body agree, whatever layer noticed that something is wrong."""
    sent, status = CASES[name]
    answers = exchange(stack.bridge_url, sent.replace(b"%KEY%", stack.module_key.encode()))
    problem_of(answers[0])
    assert answers[0].status == status
    if name == "wrong_method":
        assert "GET" in answers[0].headers["allow"]
    assert exchange(stack.bridge_url, b"GET /healthz HTTP/1.0\r\n\r\n")[0].status == 200


def test_d2_pipelined_requests_are_answered_in_order(stack: Stack) -> None:
    """A good one, a bad one and a good one again, sent at once."""
    good, bad = b"GET /healthz HTTP/1.1\r\n" + _HOST, b"GET /nowhere HTTP/1.1\r\n" + _HOST
    last = good + b"Connection: close\r\n\r\n"
    answers = exchange(stack.bridge_url, good + b"\r\n" + bad + b"\r\n" + last)
    assert [answer.status for answer in answers] == [200, 404, 200]
    problem_of(answers[1])


def test_d1_a_crash_in_a_handler_tells_nothing_of_itself(stack: Stack) -> None:
    """A row that cannot be read becomes a 500 problem without a word of what is in it, and the rest goes on."""
    key = str(uuid.uuid4())
    order = {"type": "vps", "hostname": "one.example", "image": "debian-12", "plan": "vps-1"}
    assert stack.act(key, "create", order, wait=30).status == 200
    with sqlite3.connect(stack.folder / "data" / "bridge.db") as database:
        broken = '[{"the secret of the universe": 42}]'
        database.execute("UPDATE services SET addresses = ? WHERE service_key = ?", (broken, key))
    database.close()
    head = f"GET /v1/services/{key} HTTP/1.1\r\nAuthorization: Bearer {stack.module_key}\r\n".encode()
    answers = exchange(stack.bridge_url, head + _HOST + b"Connection: close\r\n\r\n")
    assert problem_of(answers[0])["code"] == "internal_error"
    assert b"universe" not in answers[0].body
    assert stack.api("GET", "/v1/catalog/plans").status == 200
