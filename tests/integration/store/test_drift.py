"""What reconcile keeps in the database, on both kinds of it: findings, runs and sightings."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from bridge.domain.drift import DriftClass, Finding
from bridge.domain.operation import Operation, OperationState
from bridge.domain.service import Service, ServiceState
from bridge.store import connections, engines, findings, operations, reconcile_runs, services
from bridge.store.connections import StoredConnection
from bridge.store.reconcile_runs import LostRun, Run, RunUnderWay

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEYS = [f"00000000-0000-4000-8000-{number:012x}" for number in range(5)]
CONNECTION = StoredConnection(
    id="shop",
    infrafabric_api_url="https://api.example/v1",
    infrafabric_api_key="sealed",
    default_datacenter=None,
    provisioning_timeout=300,
    action_timeout=120,
    webhook_secrets="sealed",
    rate_limit_per_minute=600,
    max_concurrency=16,
    policies={},
    version=1,
    created_at=NOW,
    updated_at=NOW,
)


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    """An open transaction on a database with one connection."""
    engine: Engine = engines.unpooled(database_url)
    with engine.begin() as opened:
        connections.put(opened, CONNECTION)
        yield opened
    engine.dispose()


def orphan(name: str, *, key: str | None = None, removable: bool = True) -> Finding:
    """A finding."""
    return Finding(
        DriftClass.ORPHAN_UPSTREAM, name, key, name, removable=removable, detail={"status": "running"}
    )


def names(recorded: list[findings.Recorded]) -> list[str]:
    """Which things were found."""
    return [each.finding.object_id for each in recorded]


def everything(conn: Connection) -> list[findings.Recorded]:
    """All that stands."""
    return findings.page(conn, "shop", kind=None, after=0, limit=100)


def test_a_finding_keeps_the_moment_it_was_first_seen(conn: Connection) -> None:
    """Seen again it is the same finding with news; only the first sight stays."""
    findings.put(conn, "shop", orphan("ins_1"), "rec_1", NOW)
    findings.put(conn, "shop", orphan("ins_1", removable=False), "rec_2", NOW + HOUR)
    (recorded,) = everything(conn)
    assert (recorded.first_seen, recorded.last_seen, recorded.run_id) == (NOW, NOW + HOUR, "rec_2")
    assert recorded.finding == orphan("ins_1", removable=False)


def test_findings_are_a_connections_own(conn: Connection) -> None:
    """The same machine id in two accounts is two things."""
    for connection_id in ("shop", "other"):
        findings.put(conn, connection_id, orphan("ins_1"), "rec_1", NOW)
    findings.clear(conn, "shop", [DriftClass.ORPHAN_UPSTREAM], "ins_1")
    assert everything(conn) == []
    assert findings.counts(conn) == {"orphan_upstream": 1}
    assert findings.counts(conn, "shop") == {}


def test_what_is_wrong_with_a_service_is_replaced_as_a_whole(conn: Connection) -> None:
    """What is in order again goes, what stays keeps its first moment; other services keep theirs."""
    state, spec = (
        Finding(kind, KEYS[0], KEYS[0], "ins_1") for kind in (DriftClass.STATE_DRIFT, DriftClass.SPEC_DRIFT)
    )
    other = Finding(DriftClass.STATE_DRIFT, KEYS[1], KEYS[1], "ins_2")
    findings.replace_of_service(conn, "shop", KEYS[0], [state, spec], "rec_1", NOW)
    findings.replace_of_service(conn, "shop", KEYS[1], [other], "rec_1", NOW)
    findings.replace_of_service(conn, "shop", KEYS[0], [spec], "rec_2", NOW + HOUR)
    assert [(each.finding, each.first_seen) for each in everything(conn)] == [(spec, NOW), (other, NOW)]


def test_only_old_and_removable_things_of_this_run_may_be_removed(conn: Connection) -> None:
    """First seen a day ago, seen by this run, allowed, and of a class that is asked for."""
    for name, moment, removable in (
        ("ins_old", NOW - DAY, True),
        ("ins_edge", NOW - DAY + timedelta(seconds=1), True),
        ("ins_kept", NOW - DAY, False),
        ("ins_unseen", NOW - DAY, True),
    ):
        findings.put(conn, "shop", orphan(name, removable=removable), "rec_1", moment)
        if name != "ins_unseen":
            findings.put(conn, "shop", orphan(name, removable=removable), "rec_2", NOW)
    kinds = [DriftClass.ORPHAN_UPSTREAM]
    found = findings.removable(conn, "shop", "rec_2", kinds, before=NOW - DAY)
    assert names(found) == ["ins_old"]
    assert findings.removable_count(conn, "shop", "rec_2", kinds, NOW - DAY) == 1
    assert findings.removable(conn, "shop", "rec_2", [DriftClass.LEFTOVER_VOLUMES], before=NOW) == []


def test_a_full_run_forgets_what_it_did_not_see_unless_somebody_is_at_work(conn: Connection) -> None:
    """A service with an unfinished operation was not judged, so nothing about it is over."""
    make(conn, KEYS[0], "ins_1")
    operations.insert(conn, Operation("op_1", "shop", KEYS[0], 0, "suspend", {}, "cron", NOW, wake_at=NOW))
    for name, key in (("ins_1", KEYS[0]), ("ins_2", KEYS[1]), ("ins_3", None)):
        findings.put(conn, "shop", orphan(name, key=key), "rec_1", NOW)
    findings.put(conn, "shop", orphan("ins_4"), "rec_2", NOW)
    findings.clear_unseen(conn, "shop", "rec_2")
    assert names(everything(conn)) == ["ins_1", "ins_4"]


def make(conn: Connection, key: str, instance_id: str | None, **members: Any) -> None:
    """A service that has lived for an hour."""
    service = Service(key, "shop", NOW, NOW, state=ServiceState.ACTIVE, instance_id=instance_id)
    services.insert(conn, replace(service, **{"life_started_at": NOW - HOUR, **members}))


def test_services_whose_machines_were_not_seen(conn: Connection) -> None:
    """Billed, older than the run, not in its list; page by page."""
    different: list[dict[str, Any]] = [
        {},
        {},
        {"state": ServiceState.SUSPENDED},
        {"state": ServiceState.TERMINATED},
        {"life_started_at": NOW},
    ]
    for number, members in enumerate(different):
        make(conn, KEYS[number], f"ins_{number}", **members)
    run = begin(conn)
    reconcile_runs.sight(conn, run, ["ins_0", "ins_0", "ins_9"])
    reconcile_runs.sight(conn, replace(run, id="rec_before"), ["ins_1"])
    unseen = services.unseen(conn, "shop", run.id, before=NOW, after="", limit=1)
    assert unseen == [KEYS[1]]
    assert services.unseen(conn, "shop", run.id, before=NOW, after=KEYS[1], limit=5) == [KEYS[2]]
    reconcile_runs.sight(conn, run, ["ins_1"])
    assert services.unseen(conn, "shop", run.id, before=NOW, after="", limit=5) == [KEYS[2]]
    reconcile_runs.forget_sightings(conn, run)
    assert len(services.unseen(conn, "shop", run.id, before=NOW, after="", limit=5)) == 3


def begin(conn: Connection, name: str = "rec_1", **members: object) -> Run:
    """Begin a run an hour after the last sign of life that would count."""
    fresh = Run(name, "shop", "full", False, NOW, None, f"token of {name}", NOW, "machines")
    return reconcile_runs.begin(
        conn,
        replace(fresh, **members),  # type: ignore[arg-type]
        abandoned_before=NOW - HOUR,
        outdated_before=NOW - DAY,
    )


def test_a_run_belongs_to_one_process(conn: Connection) -> None:
    """A second one is refused, takes over what was let go of, and then the first can write nothing more."""
    first = begin(conn)
    with pytest.raises(RunUnderWay):
        begin(conn, "rec_2")
    reconcile_runs.save(conn, replace(first, cursor="400").counted(machines=400))
    reconcile_runs.release(conn, first)
    second = begin(conn, "rec_2")
    assert (second.id, second.cursor, second.counts) == ("rec_1", "400", {"machines": 400})
    with pytest.raises(LostRun):
        reconcile_runs.save(conn, first)
    reconcile_runs.save(conn, replace(second, finished_at=NOW, outcome="done"))
    with pytest.raises(LostRun):
        reconcile_runs.save(conn, second)


def test_a_dry_run_is_neither_continued_nor_counted(conn: Connection) -> None:
    """What only looked is no run that a light one could begin from."""
    dry = begin(conn, dry=True)
    reconcile_runs.release(conn, dry)
    real = begin(conn, "rec_2")
    assert real.id == "rec_2"
    reconcile_runs.save(conn, replace(real, finished_at=NOW, outcome="done"))
    later = begin(conn, "rec_3", dry=True, started_at=NOW + HOUR)
    reconcile_runs.save(conn, replace(later, finished_at=NOW + HOUR, outcome="done"))
    newest = reconcile_runs.latest(conn, "shop", ["full"])
    assert newest is not None
    assert newest.id == "rec_2"


def test_when_creates_were_under_way(conn: Connection) -> None:
    """One that has not ended lasts until now; one that never began made nothing."""
    make(conn, KEYS[0], None)
    for number, (begun, ended) in enumerate(((NOW, NOW + HOUR), (NOW + DAY, None), (None, None))):
        state = OperationState.SUCCEEDED if ended else OperationState.QUEUED
        draft = Operation(
            f"op_{number}", "shop", KEYS[0], 0, "create", {}, "cron", NOW, state=state, wake_at=NOW
        )
        operations.insert(conn, replace(draft, started_at=begun, finished_at=ended))
    births = operations.births(conn, KEYS[0], NOW + 2 * DAY)
    assert [(birth.begun, birth.ended) for birth in births] == [(NOW, NOW + HOUR), (NOW + DAY, NOW + 2 * DAY)]
    assert births[0].covers(NOW + HOUR + timedelta(seconds=59))
    assert not births[0].covers(NOW + HOUR + timedelta(seconds=61))
