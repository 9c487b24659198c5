"""The registry: everything that can be done to a service, one declaration each.

A declaration says what an action may be given, when and by whom it may be called, how long it may take, the requests it
becomes and what its success changes. Admission, engine, API and `get_actions` all read it from here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bridge.domain import adoption, checks, grace
from bridge.domain import parameters as p
from bridge.domain.problems import FieldErrors
from bridge.domain.provider import (
    ActOnInstance,
    AddAddress,
    Command,
    CreateInstance,
    CreateVolume,
    DeleteVolume,
    DetachVolume,
    Instance,
    RemoveAddress,
    ResizeVolume,
    SetFirewall,
    SetReverseDns,
    UpdateInstance,
    Verb,
)
from bridge.domain.service import Service, ServiceState


class Caller(StrEnum):
    """Who asks."""

    CLIENT = "client"
    STAFF = "staff"
    CRON = "cron"
    INFRAFABRIC = "infrafabric"
    RECONCILE = "reconcile"


class Deadline(StrEnum):
    """How long an operation may take once it has left the queue."""

    PROVISIONING = "provisioning"
    """The connection's `provisioning_timeout`."""
    ACTION = "action"
    """The connection's `action_timeout`, longer while InfraFabric still works on it."""
    PERSISTENT = "persistent"
    """A day: billing decided it, InfraFabric may be away."""
    NEVER = "never"
    """Until InfraFabric confirms."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a request needs beside service and parameters."""

    operation_id: str
    reference: str
    labels: Mapping[str, str]
    default_datacenter: str | None
    found: Instance | None = None
    """The machine as it was just seen, for an action that takes one over."""


Request = Callable[[Service, Any, Context], Command | None]
"""Builds one request, or None when the step is not needed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One mutating request of an action; the name is part of the provider's idempotency key."""

    name: str
    request: Request


def _never(service: Service, params: Any) -> bool:
    return False


def _unchanged(service: Service, params: Any) -> Service:
    return service


def _fine(service: Service, params: Any) -> FieldErrors:
    return {}


EVERYBODY = frozenset(Caller)
NOT_CLIENT = EVERYBODY - {Caller.CLIENT}
ACTIVE = frozenset({ServiceState.ACTIVE})
EXISTING = frozenset({ServiceState.ACTIVE, ServiceState.SUSPENDED})
ENDED = frozenset({ServiceState.TERMINATED, ServiceState.FAILED})


@dataclass(frozen=True, slots=True)
class Action:
    """One verb. `apply` is what success changes and also the projection that admission judges later commands on.

    `satisfied`: the service already is what the command asks for, so that nothing needs to be done.
    `check`: what only the service can tell to be wrong with the parameters. `makes`: creates something at the provider,
    so that a send whose answer is missing must be settled before the operation may be forgotten.
    """

    name: str
    params: type[p.Params]
    states: frozenset[ServiceState]
    callers: frozenset[Caller]
    deadline: Deadline
    steps: tuple[Step, ...]
    apply: Callable[[Service, Any], Service] = _unchanged
    satisfied: Callable[[Service, Any], bool] = _never
    check: Callable[[Service, Any], FieldErrors] = _fine
    unless: Callable[[Service], str | None] = lambda service: None
    """A reason, beside the state, why the service does not take the action now."""
    full: Callable[[Service], str | None] = lambda service: None
    """A reason why nothing could be added, whatever the parameters; shown by `get_actions`, judged by `check`."""
    makes: bool = False
    takes_over: bool = False
    """Makes a machine its service's that exists already: looked at before it is sent, and never cleaned up after."""
    seen: Callable[[Service, Instance], Service] = Service.observe
    """What the service is after success, once its machine was looked at."""
    removes: bool = False
    """Takes a machine and volumes away, by looking, until nothing is left."""
    sets_password: bool = False


# ---- requests -------------------------------------------------------------------------------------------------------


def _instance(service: Service) -> str:
    if service.instance_id is None:
        raise LookupError(f"service {service.service_key} has no machine")
    return service.instance_id


def _verb(verb: Verb) -> tuple[Step, ...]:
    return (
        Step(
            "main", lambda service, params, context: ActOnInstance(instance_id=_instance(service), verb=verb)
        ),
    )


def _create(service: Service, params: p.Create, context: Context) -> Command:
    asked = params.model_dump(include={"type", "hostname", "image", "plan", "cpus", "memory_mb", "disk_gb"})
    return CreateInstance(
        **asked,
        reference=context.reference,
        datacenter=params.datacenter or context.default_datacenter or "",
        ssh_keys=params.ssh_keys,
        expires_at=params.expires_at,
        labels=dict(context.labels),
    )


def _adopt(service: Service, params: p.Adopt, context: Context) -> Command:
    if context.found is None:
        raise LookupError(f"machine {params.instance_id} was not looked at")
    return adoption.mark(context.found, context.labels)


def _edit(service: Service, params: p.Edit, context: Context) -> Command | None:
    asked = params.model_dump(exclude={"limits"}, exclude_none=True)
    return UpdateInstance(instance_id=_instance(service), **asked) if asked else None


def _renew(service: Service, params: p.Renew, context: Context) -> Command:
    return ActOnInstance(instance_id=_instance(service), verb="renew", expires_at=params.expires_at)


def _reinstall(service: Service, params: p.Reinstall, context: Context) -> Command:
    return ActOnInstance(
        instance_id=_instance(service), verb="reinstall", image=params.image, ssh_keys=params.ssh_keys
    )


def _add_address(service: Service, params: p.AddressFamily, context: Context) -> Command:
    return AddAddress(instance_id=_instance(service), family=params.family)


def _remove_address(service: Service, params: p.AddressId, context: Context) -> Command:
    return RemoveAddress(instance_id=_instance(service), address_id=params.address_id)


def _set_reverse_dns(service: Service, params: p.ReverseDns, context: Context) -> Command:
    return SetReverseDns(
        instance_id=_instance(service), address_id=params.address_id, reverse_dns=params.reverse_dns
    )


def _set_firewall(service: Service, params: p.FirewallRules, context: Context) -> Command:
    return SetFirewall(instance_id=_instance(service), rules=tuple(rule.to_domain() for rule in params.rules))


def _add_volume(service: Service, params: p.NewVolume, context: Context) -> Command:
    return CreateVolume(
        instance_id=_instance(service),
        name=params.name,
        size_gb=params.size_gb,
        datacenter=service.datacenter or context.default_datacenter or "",
        labels={**context.labels, "operation": context.operation_id},
    )


def _resize_volume(service: Service, params: p.VolumeSize, context: Context) -> Command:
    return ResizeVolume(volume_id=params.volume_id, size_gb=params.size_gb)


def _detach(service: Service, params: p.VolumeId, context: Context) -> Command | None:
    attached = any(v.id == params.volume_id and v.instance_id is not None for v in service.volumes)
    return DetachVolume(volume_id=params.volume_id) if attached else None


def _delete_volume(service: Service, params: p.VolumeId, context: Context) -> Command:
    return DeleteVolume(volume_id=params.volume_id)


# ---- what success changes, and what is already so -------------------------------------------------------------------

_SIZES = ("plan", "cpus", "memory_mb", "disk_gb", "hostname")


def _created(service: Service, params: p.Create) -> Service:
    asked = params.model_dump(
        include={*_SIZES, "type", "image", "datacenter", "expires_at"}, exclude_none=True
    )
    wished = params.model_dump(include={*_SIZES, "image", "expires_at"})
    return replace(service.reached(ServiceState.ACTIVE), **asked).asked(**wished)


def _edited(service: Service, params: p.Edit) -> Service:
    asked = params.model_dump(exclude={"limits"}, exclude_none=True)
    limits = service.limits if params.limits is None else params.limits.model_dump(exclude_none=True)
    return replace(service, **asked, limits=limits).asked(**asked)


def _reinstalled(service: Service, params: p.Reinstall) -> Service:
    return replace(service, image=params.image).asked(image=params.image)


def _renewed(service: Service, params: p.Renew) -> Service:
    return replace(service, expires_at=params.expires_at).asked(expires_at=params.expires_at)


def _same_sizes(service: Service, params: p.Edit) -> bool:
    return all(
        getattr(service, name) == value for name, value in params.model_dump(exclude_none=True).items()
    )  # limits too: both are what was sent without its nulls


def _paid_up_to(service: Service, params: p.Renew) -> bool:
    return service.expires_at is not None and params.expires_at <= service.expires_at


def _suspended(service: Service, params: p.Suspend) -> Service:
    return service.reached(ServiceState.SUSPENDED, params.reason)


def _is(state: ServiceState) -> Callable[[Service, Any], bool]:
    return lambda service, params: service.state is state


def _becomes(state: ServiceState) -> Callable[[Service, Any], Service]:
    return lambda service, params: service.reached(state)


def _same_rules(service: Service, params: p.FirewallRules) -> bool:
    return service.firewall == tuple(rule.to_domain() for rule in params.rules)


def _same_name(service: Service, params: p.ReverseDns) -> bool:
    return any(a.id == params.address_id and a.reverse_dns == params.reverse_dns for a in service.addresses)


def _named(service: Service, params: p.ReverseDns) -> Service:
    addresses = tuple(
        replace(a, reverse_dns=params.reverse_dns) if a.id == params.address_id else a
        for a in service.addresses
    )
    return replace(service, addresses=addresses)


# ---- the declarations -----------------------------------------------------------------------------------------------


def _one(request: Request) -> tuple[Step, ...]:
    return (Step("main", request),)


_DECLARED = (
    Action(
        "create", p.Create, ENDED, NOT_CLIENT, Deadline.PROVISIONING, _one(_create), apply=_created, makes=True,
        sets_password=True,
    ),
    Action(
        "adopt", p.Adopt, ENDED, NOT_CLIENT, Deadline.ACTION, _one(_adopt), apply=adoption.adopted,
        satisfied=adoption.is_adopted, takes_over=True, seen=adoption.taken_over,
    ),
    Action(
        "edit", p.Edit, ACTIVE, EVERYBODY, Deadline.PERSISTENT, _one(_edit), apply=_edited, satisfied=_same_sizes,
        check=checks.no_shrinking,
    ),
    Action(
        "suspend", p.Suspend, ACTIVE, NOT_CLIENT, Deadline.PERSISTENT, _verb("suspend"), apply=_suspended,
        satisfied=_is(ServiceState.SUSPENDED),
    ),
    Action(
        "unsuspend", p.Nothing, frozenset({ServiceState.SUSPENDED}), NOT_CLIENT, Deadline.PERSISTENT, _verb("resume"),
        apply=_becomes(ServiceState.ACTIVE), satisfied=_is(ServiceState.ACTIVE), unless=grace.forbids,
    ),
    Action(
        "terminate", p.Terminate, frozenset(ServiceState), NOT_CLIENT, Deadline.NEVER, (),
        apply=_becomes(ServiceState.TERMINATED), satisfied=_is(ServiceState.TERMINATED), removes=True,
    ),
    Action(
        "terminate_later", p.TerminateLater, EXISTING, NOT_CLIENT, Deadline.PERSISTENT,
        _one(lambda service, params, context: grace.suspend(service, _instance(service))),
        apply=grace.begun, satisfied=grace.is_begun,
    ),
    Action(
        "undo_terminate", p.Nothing, EXISTING, NOT_CLIENT, Deadline.PERSISTENT,
        _one(lambda service, params, context: grace.resume(service, _instance(service))),
        apply=grace.undone, satisfied=grace.is_undone,
    ),
    Action(
        "renew", p.Renew, EXISTING, NOT_CLIENT, Deadline.PERSISTENT, _one(_renew),
        apply=_renewed, satisfied=_paid_up_to,
    ),
    Action("reboot", p.Nothing, ACTIVE, EVERYBODY, Deadline.ACTION, _verb("reboot")),
    Action(
        "reinstall", p.Reinstall, ACTIVE, EVERYBODY, Deadline.PROVISIONING, _one(_reinstall),
        apply=_reinstalled, sets_password=True,
    ),
    Action("start", p.Nothing, ACTIVE, EVERYBODY, Deadline.ACTION, _verb("start")),
    Action("stop", p.Nothing, ACTIVE, EVERYBODY, Deadline.ACTION, _verb("stop")),
    Action(
        "reset_password", p.Nothing, ACTIVE, EVERYBODY, Deadline.ACTION, _verb("reset_password"), sets_password=True
    ),
    Action(
        "add_address", p.AddressFamily, ACTIVE, EVERYBODY, Deadline.ACTION, _one(_add_address),
        check=checks.room_for_address, full=checks.addresses_are_full,
    ),
    Action(
        "remove_address", p.AddressId, ACTIVE, EVERYBODY, Deadline.ACTION, _one(_remove_address),
        check=checks.known_address,
    ),
    Action(
        "set_reverse_dns", p.ReverseDns, ACTIVE, EVERYBODY, Deadline.ACTION, _one(_set_reverse_dns),
        apply=_named, satisfied=_same_name, check=checks.known_address,
    ),
    Action(
        "set_firewall", p.FirewallRules, ACTIVE, EVERYBODY, Deadline.ACTION, _one(_set_firewall),
        apply=lambda service, params: replace(service, firewall=tuple(r.to_domain() for r in params.rules)),
        satisfied=_same_rules,
    ),
    Action(
        "add_volume", p.NewVolume, ACTIVE, EVERYBODY, Deadline.ACTION, _one(_add_volume), check=checks.room_for_volume,
        full=checks.volumes_are_full, makes=True,
    ),
    Action(
        "resize_volume", p.VolumeSize, ACTIVE, EVERYBODY, Deadline.ACTION, _one(_resize_volume),
        check=checks.known_volume,
    ),
    Action(
        "remove_volume", p.VolumeId, ACTIVE, EVERYBODY, Deadline.ACTION,
        (Step("detach", _detach), Step("main", _delete_volume)), check=checks.known_volume,
    ),
)  # fmt: skip

REGISTRY: Mapping[str, Action] = {action.name: action for action in _DECLARED}
"""Every action by name, in the order of declaration."""


def params_of(action: Action, stored: Mapping[str, Any]) -> Any:
    """The parameters of an operation as its action's model, from their stored JSON form."""
    return action.params.model_validate(stored, strict=False)
