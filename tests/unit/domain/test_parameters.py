"""What actions may be given, and Blesta's words for what is wrong."""

import json
from typing import Any

import pytest

from bridge.domain import parameters as p
from bridge.domain.problems import ProblemError

CREATE = {"type": "vps", "hostname": "a.example", "image": "debian-12", "plan": "vps-1"}
SIZES = {"cpus": 1, "memory_mb": 512, "disk_gb": 5}
NO_PLAN = {name: value for name, value in CREATE.items() if name != "plan"} | SIZES
RULE = {"direction": "in", "action": "accept", "protocol": "tcp"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@host"

GOOD: list[tuple[type[p.Params], dict[str, Any]]] = [
    (p.Create, CREATE),
    (p.Create, NO_PLAN),
    (p.Create, NO_PLAN | {"cpus": 64, "memory_mb": 262144, "disk_gb": 4000}),
    (p.Create, CREATE | {"ssh_keys": [KEY] * 20, "expires_at": "2026-01-01T00:00:00Z"}),
    (p.Create, CREATE | {"ssh_keys": [], "datacenter": None, "limits": None, "blesta": None}),
    (p.Create, CREATE | {"limits": {"addresses": 0}, "blesta": {"client_id": "42", "company_id": 1}}),
    (p.Create, CREATE | {"hostname": "x" * 63}),
    (p.Create, CREATE | {"hostname": ".".join(["x" * 62] * 4) + ".x"}),
    (p.Edit, {"hostname": "b.example"}),
    (p.Edit, SIZES),
    (p.Suspend, {}),
    (p.Suspend, {"reason": "ü" * 500}),
    (p.Terminate, {"confirm": True}),
    (p.Renew, {"expires_at": "2026-01-01T00:00:00+02:00"}),
    (p.Reinstall, {"image": "debian-12", "confirm": True}),
    (p.AddressFamily, {"family": "ipv6"}),
    (p.ReverseDns, {"address_id": "ip_1", "reverse_dns": "a.example"}),
    (p.FirewallRules, {"rules": []}),
    (p.FirewallRules, {"rules": [RULE] * 100}),
    (p.FirewallRules, {"rules": [RULE | {"ports": "1-65535", "cidrs": ["10.0.0.1", "::/0"]}]}),
    (p.NewVolume, {"name": "my data", "size_gb": 16000}),
    (p.Nothing, {}),
]

BAD: list[tuple[type[p.Params], Any, str, str]] = [
    *((p.Create, {k: v for k, v in CREATE.items() if k != name}, name, "empty") for name in CREATE),
    *((p.Create, CREATE | {name: None}, name, "empty") for name in ("type", "hostname", "image")),
    *((p.Create, CREATE | {name: ""}, name, "empty") for name in ("hostname", "image", "plan")),
    *((p.Create, CREATE | {name: 7}, name, "format") for name in ("hostname", "image", "plan")),
    *((p.Create, CREATE | {name: "x" * 300}, name, "length") for name in ("hostname", "image", "plan")),
    *(
        (p.Create, CREATE | {"hostname": name}, "hostname", "format")
        for name in ("-a", "a-", "a..b", ".a", "a.", "a b", "a_b", "ü.example", "a\n", "x" * 64, "a/b")
    ),
    *(
        (p.Create, CREATE | {"image": name}, "image", "format")
        for name in ("-x", "a b", "../x", "a\n", "ü", "a?b", "a'b")
    ),
    (p.Create, CREATE | {"type": "vm"}, "type", "valid"),
    (p.Create, CREATE | {"colour": "red"}, "colour", "exists"),
    (p.Create, CREATE | SIZES, "plan", "valid"),
    (p.Create, CREATE | {"cpus": 1}, "plan", "valid"),
    *((p.Create, {k: v for k, v in NO_PLAN.items() if k != name}, name, "empty") for name in SIZES),
    *((p.Create, NO_PLAN | {"cpus": n}, "cpus", "valid") for n in (0, -1, 65)),
    *((p.Create, NO_PLAN | {"memory_mb": n}, "memory_mb", "valid") for n in (511, 262145)),
    *((p.Create, NO_PLAN | {"disk_gb": n}, "disk_gb", "valid") for n in (4, 4001)),
    *((p.Create, NO_PLAN | {"cpus": n}, "cpus", "format") for n in ("1", 1.5, True, [1])),
    (p.Create, CREATE | {"ssh_keys": [KEY] * 21}, "ssh_keys", "length"),
    (p.Create, CREATE | {"ssh_keys": KEY}, "ssh_keys", "format"),
    *(
        (p.Create, CREATE | {"ssh_keys": [KEY, key]}, "ssh_keys.1", "format")
        for key in ("x", "ssh-ed25519", "ssh-ed25519 !!", KEY + "\n", KEY + "\nssh-rsa AAAA", " " + KEY)
    ),
    *(
        (p.Create, CREATE | {"expires_at": at}, "expires_at", "format")
        for at in ("soon", "2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", "")
    ),
    (p.Create, CREATE | {"limits": {"addresses": -1}}, "limits.addresses", "valid"),
    (p.Create, CREATE | {"limits": {"cats": 1}}, "limits.cats", "exists"),
    (p.Edit, {}, "plan", "empty"),
    (p.Edit, {"plan": None}, "plan", "empty"),
    (p.Edit, {"image": "debian-12"}, "image", "exists"),
    (p.Suspend, {"reason": "x" * 501}, "reason", "length"),
    (p.Terminate, {}, "confirm", "empty"),
    *((p.Terminate, {"confirm": value}, "confirm", "valid") for value in (False, "true", 1, "yes")),
    (p.Reinstall, {"image": "debian-12"}, "confirm", "empty"),
    (p.AddressFamily, {"family": "ipx"}, "family", "valid"),
    (p.FirewallRules, {"rules": [RULE] * 101}, "rules", "length"),
    (p.FirewallRules, {"rules": [RULE, RULE | {"direction": "up"}]}, "rules.1.direction", "valid"),
    (p.FirewallRules, {"rules": [RULE | {"cidrs": ["10.0.0.0/33"]}]}, "rules.0.cidrs.0", "format"),
    (p.FirewallRules, {"rules": [RULE | {"comment": "x" * 256}]}, "rules.0.comment", "length"),
    *(
        (p.FirewallRules, {"rules": [RULE | {"ports": ports}]}, "rules.0.ports", "format")
        for ports in ("", "0", "65536", "22-21", "22,23", "a", "22\n", "\uff12\uff12", "1-2-3", " 22", "-1")
    ),
    (p.FirewallRules, {"rules": [RULE | {"protocol": "icmp", "ports": "22"}]}, "rules.0.ports", "valid"),
    (p.NewVolume, {"name": "x", "size_gb": 16001}, "size_gb", "valid"),
    (p.NewVolume, {"name": "-x", "size_gb": 1}, "name", "format"),
    (p.Nothing, {"anything": 1}, "anything", "exists"),
]


@pytest.mark.parametrize(("model", "body"), GOOD)
def test_what_infrafabric_takes_is_accepted(model: type[p.Params], body: dict[str, Any]) -> None:
    """Every limit itself is still inside, and an explicit null is the same as none."""
    p.parse(model, json.dumps(body).encode())


@pytest.mark.parametrize(("model", "body", "name", "rule"), BAD)
def test_decided_validation_what_it_would_refuse_is_refused_at_once(
    model: type[p.Params], body: Any, name: str, rule: str
) -> None:
    """The member's (nested) name and Blesta's rule word, nothing else, and a sentence for people."""
    with pytest.raises(ProblemError) as refused:
        p.parse(model, json.dumps(body).encode())
    problem = refused.value.problem
    assert (problem.code, problem.status) == ("validation_failed", 422)
    errors = problem.errors or {}
    assert {key: set(rules) for key, rules in errors.items()} == {name: {rule}}
    assert len(errors[name][rule]) > 8


@pytest.mark.parametrize("model", list(dict.fromkeys(case[0] for case in BAD)))
def test_every_model_is_strict_and_frozen(model: type[p.Params]) -> None:
    """No coercion, no unknown members, no change after the check."""
    assert model.model_config.get("strict")
    assert model.model_config.get("frozen")
    assert model.model_config.get("extra") == "forbid"
