"""Connections between store and vault: rows hold sealed texts, everybody else gets opened settings."""

import json

from bridge.domain.connection import Connection
from bridge.security.vault import Vault
from bridge.store import connections
from bridge.store.connections import StoredConnection
from bridge.store.database import Transaction
from bridge.telemetry.redaction import Redactor

_TABLE = "connections"


class ConnectionBook:
    """Opens and seals. What was opened is remembered by version; the row itself is read every time."""

    def __init__(self, vault: Vault, redactor: Redactor) -> None:
        self._vault, self._redactor = vault, redactor
        self._opened: dict[str, Connection] = {}

    def load(self, conn: Transaction, connection_id: str) -> Connection:
        """The present settings with their secrets.

        Raises:
            LookupError: there is no such connection.
        """
        stored = connections.get(conn, connection_id)
        if stored is None:
            raise LookupError(f"there is no connection {connection_id}")
        return self.open(stored)

    def open(self, stored: StoredConnection) -> Connection:
        """The connection with its secrets, which from now on no log line shows."""
        known = self._opened.get(stored.id)
        if known is not None and known.version == stored.version and known.created_at == stored.created_at:
            return known
        key = self._vault.open(
            stored.infrafabric_api_key, table=_TABLE, row=stored.id, column="infrafabric_api_key"
        )
        secrets = self._vault.open(
            stored.webhook_secrets, table=_TABLE, row=stored.id, column="webhook_secrets"
        )
        opened = Connection(
            id=stored.id,
            infrafabric_api_url=stored.infrafabric_api_url,
            infrafabric_api_key=key,
            default_datacenter=stored.default_datacenter,
            provisioning_timeout=stored.provisioning_timeout,
            action_timeout=stored.action_timeout,
            webhook_secrets=tuple(json.loads(secrets)),
            rate_limit_per_minute=stored.rate_limit_per_minute,
            max_concurrency=stored.max_concurrency,
            policies=dict(stored.policies),
            version=stored.version,
            created_at=stored.created_at,
            updated_at=stored.updated_at,
        )
        for secret in (key, *opened.webhook_secrets):
            self._redactor.protect(secret)
        self._opened[stored.id] = opened
        return opened

    def seal_api_key(self, connection_id: str, value: str) -> str:
        """Sealed for its place."""
        self._redactor.protect(value)
        return self._vault.seal(value, table=_TABLE, row=connection_id, column="infrafabric_api_key")

    def seal_webhook_secrets(self, connection_id: str, values: tuple[str, ...]) -> str:
        """The whole list, sealed for its place."""
        for value in values:
            self._redactor.protect(value)
        text = json.dumps(list(values))
        return self._vault.seal(text, table=_TABLE, row=connection_id, column="webhook_secrets")

    def fingerprint(self, value: str) -> str:
        """A short keyed digest by which a human tells two secrets apart."""
        return self._vault.fingerprint(value)
