"""Prometheus metrics: the domain's own, and HTTP durations under OpenTelemetry's names (requirements E1, E2, E7)."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from bridge import __version__
from bridge.domain.drift import DriftClass

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_OPERATION_BUCKETS = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 3600, 86400)
_BREAKER = {"closed": 0, "half_open": 1, "open": 2}


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._domain()
        self._http()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"infrafabric_bridge_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"infrafabric_bridge_{name}", text, labels, registry=self.registry)

    def _domain(self) -> None:
        self._operations = self._counter("operations", "Operations that ended.", "action", "outcome")
        self._duration = Histogram(
            "infrafabric_bridge_operation_duration_seconds",
            "From acceptance to the end of an operation.",
            ("action", "outcome"),
            buckets=_OPERATION_BUCKETS,
            registry=self.registry,
        )
        self.unfinished = self._gauge("operations_unfinished", "Operations that have not ended.", "state")
        self.oldest = self._gauge(
            "oldest_unfinished_operation_age_seconds", "Age of the oldest operation that has not ended."
        )
        self.terminate_overdue = self._gauge(
            "terminate_overdue", "Terminates that InfraFabric has not confirmed in time."
        )
        self.drifted = self._gauge("drifted_services", "Services that differ from what was last commanded.")
        self.queue = self._gauge("queue_depth", "Turns under way or waiting for a slot.")
        self._callbacks = self._counter("callbacks", "Verified callbacks.", "type", "outcome")
        self._rejections = self._counter("callback_rejections", "Callbacks refused.", "reason")
        self._dedupe = self._counter("dedupe_hits", "Repetitions that were recognised.", "kind")
        self._lost = self._counter("lost_turns", "Turns whose claim another run had taken over.")
        self._cleanups = self._counter("cleanups", "Creates whose leftovers were removed.", "outcome")
        self._breaker = self._gauge("breaker_state", "0 closed, 1 half open, 2 open.", "connection")
        self._budget = self._gauge("retry_budget_tokens", "Retries left before failing fast.", "connection")
        self._reconciles = self._counter("reconcile_runs", "Runs of reconcile.", "kind", "outcome")
        self._findings = self._gauge("drift_findings", "What reconcile found and what still stands.", "class")
        build = self._gauge("build_info", "Always 1; the version is a label.", "version")
        build.labels(__version__).set(1)

    def _http(self) -> None:
        names = ("http_request_method", "http_route", "http_response_status_code", "error_type")
        self._server = Histogram(
            "http_server_request_duration_seconds",
            "Requests answered by the bridge.",
            names,
            buckets=_HTTP_BUCKETS,
            registry=self.registry,
        )
        self._client = Histogram(
            "http_client_request_duration_seconds",
            "Requests to InfraFabric.",
            names,
            buckets=_HTTP_BUCKETS,
            registry=self.registry,
        )

    # ---- what the engine tells --------------------------------------------------------------------------------------

    def operation_finished(self, action: str, outcome: str, seconds: float) -> None:
        """An operation ended, `seconds` after acceptance."""
        self._operations.labels(action, outcome).inc()
        self._duration.labels(action, outcome).observe(max(seconds, 0))

    def turn_lost(self) -> None:
        """A run found its token replaced."""
        self._lost.inc()

    def cleaned(self, outcome: str) -> None:
        """A create's leftovers are gone."""
        self._cleanups.labels(outcome).inc()

    def reconciled(self, kind: str, outcome: str) -> None:
        """A run of reconcile stopped."""
        self._reconciles.labels(kind, outcome).inc()

    # ---- what the API tells -----------------------------------------------------------------------------------------

    def request_finished(self, method: str, route: str, status: int, seconds: float) -> None:
        """The bridge answered a request."""
        error = str(status) if status >= 500 else ""
        self._server.labels(_method(method), route, str(status), error).observe(seconds)

    def callback_taken(self, kind: str, outcome: str) -> None:
        """A verified callback was recorded; unknown types share one label value."""
        known = kind if kind.startswith(("operation.", "instance.")) and outcome != "ignored" else "other"
        self._callbacks.labels(known, outcome).inc()

    def callback_rejected(self, reason: str) -> None:
        """A callback was refused."""
        self._rejections.labels(reason).inc()

    def deduplicated(self, kind: str) -> None:
        """A repetition was recognised."""
        self._dedupe.labels(kind).inc()

    # ---- what the client tells --------------------------------------------------------------------------------------

    def provider_called(self, method: str, route: str, outcome: int | str, seconds: float) -> None:
        """One request to InfraFabric ended with a status, or with a kind of error."""
        status = str(outcome) if isinstance(outcome, int) else ""
        error = outcome if isinstance(outcome, str) else (status if int(status) >= 400 else "")
        self._client.labels(_method(method), route, status, error).observe(seconds)

    def gate_changed(self, connection: str, breaker: str, budget: float) -> None:
        """The state of a connection's breaker (`closed`, `half_open`, `open`) and its retry budget."""
        self._breaker.labels(connection).set(_BREAKER[breaker])
        self._budget.labels(connection).set(budget)

    def drift(self, found: Mapping[str, int]) -> None:
        """How many findings of each class stand."""
        for kind in DriftClass:
            self._findings.labels(kind.value).set(found.get(kind.value, 0))

    def render(self) -> tuple[bytes, str]:
        """The exposition and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


def _method(method: str) -> str:
    return method if method in _METHODS else "_OTHER"
