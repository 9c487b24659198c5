"""Repairs are operations: accepted like any command, in the service's order, and judged again when their turn comes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bridge.domain.actions import REGISTRY, Action, Caller
from bridge.domain.drift import DESTRUCTIVE, OF_SERVICE, PATIENCE, DriftClass, Finding
from bridge.domain.parameters import Edit, Nothing, Params, Renew, Suspend
from bridge.domain.problems import ProblemError
from bridge.domain.repairs import REMOVE_LEFTOVERS, WRITE_OFF, Leftovers
from bridge.domain.service import OBSERVED, SIZES, Service, ServiceState
from bridge.engine.admission import Command, admit
from bridge.engine.context import Engine
from bridge.store import findings
from bridge.store.database import Transaction
from bridge.store.reconcile_runs import Run

ACTOR = "reconcile"
GENTLE = OF_SERVICE - DESTRUCTIVE
"""Classes whose repair commands what was commanded before."""


def of_service(
    conn: Transaction, engine: Engine, run: Run, service: Service, found: Sequence[Finding]
) -> str | None:
    """Command a service back to where it should be; the operation's id, or None if nothing can be commanded.

    One thing at a time: while it is under way the service is not judged, and the next run sees what is left.
    """
    for finding in found:
        wish = _remedy(finding, service)
        if wish is not None:
            return _accept(conn, engine, run, service, finding, *wish)
    return None


def of_leftovers(
    conn: Transaction, engine: Engine, run: Run, service: Service, finding: Finding, with_it: Sequence[str]
) -> str | None:
    """Delete a machine (and the leftover volumes of its service), or a volume, that was found again and again.

    `with_it`: volumes attached to the machine, which would go with it; all of them must be known leftovers.
    """
    old = findings.removable(
        conn,
        run.connection_id,
        run.id,
        [DriftClass.LEFTOVER_VOLUMES],
        before=engine.now() - PATIENCE,
        service_key=service.service_key,
    )
    volume_ids = tuple(recorded.finding.object_id for recorded in old)
    if not set(with_it) <= set(volume_ids):
        return None
    machine = finding.instance_id if finding.kind is DriftClass.ORPHAN_UPSTREAM else None
    params = Leftovers(instance_id=machine, volume_ids=volume_ids)
    return _accept(conn, engine, run, service, finding, REMOVE_LEFTOVERS, params)


Remedy = tuple[Action, Params]


def _remedy(finding: Finding, service: Service) -> Remedy | None:
    """What has to be commanded; None where no command helps, as with a broken machine or another image."""
    match finding.kind:
        case DriftClass.STATE_DRIFT:
            return _state(finding, service)
        case DriftClass.SPEC_DRIFT:
            return _spec(finding.detail)
        case DriftClass.EXPIRY_DRIFT:
            return _expiry(finding.detail)
        case DriftClass.MISSING_UPSTREAM if finding.removable:
            return WRITE_OFF, Nothing()
    return None


def _state(finding: Finding, service: Service) -> Remedy | None:
    if finding.detail["found"] not in OBSERVED:
        return None
    if service.wanted is ServiceState.SUSPENDED:
        return REGISTRY["suspend"], Suspend()
    return REGISTRY["unsuspend"], Nothing()


def _spec(wrong: Mapping[str, Any]) -> Remedy | None:
    """The image is left alone: another one would mean to install the machine anew."""
    wishes = {name: wrong[name]["wanted"] for name in ("plan", *SIZES, "hostname") if name in wrong}
    return (REGISTRY["edit"], Edit(**wishes)) if wishes else None


def _expiry(wrong: Mapping[str, Any]) -> Remedy | None:
    """An expiry is only ever moved forward; a machine that lives longer than paid for is a human's decision."""
    wanted = datetime.fromisoformat(wrong["wanted"])
    if wrong["found"] is None or datetime.fromisoformat(wrong["found"]) >= wanted:
        return None
    return REGISTRY["renew"], Renew(expires_at=wanted)


def _accept(
    conn: Transaction,
    engine: Engine,
    run: Run,
    service: Service,
    finding: Finding,
    action: Action,
    params: Params,
) -> str | None:
    command = Command(
        connection_id=service.connection_id,
        service_key=service.service_key,
        action=action,
        params=params,
        caller=Caller.RECONCILE,
        actor=ACTOR,
        path=f"/v1/services/{service.service_key}/{action.name}",
        # Said again after a crash of the same run, it is the same repair.
        idempotency_key=f"{run.id}:{finding.kind}:{finding.object_id}",
        fingerprint=run.id,
    )
    try:
        admitted = admit(
            conn,
            command,
            operation_id=engine.ids.new("op"),
            now=engine.now(),
            queue_limit=engine.policy.queue_limit,
            default_datacenter=True,
        )
    except ProblemError as refused:
        kept = {**finding.detail, "kept_because": refused.problem.detail}
        findings.explain(conn, run.connection_id, finding, kept)
        return None
    operation_id = admitted.operation.id
    findings.set_repair(conn, run.connection_id, finding.kind, finding.object_id, operation_id)
    return operation_id
