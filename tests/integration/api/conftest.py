"""One real bridge and sandbox per test process, and a picture of everything a refused request must leave alone."""

import http.client
import json
import secrets
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from bridge.demo.stack import SANDBOX_KEY, Answer, Stack
from bridge.security.keys import digest
from tests.acceptance.life import order, until

TABLES = (
    "services",
    "operations",
    "timeline",
    "changes",
    "idempotency_keys",
    "callbacks",
    "credentials",
    "connections",
    "api_keys",
    "audit",
)
OTHER = "other"
SECRET = "whsec_" + "b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldC1vdGhlciE="
LIMITS = {"addresses": 3, "volumes": 1, "volume_gb": 100}
_BOOKKEEPING = {"last_used_at"}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A bridge and a sandbox as processes."""
    with Stack(tmp_path_factory.mktemp("stack"), speed=50) as running:
        yield running


@dataclass(frozen=True, slots=True)
class World:
    """What there is before the bad requests come: services in each state, an operation, and keys of each kind."""

    stack: Stack
    services: Mapping[str, str]
    """`{state: service_key}` in the module's connection."""
    operation_id: str
    service: Mapping[str, Any]
    """The active one, as the API shows it: one added address, one volume of 10 GiB, 3 addresses at most."""
    keys: Mapping[str, str]

    @property
    def active(self) -> str:
        """The key of the active service."""
        return self.services["active"]


@pytest.fixture(scope="session")
def world(stack: Stack) -> World:
    """Set up once; no test of a refused request may change anything in it."""
    settings: dict[str, Any] = {"infrafabric_api_url": stack.sandbox_url, "infrafabric_api_key": SANDBOX_KEY}
    settings |= {"default_datacenter": "fra1", "webhook_secrets": [SECRET]}
    made = stack.api("PUT", f"/v1/connections/{OTHER}", settings, key=stack.operator_key, actor=None)
    assert made.status == 201, made.body
    active = _made(
        stack, limits=LIMITS, blesta={"client_id": 7}, cpus=2, memory_mb=2048, disk_gb=40, plan=None
    )
    _done(stack.act(active, "add_address", {"family": "ipv4"}, wait=30))
    service = _done(stack.act(active, "add_volume", {"name": "data", "size_gb": 10}, wait=30))["service"]
    suspended, terminated = _made(stack), _made(stack)
    operation = _done(stack.act(suspended, "suspend", {}, wait=30, idempotency_key="suspended-once"))
    _done(stack.act(terminated, "terminate", {"confirm": True}, wait=30))
    services = {"active": active, "suspended": suspended, "terminated": terminated, "failed": _failed(stack)}
    settled(stack)
    return World(stack, services, operation["id"], service, _keys(stack))


def _made(stack: Stack, **members: Any) -> str:
    key = str(uuid.uuid4())
    _done(stack.act(key, "create", order(**members), wait=30))
    return key


def _done(answer: Answer) -> dict[str, Any]:
    assert answer.body["state"] == "succeeded", answer.body
    body: dict[str, Any] = answer.body
    return body


def _failed(stack: Stack) -> str:
    key = str(uuid.uuid4())
    answer = stack.act(key, "create", order(image="no-such-image"), wait=30)
    assert answer.body["service"]["state"] == "failed", answer.body
    return key


def _keys(stack: Stack) -> dict[str, str]:
    """Keys of all sorts, beside those of the stack; written as rows, because the command line takes a second each."""
    now = "(SELECT max(created_at) FROM api_keys)"
    sorts = {
        "other": {"connection_id": f"'{OTHER}'"},
        "other operator": {"connection_id": f"'{OTHER}'", "scope": "'operator'"},
        "infrafabric": {"scope": "'infrafabric'"},
        "metrics": {"scope": "'metrics'", "connection_id": "NULL"},
        "expired": {"expires_at": now},
        "revoked": {"revoked_at": now},
        "elsewhere": {"cidrs": """'["192.0.2.0/24"]'"""},
    }
    made = {"module": stack.module_key, "operator": stack.operator_key}
    conn = _database(stack, "rw")
    with conn:
        for name, changes in sorts.items():
            key_id, secret = uuid.uuid4().hex, secrets.token_hex(22)[:43]
            changed = changes | {"id": f"'{key_id}'", "secret_sha256": f"'{digest(secret)}'"}
            columns = [row[1] for row in conn.execute("PRAGMA table_info(api_keys)")]
            values = ", ".join(changed.get(column, column) for column in columns)
            like = stack.module_key.split("_")[1]
            conn.execute(f"INSERT INTO api_keys SELECT {values} FROM api_keys WHERE id = ?", (like,))
            made[name] = f"brk_{key_id}_{secret}"
    conn.close()
    return made


# ---- the picture ----------------------------------------------------------------------------------------------------


def snapshot(stack: Stack) -> dict[str, Any]:
    """The bridge's rows, the sandbox's truth, and what was asked of it to change something."""
    picture: dict[str, Any] = {}
    conn = _database(stack, "ro")
    try:
        conn.execute("BEGIN")
        for table in TABLES:
            cursor = conn.execute(f"SELECT * FROM {table}")
            kept = [n for n, column in enumerate(cursor.description) if column[0] not in _BOOKKEEPING]
            picture[table] = sorted(repr([row[n] for n in kept]) for row in cursor)
    finally:
        conn.close()
    log = stack.control("GET", "requests").body["items"]
    asked = [entry for entry in log if entry["method"] != "GET"]
    return {**picture, "sandbox": stack.truth(), "requests": asked}


def _database(stack: Stack, mode: str) -> sqlite3.Connection:
    (path,) = (stack.folder / "data").glob("*.db")
    return sqlite3.connect(f"file:{path}?mode={mode}", uri=True, timeout=5)


def settled(stack: Stack) -> None:
    """Wait until late webhooks and looks have come and nothing moves any more."""
    seen = [snapshot(stack)]

    def quiet() -> bool:
        seen.append(snapshot(stack))
        still = all(picture == seen[-1] for picture in seen[-6:])
        return len(seen) > 6 and still and seen[-1]["sandbox"]["undelivered"] == 0

    until(quiet)


# ---- asking and judging ---------------------------------------------------------------------------------------------


def send(
    stack: Stack,
    method: str,
    path: str,
    raw: bytes | None,
    headers: Iterable[tuple[str, str]],
    then: bytes = b"",
) -> Answer:
    """One request exactly as given: repeated headers, broken bodies and all."""
    address = urlsplit(stack.bridge_url).netloc
    conn = http.client.HTTPConnection(address, timeout=30)
    try:
        conn.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            conn.putheader(name, value)
        if raw is not None:
            conn.putheader("Content-Length", str(len(raw)))
        conn.endheaders(raw)
        if then:
            conn.send(then)
        answer = conn.getresponse()
        body = answer.read()
        names = {name.lower(): value for name, value in answer.getheaders()}
    finally:
        conn.close()
    parsed = json.loads(body) if body and "json" in names.get("content-type", "") else None
    return Answer(answer.status, names, parsed)


def assert_problem(answer: Answer, status: int, code: str | None = None) -> dict[str, Any]:
    """The answer is this problem, said in the right form; returns its body."""
    assert answer.status == status, (answer.status, answer.body)
    assert answer.headers["content-type"].partition(";")[0] == "application/problem+json"
    body: dict[str, Any] = answer.body
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    if code is not None:
        assert body["code"] == code, body
    return body


def assert_errors(answer: Answer, name: str, rule: str) -> None:
    """A 422 that complains about this member by this rule, and about no other member."""
    errors = assert_problem(answer, 422, "validation_failed")["errors"]
    assert list(errors) == [name], errors
    assert rule in errors[name], errors
    assert set(errors[name]) <= {"empty", "format", "exists", "length", "valid"}
    assert all(errors[name].values())


@pytest.fixture(scope="session")
def last_seen() -> dict[str, Any]:
    """The picture after the test before, which is the one before the next."""
    return {}


@pytest.fixture
def unchanged(world: World, last_seen: dict[str, Any]) -> Iterator[World]:
    """The world, which has to be the same after the test as before it."""
    before = dict(last_seen) or snapshot(world.stack)
    yield world
    after = snapshot(world.stack)
    last_seen.update(after)
    changed = [part for part in before if before[part] != after[part]]
    assert not changed, {part: after[part] for part in changed}
