"""Which addresses the bridge may call: https and the public Internet, unless the operator says otherwise (F8).

Checked twice. `check_url` refuses bad settings where they are entered. `CheckedResolver` looks at what a name resolves
to at the moment of connecting, and only checked addresses are connected to, so a name that changes its mind in between
gains nothing.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.domain.problems import ProblemError

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}))"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})*)*)",
    re.ASCII,
)
_NUMERIC_END = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?$")
_NAT64 = IPv6Network("64:ff9b::/96")
_FIELD = "infrafabric_api_url"


class AddressRefused(OSError):
    """The policy does not let the bridge connect there. An OSError, because that is what resolvers may raise."""


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """What the bridge may connect to besides https on global addresses."""

    allow_loopback: bool = False
    """The bridge itself listens on loopback, so what it could reach there is the same user's anyway."""
    allow_plain_http: bool = False
    allow: tuple[str, ...] = ()
    """Addresses and networks (CIDR), and host names whose every address is fine."""

    def permits(self, host: str, address: IpAddress) -> bool:
        """Whether `host` may be reached at `address`."""
        if _plain_name(host) in map(_plain_name, self.allow):
            return True
        if _is_local_name(host) and not _unmapped(address).is_loopback:
            return False
        return all(self._permits(face) for face in _faces(address))

    def _permits(self, address: IpAddress) -> bool:
        if any(address in network for network in _networks(self.allow)):
            return True
        if address.is_loopback:
            return self.allow_loopback
        return address.is_global and not (address.is_multicast or address.is_reserved)

    def check_url(self, url: str) -> None:
        """`check_url` of this module, under this policy; names are judged when they are connected to.

        Raises:
            ProblemError: `validation_failed`.
        """
        check_url(url, self)

    def check_host(self, host: str) -> None:
        """Refuse a host that is itself a forbidden address; names are the resolver's business.

        Raises:
            AddressRefused: it may not be connected to.
        """
        address = literal(host)
        if address is not None and not self.permits(host, address):
            raise AddressRefused(f"{host} is not a public address")


class CheckedResolver(AbstractResolver):
    """Resolves names and hands on checked addresses only, which the connector then connects to."""

    def __init__(self, policy: OutboundPolicy, inner: AbstractResolver | None = None) -> None:
        self._policy = policy
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """All addresses of `host`, or none: one forbidden address makes the whole answer suspect.

        Raises:
            AddressRefused: at least one address may not be connected to.
            OSError: the name does not resolve.
        """
        found = await self._inner.resolve(host, port, family)
        for entry in found:
            address = literal(entry["host"])
            if address is None or not self._policy.permits(host, address):
                raise AddressRefused(f"{host} resolves to an address that is not public")
        return found

    async def close(self) -> None:
        """Close the resolver behind."""
        await self._inner.close()


def check_url(
    url: str, policy: OutboundPolicy, resolve: Callable[[str], Iterable[str]] | None = None
) -> None:
    """Refuse an InfraFabric address that cannot be right or may not be called.

    `resolve`, if given, turns a name into its addresses now; without it names are judged when they are connected to.

    Raises:
        ProblemError: `validation_failed`, rule `format` (not such a URL) or `valid` (not allowed).
    """
    found = _URL.fullmatch(url)
    if found is None or int(found["port"] or 1) not in range(1, 65536):
        raise _refusal("format", "Write it as https://host/path, without user, query or fragment.")
    host = found["host"].strip("[]")
    address = literal(host)
    if address is None and ("[" in found["host"] or _NUMERIC_END.search(host)):
        raise _refusal("format", "Write the address as four decimal numbers or as IPv6 in brackets.")
    if found["scheme"] == "http" and not _plain_http_is_fine(policy, host, address):
        raise _refusal("valid", "Use https; plain http needs BRIDGE_ALLOW_PLAIN_HTTP.")
    if not all(policy.permits(host, each) for each in _known_addresses(host, address, resolve)):
        text = (
            "This is not a public address. List its network or host in BRIDGE_UPSTREAM_ALLOW if it is right."
        )
        raise _refusal("valid", text)


def literal(host: str) -> IpAddress | None:
    """The address that `host` is, or None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _known_addresses(
    host: str, address: IpAddress | None, resolve: Callable[[str], Iterable[str]] | None
) -> Iterator[IpAddress]:
    if address is not None:
        yield address
    elif _is_local_name(host):
        yield IPv4Address("127.0.0.1")
    elif resolve is not None:
        yield from (ipaddress.ip_address(text) for text in resolve(host))


def _plain_http_is_fine(policy: OutboundPolicy, host: str, address: IpAddress | None) -> bool:
    local = _is_local_name(host) or (address is not None and _unmapped(address).is_loopback)
    return policy.allow_plain_http or (policy.allow_loopback and local)


def _plain_name(host: str) -> str:
    return host.lower().rstrip(".")


def _is_local_name(host: str) -> bool:
    name = _plain_name(host)
    return name == "localhost" or name.endswith(".localhost")


def _unmapped(address: IpAddress) -> IpAddress:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _faces(address: IpAddress) -> Iterator[IpAddress]:
    """Every address that a packet to this one may reach: IPv6 has several ways to carry an IPv4 address inside."""
    plain = _unmapped(address)
    yield plain
    if not isinstance(plain, IPv6Address):
        return
    if plain.sixtofour is not None:
        yield plain.sixtofour
    if plain.teredo is not None:
        yield from plain.teredo
    if plain in _NAT64:
        yield IPv4Address(int(plain) & 0xFFFFFFFF)


def _networks(allowed: Iterable[str]) -> Iterator[IpNetwork]:
    for text in allowed:
        with suppress(ValueError):  # a host name
            yield ipaddress.ip_network(text, strict=False)


def _refusal(rule: str, message: str) -> ProblemError:
    detail = f"{_FIELD} is not acceptable, nothing was stored. {message}"
    return ProblemError("validation_failed", detail, errors={_FIELD: {rule: message}})
