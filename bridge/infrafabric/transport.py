"""How bytes get to InfraFabric and back: a small seam, so that simulations can put themselves in the network's place.

Whether a failed request may have left is decided here and nowhere else, because only here it is known.
"""

from collections.abc import Mapping
from typing import NamedTuple, NoReturn, Protocol

import aiohttp
from yarl import URL

from bridge.infrafabric.addresses import AddressRefused, CheckedResolver, OutboundPolicy


class Reply(NamedTuple):
    """An HTTP answer. Header names are in lower case; of repeated headers the first one counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportError(Exception):
    """No usable answer came. `kind` is a word for metrics."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail


class Unreachable(TransportError):
    """There never was a connection, so not one byte of the request has left."""


class Interrupted(TransportError):
    """The request may have left, and perhaps taken effect."""


class TooLarge(TransportError):
    """The provider answered, with more than is read."""


class Transport(Protocol):
    """Sends one request and gives the whole answer, whatever its status."""

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """Exchange one request, within the transport's own time limits; nothing is followed, nothing repeated.

        Raises:
            TransportError: no answer; the subclass says whether the request may have left.
        """
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...


class AiohttpTransport:
    """The real network. Keeps nothing between requests but connections: no cookies, no proxy from the environment.

    `connect_timeout`: seconds for name lookup, TCP and TLS; `request_timeout`: seconds until the last byte of the
    answer; `answer_limit`: bytes of an answer that are read.
    """

    def __init__(
        self,
        policy: OutboundPolicy,
        *,
        connect_timeout: float = 5.0,
        request_timeout: float = 30.0,
        answer_limit: int = 2 * 1024 * 1024,
    ) -> None:
        self._policy, self._limit = policy, answer_limit
        self._timeout = aiohttp.ClientTimeout(total=request_timeout, connect=connect_timeout)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """See `Transport.send`."""
        try:
            self._policy.check_host(URL(url).host or "")
            return await self._exchange(method, url, headers, body)
        except aiohttp.ConnectionTimeoutError as error:
            raise Unreachable("connect_timeout", "No connection came about in time.") from error
        except (aiohttp.ClientConnectorError, AddressRefused, aiohttp.InvalidURL) as error:
            _raise_unreachable(error)
        except TimeoutError as error:
            detail = f"No complete answer came within {self._timeout.total:g} s."
            raise Interrupted("timeout", detail) from error
        except aiohttp.ClientResponseError as error:
            raise Interrupted("invalid_http", "What came back was not HTTP.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Interrupted(
                "disconnected", "The connection broke before the answer was complete."
            ) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        async with self._opened().request(
            method,
            URL(url, encoded=True),
            headers=headers,
            data=body,
            allow_redirects=False,
            timeout=self._timeout,
        ) as response:
            content = await self._read(response)
            first: dict[str, str] = {}
            for name, value in response.headers.items():
                first.setdefault(name.lower(), value)
            return Reply(response.status, first, content)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > self._limit:
                response.close()
                raise TooLarge("too_large", f"The answer is larger than {self._limit} bytes.")
        return bytes(content)

    def _opened(self) -> aiohttp.ClientSession:
        """One session, made when first needed, because it belongs to the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # The gate limits how many; the connector must not add a queue of its own.
                connector=aiohttp.TCPConnector(resolver=CheckedResolver(self._policy), limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                # A compressed answer could grow past the limit; none is asked for and none is unpacked.
                auto_decompress=False,
                middlewares=(_send_once,),
            )
        return self._session


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a request again by itself when a connection breaks: every send must be counted."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise Interrupted("disconnected", "The connection broke before an answer came.") from error


def _raise_unreachable(error: Exception) -> NoReturn:
    if isinstance(error, AddressRefused) or isinstance(error.__cause__, AddressRefused):
        detail = "Its address is not public. Correct the URL, or list the network in BRIDGE_UPSTREAM_ALLOW."
        raise Unreachable("address_refused", detail) from error
    if isinstance(error, aiohttp.ClientSSLError):
        raise Unreachable("tls", "Its certificate or TLS handshake is not acceptable.") from error
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        raise Unreachable("dns", "Its name does not resolve.") from error
    raise Unreachable("connect", "It does not accept connections.") from error
