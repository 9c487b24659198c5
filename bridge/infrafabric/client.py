"""The InfraFabric client: one connection's `Provider`, with retries, validation and the error family of the domain."""

import email.utils
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from yarl import URL

from bridge.domain import provider as p
from bridge.domain.connection import Connection
from bridge.domain.ports import Clock, Rng
from bridge.infrafabric import models
from bridge.infrafabric.requests import WireRequest, of_command
from bridge.infrafabric.resilience import Gate
from bridge.infrafabric.transport import RawAnswer, Transport

M = TypeVar("M", bound=BaseModel)
Observer = Callable[[str, str, int | str, float], None]
"""Told of every request: method, route template, status or kind of error, seconds."""

_PAGE = 200
_MOST_PAGES = 1000
_BUSY = frozenset({"instance_busy"})
_IN_FLIGHT = "idempotency_key_in_flight"


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Numbers of the client; times in seconds."""

    attempts: int = 3
    backoff_base: float = 0.2
    backoff_cap: float = 5


class InfraFabricClient:
    """Speaks for one connection."""

    def __init__(
        self,
        connection: Connection,
        transport: Transport,
        gate: Gate,
        clock: Clock,
        rng: Rng,
        settings: ClientSettings,
        observer: Observer,
    ) -> None:
        self._base = URL(connection.infrafabric_api_url.rstrip("/"))
        self._authorization = f"Bearer {connection.infrafabric_api_key}"
        self._transport, self._gate, self._clock, self._rng = transport, gate, clock, rng
        self._settings, self._observer = settings, observer

    # ---- the port ---------------------------------------------------------------------------------------------------

    async def execute(self, command: p.Command, key: str) -> p.Accepted:
        """See `Provider.execute`."""
        answer = await self._call(of_command(command), key)
        found = _valid(models.Mutation, answer)
        deleted = isinstance(command, p.DeleteInstance) and found.instance is not None
        if found.operation is None and not deleted:
            raise p.NoAnswer(f"InfraFabric answered {answer.status} without an operation")
        return p.Accepted(
            None if found.operation is None else found.operation.to_domain(),
            None if found.instance is None else found.instance.to_domain(),
            None if found.volume is None else found.volume.to_domain(),
        )

    async def operation(self, operation_id: str) -> p.ProviderOperation | None:
        """See `Provider.operation`."""
        found = await self._read(f"/operations/{operation_id}", "/operations/{id}", models.Operation)
        return None if found is None else found.to_domain()

    async def instance(self, instance_id: str) -> p.Instance | None:
        """See `Provider.instance`."""
        found = await self._read(f"/instances/{instance_id}", "/instances/{id}", models.Instance)
        return None if found is None else found.to_domain()

    async def instances_by_reference(self, reference: str) -> tuple[p.Instance, ...]:
        """See `Provider.instances_by_reference`."""
        found = await self._list("/instances", models.Instance, {"reference": reference})
        return tuple(item.to_domain() for item in found if item.reference == reference)

    async def volumes(
        self, *, instance_id: str | None = None, label: str | None = None
    ) -> tuple[p.Volume, ...]:
        """See `Provider.volumes`."""
        given = {"instance_id": instance_id, "label": label}
        query = {name: value for name, value in given.items() if value is not None}
        return tuple(item.to_domain() for item in await self._list("/volumes", models.Volume, query))

    async def usage(
        self, instance_id: str, start: datetime | None, end: datetime | None
    ) -> Mapping[str, Any]:
        """See `Provider.usage`."""
        given = {"from": start, "to": end}
        query = {
            name: models.moment(value.astimezone(UTC)) for name, value in given.items() if value is not None
        }
        path = f"/instances/{instance_id}/usage"
        answer = await self._call(WireRequest("GET", path, "/instances/{id}/usage", query=query), None)
        return _valid(models.Usage, answer).model_dump(mode="json")

    async def catalog(self, kind: p.CatalogKind) -> tuple[Mapping[str, Any], ...]:
        """See `Provider.catalog`."""
        return tuple(
            item.model_dump(mode="json") for item in await self._list(f"/{kind}", models.CatalogItem, {})
        )

    # ---- reading ----------------------------------------------------------------------------------------------------

    async def _read(self, path: str, route: str, model: type[M]) -> M | None:
        try:
            answer = await self._call(WireRequest("GET", path, route), None)
        except p.Refused as refusal:
            if refusal.status == 404:
                return None
            raise
        return _valid(model, answer)

    async def _list(self, path: str, model: type[M], query: dict[str, str]) -> list[M]:
        found: list[M] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            asked = query | {"limit": str(_PAGE)} | ({"cursor": cursor} if cursor else {})
            page = _valid(models.Listing, await self._call(WireRequest("GET", path, path, query=asked), None))
            found.extend(_each(model, page.items))
            if page.next_cursor is None or page.next_cursor == cursor:
                break
            cursor = page.next_cursor
        return found

    # ---- one call, with its repetitions -----------------------------------------------------------------------------

    async def _call(self, request: WireRequest, key: str | None) -> RawAnswer:
        """The answer, after at most `attempts` sends.

        An unseen effect stays unseen: when one send was silent and a later one was surely not taken, the whole call
        counts as silence.
        """
        attempts = _Attempts(self._gate, self._rng, self._settings)
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._settings.attempts),
            retry=retry_if_exception(attempts.may_repeat),
            wait=attempts.wait,
            sleep=self._clock.sleep,
            reraise=True,
        )
        try:
            answer: RawAnswer = await retrying(self._once, request, key, attempts)
        except (p.TryLater, p.NotSent) as error:
            if attempts.silent and key is not None:
                raise p.NoAnswer(error.detail, retry_after=error.retry_after) from error
            raise
        return answer

    async def _once(self, request: WireRequest, key: str | None, attempts: "_Attempts") -> RawAnswer:
        async with self._gate.call() as probe:
            begun = self._clock.monotonic()
            outcome: int | str = "no_answer"
            try:
                answer = await self._transport.send(
                    request.method, self._url(request), self._headers(request, key), _bytes(request)
                )
                outcome = answer.status
            except p.NoAnswer:
                attempts.silent = True
                self._gate.breaker.failed(probe=probe)
                raise
            except p.NotSent:
                outcome = "not_sent"
                self._gate.breaker.failed(probe=probe)
                raise
            finally:
                self._observer(request.method, request.route, outcome, self._clock.monotonic() - begun)
            return self._judge(answer, probe, attempts)

    def _judge(self, answer: RawAnswer, probe: bool, attempts: "_Attempts") -> RawAnswer:
        if answer.status >= 500 and answer.status != 507:
            self._gate.breaker.failed(probe=probe)
            attempts.silent = True
        else:
            self._gate.breaker.succeeded()
        if 200 <= answer.status < 300:
            self._gate.budget.refill()
            return answer
        error = _error(answer, self._clock.now())
        if isinstance(error, p.NoAnswer):
            attempts.silent = True
        raise error

    def _url(self, request: WireRequest) -> URL:
        path = self._base.path.rstrip("/") + request.path
        return self._base.with_path(path).with_query(request.query)

    def _headers(self, request: WireRequest, key: str | None) -> dict[str, str]:
        headers = {
            "Authorization": self._authorization,
            "Accept": "application/json",
            "User-Agent": "infrafabric-bridge",
        }
        request_id = structlog.contextvars.get_contextvars().get("operation_id")
        if isinstance(request_id, str):
            headers["X-Request-Id"] = request_id
        if key is not None:
            headers["Idempotency-Key"] = key
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        return headers


class _Attempts:
    """What one call learned so far, and its patience."""

    def __init__(self, gate: Gate, rng: Rng, settings: ClientSettings) -> None:
        self.silent = False
        self._gate, self._rng, self._settings = gate, rng, settings

    def may_repeat(self, error: BaseException) -> bool:
        """Whether it is worth asking again at once: it can pass, the wait is short, and the budget pays for it."""
        if not isinstance(error, p.NoAnswer | p.TryLater):
            return False
        if error.retry_after is not None and error.retry_after.total_seconds() > self._settings.backoff_cap:
            return False
        if self._gate.breaker.state != "closed":
            return False
        cost = self._gate.settings.retry_cost
        return self._gate.budget.take(
            self._gate.settings.throttle_cost if isinstance(error, p.TryLater) else cost
        )

    def wait(self, state: RetryCallState) -> float:
        """Full jitter; what InfraFabric asks for outranks it."""
        error = None if state.outcome is None else state.outcome.exception()
        asked = error.retry_after if isinstance(error, p.ProviderError) else None
        if asked is not None:
            return asked.total_seconds()
        grown: float = self._settings.backoff_base * 2 ** (state.attempt_number - 1)
        span = min(grown, self._settings.backoff_cap)
        return self._rng.random() * span


def _bytes(request: WireRequest) -> bytes | None:
    if request.body is None:
        return None
    return json.dumps(request.body, sort_keys=True, separators=(",", ":")).encode()


# ---- what an answer means -------------------------------------------------------------------------------------------


def _error(answer: RawAnswer, now: datetime) -> p.ProviderError:
    problem = models.Problem.read(_json_or_none(answer.body))
    detail = problem.detail or problem.title or f"InfraFabric answered {answer.status}"
    again = retry_after(answer.headers.get("retry-after"), now)
    status = answer.status
    if problem.code == _IN_FLIGHT or (status >= 500 and status != 507):
        return p.NoAnswer(f"{status}: {detail}", retry_after=again)
    if status in (408, 429) or (status == 409 and problem.code in _BUSY):
        return p.TryLater(f"{status}: {detail}", retry_after=again)
    return p.Refused(
        detail,
        status=status,
        code=problem.code or "unknown",
        errors=problem.errors,
        instance_id=problem.instance_id,
    )


_SECONDS = re.compile(r"^[0-9]{1,9}$")


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """`Retry-After` as a duration, from seconds or a date; malformed ones are ignored (requirement D7)."""
    if header is None:
        return None
    text = header.strip()
    if _SECONDS.match(text):
        return timedelta(seconds=int(text))
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(aware - now, timedelta())


def _json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _valid(model: type[M], answer: RawAnswer) -> M:
    """The answer as the model; one that does not fit may hide an effect."""
    try:
        return model.model_validate_json(answer.body)
    except ValidationError as error:
        what = (
            f"InfraFabric's {answer.status} answer does not fit the contract ({error.error_count()} errors)"
        )
        raise p.NoAnswer(what) from error


def _each(model: type[M], items: list[dict[str, Any]]) -> list[M]:
    try:
        return [model.model_validate(item) for item in items]
    except ValidationError as error:
        raise p.NoAnswer(
            f"InfraFabric's list does not fit the contract ({error.error_count()} errors)"
        ) from error
