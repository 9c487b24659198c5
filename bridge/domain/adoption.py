"""Taking over a machine that exists already: who may have it, how it is marked, and what the service is afterwards.

The machine was there before us. Whatever becomes of the attempt, it is never deleted for it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bridge.domain import parameters as p
from bridge.domain.problems import FieldErrors
from bridge.domain.provider import Instance, UpdateInstance
from bridge.domain.service import LIVE, OBSERVED, SIZES, Service, ServiceState

ADOPTABLE = ("running", "stopped")
"""InfraFabric changes no labels of a machine that is suspended, broken or at work."""
MOST_LABELS = 20
"""As many labels a machine may have at InfraFabric."""


def unfit(machine: Instance | None, labels: Mapping[str, str]) -> FieldErrors:
    """What is wrong with the machine itself."""
    if machine is None or machine.status == "deleted":
        return {"instance_id": {"exists": "InfraFabric has no such machine."}}
    if machine.status not in ADOPTABLE:
        text = (
            f"The machine is {machine.status}; only one that is {' or '.join(ADOPTABLE)} can be taken over."
        )
        return {"instance_id": {"valid": text}}
    if len({*machine.labels, *labels}) > MOST_LABELS:
        text = f"The machine has no room for {len(labels)} more labels; InfraFabric allows {MOST_LABELS}."
        return {"instance_id": {"valid": text}}
    return {}


def mark(machine: Instance, labels: Mapping[str, str]) -> UpdateInstance:
    """The request that makes the machine ours; labels of other people's stay."""
    return UpdateInstance(instance_id=machine.id, labels={**machine.labels, **labels})


def is_marked(machine: Instance, labels: Mapping[str, str]) -> bool:
    """Whether it carries the marks already."""
    return all(machine.labels.get(name) == value for name, value in labels.items())


def adopted(service: Service, params: p.Adopt) -> Service:
    """A new life with a machine that nobody created for it."""
    client = params.blesta.client_id if params.blesta is not None else None
    return replace(
        service.without_machine().reached(ServiceState.ACTIVE),
        instance_id=params.instance_id,
        life=service.life + 1,
        create_request=None,
        wanted_spec={},
        client_id=service.client_id if client is None else str(client),
        limits=params.limits.model_dump(exclude_none=True) if params.limits is not None else {},
    )


def taken_over(service: Service, machine: Instance) -> Service:
    """From now on the service is to stay what the machine is."""
    state = OBSERVED.get(machine.status, service.state)
    seen = replace(service.observe(machine).reached(state), life_started_at=machine.created_at)
    sizes: dict[str, Any] = {name: getattr(machine, name) for name in SIZES}
    size = sizes if machine.plan is None else {"plan": machine.plan}
    return seen.asked(**size, hostname=machine.hostname, image=machine.image, expires_at=machine.expires_at)


def is_adopted(service: Service, params: p.Adopt) -> bool:
    """Whether the service lives with that very machine."""
    return service.state in LIVE and service.instance_id == params.instance_id
