"""Where the bridge may connect to: F8's list of tricks, at the settings and at the moment of connecting."""

import asyncio
import socket
from ipaddress import ip_address

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.domain import provider as p
from bridge.domain.problems import ProblemError
from bridge.infrafabric import transport as wire
from bridge.infrafabric.addresses import AddressRefused, CheckedResolver, OutboundPolicy, check_url
from bridge.infrafabric.settings import ClientSettings
from tests.integration.infrafabric.conftest import MakeBench
from tests.integration.infrafabric.scripted import instance, says

PUBLIC = OutboundPolicy()
LOCAL = OutboundPolicy(allow_loopback=True)

TRICKS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0x7f000001",
    "0x7f.0.0.1",
    "127.0.0.1.",
    "127.8.9.10",
    "0.0.0.0",
    "0",
    "localhost",
    "LOCALHOST.",
    "a.localhost",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::10.0.0.1]",
    "[2002:7f00:1::1]",
    "[2002:a00:1::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fc00::1]",
    "[ff02::1]",
    "[127.0.0.1]",
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "[fd00:ec2::254]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "127.0.0.1\\@example.com",
    "user@127.0.0.1",
    "example.com@127.0.0.1",
    "example.com#@127.0.0.1",
    "①②⑦.0.0.1",
    "127。0。0。1",
]


@pytest.mark.parametrize("host", TRICKS)
@pytest.mark.parametrize("port", ["", ":8443"])
def test_F8_no_trick_gets_a_private_address_into_the_settings(host: str, port: str) -> None:
    """Every spelling of an address that is not public is refused with the field's name and a Blesta rule."""
    with pytest.raises(ProblemError) as refused:
        check_url(f"https://{host}{port}/v1", PUBLIC)
    problem = refused.value.problem
    assert problem.code == "validation_failed"
    assert set((problem.errors or {})["infrafabric_api_url"]) <= {"format", "valid"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://",
        "https:///v1",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:x",
        "https://user:secret@example.com",
        "https://example.com/v1?x=1",
        "https://example.com/v1#x",
        "https://exa mple.com",
        "https://example.com/\r\nHost: x",
        "https://example.com/v1\n",
        "https://example.com\x00",
        "HTTPS://example.com",
        "javascript:alert(1)",
    ],
)
def test_F8_only_a_plain_base_url_is_taken(url: str) -> None:
    """Other schemes, user data, queries, fragments and control characters have no place in a base URL."""
    with pytest.raises(ProblemError):
        check_url(url, OutboundPolicy(allow_loopback=True, allow_plain_http=True))


@pytest.mark.parametrize(
    "url", ["https://api.example.com/v1", "https://8.8.8.8", "https://[2606:4700::1]:8443/a/b"]
)
def test_F8_public_https_is_taken(url: str) -> None:
    """What should work, works."""
    check_url(url, PUBLIC)


def test_F8_decided_plain_http_private_addresses_need_loopback_or_permission() -> None:
    """http:// is refused, unless the bridge is on loopback and calls loopback, or the operator allows it."""
    for url, policy in (
        ("http://api.example.com", PUBLIC),
        ("http://api.example.com", LOCAL),
        ("http://127.0.0.1:1", PUBLIC),
        ("http://127.0.0.1:1", OutboundPolicy(allow_plain_http=True)),
    ):
        with pytest.raises(ProblemError):
            check_url(url, policy)
    check_url("http://127.0.0.1:1", LOCAL)
    check_url("http://[::1]:1", LOCAL)
    check_url("http://localhost:1", LOCAL)
    check_url("http://api.example.com", OutboundPolicy(allow_plain_http=True))


def test_F8_decided_plain_http_private_addresses_only_what_is_listed() -> None:
    """A listed network or host is an exception for itself alone."""
    policy = OutboundPolicy(allow=("10.1.0.0/16", "if.internal"))
    check_url("https://10.1.2.3", policy)
    with pytest.raises(ProblemError):
        check_url("https://10.2.2.3", policy)
    assert policy.permits("if.internal", ip_address("192.168.1.1"))
    assert policy.permits("IF.Internal.", ip_address("192.168.1.1"))
    assert not policy.permits("other.internal", ip_address("192.168.1.1"))
    assert not policy.permits("x.if.internal", ip_address("192.168.1.1"))


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "100.64.0.1", "192.168.0.1", "::ffff:10.0.0.1"]
)
def test_F8_decided_plain_http_private_addresses_loopback_reaches_loopback_only(address: str) -> None:
    """Trying things out on one machine does not open the network behind it."""
    assert LOCAL.permits("127.0.0.1", ip_address("127.0.0.1"))
    assert not LOCAL.permits(address, ip_address(address))
    assert not LOCAL.permits("localhost", ip_address("8.8.8.8"))


# ---- when it connects -----------------------------------------------------------------------------------------------


class Names(AbstractResolver):
    """A name server whose answers a test gives, one after the other; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """See `AbstractResolver`."""
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """See `AbstractResolver`."""


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["8.8.8.8", "10.0.0.1"],
        ["not an address"],
    ],
)
async def test_F8_a_name_that_resolves_to_a_private_address_is_refused(addresses: list[str]) -> None:
    """One forbidden address among good ones spoils the whole answer."""
    with pytest.raises(AddressRefused):
        await CheckedResolver(PUBLIC, Names(addresses)).resolve("api.example.com", 443)


async def test_F8_dns_that_flips_on_the_second_lookup_gains_nothing(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that was public when it was entered and is loopback when connected to gets no connection at all."""
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    inside = await bench(otherwise=says(200, instance()))
    port = inside.server.url.rpartition(":")[2].partition("/")[0]
    url = f"http://flip.example:{port}/v1"
    policy = OutboundPolicy(allow_plain_http=True)
    first = [entry["host"] for entry in await names.resolve("flip.example")]
    check_url(url, policy, resolve=lambda host: first)
    monkeypatch.setattr(wire, "CheckedResolver", lambda policy: CheckedResolver(policy, names))
    one = await bench(url=url, policy=policy, client=ClientSettings(attempts=1))
    with pytest.raises(p.NotSent):
        await one.client.instance("ins_1")
    assert names.asked == 2
    assert inside.server.seen == []
    assert [call[2] for call in one.calls] == ["address_refused"]


async def test_F8_the_checked_address_is_the_one_that_is_connected_to(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between check and connection nobody is asked again: the name is resolved once."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    monkeypatch.setattr(wire, "CheckedResolver", lambda policy: CheckedResolver(policy, names))
    policy = OutboundPolicy(allow_plain_http=True, allow=("once.example",))
    inside = await bench(otherwise=says(200, instance()))
    port = inside.server.url.rpartition(":")[2].partition("/")[0]
    one = await bench(url=f"http://once.example:{port}/v1", policy=policy)
    assert await one.client.instance("ins_1") is not None
    assert names.asked == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "2130706433", "127.1"]
)
async def test_F8_what_got_into_the_database_is_checked_again_when_connecting(
    bench: MakeBench, host: str
) -> None:
    """An address written past the settings' check, by another version or by hand, is still not connected to."""
    inside = await bench(otherwise=says(200, instance()))
    port = inside.server.url.rpartition(":")[2].partition("/")[0]
    policy = OutboundPolicy(allow_plain_http=True)
    one = await bench(url=f"http://{host}:{port}/v1", policy=policy, client=ClientSettings(attempts=1))
    with pytest.raises(p.NotSent):
        await one.client.instance("ins_1")
    assert inside.server.seen == []


async def test_F8_no_proxy_of_the_environment_is_used(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy variable cannot lead the provider's key elsewhere."""
    proxy = await bench(otherwise=says(200, instance()))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.server.url.removesuffix("/v1"))
    one = await bench(otherwise=says(200, instance()))
    await asyncio.wait_for(one.client.instance("ins_1"), 5)
    assert proxy.server.seen == []
    assert len(one.server.seen) == 1
