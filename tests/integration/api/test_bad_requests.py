"""Requests that are wrong as HTTP or JSON, or in their headers, paths and queries: refused, and nothing changes."""

import base64
import json
import uuid
from typing import Any

import pytest

from bridge.demo.stack import Answer
from bridge.domain.actions import REGISTRY
from tests.integration.api.conftest import World, assert_errors, assert_problem, send
from tests.integration.api.table import BODIES

JSON = "application/json"
GOOD = json.dumps(BODIES["create"].base).encode()


def _post(world: World, raw: bytes | None, *headers: tuple[str, str], action: str = "create") -> Answer:
    """A create under a fresh service key, good but for what is given."""
    names = {name.lower() for name, _ in headers}
    usual = {
        "Authorization": f"Bearer {world.keys['module']}",
        "X-Actor": "staff:1",
        "Idempotency-Key": uuid.uuid4().hex,
        "Content-Type": JSON,
    }
    sent = [*((name, value) for name, value in usual.items() if name.lower() not in names), *headers]
    path = f"/v1/services/{uuid.uuid4()}/{action}"
    return send(world.stack, "POST", path, raw, [(name, value) for name, value in sent if value != "-"])


BROKEN = {
    "cut off": GOOD[:-1],
    "no json": b"hello",
    "form": b"type=vps&hostname=one.example",
    "array": b"[" + GOOD + b"]",
    "string": b'"create"',
    "number": b"7",
    "null": b"null",
    "true": b"true",
    "duplicate member": GOOD[:-1] + b', "type": "vps"}',
    "duplicate nested member": GOOD[:-1] + b', "limits": {"volumes": 1, "volumes": 2}}',
    "NaN": GOOD[:-1] + b', "cpus": NaN}',
    "Infinity": GOOD[:-1] + b', "cpus": -Infinity}',
    "trailing text": GOOD + b" x",
    "two values": GOOD + GOOD,
    "comment": b"/* */" + GOOD,
    "trailing comma": GOOD[:-1] + b",}",
    "single quotes": GOOD.replace(b'"', b"'"),
    "no utf-8": GOOD.replace(b"debian", b"\xff\xfe"),
    "utf-16": GOOD.decode().encode("utf-16"),
    "bom": b"\xef\xbb\xbf" + GOOD,
    "control character": GOOD.replace(b"debian", b"\x01"),
    "lone surrogate as a name": GOOD[:-1] + b', "\\ud800": 1}',
    "too deep": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "too many digits": GOOD[:-1] + b', "cpus": ' + b"1" * 10_000 + b"}",
    "only blanks": b"   ",
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a11_what_is_no_json_object_is_malformed(unchanged: World, name: str) -> None:
    """400 for anything that is not one strict JSON object."""
    assert_problem(_post(unchanged, BROKEN[name]), 400, "malformed")


@pytest.mark.parametrize("member", ["hostname", "image", "datacenter"])
def test_a11_a_lone_surrogate_is_refused(unchanged: World, member: str) -> None:
    """Text that cannot be stored is refused, not answered by a crash."""
    raw = json.dumps(BODIES["create"].base | {member: "\ud800"}).encode()
    assert _post(unchanged, raw).status in (400, 422)


_TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", "-")
_NEAR = ("application/json; charset=latin-1", "application/json; charset=utf-16", "application/jsonp")


@pytest.mark.parametrize("kind", [*_TYPES, *_NEAR])
def test_a11_another_content_type_is_415(unchanged: World, kind: str) -> None:
    """Only application/json in UTF-8 is read."""
    assert_problem(_post(unchanged, GOOD, ("Content-Type", kind)), 415, "unsupported_media_type")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x"])
def test_a11_an_encoded_body_is_415(unchanged: World, encoding: str) -> None:
    """No bombs: bodies come as they are."""
    answer = _post(unchanged, GOOD, ("Content-Encoding", encoding))
    assert answer.status in (400, 415), answer.body
    assert_problem(answer, answer.status)


def test_a11_a_megabyte_is_413(unchanged: World) -> None:
    """A body beyond the limit is refused, whatever is in it."""
    assert_problem(_post(unchanged, GOOD[:-1] + b" " * 1_048_576 + b"}"), 413, "too_large")


def test_a11_a_megabyte_in_chunks_is_413(unchanged: World) -> None:
    """Also when it does not say its length."""
    body = b"100000\r\n" + b" " * 0x100000 + b"\r\n0\r\n\r\n"
    head = [("Authorization", f"Bearer {unchanged.keys['module']}"), ("X-Actor", "cron")]
    head += [("Idempotency-Key", "chunks"), ("Content-Type", JSON), ("Transfer-Encoding", "chunked")]
    answer = send(unchanged.stack, "POST", f"/v1/services/{uuid.uuid4()}/create", None, head, then=body)
    assert_problem(answer, 413, "too_large")


# ---- headers --------------------------------------------------------------------------------------------------------

_INVALID = (
    "",
    " ",
    "a" * 256,
    '"' + "a" * 256 + '"',
    '""',
    "a b",
    "é",
    '"open',
    "a\x01b",
    "a\x7fb",
    '"a\tb"',
)


@pytest.mark.parametrize("value", _INVALID, ids=ascii)
def test_b1_decided_codes_an_invalid_idempotency_key_is_400(unchanged: World, value: str) -> None:
    """Empty, too long, with blanks or control characters."""
    body = assert_problem(_post(unchanged, GOOD, ("Idempotency-Key", value)), 400)
    assert body["code"] in ("idempotency_key_invalid", "malformed")


def test_b1_decided_codes_a_missing_idempotency_key_is_400(unchanged: World) -> None:
    """Without it a command could take effect twice."""
    assert_problem(_post(unchanged, GOOD, ("Idempotency-Key", "-")), 400, "idempotency_key_missing")


def test_b1_two_idempotency_keys_are_400(unchanged: World) -> None:
    """Nobody can tell which one is meant."""
    answer = _post(unchanged, GOOD, ("Idempotency-Key", "a"), ("Idempotency-Key", "b"))
    assert_problem(answer, 400, "idempotency_key_invalid")


@pytest.mark.parametrize("action", list(REGISTRY))
def test_b1_decided_codes_every_action_needs_key_and_actor(unchanged: World, action: str) -> None:
    """Neither can be left out of any action's request."""
    raw = json.dumps(BODIES[action].base).encode()
    answer = _post(unchanged, raw, ("Idempotency-Key", "-"), action=action)
    assert_problem(answer, 400, "idempotency_key_missing")
    assert_problem(_post(unchanged, raw, ("X-Actor", "-"), action=action), 400, "actor_missing")


_ACTORS = (
    "",
    "root",
    "client",
    "client:",
    "client:x",
    "client:-1",
    "client:1 ",
    "staff:1;cron",
    "cron:1",
    "CRON",
)


@pytest.mark.parametrize(
    "value", [*_ACTORS, "infrafabric", "reconcile", "operator", "client:" + "1" * 17, "staff:1,2"]
)
def test_a11_decided_codes_a_malformed_actor_is_400(unchanged: World, value: str) -> None:
    """A module says for whom it speaks, in one of three forms."""
    answer = _post(unchanged, GOOD, ("X-Actor", value))
    if value.endswith(" "):  # HTTP itself strips it
        value = value.strip()
        assert answer.status == 403, answer.body
        return
    assert_problem(answer, 400, "actor_invalid")


def test_a11_two_actors_are_400(unchanged: World) -> None:
    """Nobody speaks for two."""
    assert_problem(_post(unchanged, GOOD, ("X-Actor", "staff:1"), ("X-Actor", "cron")), 400, "actor_invalid")


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        *((text, None) for text in ("", "garbage", "wait", "wait=", "wait=x", "wait=-1", "wait=1.5", "respond-async")),
        *((text, "wait=60") for text in ("wait=61", "wait=999999999", "return=minimal, wait=100")),
        ("wait=5", "wait=5"),
    ],
)  # fmt: skip
def test_a11_decided_prefer_wait_is_never_an_error(
    unchanged: World, prefer: str, applied: str | None
) -> None:
    """RFC 7240: what is not understood is ignored; more than a minute counts as a minute."""
    path = f"/v1/operations/{unchanged.operation_id}"
    answer = unchanged.stack.api("GET", path, headers={"Prefer": prefer})
    assert (answer.status, answer.headers.get("preference-applied")) == (200, applied)


# ---- paths and queries ----------------------------------------------------------------------------------------------

_KEYS = (
    "x",
    "1",
    "null",
    "%00",
    "..%2f",
    "' OR 1=1",
    "a" * 36,
    "{" + str(uuid.UUID(int=1)) + "}",
    "0" * 32,
)
_SUFFIXES = ("", "/actions", "/credentials", "/operations", "/usage")


@pytest.mark.parametrize("key", [key.replace(" ", "%20") for key in _KEYS])
def test_a11_decided_codes_a_malformed_service_key_is_404(unchanged: World, key: str) -> None:
    """Whatever is no UUID is no service."""
    for suffix in _SUFFIXES:
        assert_problem(unchanged.stack.api("GET", f"/v1/services/{key}{suffix}"), 404)
    for action, body in BODIES.items():
        assert_problem(unchanged.stack.api("POST", f"/v1/services/{key}/{action}", body.base), 404)


@pytest.mark.parametrize("action", ["destroy", "CREATE", "create%20", "resize", "actions", "a" * 300])
def test_a11_decided_codes_an_unknown_action_is_404(unchanged: World, action: str) -> None:
    """Verbs come from the registry and from nowhere else."""
    answer = unchanged.stack.act(unchanged.active, action)
    assert answer.status in ((405,) if action == "actions" else (404,)), answer.body
    assert_problem(answer, answer.status)


_CURSORS = ("", "!", "%00", "abc", "a" * 4000, "%C3%A4", base64.urlsafe_b64encode(b"1 OR 1").decode())
_LIMITS = ("", "0", "-1", "201", "1.5", "x", "1e3", "%D9%A1", "99999999999999999999", "1&limit=2")
_LISTS = ("/v1/services", "/v1/operations", "/v1/changes", "/v1/connections", "/v1/services/{key}/operations")
_QUERIES: tuple[tuple[str, str, str], ...] = (
    *((path, "limit", value) for path in _LISTS for value in _LIMITS),
    *((path, "cursor", value) for path in _LISTS for value in _CURSORS),
    *((path, "unheard_of", "1") for path in _LISTS),
    *(("/v1/services", "state", value) for value in ("", "dead", "ACTIVE", "active&state=failed")),
    *(("/v1/operations", "state", value) for value in ("", "active", "queued,running")),
    *(("/v1/operations", "action", value) for value in ("", "destroy", "create&action=edit")),
    *((path, "order", value) for path in ("/v1/operations", _LISTS[-1]) for value in ("", "desc", "NEWEST_FIRST")),
    *(("/v1/drift", "service_key", value) for value in ("", "x", "6f1c1f0e7a554c6e9d6d2f1b8f0a4c11")),
    *((f"/v1/catalog/{kind}", "type", "ship") for kind in ("plans", "images", "datacenters")),
    *((f"/v1/catalog/{kind}", "limit", "5") for kind in ("plans", "images", "datacenters")),
    *(("/v1/services/{key}/usage", name, value) for name in ("from", "to")
      for value in ("", "yesterday", "2026-01-01", "2026-02-30T00:00:00Z", "1700000000")),
    ("/v1/services/{key}/usage", "until", "2026-01-01T00:00:00Z"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "name", "value"), _QUERIES)
def test_a11_a_wrong_query_parameter_is_named(unchanged: World, path: str, name: str, value: str) -> None:
    """422 with the parameter's name."""
    answer: Any = unchanged.stack.api("GET", f"{path.format(key=unchanged.active)}?{name}={value}")
    rules = assert_problem(answer, 422, "validation_failed")["errors"]
    assert_errors(answer, name, next(iter(rules[name])))
