"""Where the bridge may connect to: global addresses over https, unless an operator said otherwise (requirement F8).

The address is checked where it is used: the resolver hands aiohttp only addresses that passed, so that a name that
changes its mind between check and use gains nothing.
"""

import ipaddress
import socket
from dataclasses import dataclass
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from bridge.domain.problems import ProblemError


class ForbiddenAddressError(OSError):
    """The address is not one the bridge may connect to."""


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """`allow` holds networks and host names that are exempt."""

    allow_loopback: bool = False
    allow_plain_http: bool = False
    allow: tuple[str, ...] = ()

    def check_host(self, host: str) -> None:
        """Refuse an IP address that may not be called; names are left to the resolver.

        Raises:
            ForbiddenAddressError: with the way to allow it.
        """
        address = _ip(host)
        if address is None or host.lower() in self.allow:
            return
        mapped = getattr(address, "ipv4_mapped", None)
        judged = mapped or address
        if judged.is_global and not judged.is_multicast:
            return
        if self.allow_loopback and judged.is_loopback:
            return
        if any(judged in network for network in self._networks() if network.version == judged.version):
            return
        raise ForbiddenAddressError(
            f"{host} is not a public address. If InfraFabric really is there, add it to BRIDGE_UPSTREAM_ALLOW."
        )

    def check_url(self, text: str) -> None:
        """Refuse an API address for a connection's settings.

        Raises:
            ProblemError: `validation_failed` for `infrafabric_api_url`.
        """
        rule, message = self._objection(text)
        if rule:
            errors = {"infrafabric_api_url": {rule: message}}
            raise ProblemError("validation_failed", "The connection was not changed.", errors=errors)

    def _objection(self, text: str) -> tuple[str, str]:
        try:
            url = URL(text)
        except ValueError:
            return "format", "This is no URL."
        if url.scheme not in ("http", "https") or not url.host or any(c.isspace() for c in text):
            return "format", "Give an address such as https://api.infrafabric.example/v1."
        if url.user is not None or url.password is not None or url.fragment or url.query_string:
            return "format", "The address must not hold a user, a query or a fragment."
        if _looks_like_a_number(url.host):
            return "format", "Write an IP address in its usual form."
        try:
            self.check_host(url.host)
        except ForbiddenAddressError as error:
            return "valid", str(error)
        if url.scheme == "http" and not self._plain_is_fine(url.host):
            return "valid", "Use https; plain http is for loopback, or for BRIDGE_ALLOW_PLAIN_HTTP."
        return "", ""

    def _plain_is_fine(self, host: str) -> bool:
        address = _ip(host)
        loopback = host == "localhost" or (address is not None and address.is_loopback)
        return self.allow_plain_http or (self.allow_loopback and loopback)

    def _networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        found = []
        for text in self.allow:
            try:
                found.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                continue
        return found


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _looks_like_a_number(host: str) -> bool:
    """`127.1`, `2130706433`, `0177.0.0.1`, `0x7f.1`: forms that the system's resolver would read as an address."""
    if _ip(host) is not None:
        return False
    last = host.rstrip(".").rpartition(".")[2].lower()
    return last.isdigit() or last.startswith("0x")


class CheckedResolver(AbstractResolver):
    """The system's resolver, with every address it gives checked."""

    def __init__(self, policy: OutboundPolicy) -> None:
        self._policy = policy
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of the host.

        Raises:
            ForbiddenAddressError: one of them may not be called.
        """
        found: list[Any] = await self._inner.resolve(host, port, family)
        if host.lower() not in self._policy.allow:
            for entry in found:
                self._policy.check_host(str(entry["host"]))
        return found

    async def close(self) -> None:
        """Nothing is held open."""
        await self._inner.close()
