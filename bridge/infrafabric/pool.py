"""The clients of all connections: one per version of the settings, one gate per connection."""

from dataclasses import dataclass

from bridge.domain.connection import Connection
from bridge.domain.ports import Clock, Rng
from bridge.infrafabric.client import InfraFabricClient
from bridge.infrafabric.exchange import CallObserver
from bridge.infrafabric.resilience import Gate
from bridge.infrafabric.settings import ClientSettings, GateSettings
from bridge.infrafabric.transport import Transport


@dataclass(frozen=True, slots=True)
class _Entry:
    version: int
    url: str
    gate: Gate
    client: InfraFabricClient


class ProviderPool:
    """`Providers` of the engine. `observer` is told of every send."""

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        rng: Rng,
        *,
        client: ClientSettings | None = None,
        gate: GateSettings | None = None,
        observer: CallObserver | None = None,
    ) -> None:
        self._transport, self._clock, self._rng = transport, clock, rng
        self._client_settings, self._gate_settings = client or ClientSettings(), gate or GateSettings()
        self._observer = observer
        self._entries: dict[str, _Entry] = {}

    def get(self, connection: Connection) -> InfraFabricClient:
        """The client for these settings, made when they are new.

        The gate survives a change, so that a rate limit cannot be outrun by saving the settings again; only another
        address starts with a fresh one.
        """
        entry = self._entries.get(connection.id)
        if entry is not None and entry.version == connection.version:
            return entry.client
        gate = self._gate(connection, entry)
        client = InfraFabricClient(
            connection,
            clock=self._clock,
            rng=self._rng,
            settings=self._client_settings,
            gate=gate,
            transport=self._transport,
            observer=self._observer,
        )
        if entry is None or entry.version < connection.version:
            self._entries[connection.id] = _Entry(
                connection.version, connection.infrafabric_api_url, gate, client
            )
        return client

    def gates(self) -> dict[str, Gate]:
        """The gate of every connection used so far, for metrics."""
        return {connection_id: entry.gate for connection_id, entry in self._entries.items()}

    def _gate(self, connection: Connection, entry: _Entry | None) -> Gate:
        if entry is None or entry.url != connection.infrafabric_api_url:
            return Gate(
                self._gate_settings,
                self._clock,
                self._rng,
                rate_limit_per_minute=connection.rate_limit_per_minute,
                max_concurrency=connection.max_concurrency,
            )
        if entry.version < connection.version:
            entry.gate.resize(
                rate_limit_per_minute=connection.rate_limit_per_minute,
                max_concurrency=connection.max_concurrency,
            )
        return entry.gate

    async def close(self) -> None:
        """Close all network connections; requests under way end with `NoAnswer`."""
        await self._transport.close()
