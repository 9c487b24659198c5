"""Checking request bodies by hand-written rules, independent of the bridge's own."""

import ipaddress
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bridge.infrafabric.sandbox.problems import Problem, invalid

Check = Callable[[Any], str | None]
_HOST = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


def whole(low: int, high: int) -> Check:
    """A whole number in a range."""

    def check(value: Any) -> str | None:
        good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if good else f"a whole number from {low} to {high}"

    return check


def text(longest: int, pattern: re.Pattern[str] | None = None) -> Check:
    """A non-empty text."""

    def check(value: Any) -> str | None:
        good = isinstance(value, str) and 0 < len(value) <= longest
        if good and pattern is not None:
            good = pattern.fullmatch(value) is not None
        return None if good else f"a text of up to {longest} characters in the right form"

    return check


def one_of(*values: str) -> Check:
    """One of some words."""
    return lambda value: None if value in values else "one of " + ", ".join(values)


def moment(value: Any) -> str | None:
    """RFC 3339."""
    try:
        good = isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        good = False
    return None if good else "an RFC 3339 moment"


def labels(value: Any) -> str | None:
    """Up to 20 texts by name."""
    good = isinstance(value, dict) and len(value) <= 20
    good = good and all(isinstance(k, str) and isinstance(v, str) for k, v in value.items())
    return None if good else "at most 20 labels, texts by name"


def ssh_keys(value: Any) -> str | None:
    """Up to 20 OpenSSH lines."""
    good = isinstance(value, list) and len(value) <= 20
    good = good and all(isinstance(k, str) and re.match(r"(ssh|ecdsa|sk)-\S+ \S+", k) for k in value)
    return None if good else "at most 20 OpenSSH public keys"


def rules(value: Any) -> str | None:
    """A firewall's whole list."""
    if not isinstance(value, list) or len(value) > 100:
        return "at most 100 rules"
    return next((wrong for rule in value if (wrong := _rule(rule)) is not None), None)


def _rule(rule: Any) -> str | None:
    names = {"direction", "action", "protocol", "ports", "cidrs", "comment"}
    if not isinstance(rule, dict) or set(rule) - names:
        return "rules with known members"
    words = (
        ("direction", ("in", "out")),
        ("action", ("accept", "drop")),
        ("protocol", ("tcp", "udp", "icmp", "any")),
    )
    if any(rule.get(name) not in allowed for name, allowed in words):
        return "direction, action and protocol as documented"
    ports = rule.get("ports")
    if ports is not None and (rule["protocol"] not in ("tcp", "udp") or not _ports(ports)):
        return 'ports such as "22" or "8000-8100", with tcp and udp only'
    return None if all(_network(cidr) for cidr in rule.get("cidrs") or []) else "cidrs that are networks"


def _ports(value: Any) -> bool:
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", value) if isinstance(value, str) else None
    return found is not None and 0 < int(found[1]) <= int(found[2] or found[1]) < 65536


def _network(value: Any) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True


HOSTNAME = text(253, _HOST)
NAME = text(128)
CPUS, MEMORY, DISK, SIZE = whole(1, 64), whole(512, 262_144), whole(5, 4000), whole(1, 16_000)
FAMILY = one_of("ipv4", "ipv6")


def checked(body: Any, known: dict[str, Check], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The body without nulls; every field known, present where needed, and right."""
    if not isinstance(body, dict):
        raise Problem(400, "malformed", "The body is no JSON object.")
    given = {name: value for name, value in body.items() if value is not None}
    errors: dict[str, dict[str, str]] = {}
    for name in required:
        if name not in given:
            errors[name] = {"empty": "is required"}
    for name, value in given.items():
        wrong = "unknown field" if name not in known else known[name](value)
        if wrong is not None:
            errors[name] = {"exists" if name not in known else "valid": wrong}
    if errors:
        raise invalid(errors)
    return given
