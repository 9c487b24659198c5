"""What is wrong with each member of each action's body: one row per member, checked to be complete by the tests."""

from dataclasses import dataclass, field
from typing import Any

MISSING = object()
"""Leave the member out."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A value that has to be refused; the complaint is about `path + at`, by `rule`."""

    value: Any
    rule: str
    at: str = ""


def each(rule: str, *values: Any, at: str = "") -> tuple[Wrong, ...]:
    """Several values that break the same rule."""
    return tuple(Wrong(value, rule, at) for value in values)


def _listed(*values: Any) -> list[list[Any]]:
    return [[value] for value in values]


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of member: the wrong values that all its members have in common."""

    wrongs: tuple[Wrong, ...]
    required: bool = False
    nullable: bool = True

    def cases(self) -> tuple[Wrong, ...]:
        """All wrong values, null and absence included where those are wrong."""
        null = () if self.nullable else (Wrong(None, "empty"),)
        missing = (Wrong(MISSING, "empty"),) if self.required else ()
        return (*self.wrongs, *null, *missing)


def needed(kind: Kind) -> Kind:
    """The same, for a member that must be there."""
    return Kind(kind.wrongs, required=True, nullable=False)


def _text(too_long: str, *bad: str, empty: bool = True) -> Kind:
    types = each("format", 7, 1.5, True, [], {})
    formats = each("format", *bad)
    return Kind((*((Wrong("", "empty"),) if empty else ()), *types, Wrong(too_long, "length"), *formats))


def _number(low: int, high: int) -> Kind:
    types = each("format", "", "8", 8.5, 8.0, True, [], {})
    return Kind((*types, *each("valid", low - 1, high + 1, -(10**30), 10**30)))


def _choice(*wrong: str) -> Kind:
    return needed(Kind(each("valid", "", 7, True, [], {}, "x" * 5000, *wrong)))


_NO_MOMENT = ("", "tomorrow", "2030-01-01", "2030-01-01T00:00:00", "2030-01-01 00:00:00Z", "1700000000", "-1")
_IMPOSSIBLE = (
    "2030-13-01T00:00:00Z",
    "2030-02-30T00:00:00Z",
    "2030-01-01T24:00:00Z",
    "2030-01-01T00:00:00Z\n",
)
_BEYOND = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2030-01-01T00:00:00Z" + "0" * 5000)
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA"
_NO_KEYS: tuple[Any, ...] = (7, [], {}, "no key", f"{_KEY}\n{_KEY}", f"{_KEY} a\x00", "ssh-rsa ä")
_NETWORKS = ("", "x", "300.1.1.1/8", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "fe80::1%eth0/128", "10.0.0.0/8\n")

HOSTNAME = _text(
    "a." * 150, "under_score", "-a", "a-", "a..b", ".a", "a b", "ä.example", "a\n", "a\x00", "a" * 64, "a/b"
)
NAME = _text("a" * 129, "../etc", "a b", "ä", "-a", "a\n", "a\x00", "a?b", " ")
VOLUME_NAME = _text("a" * 65, "a/b", " a", "ä", "a\n", "a\x00", "-")
FREE_TEXT = _text("a" * 501, "a\x00b", "\x1b[31m", "\x7f", empty=False)
COMMENT = Kind(_text("a" * 256, "a\x00b", "a\nb", "\x7f", empty=False).wrongs, nullable=False)
MOMENT = Kind(each("format", 7, 1.5, True, [], {}, *_NO_MOMENT, *_IMPOSSIBLE, *_BEYOND))
YES = needed(Kind(each("valid", False, 1, 1.0, 0, "", "true", "yes", [], {})))
ID = Kind(
    (
        *each("format", "", "x", "-1", "1 ", "1" * 17, "\u0661", 1.5, True, [], {}),
        *each("valid", -1, 2**54),
    )
)
OBJECT = Kind((*each("format", "", "x", 7, True, []), Wrong({"unheard_of": 1}, "exists", ".unheard_of")))
SSH_KEYS = Kind(
    (
        *each("format", "", _KEY, 7, True, {}),
        Wrong([_KEY] * 21, "length"),
        Wrong([_KEY, ""], "empty", ".1"),
        Wrong([None], "empty", ".0"),
        Wrong([f"{_KEY} {'c' * 16384}"], "length", ".0"),
        *each("format", *_listed(*_NO_KEYS), at=".0"),
    )
)  # fmt: skip
_NO_PORTS: tuple[Any, ...] = (
    "",
    22,
    True,
    [],
    {},
    "0",
    "65536",
    "9-1",
    "1-",
    "-1",
    "a",
    "22,80",
    "22\n",
    "1" * 500,
)
PORTS = Kind(each("format", *_NO_PORTS))
CIDRS = Kind(
    (
        *each("format", "", "10.0.0.0/8", 7, True, {}),
        *each("format", *_listed(7, [], {}, *_NETWORKS), at=".0"),
        Wrong([None], "empty", ".0"),
        Wrong(["1" * 65], "length", ".0"),
        Wrong(["10.0.0.0/8"] * 101, "length"),
    ),
    nullable=False,
)
RULE = {"direction": "in", "action": "accept", "protocol": "tcp", "ports": "22"}
RULES = needed(
    Kind(
        (
            *each("format", "", "x", 7, True, {}),
            *each("format", *_listed("", 7, []), at=".0"),
            Wrong([None], "empty", ".0"),
            Wrong([RULE] * 101, "length"),
            Wrong([RULE, RULE | {"unheard_of": 1}], "exists", ".1.unheard_of"),
            Wrong([RULE | {"protocol": "icmp"}], "valid", ".0.ports"),
        )
    )
)
CPUS, MEMORY_MB, DISK_GB, SIZE_GB = (
    _number(1, 64), _number(512, 262144), _number(5, 4000), _number(1, 16000)
)  # fmt: skip
COUNT = _number(0, 256)


@dataclass(frozen=True, slots=True)
class Body:
    """A body that would be accepted but for one member, and the kind of each member by its path.

    `bases`: another base for a member that does not go with the usual one (plan beside sizes).
    """

    base: dict[str, Any]
    members: dict[str, Kind]
    bases: dict[str, dict[str, Any]] = field(default_factory=dict)


_BARE = {"type": "vps", "hostname": "new.example", "image": "debian-12"}
_SIZES = {"cpus": 2, "memory_mb": 2048, "disk_gb": 40}
_SIZED = dict.fromkeys(_SIZES, _BARE | _SIZES)
_RULE_AT = "rules.0."

_LIMITS = {
    "limits": OBJECT,
    "limits.addresses": COUNT,
    "limits.volumes": COUNT,
    "limits.volume_gb": SIZE_GB,
}
_BLESTA = {
    "blesta": OBJECT,
    "blesta.company_id": ID,
    "blesta.client_id": ID,
    "blesta.service_id": ID,
    "blesta.package_id": ID,
}

BODIES: dict[str, Body] = {
    "create": Body(
        _BARE | {"plan": "vps-1"},
        {
            "type": _choice("VPS", "spaceship", "vps\n"),
            "hostname": needed(HOSTNAME),
            "image": needed(NAME),
            "plan": Kind(NAME.wrongs, required=True, nullable=False),
            "cpus": needed(CPUS),
            "memory_mb": needed(MEMORY_MB),
            "disk_gb": needed(DISK_GB),
            "datacenter": NAME,
            "ssh_keys": Kind(SSH_KEYS.wrongs, nullable=False),
            "expires_at": MOMENT,
            **_LIMITS,
            **_BLESTA,
        },
        _SIZED,
    ),
    "adopt": Body({"instance_id": "ins_none"}, {"instance_id": needed(NAME), **_LIMITS, **_BLESTA}),
    "edit": Body(
        {"hostname": "new.example"},
        {
            "plan": NAME,
            "cpus": CPUS,
            "memory_mb": MEMORY_MB,
            "disk_gb": DISK_GB,
            "hostname": HOSTNAME,
            **_LIMITS,
        },
    ),
    "suspend": Body({}, {"reason": FREE_TEXT}),
    "terminate": Body({"confirm": True}, {"confirm": YES}),
    "terminate_later": Body({"terminate_at": "2099-01-01T00:00:00Z"}, {"terminate_at": needed(MOMENT)}),
    "renew": Body({"expires_at": "2031-01-01T00:00:00Z"}, {"expires_at": needed(MOMENT)}),
    "reinstall": Body(
        {"image": "debian-13", "confirm": True}, {"image": needed(NAME), "ssh_keys": SSH_KEYS, "confirm": YES}
    ),
    "add_address": Body({"family": "ipv4"}, {"family": _choice("ipv5", "IPV4", "ipv4 ")}),
    "remove_address": Body({"address_id": "ip_1"}, {"address_id": needed(NAME)}),
    "set_reverse_dns": Body(
        {"address_id": "ip_1", "reverse_dns": "one.example"},
        {"address_id": needed(NAME), "reverse_dns": needed(HOSTNAME)},
    ),
    "set_firewall": Body(
        {"rules": [RULE]},
        {
            "rules": RULES,
            f"{_RULE_AT}direction": _choice("both", "IN"),
            f"{_RULE_AT}action": _choice("reject", "ACCEPT"),
            f"{_RULE_AT}protocol": _choice("sctp", "TCP"),
            f"{_RULE_AT}ports": PORTS,
            f"{_RULE_AT}cidrs": CIDRS,
            f"{_RULE_AT}comment": COMMENT,
        },
    ),
    "add_volume": Body(
        {"name": "more", "size_gb": 10}, {"name": needed(VOLUME_NAME), "size_gb": needed(SIZE_GB)}
    ),
    "resize_volume": Body(
        {"volume_id": "vol_1", "size_gb": 20}, {"volume_id": needed(NAME), "size_gb": needed(SIZE_GB)}
    ),
    "remove_volume": Body({"volume_id": "vol_1"}, {"volume_id": needed(NAME)}),
    **{
        name: Body({}, {})
        for name in ("unsuspend", "undo_terminate", "reboot", "start", "stop", "reset_password")
    },
}
