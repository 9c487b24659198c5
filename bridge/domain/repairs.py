"""What only reconcile does: actions that nobody can ask for, declared like the others.

A repair that a command can express is that command (suspend, unsuspend, edit, renew). These two have none: they end
what no living service has any claim to, or a service that no machine stands behind.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from bridge.domain.actions import ENDED, EXISTING, REGISTRY, Action, Caller, Deadline
from bridge.domain.parameters import Nothing, Params
from bridge.domain.service import Service, ServiceState

ProviderId = Annotated[str, Field(min_length=1, max_length=128)]
_RECONCILE = frozenset({Caller.RECONCILE})


class Leftovers(Params):
    """Exactly what may be deleted; whatever else is found stays."""

    instance_id: ProviderId | None = None
    volume_ids: tuple[ProviderId, ...] = ()


def _written_off(service: Service, params: Nothing) -> Service:
    gone = replace(service.without_machine(), state_reason="The machine is gone at InfraFabric.")
    return gone.reached(ServiceState.TERMINATED, gone.state_reason)


REMOVE_LEFTOVERS = Action("remove_leftovers", Leftovers, ENDED, _RECONCILE, Deadline.NEVER, (), removes=True)
"""Delete a machine and volumes of a service that has ended."""

WRITE_OFF = Action("write_off", Nothing, EXISTING, _RECONCILE, Deadline.ACTION, (), apply=_written_off)
"""End a service whose machine and volumes are gone; nothing is sent to InfraFabric."""

REPAIRS: Mapping[str, Action] = {action.name: action for action in (REMOVE_LEFTOVERS, WRITE_OFF)}

ACTIONS: Mapping[str, Action] = {**REGISTRY, **REPAIRS}
"""Everything that an operation can be."""
