"""Callbacks as InfraFabric sends them, signed with the public library of the scheme."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from bridge.demo.stack import CONNECTION, Answer, Stack
from tests.integration.api.conftest import send

PATH = f"/v1/callbacks/infrafabric/{CONNECTION}"
JSON = ("Content-Type", "application/json")
Headers = list[tuple[str, str]]


def message(stack: Stack, raw: bytes, *, secret: str | None = None, message_id: str | None = None) -> Headers:
    """Headers of an authentic message."""
    name, now = message_id or f"msg_{uuid.uuid4().hex}", datetime.now(UTC)
    signature = Webhook(secret or stack.secret).sign(name, now, raw.decode())
    stamp = str(int(now.timestamp()))
    return [JSON, ("webhook-id", name), ("webhook-timestamp", stamp), ("webhook-signature", signature)]


def post(stack: Stack, raw: bytes, headers: Headers, path: str = PATH) -> Answer:
    """Deliver it."""
    return send(stack, "POST", path, raw, headers)


def changed(headers: Headers, name: str, value: str) -> Headers:
    """The same headers with another value in one."""
    return [(n, value if n == name else v) for n, v in headers]


def event(kind: str = "operation.progress", **data: Any) -> bytes:
    """A body."""
    shown = {
        "id": f"op_{uuid.uuid4().hex}",
        "type": "instance.create",
        "status": "running",
        "progress": 10,
    } | data
    return json.dumps({"type": kind, "timestamp": "2026-11-01T10:00:00Z", "data": shown}).encode()
