"""What a stack of real processes leaves behind, as evidence for the invariants."""

import json
import sqlite3
from typing import Any

from bridge.demo.stack import Stack
from tests.invariants import Evidence

_TABLES = ("services", "operations", "timeline", "changes", "audit")


def gather(stack: Stack, accepted: list[str]) -> Evidence:
    """Read the bridge's database and the sandbox's truth."""
    truth = stack.truth()
    database = sqlite3.connect(f"file:{stack.folder / 'data' / 'bridge.db'}?mode=ro", uri=True)
    try:
        database.row_factory = sqlite3.Row
        rows: dict[str, Any] = {
            table: [dict(row) for row in database.execute(f"SELECT * FROM {table}")] for table in _TABLES
        }
    finally:
        database.close()
    return Evidence(
        **rows,
        instances=truth["instances"],
        volumes=truth["volumes"],
        effects=[
            {"key": o["key"], "kind": o["type"], "instance_id": o["instance_id"], "outcome": o["status"]}
            for o in truth["operations"]
        ],
        accepted=accepted,
        secrets=_passwords(stack),
        sinks=[stack.bridge.log.read_text(errors="replace")],
    )


def _passwords(stack: Stack) -> list[str]:
    state: dict[str, Any] = json.loads((stack.folder / "sandbox.json").read_text())
    results = [operation["result"] for operation in state["operations"].values()]
    return [result["root_password"] for result in results if result]
