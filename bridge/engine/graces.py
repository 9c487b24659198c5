"""Ending what waited for its end: when a grace period is over, the service is terminated like by any other command."""

from datetime import datetime

import structlog

from bridge.domain.actions import REGISTRY, Caller
from bridge.domain.parameters import Terminate
from bridge.engine.admission import Admitted, Command, admit
from bridge.engine.commands import Commands
from bridge.engine.context import Engine
from bridge.store import operations, services
from bridge.store.database import Transaction

log = structlog.get_logger(__name__)

ACTOR = "grace"
_BATCH = 200


async def terminate_due(engine: Engine, commands: Commands) -> None:
    """Accept a terminate for every service whose time has come. Safe to call twice, and by two processes."""
    for service_key in await engine.database.read(services.waiting_for_their_end, engine.now(), _BATCH):
        operation_id = engine.ids.new("op")
        admitted = await engine.database.run(_terminate, engine, service_key, operation_id, engine.now())
        if admitted is not None:
            log.info("grace.over", service_key=service_key, operation_id=admitted.operation.id)
            commands.announce(admitted)


def _terminate(
    conn: Transaction, engine: Engine, service_key: str, operation_id: str, now: datetime
) -> Admitted | None:
    """Judged once more under the service's lock: an undo that was accepted in time is waited for."""
    services.serialize(conn, service_key)
    service = services.lock(conn, service_key)
    if service is None or service.grace is None or service.grace.terminate_at > now:
        return None
    if any(operation.action == "undo_terminate" for operation in operations.unfinished(conn, service_key)):
        return None
    return admit(
        conn,
        Command(
            connection_id=service.connection_id,
            service_key=service_key,
            action=REGISTRY["terminate"],
            params=Terminate(confirm=True),
            caller=Caller.CRON,
            actor=ACTOR,
            path=f"/v1/services/{service_key}/terminate",
            idempotency_key=f"grace:{service.life}:{service.grace.terminate_at.isoformat()}",
            fingerprint="grace",
        ),
        operation_id=operation_id,
        now=now,
        queue_limit=engine.policy.queue_limit,
        default_datacenter=True,
    )
