"""The clients of all connections, made when first needed and made anew when settings change."""

from bridge.domain.connection import Connection
from bridge.domain.ports import Clock, Rng
from bridge.infrafabric.client import ClientSettings, InfraFabricClient, Observer
from bridge.infrafabric.resilience import Gate, GateSettings
from bridge.infrafabric.transport import Transport


class ProviderPool:
    """`Providers` of the engine."""

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        rng: Rng,
        *,
        client: ClientSettings,
        gate: GateSettings,
        observer: Observer,
    ) -> None:
        self._transport, self._clock, self._rng = transport, clock, rng
        self._client_settings, self._gate_settings, self._observer = client, gate, observer
        self._clients: dict[str, tuple[int, InfraFabricClient]] = {}
        self._gates: dict[str, tuple[tuple[str, int, int], Gate]] = {}

    def get(self, connection: Connection) -> InfraFabricClient:
        """The client for these settings."""
        known = self._clients.get(connection.id)
        if known is not None and known[0] == connection.version:
            return known[1]
        client = InfraFabricClient(
            connection,
            self._transport,
            self._gate(connection),
            self._clock,
            self._rng,
            self._client_settings,
            self._observer,
        )
        self._clients[connection.id] = (connection.version, client)
        return client

    def gates(self) -> dict[str, Gate]:
        """The gate of every connection used so far, for metrics."""
        return {connection_id: gate for connection_id, (_, gate) in self._gates.items()}

    def _gate(self, connection: Connection) -> Gate:
        """Kept while address and limits stay, so that changing a secret does not forget an outage."""
        shape = (connection.infrafabric_api_url, connection.rate_limit_per_minute, connection.max_concurrency)
        known = self._gates.get(connection.id)
        if known is not None and known[0] == shape:
            return known[1]
        gate = Gate(
            self._gate_settings,
            self._clock,
            self._rng,
            rate_limit_per_minute=connection.rate_limit_per_minute,
            max_concurrency=connection.max_concurrency,
        )
        self._gates[connection.id] = (shape, gate)
        return gate
