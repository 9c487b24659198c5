"""The server below the application: errors that never reach a handler are problem documents too.

A request can be so broken that aiohttp answers it before any middleware runs (bad header bytes, broken chunks,
unknown method, an Expect it does not know). Its protocol class is the one place to give those the same form.
"""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestHandler

from bridge.api import problems

log = structlog.get_logger(__name__)

_SERVER = "infrafabric-bridge"


class ProblemProtocol(RequestHandler):
    """aiohttp's HTTP/1.1 protocol with problem documents for what it refuses itself."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Log what happened without what was sent, and answer in our form; the connection is closed then."""
        if isinstance(exc, LineTooLong):
            status = 431
        elif isinstance(exc, HttpProcessingError):
            status = exc.code if exc.code in (400, 413, 414, 431) else 400
        if isinstance(exc, HttpProcessingError):
            # The exception quotes the bytes that came, and an API key may be among them.
            log.warning("request.unreadable", status=status, kind=type(exc).__name__, peer=request.remote)
        elif isinstance(exc, ConnectionError):
            log.info("request.abandoned", peer=request.remote)
        else:
            log.error("request.broken", status=status, peer=request.remote, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("A part of another answer is sent already.")
        problem = problems.of_status(status)
        problem.force_close()
        problem.headers["Server"] = _SERVER
        return problem

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Exceptions that were raised outside the middlewares arrive here as plain text."""
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            resp = problems.of_exception(resp)
        return await super().finish_response(request, resp, start_time)


class ProblemServer(web.Server):
    """Makes `ProblemProtocol`s."""

    def __call__(self) -> RequestHandler:
        """One protocol per connection."""
        return ProblemProtocol(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """`AppRunner` with `ProblemServer`."""

    __slots__ = ()

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return ProblemServer(
            plain.request_handler, request_factory=plain.request_factory, loop=plain._loop, **plain._kwargs
        )


async def expect(request: web.Request) -> web.StreamResponse | None:
    """`100-continue` is granted; anything else is a problem."""
    if request.headers.get("Expect", "").strip().lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # Reset the counter, or the real answer would be taken for a second one.
        request.writer.output_size = 0
        return None
    return problems.of_status(417)


async def set_server_header(request: web.Request, response: web.StreamResponse) -> None:
    """Do not tell which library and version runs here."""
    response.headers["Server"] = _SERVER


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Writer = AbstractStreamWriter
