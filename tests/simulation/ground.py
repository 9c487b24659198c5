"""What a simulation stands on: a migrated database with one connection, and a fast way to open copies of it."""

import base64
import sqlite3
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import event

from bridge.connections import ConnectionBook
from bridge.security.vault import Vault
from bridge.store import connections, engines, migrate
from bridge.store.connections import StoredConnection
from bridge.store.database import Transaction
from bridge.store.inline import InlineDatabase
from bridge.telemetry.redaction import Redactor
from tests.simulation.clockwork import EPOCH, SimRng


class _Compiled(dict[Any, Any]):
    """Compiled statements of all worlds: their dialects are alike, and only that is what the first part of a key is."""

    def get(self, key: Any, default: Any = None) -> Any:
        """See `dict.get`."""
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key[1:], value)


_COMPILED = _Compiled()
SECRET = b"a secret for callbacks, 32 bytes"


def template(folder: Path) -> Path:
    """A migrated database with one connection, to begin every simulation with."""
    file = folder / "template.db"
    if not file.exists():
        migrate.upgrade(f"sqlite:///{file}")
        engine = engines.writer(f"sqlite:///{file}")
        with engine.begin() as conn:
            _connect(conn)
        engine.dispose()
        with sqlite3.connect(file) as plain:
            plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


def _connect(conn: Transaction) -> None:
    book = ConnectionBook(Vault({"k": bytes(32)}, SimRng(Random(0))), Redactor())
    connections.put(
        conn,
        StoredConnection(
            id="shop",
            infrafabric_api_url="https://api.infrafabric.example/v1",
            infrafabric_api_key=book.seal_api_key("shop", "account-key"),
            default_datacenter="fra1",
            provisioning_timeout=300,
            action_timeout=120,
            webhook_secrets=book.seal_webhook_secrets(
                "shop", ("whsec_" + base64.b64encode(SECRET).decode(),)
            ),
            rate_limit_per_minute=600,
            max_concurrency=16,
            policies={},
            version=1,
            created_at=EPOCH,
            updated_at=EPOCH,
        ),
    )


def open_fast(file: Path) -> InlineDatabase:
    """A process that dies loses nothing that the system has; so nothing has to reach the disk here."""
    writer, reader = engines.writer(f"sqlite:///{file}"), engines.reader(f"sqlite:///{file}")

    @event.listens_for(writer, "connect")
    def _fast(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    for engine in (writer, reader):  # thousands of worlds say the same things: compiled once
        engine.update_execution_options(compiled_cache=_COMPILED)
    return InlineDatabase(writer, reader)
