"""The registry: one table of everything that can be done to a service, each declaration complete."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.domain.actions import REGISTRY, Caller, Context, Deadline, params_of
from bridge.domain.provider import Address, FirewallRule, Instance, Volume
from bridge.domain.service import Grace, Power, Service, ServiceState, fields

NOW = datetime(2026, 1, 1, tzinfo=UTC)
A, S, T, F, P = (
    ServiceState.ACTIVE,
    ServiceState.SUSPENDED,
    ServiceState.TERMINATED,
    ServiceState.FAILED,
    ServiceState.PROVISIONING,
)
CONTEXT = Context("op_1", "inst:c1:k", {"bridge": "inst:c1"}, "fra1")
RULE = {"direction": "in", "action": "accept", "protocol": "tcp", "ports": "22"}

# name, a body, states, whether a client may, deadline, steps
TABLE: list[tuple[str, dict[str, Any], set[ServiceState], bool, Deadline, list[str]]] = [
    (
        "create",
        {"type": "vps", "hostname": "a.example", "image": "debian-12", "plan": "vps-1"},
        {T, F},
        False,
        Deadline.PROVISIONING,
        ["main"],
    ),
    ("adopt", {"instance_id": "ins_1"}, {T, F}, False, Deadline.ACTION, ["main"]),
    ("edit", {"cpus": 2}, {A}, True, Deadline.PERSISTENT, ["main"]),
    ("suspend", {"reason": "unpaid"}, {A}, False, Deadline.PERSISTENT, ["main"]),
    ("unsuspend", {}, {S}, False, Deadline.PERSISTENT, ["main"]),
    ("terminate", {"confirm": True}, {A, S, T, F, P}, False, Deadline.NEVER, []),
    (
        "terminate_later",
        {"terminate_at": "2026-04-01T00:00:00Z"},
        {A, S},
        False,
        Deadline.PERSISTENT,
        ["main"],
    ),
    ("undo_terminate", {}, {A, S}, False, Deadline.PERSISTENT, ["main"]),
    ("renew", {"expires_at": "2026-03-01T00:00:00Z"}, {A, S}, False, Deadline.PERSISTENT, ["main"]),
    ("reboot", {}, {A}, True, Deadline.ACTION, ["main"]),
    ("reinstall", {"image": "debian-13", "confirm": True}, {A}, True, Deadline.PROVISIONING, ["main"]),
    ("start", {}, {A}, True, Deadline.ACTION, ["main"]),
    ("stop", {}, {A}, True, Deadline.ACTION, ["main"]),
    ("reset_password", {}, {A}, True, Deadline.ACTION, ["main"]),
    ("add_address", {"family": "ipv4"}, {A}, True, Deadline.ACTION, ["main"]),
    ("remove_address", {"address_id": "ip_2"}, {A}, True, Deadline.ACTION, ["main"]),
    (
        "set_reverse_dns",
        {"address_id": "ip_1", "reverse_dns": "b.example"},
        {A},
        True,
        Deadline.ACTION,
        ["main"],
    ),
    ("set_firewall", {"rules": [RULE]}, {A}, True, Deadline.ACTION, ["main"]),
    ("add_volume", {"name": "data", "size_gb": 10}, {A}, True, Deadline.ACTION, ["main"]),
    ("resize_volume", {"volume_id": "vol_1", "size_gb": 20}, {A}, True, Deadline.ACTION, ["main"]),
    ("remove_volume", {"volume_id": "vol_1"}, {A}, True, Deadline.ACTION, ["detach", "main"]),
]
BODIES = {name: body for name, body, *_ in TABLE}


def _address(number: int, family: str = "ipv4", *, primary: bool = False) -> Address:
    return Address(f"ip_{number}", family, f"203.0.113.{number}", primary, None)


def service(**members: Any) -> Service:
    """An active service with two addresses and a volume."""
    whole = Service(
        service_key="k",
        connection_id="c1",
        created_at=NOW,
        updated_at=NOW,
        state=A,
        type="vps",
        hostname="a.example",
        plan="vps-1",
        cpus=1,
        memory_mb=1024,
        disk_gb=20,
        image="debian-12",
        datacenter="fra1",
        instance_id="ins_1",
        instance_version=5,
        life=1,
        life_started_at=NOW,
        addresses=(_address(1, primary=True), _address(2)),
        volumes=(Volume("vol_1", "data", 10, "fra1", "ins_1", "attached", {}),),
        expires_at=NOW,
    )
    return replace(whole, **members)


def ready(name: str, **members: Any) -> Service:
    """A service on which the action has something to do."""
    if name == "undo_terminate":
        members |= {"state": S, "wanted": S, "grace": Grace(NOW, A)}
    if name == "adopt":
        members |= {"state": T, "wanted": T, "instance_id": None}
    return service(**members)


def _check(name: str, on: Service, **body: Any) -> dict[str, set[str]]:
    action = REGISTRY[name]
    found = action.check(on, params_of(action, BODIES[name] | body))
    return {field: set(rules) for field, rules in found.items()}


def _satisfied(name: str, on: Service, **body: Any) -> bool:
    action = REGISTRY[name]
    return action.satisfied(on, params_of(action, BODIES[name] | body))


def test_the_table_is_the_registry() -> None:
    """All actions, in this order, under their own names."""
    assert [name for name, *_ in TABLE] == list(REGISTRY)
    assert all(action.name == name for name, action in REGISTRY.items())


@pytest.mark.parametrize(("name", "body", "states", "client", "deadline", "steps"), TABLE)
def test_each_declaration(
    name: str, body: Any, states: set[ServiceState], client: bool, deadline: Deadline, steps: list[str]
) -> None:
    """States, callers, deadline and steps are what the design says; the bridge itself, staff and cron always may."""
    action = REGISTRY[name]
    assert action.states == states
    assert (Caller.CLIENT in action.callers) == client
    assert {Caller.STAFF, Caller.CRON, Caller.INFRAFABRIC, Caller.RECONCILE} <= action.callers
    assert action.deadline is deadline
    assert [step.name for step in action.steps] == steps
    assert action.makes == (name in ("create", "add_volume"))
    assert action.sets_password == (name in ("create", "reinstall", "reset_password"))
    assert (action.params.__doc__ or "").strip()


@pytest.mark.parametrize("name", REGISTRY)
def test_each_step_builds_its_request(name: str) -> None:
    """Stored parameters make the same command twice, and it is about this service's machine or volume."""
    action = REGISTRY[name]
    params = params_of(
        action, action.params.model_validate(BODIES[name], strict=False).model_dump(mode="json")
    )
    for step in action.steps:
        context = replace(CONTEXT, found=machine() if action.takes_over else None)
        command = step.request(ready(name), params, context)
        assert command == step.request(ready(name), params, context)
        assert command is not None
        target = getattr(command, "instance_id", None) or getattr(command, "volume_id", None)
        assert target in ("ins_1", "vol_1", None if name == "create" else "ins_1")


@pytest.mark.parametrize("name", [name for name in REGISTRY if name not in ("create", "terminate")])
def test_without_a_machine_no_request_is_made_up(name: str) -> None:
    """A service that lost its machine breaks loudly, instead of sending something to an empty id."""
    action = REGISTRY[name]
    command = action.steps[-1].request
    params = params_of(action, BODIES[name])
    if "volume" in name and name != "add_volume":
        return
    with pytest.raises(LookupError):
        command(ready(name, instance_id=None), params, CONTEXT)


@pytest.mark.parametrize("name", REGISTRY)
def test_what_success_changes_is_admission_s_projection(name: str) -> None:
    """After its own success an action with a lasting meaning is satisfied: calling it again does nothing."""
    action = REGISTRY[name]
    params = params_of(action, BODIES[name])
    before = service(state=S, wanted=S) if name == "unsuspend" else ready(name)
    after = action.apply(before, params)
    lasting = {"edit", "suspend", "unsuspend", "terminate", "terminate_later", "undo_terminate", "renew"}
    lasting |= {"set_reverse_dns", "set_firewall", "adopt"}
    assert action.satisfied(after, params) == (name in lasting)
    assert not action.satisfied(before, params)


@pytest.mark.parametrize(
    ("name", "state"), [("suspend", S), ("unsuspend", A), ("terminate", T), ("create", A)]
)
def test_states_are_reached(name: str, state: ServiceState) -> None:
    """State and wish agree afterwards, and nothing is drifted."""
    action = REGISTRY[name]
    after = action.apply(service(state=P, drifted=True), params_of(action, BODIES[name]))
    assert (after.state, after.wanted, after.drifted) == (state, state, False)


def test_renew_is_a_date_and_never_goes_back() -> None:
    """The same or an earlier date is nothing to do; a later one is."""
    on = service(expires_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert _satisfied("renew", on)
    assert _satisfied("renew", on, expires_at="2026-02-01T00:00:00Z")
    assert _satisfied("renew", on, expires_at="2026-03-01T02:00:00+02:00")
    assert not _satisfied("renew", on, expires_at="2026-03-01T00:00:01Z")


def test_edit_to_what_it_is_does_nothing() -> None:
    """Only what differs counts."""
    assert _satisfied("edit", service(), cpus=1, hostname="a.example")
    assert not _satisfied("edit", service(), cpus=1, hostname="b.example")


def test_limits_of_the_package_and_foreign_things_are_refused() -> None:
    """Addresses and volumes that are not the service's, shrinking, and more than the package allows."""
    on = service(limits={"addresses": 2, "volumes": 1, "volume_gb": 100})
    assert _check("edit", on, disk_gb=19) == {"disk_gb": {"valid"}}
    assert _check("edit", on, disk_gb=20) == {}
    assert _check("add_address", on) == {"family": {"valid"}}
    assert _check("add_address", service()) == {}
    assert _check("remove_address", on, address_id="ip_1") == {"address_id": {"valid"}}
    assert _check("remove_address", on, address_id="ip_9") == {"address_id": {"exists"}}
    assert _check("set_reverse_dns", on, address_id="ip_9") == {"address_id": {"exists"}}
    assert _check("set_reverse_dns", on, address_id="ip_1") == {}
    assert _check("add_volume", on) == {"name": {"valid"}}
    assert _check("add_volume", replace(on, volumes=()), size_gb=101) == {"size_gb": {"valid"}}
    assert _check("resize_volume", on, size_gb=9) == {"size_gb": {"valid"}}
    assert _check("resize_volume", on, size_gb=101) == {"size_gb": {"valid"}}
    assert _check("resize_volume", on, volume_id="vol_9") == {"volume_id": {"exists"}}
    assert _check("remove_volume", on, volume_id="vol_9") == {"volume_id": {"exists"}}


# ---- what a service is ----------------------------------------------------------------------------------------------


def machine(**members: Any) -> Instance:
    """The machine of the service, as the provider shows it."""
    values: dict[str, Any] = {
        "id": "ins_1",
        "reference": "r",
        "type": "vps",
        "hostname": "a.example",
        "datacenter": "fra1",
        "plan": "vps-1",
        "cpus": 1,
        "memory_mb": 1024,
        "disk_gb": 20,
        "image": "debian-12",
        "status": "running",
        "addresses": (_address(1, primary=True),),
        "volumes": ("vol_1",),
        "firewall_rules": (FirewallRule(direction="in", action="drop", protocol="any"),),
        "firewall_version": 1,
        "expires_at": None,
        "labels": {},
        "version": 6,
        "created_at": NOW,
    }
    return Instance(**values | members)


def test_C10_decided_matching_callbacks_versions_compare_within_one_machine_only() -> None:
    """An older or equal version of the same machine is known; another machine's never is."""
    assert [service().knows(machine(version=n)) for n in (4, 5, 6)] == [True, True, False]
    assert not service().knows(machine(id="ins_2", version=1))


def test_decided_matching_callbacks_whose_machine_it_is() -> None:
    """By id; with no id yet, by age, and never one of an earlier life."""
    assert service().owns(machine())
    assert not service().owns(machine(id="ins_2"))
    unborn = service(instance_id=None, retired=("ins_0",))
    assert unborn.owns(machine(id="ins_2"))
    assert unborn.owns(machine(created_at=NOW - timedelta(seconds=60)))
    assert not unborn.owns(machine(created_at=NOW - timedelta(seconds=61)))
    assert not unborn.owns(machine(id="ins_0"))
    assert not replace(unborn, life_started_at=None).owns(machine())


@pytest.mark.parametrize(
    ("status", "wanted", "state", "drifted"),
    [
        ("running", A, A, False),
        ("stopped", A, A, False),
        ("suspended", A, S, True),
        ("suspended", S, S, False),
        ("running", S, A, True),
        ("error", A, A, True),
        ("deleted", A, A, True),
    ],
)
def test_decided_late_truth_is_shown_and_marked(
    status: Any, wanted: ServiceState, state: ServiceState, drifted: bool
) -> None:
    """State follows what is seen; where it is not what was wanted, the service is drifted and says why."""
    after = service(state=wanted, wanted=wanted).follow(machine(status=status))
    assert (after.state, after.drifted) == (state, drifted)
    assert bool(after.state_reason) == drifted
    assert after.power is {"running": Power.ON, "stopped": Power.OFF, "suspended": Power.OFF}.get(
        status, Power.UNKNOWN
    )


def test_a_service_without_its_machine_remembers_which_it_was() -> None:
    """Nothing of the machine is shown, and its id is kept, so that it can never match again."""
    after = service().without_machine()
    assert (after.instance_id, after.addresses, after.volumes, after.firewall) == (None, (), (), ())
    assert after.retired == ("ins_1",)
    assert after.without_machine().retired == ("ins_1",)


def test_the_fields_blesta_stores() -> None:
    """Names, order and form are fixed; no empty values; only the password is marked for encryption."""
    found = fields(service(), "hunter2", username="root")
    assert {entry["key"]: entry["value"] for entry in found} == {
        "ifb_key": "k",
        "ifb_state": "active",
        "ifb_instance": "ins_1",
        "ifb_hostname": "a.example",
        "ifb_ipv4": "203.0.113.1",
        "ifb_ips": "203.0.113.1, 203.0.113.2",
        "ifb_user": "root",
        "ifb_password": "hunter2",
        "ifb_plan": "vps-1",
        "ifb_image": "debian-12",
        "ifb_datacenter": "fra1",
        "ifb_expires": "2026-01-01T00:00:00Z",
    }
    assert [entry["key"] for entry in found if entry["encrypted"]] == ["ifb_password"]
    assert "ifb_password" not in {entry["key"] for entry in fields(service(), None)}
    assert all(len(str(entry["key"])) <= 32 and entry["value"] for entry in found)


def test_a_delayed_termination_remembers_what_was() -> None:
    """The service is suspended, shows why and until when; undone, it is what it was; a new moment replaces the old."""
    action = REGISTRY["terminate_later"]
    first, second = (params_of(action, {"terminate_at": f"2026-04-0{day}T00:00:00Z"}) for day in (1, 2))
    for was in (A, S):
        waiting = action.apply(service(state=was, wanted=was), first)
        assert (waiting.state, waiting.grace) == (S, Grace(first.terminate_at, was))
        assert "2026-04-01T00:00:00Z" in (waiting.state_reason or "")
        later = action.apply(waiting, second)
        assert later.grace == Grace(second.terminate_at, was)
        back = REGISTRY["undo_terminate"].apply(later, params_of(REGISTRY["undo_terminate"], {}))
        assert (back.state, back.wanted, back.grace, back.state_reason) == (was, was, None, None)


def test_what_waits_for_its_end_sends_only_what_is_needed() -> None:
    """A suspended machine is not suspended again, and one that was suspended before is not resumed by an undo."""
    later, undo = REGISTRY["terminate_later"], REGISTRY["undo_terminate"]
    body = params_of(later, BODIES["terminate_later"])
    assert later.steps[0].request(service(state=S), body, CONTEXT) is None
    before = service(state=S, grace=Grace(NOW, S))
    assert undo.steps[0].request(before, params_of(undo, {}), CONTEXT) is None


def test_nothing_else_brings_a_waiting_service_back() -> None:
    """Unsuspend says what to do instead: without it the machine would run, and be deleted all the same."""
    reason = REGISTRY["unsuspend"].unless(service(state=S, grace=Grace(NOW, A)))
    assert "undo_terminate" in (reason or "")
    assert REGISTRY["unsuspend"].unless(service(state=S)) is None


def test_limits_alone_need_no_request_and_replace_the_old_ones() -> None:
    """A package change that only allows more sends nothing, and is nothing to do the second time."""
    action, on = REGISTRY["edit"], service(limits={"addresses": 2, "volumes": 1})
    params = params_of(action, {"limits": {"addresses": 5}})
    assert action.steps[0].request(on, params, CONTEXT) is None
    assert not action.satisfied(on, params)
    after = action.apply(on, params)
    assert after.limits == {"addresses": 5}
    assert after.wanted_spec == on.wanted_spec
    assert action.satisfied(after, params)
