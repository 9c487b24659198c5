"""Delayed termination: the machine is suspended now and deleted later, and until then all of it can be undone."""

from dataclasses import replace
from datetime import datetime

from bridge.domain import parameters as p
from bridge.domain.provider import ActOnInstance, Command
from bridge.domain.service import LIVE, Grace, Service, ServiceState


def suspend(service: Service, instance_id: str) -> Command | None:
    """What a delayed termination sends; nothing when the service is suspended already."""
    if service.state is ServiceState.SUSPENDED:
        return None
    return ActOnInstance(instance_id=instance_id, verb="suspend")


def begun(service: Service, params: p.TerminateLater) -> Service:
    """The service waits for its end. A new moment replaces the old one; what it was before stays remembered."""
    was = service.state if service.grace is None else service.grace.was
    waiting = service.reached(
        ServiceState.SUSPENDED, f"It will be terminated at {_said(params.terminate_at)}."
    )
    return replace(waiting, grace=Grace(params.terminate_at, was))


def is_begun(service: Service, params: p.TerminateLater) -> bool:
    """Whether it waits for that very moment."""
    return service.grace is not None and service.grace.terminate_at == params.terminate_at


def resume(service: Service, instance_id: str) -> Command | None:
    """What undoing sends; nothing when the service was suspended before."""
    if service.grace is None or service.grace.was is ServiceState.SUSPENDED:
        return None
    return ActOnInstance(instance_id=instance_id, verb="resume")


def undone(service: Service, params: p.Nothing) -> Service:
    """The service is what it was before."""
    if service.grace is None:
        return service
    return replace(service.reached(service.grace.was), grace=None)


def is_undone(service: Service, params: p.Nothing) -> bool:
    """Whether a living service waits for no end."""
    return service.grace is None and service.state in LIVE


def forbids(service: Service) -> str | None:
    """Why a service that waits for its end takes no other command that would let it live."""
    if service.grace is None:
        return None
    moment = _said(service.grace.terminate_at)
    return f"The service will be terminated at {moment}. Run undo_terminate first, if it shall live."


def _said(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
