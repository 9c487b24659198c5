"""One real bridge and sandbox per test module, and a picture of everything a refused request must leave alone."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.demo.stack import Stack

TABLES = ("services", "operations", "changes")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A bridge and a sandbox as processes."""
    with Stack(tmp_path_factory.mktemp("stack"), speed=50) as running:
        yield running


def snapshot(stack: Stack) -> dict[str, Any]:
    """The bridge's rows and the machines at the sandbox (A11)."""
    (path,) = (stack.folder / "data").glob("*.db")
    conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = {t: sorted(map(repr, conn.execute(f"SELECT * FROM {t}"))) for t in TABLES}
    finally:
        conn.close()
    return {**rows, "instances": stack.truth()["instances"]}
