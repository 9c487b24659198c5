"""One HTTP exchange with InfraFabric. The real one is aiohttp; simulations put another in its place."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from yarl import URL

from bridge.domain.provider import NoAnswer, NotSent
from bridge.infrafabric.addresses import CheckedResolver, ForbiddenAddressError, OutboundPolicy


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """Status, headers (names lower-cased) and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Sends one request."""

    async def send(self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None) -> RawAnswer:
        """One exchange.

        Raises:
            NotSent: the request surely did not arrive.
            NoAnswer: it may have arrived.
        """
        ...


class AiohttpTransport:
    """Sockets. No redirects, no cookies, no proxies from the environment; answers are capped in size."""

    def __init__(
        self, policy: OutboundPolicy, *, connect_timeout: float, request_timeout: float, answer_limit: int
    ) -> None:
        self._limit = answer_limit
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=CheckedResolver(policy), limit=0, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=request_timeout, sock_connect=connect_timeout, connect=connect_timeout
            ),
            trust_env=False,
            auto_decompress=False,
            requote_redirect_url=False,
        )
        self._policy = policy

    async def send(self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None) -> RawAnswer:
        """See `Transport.send`."""
        self._check_literal(url)
        try:
            async with self._session.request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as response:
                content = await self._read(response)
                names = {name.lower(): value for name, value in response.headers.items()}
                return RawAnswer(response.status, names, content)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ForbiddenAddressError) as error:
            raise NotSent(f"no connection to InfraFabric: {error}") from error
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            raise NoAnswer(f"InfraFabric did not answer completely: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _check_literal(self, url: URL) -> None:
        """A URL with an IP address never reaches the resolver."""
        try:
            self._policy.check_host(url.host or "")
        except ForbiddenAddressError as error:
            raise NotSent(str(error)) from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        chunks, size = [], 0
        async for chunk in response.content.iter_chunked(65_536):
            size += len(chunk)
            if size > self._limit:
                raise NoAnswer(f"InfraFabric's answer is larger than {self._limit} bytes")
            chunks.append(chunk)
        return b"".join(chunks)
