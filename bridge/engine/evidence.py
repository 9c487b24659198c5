"""When nobody can say any more whether a request arrived: compare the machine with what it was at the intent.

Only used when the same key may not be sent again, because its deadline is over or the provider may have forgotten it.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from bridge.domain import parameters as p
from bridge.domain.actions import params_of
from bridge.domain.adoption import is_marked
from bridge.domain.problems import Problem
from bridge.domain.provider import Instance, Provider, Volume
from bridge.domain.service import Power, Service, ServiceState
from bridge.engine.context import Engine
from bridge.engine.finishing import After, fail, succeed
from bridge.engine.turn import Turn
from bridge.engine.volumes import volumes_of
from bridge.store import services
from bridge.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the machine told. `problem` None: the effect is there."""

    observed: Service
    problem: Problem | None
    drifted: bool = False
    machine: Instance | None = None
    """One that was taken over, which tells what the service is from now on."""

    def apply(self, conn: Transaction, turn: Turn, now: datetime) -> After:
        """End the operation accordingly."""
        before = services.lock(conn, turn.operation.service_key)
        assert before is not None
        if self.problem is None:
            params = params_of(turn.action, turn.operation.params)
            detail = {"evidence": "the machine is as asked for"}
            after = turn.action.apply(self.observed, params)
            after = after if self.machine is None else turn.action.seen(after, self.machine)
            return succeed(conn, turn.operation, before, after, now, detail)
        after = replace(self.observed, drifted=self.drifted or self.observed.drifted)
        return fail(conn, turn.operation, before, after, self.problem, now)


async def investigate(engine: Engine, turn: Turn) -> Found:
    """Look at the machine (and its volumes) and judge.

    Raises:
        ProviderError: the provider could not be asked, so nothing may be concluded.
    """
    provider = engine.providers.get(turn.connection)
    if turn.action.takes_over:
        return await _taken_over(provider, turn)
    service = turn.service
    machine = None if service.instance_id is None else await provider.instance(service.instance_id)
    if machine is None or machine.status == "deleted":
        problem = Problem(
            "instance_gone", "InfraFabric does not know this machine any more. Check it with InfraFabric."
        )
        return Found(replace(service, state_reason=problem.detail), problem, drifted=True)
    volumes = await volumes_of(provider, service.service_key, machine)
    observed = service.follow(machine).with_volumes(volumes)
    effect = _effect(turn, observed, volumes)
    if effect:
        return Found(observed, None)
    if _untouched(turn, machine, observed):
        return Found(
            observed,
            Problem("provider_unavailable", "InfraFabric did not take the request; nothing changed."),
        )
    unknown = "InfraFabric never answered, and the machine does not show whether the action took effect. Look at it."
    return Found(replace(observed, state_reason=unknown), Problem("outcome_unknown", unknown), drifted=True)


async def _taken_over(provider: Provider, turn: Turn) -> Found:
    """The marks tell: they are there, or nothing has happened to a machine that is not the service's."""
    assert turn.machine_id is not None
    machine = await provider.instance(turn.machine_id)
    if machine is not None and is_marked(machine, turn.context.labels):
        return Found(turn.service, None, machine=machine)
    text = "InfraFabric did not take the request; the machine stays whose it was."
    return Found(turn.service, Problem("provider_unavailable", text))


def _untouched(turn: Turn, machine: Instance, observed: Service) -> bool:
    intent = turn.operation.intent
    if intent is None or machine.version != intent.baseline.instance_version:
        return False
    return {volume.id for volume in observed.volumes} == set(intent.baseline.volumes)


def _effect(turn: Turn, observed: Service, volumes: tuple[Volume, ...]) -> bool:
    """Whether the effect shows. False says only that it does not show."""
    params = params_of(turn.action, turn.operation.params)
    intent = turn.operation.intent
    baseline = intent.baseline if intent is not None else None
    match params:
        case p.NewVolume():
            return any(v.labels.get("operation") == turn.operation.id for v in volumes)
        case p.VolumeSize():
            return any(v.id == params.volume_id and v.size_gb == params.size_gb for v in volumes)
        case p.VolumeId():
            return all(v.id != params.volume_id for v in volumes if v.status not in ("deleting", "deleted"))
        case p.AddressFamily():
            before = baseline.addresses if baseline is not None else ()
            fresh = [a for a in observed.addresses if a.id not in before and a.family == params.family]
            return len(fresh) == 1
        case p.AddressId():
            return all(a.id != params.address_id for a in observed.addresses)
        case p.TerminateLater():
            return observed.state is ServiceState.SUSPENDED
    if turn.action.name == "undo_terminate":
        return observed.state is ServiceState.ACTIVE
    wanted = {"start": Power.ON, "stop": Power.OFF}.get(turn.action.name)
    return observed.power is wanted if wanted is not None else turn.action.satisfied(observed, params)
