"""Where a request comes from, behind proxies (requirement F4)."""

import pytest

from bridge.domain.problems import ProblemError
from bridge.security.network import client_ip, networks

TRUSTED = networks(["10.0.0.0/8", "2001:db8::/32"])
REFUSED = "refused"


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("2001:db8::1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.7,203.0.113.9 ,10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.5, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["garbage, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["2001:db9::7"], "2001:db9::7"),
        ("203.0.113.9", ["198.51.100.7"], REFUSED),
        (None, ["198.51.100.7"], REFUSED),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7"], REFUSED),
        ("10.0.0.1", [""], REFUSED),
        ("10.0.0.1", ["203.0.113.9,"], REFUSED),
        ("10.0.0.1", ["203.0.113.9:80"], REFUSED),
        ("10.0.0.1", ["unknown"], REFUSED),
        ("10.0.0.1", ["203.0.113.9, x, 10.0.0.2"], REFUSED),
    ],
)
def test_F4_the_client_is_the_first_untrusted_from_the_right(
    peer: str | None, forwarded: list[str], found: str
) -> None:
    """What a client writes into the header itself stands left of the truth; forged or malformed headers are 400."""
    if found != REFUSED:
        assert client_ip(peer, forwarded, TRUSTED) == found
        return
    with pytest.raises(ProblemError) as refused:
        client_ip(peer, forwarded, TRUSTED)
    assert refused.value.problem.status == 400


def test_F4_without_trusted_proxies_the_header_means_nothing() -> None:
    """Straight on the network, what a caller says about itself changes nothing."""
    assert client_ip("203.0.113.9", ["10.0.0.1"], ()) == "203.0.113.9"
