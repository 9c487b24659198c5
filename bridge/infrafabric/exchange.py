"""One request, sent as often as it is decent: the gate, the repetitions, and the meaning of what came back.

The rule that matters: once one send may have taken effect, no later "not sent" or "not now" makes that undone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from bridge import __version__
from bridge.domain.connection import Connection
from bridge.domain.ports import Clock, Rng
from bridge.domain.provider import NoAnswer, NotSent, ProviderError, Refused, TryLater
from bridge.infrafabric import answers
from bridge.infrafabric.answers import Missed
from bridge.infrafabric.requests import WireRequest
from bridge.infrafabric.resilience import Gate, GateClosed
from bridge.infrafabric.settings import ClientSettings
from bridge.infrafabric.transport import Interrupted, Reply, Transport, TransportError

CallObserver = Callable[[str, str, int | str, float], None]
"""Told (method, route template, status or kind of error, seconds) after every send."""

_DECIDED_BEFORE_THE_KEY = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Exchange:
    """What it takes to exchange requests with one connection's InfraFabric account."""

    connection: Connection
    clock: Clock
    rng: Rng
    settings: ClientSettings
    gate: Gate
    transport: Transport
    observer: CallObserver | None = None

    async def ask(self, request: WireRequest) -> Reply:
        """Send a request that changes nothing; the answer has a status that says yes.

        Raises:
            ProviderError: of the last send.
        """
        return await self._repeat(_Call(self, request, None))

    async def command(self, request: WireRequest, key: str) -> Reply:
        """Send a mutating request under an idempotency key; the answer has a status that says yes.

        Raises:
            ProviderError: of all sends together; `NoAnswer` if any of them may have taken effect.
        """
        call = _Call(self, request, key)
        try:
            return await self._repeat(call)
        except (NotSent, TryLater, Refused) as error:
            if not call.silent or _speaks_for_all(error):
                raise
            text = f"An earlier send got no answer and may have taken effect. Then: {error.detail}"
            raise NoAnswer(text, retry_after=error.retry_after) from error

    async def _repeat(self, call: "_Call") -> Reply:
        retrying = AsyncRetrying(
            sleep=self.clock.sleep,
            retry=retry_if_exception_type(Missed),
            stop=call.is_over,
            wait=call.pause,
            reraise=True,
        )
        try:
            reply: Reply = await retrying(call.send)
        except Missed as missed:
            raise missed.error from missed.__cause__
        return reply


class _Call:
    """The sends of one request."""

    def __init__(self, exchange: Exchange, request: WireRequest, key: str | None) -> None:
        self._exchange, self._request = exchange, request
        self._headers = _headers(exchange.connection, request, key)
        self._url = request.url(exchange.connection.infrafabric_api_url)
        self._begun = exchange.clock.monotonic()
        self._paid = 0
        self.silent = False
        """True once a send may have taken effect without our knowing."""

    async def send(self) -> Reply:
        """One send, through the gate."""
        try:
            async with self._exchange.gate.passage() as permit:
                try:
                    reply = await self._exchange_bytes()
                except TransportError as error:
                    permit.failed()
                    raise answers.of_transport(error, str(self._request)) from error
                (permit.succeeded if answers.alive(reply) else permit.failed)()
            secret = self._exchange.connection.infrafabric_api_key
            answers.check(reply, str(self._request), self._exchange.clock.now(), secret)
        except GateClosed as closed:
            detail = f"{self._request} was not sent. {closed.reason}"
            raise Missed(NotSent(detail, retry_after=closed.retry_after), None) from closed
        except Missed as missed:
            self.silent = self.silent or isinstance(missed.error, NoAnswer)
            raise
        self._exchange.gate.budget.deposit(self._paid or 1)
        return reply

    async def _exchange_bytes(self) -> Reply:
        clock, request = self._exchange.clock, self._request
        started = clock.monotonic()
        outcome: int | str = "canceled"
        try:
            reply = await self._exchange.transport.send(
                request.method, self._url, self._headers, request.content()
            )
            outcome = reply.status
        except TransportError as error:
            outcome = error.kind
            raise
        except (OSError, TimeoutError) as error:
            outcome = "disconnected"
            raise Interrupted(outcome, "The connection broke.") from error
        finally:
            if self._exchange.observer is not None:
                self._exchange.observer(request.method, request.route, outcome, clock.monotonic() - started)
        return reply

    def pause(self, state: RetryCallState) -> float:
        """Seconds until the next send: what the provider asks for, else full jitter over a doubling span (D8)."""
        missed, settings = _missed(state), self._exchange.settings
        if missed.error.retry_after is not None:
            spread = self._exchange.rng.random() * settings.backoff_base
            return missed.error.retry_after.total_seconds() + spread
        base = settings.throttle_base if missed.again == "throttled" else settings.backoff_base
        span: float = min(base * 2 ** (state.attempt_number - 1), settings.backoff_cap)
        return self._exchange.rng.random() * span

    def is_over(self, state: RetryCallState) -> bool:
        """Whether the last outcome stands. Asked once per send; if not, the next one is paid from the budget."""
        missed, settings = _missed(state), self._exchange.settings
        if missed.again is None or state.attempt_number >= settings.attempts:
            return True
        if (missed.error.retry_after or timedelta()).total_seconds() > settings.backoff_cap:
            return True
        if self._exchange.clock.monotonic() - self._begun + state.upcoming_sleep > settings.retry_window:
            return True
        gate = self._exchange.gate
        throttled = missed.again == "throttled"
        self._paid = gate.settings.throttle_cost if throttled else gate.settings.retry_cost
        return not gate.budget.withdraw(self._paid)


def _missed(state: RetryCallState) -> Missed:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, Missed)
    return error


def _speaks_for_all(error: ProviderError) -> bool:
    """Whether a refusal after silence is definite for the silent sends, too.

    It is, because of the key they share, unless it was given before anybody looked at the key.
    """
    return isinstance(error, Refused) and error.status >= 400 and error.status not in _DECIDED_BEFORE_THE_KEY


def _headers(connection: Connection, request: WireRequest, key: str | None) -> Mapping[str, str]:
    headers = {
        "Authorization": f"Bearer {connection.infrafabric_api_key}",
        "Accept": "application/json, application/problem+json",
        "Accept-Encoding": "identity",
        "User-Agent": f"infrafabric-bridge/{__version__}",
    }
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    if key is not None:
        headers["Idempotency-Key"] = key
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if isinstance(request_id, str) and request_id.isascii() and request_id.isprintable():
        headers["X-Request-Id"] = request_id[:128]
    return headers
