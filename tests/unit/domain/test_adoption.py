"""Which machines may be taken over, and what a service is once it has one."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.domain import adoption
from bridge.domain import parameters as p
from bridge.domain.provider import Instance
from bridge.domain.service import Service, ServiceState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LABELS = {"bridge": "inst:c1", "service_key": "k"}
GONE = Service("k", "c1", NOW, NOW, state=ServiceState.TERMINATED, wanted=ServiceState.TERMINATED, life=2)


def machine(**members: Any) -> Instance:
    """A running machine of somebody's."""
    values: dict[str, Any] = {
        **{
            "id": "ins_9",
            "reference": "panel-1",
            "type": "vps",
            "hostname": "old.example",
            "datacenter": "fra1",
        },
        **{
            "plan": None,
            "cpus": 3,
            "memory_mb": 3072,
            "disk_gb": 30,
            "image": "debian-12",
            "status": "running",
        },
        **{"addresses": (), "volumes": (), "firewall_rules": (), "firewall_version": 0, "expires_at": None},
        **{"labels": {"owner": "me"}, "version": 7, "created_at": NOW},
    }
    return Instance(**values | members)


@pytest.mark.parametrize("status", ["running", "stopped"])
def test_a_machine_at_rest_is_fit(status: str) -> None:
    """Running or stopped, it can be marked."""
    assert adoption.unfit(machine(status=status), LABELS) == {}


@pytest.mark.parametrize("status", ["suspended", "provisioning", "reinstalling", "error", "deleting"])
def test_a_machine_that_cannot_be_marked_is_unfit(status: str) -> None:
    """InfraFabric would refuse; the answer says in which status it is."""
    assert status in adoption.unfit(machine(status=status), LABELS)["instance_id"]["valid"]


def test_what_is_not_there_is_unfit() -> None:
    """Unknown and deleted are the same to whoever asks."""
    for one in (None, machine(status="deleted")):
        assert list(adoption.unfit(one, LABELS)["instance_id"]) == ["exists"]


def test_labels_have_to_find_room() -> None:
    """Two more than InfraFabric allows are told before it refuses; labels that are there already take none."""
    full = {f"l{number}": "x" for number in range(19)}
    assert list(adoption.unfit(machine(labels=full), LABELS)["instance_id"]) == ["valid"]
    assert adoption.unfit(machine(labels=dict(list(full.items())[:18])), LABELS) == {}
    assert adoption.unfit(machine(labels=full | {"bridge": "inst:c1", "service_key": "k"}), LABELS) != {}


def test_the_mark_keeps_other_peoples_labels() -> None:
    """The request replaces the whole set, so it has to hold all of them."""
    command = adoption.mark(machine(), LABELS)
    assert command.labels == {"owner": "me", **LABELS}
    assert adoption.is_marked(machine(labels=command.labels), LABELS)
    assert not adoption.is_marked(machine(), LABELS)


def test_a_service_becomes_what_the_machine_is() -> None:
    """State, sizes and wishes come from the machine; limits and client from the order; it is a life of its own."""
    params = p.Adopt.model_validate(
        {"instance_id": "ins_9", "limits": {"volumes": 2}, "blesta": {"client_id": 7}}
    )
    service = adoption.taken_over(adoption.adopted(GONE, params), machine())
    assert (service.state, service.wanted, service.life) == (ServiceState.ACTIVE, ServiceState.ACTIVE, 3)
    assert (service.instance_id, service.instance_version) == ("ins_9", 7)
    assert (service.limits, service.client_id, service.create_request) == ({"volumes": 2}, "7", None)
    sizes = {"cpus": 3, "memory_mb": 3072, "disk_gb": 30}
    assert service.wanted_spec == {**sizes, "hostname": "old.example", "image": "debian-12"}
    assert adoption.is_adopted(service, params)
    assert not adoption.is_adopted(replace(service, state=ServiceState.TERMINATED), params)


def test_a_plan_stands_for_its_sizes() -> None:
    """A machine with a plan is wanted by its plan."""
    params = p.Adopt.model_validate({"instance_id": "ins_9"})
    service = adoption.taken_over(adoption.adopted(GONE, params), machine(plan="vps-1"))
    assert service.wanted_spec == {"plan": "vps-1", "hostname": "old.example", "image": "debian-12"}
