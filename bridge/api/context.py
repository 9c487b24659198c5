"""What handlers work with, and where the middlewares leave what they found out about a request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from bridge.connections import ConnectionBook
from bridge.domain.access import Actor, ApiKey
from bridge.engine.commands import Commands
from bridge.engine.context import Engine


class HttpGauges(Protocol):
    """What the API tells the metrics."""

    def request_finished(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        ...

    def callback_taken(self, kind: str, outcome: str) -> None:
        """A verified callback was recorded."""
        ...

    def callback_rejected(self, reason: str) -> None:
        """A callback was refused; nothing of it was stored."""
        ...

    def deduplicated(self, kind: str) -> None:
        """A repetition was recognised: `idempotency_key` or `callback`."""
        ...

    def render(self) -> tuple[bytes, str]:
        """The exposition and its content type."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers of the HTTP side."""

    body_bytes: int = 262_144
    max_wait: int = 60
    callback_tolerance: int = 300
    page_default: int = 50
    page_max: int = 200


@dataclass(slots=True)
class Health:
    """Whether the process wants new requests, and how many it has."""

    draining: bool = False
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Api:
    """Everything the handlers share."""

    engine: Engine
    commands: Commands
    gauges: HttpGauges
    limits: Limits
    health: Health
    refresh_gauges: Callable[[], Awaitable[None]]
    check_url: Callable[[str], None]
    """Refuses an InfraFabric address that the bridge may not call; raises ProblemError."""
    key_matches: Callable[[str, str], bool]
    parse_key: Callable[[str], tuple[str, str] | None]
    client_ip: Callable[[web.BaseRequest], str | None]
    connection_book: ConnectionBook


API: web.AppKey[Api] = web.AppKey("api", Api)
KEY = "bridge.key"
ACTOR = "bridge.actor"
REQUEST_ID = "bridge.request_id"


def api_of(request: web.Request) -> Api:
    """The shared context of the application."""
    return request.app[API]


def key_of(request: web.Request) -> ApiKey:
    """The key the request was authenticated with."""
    key: ApiKey = request[KEY]
    return key


def actor_of(request: web.Request) -> Actor:
    """The actor the request speaks for."""
    actor: Actor = request[ACTOR]
    return actor


def request_id_of(request: web.BaseRequest) -> str:
    """The id under which the request is logged and answered."""
    request_id: str = request[REQUEST_ID]
    return request_id
