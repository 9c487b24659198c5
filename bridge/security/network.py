"""Where a request comes from, behind proxies that are known by address (requirement F4)."""

import ipaddress
from collections.abc import Sequence

from bridge.domain.problems import ProblemError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HEADER = "X-Forwarded-For"


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks from their texts; raises ValueError."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def client_ip(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """The address a request is judged by: the last one in the chain that is no trusted proxy.

    Raises:
        ProblemError: a malformed chain, or one from a peer that is not trusted to tell.
    """
    if not forwarded:
        return peer
    if not trusted:
        # Nobody is trusted to forward: the header is what the caller says about itself, and means nothing.
        return peer
    if peer is None or not _in(peer, trusted) or len(forwarded) > 1:
        raise ProblemError(
            "malformed", f"{_HEADER} came from an address that is not a trusted proxy, or twice."
        )
    chain = [part.strip() for part in forwarded[0].split(",")]
    for hop in reversed(chain):
        try:
            ipaddress.ip_address(hop)
        except ValueError as error:
            raise ProblemError("malformed", f"{_HEADER} holds something that is no IP address.") from error
        if not _in(hop, trusted):
            return hop
    return chain[0]


def _in(address: str, trusted: Sequence[Network]) -> bool:
    parsed = ipaddress.ip_address(address)
    return any(parsed.version == network.version and parsed in network for network in trusted)
