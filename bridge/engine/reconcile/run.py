"""One run: page through everything, look closer where something is wrong, and at the end repair what may be repaired.

How far it has come is stored after every page, so that it needs no more memory for a hundred thousand machines than for
ten, and a run that was interrupted goes on where it was.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from bridge.domain.drift import DESTRUCTIVE, PATIENCE, DriftClass, Finding, allowance, claimed_by
from bridge.domain.provider import ProviderError, Refused
from bridge.engine.context import Engine
from bridge.engine.reconcile import look as closer
from bridge.engine.reconcile import sort
from bridge.engine.reconcile.look import Look
from bridge.engine.reconcile.repair import ACTOR, GENTLE
from bridge.store import audit, findings, reconcile_runs, services
from bridge.store.audit import AuditEvent
from bridge.store.database import Transaction
from bridge.store.reconcile_runs import LostRun, Run

Kind = Literal["full", "light"]

PHASES: Mapping[str, tuple[str, ...]] = {
    "full": ("machines", "services", "volumes", "repairs", "removals"),
    "light": ("machines", "repairs"),
}
"""What each kind of run does, in this order."""

_OVERLAP = timedelta(minutes=10)
"""How far before the run before a light run looks back: clocks differ, and lists are not snapshots."""
_ABANDONED = timedelta(minutes=2)
"""A run that was not heard of for so long has lost its process."""
_OUTDATED = timedelta(hours=12)
"""An interrupted run older than this is begun anew."""
_MOST_PAGES = 100_000
"""A list longer than this counts as endless."""
_STEP = 100
"""How many services or findings are taken up at a time."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run.

    `outcome`: `done`, `too_many_removals` (none was begun, a human has to allow them), `unreliable_list` (InfraFabric's
    list contradicted its single answers, so nothing was concluded from absence), `interrupted` (the next run goes on),
    or `taken_over` (another process goes on). `why` explains the last ones.
    """

    run: Run
    outcome: str
    found: Mapping[str, int] = field(default_factory=dict)
    why: str = ""


class Reconcile:
    """Runs for one process. `wake` is told of the operations that repairs begin."""

    def __init__(self, engine: Engine, wake: Callable[[str], None]) -> None:
        self._engine, self._wake = engine, wake

    async def __call__(
        self,
        connection_id: str,
        kind: Kind,
        *,
        dry: bool = False,
        allow: int | None = None,
        tell: Callable[[Finding], None] = lambda finding: None,
    ) -> Report:
        """Run once over a connection. `allow`: how many removals may begin, instead of the usual limit.

        Raises:
            RunUnderWay: another process is at it.
            LookupError: there is no such connection.
        """
        engine = self._engine
        run = await engine.database.run(_begin, engine, connection_id, kind, dry)
        connection = await engine.database.read(engine.connections.load, connection_id)
        found: dict[str, int] = {}

        def count(finding: Finding) -> None:
            found[finding.kind.value] = found.get(finding.kind.value, 0) + 1
            tell(finding)

        journey = Journey(Look(engine, connection, run, count, self._wake), allow)
        why = ""
        try:
            outcome = await journey.travel()
        except LostRun:
            outcome, why = "taken_over", "Another process goes on with this run."
        except ProviderError as error:
            await engine.database.run(reconcile_runs.release, journey.run)
            outcome, why = "interrupted", f"InfraFabric could not be asked: {error.detail}"
        if not dry:
            engine.gauges.reconciled(journey.run.kind, outcome)
            found = await engine.database.read(findings.counts, connection_id)
        return Report(journey.run, outcome, found, why)


def _begin(conn: Transaction, engine: Engine, connection_id: str, kind: Kind, dry: bool) -> Run:
    now = engine.now()
    before = reconcile_runs.latest(conn, connection_id, PHASES)
    since = None if before is None or kind == "full" else before.started_at - _OVERLAP
    fresh = Run(
        id=engine.ids.new("rec"),
        connection_id=connection_id,
        kind=kind if since is not None else "full",
        dry=dry,
        started_at=now,
        since=since,
        token=engine.ids.new("run"),
        heartbeat_at=now,
        phase=PHASES[kind][0],
    )
    return reconcile_runs.begin(
        conn, fresh, abandoned_before=now - _ABANDONED, outdated_before=now - _OUTDATED
    )


@dataclass(frozen=True, slots=True)
class Step:
    """A page was done. It goes on behind `cursor`, `again` from the phase's beginning, else with the next phase.

    With an `outcome` the run ends here.
    """

    run: Run
    cursor: str | None = None
    again: bool = False
    outcome: str | None = None


class Journey:
    """A run on its way through its phases; `run` is what was last stored of it."""

    def __init__(self, look: Look, allow: int | None) -> None:
        self._look, self._allow = look, allow
        # Twice as slow as the connection may be asked: whoever waits for a machine goes first.
        self._pause = 2 * 60 / look.connection.rate_limit_per_minute
        self._steps: Mapping[str, Callable[[], Awaitable[Step]]] = {
            "machines": self._machines,
            "services": self._services,
            "volumes": self._volumes,
            "repairs": self._repairs,
            "removals": self._removals,
        }

    @property
    def run(self) -> Run:
        """As last stored."""
        return self._look.run

    async def travel(self) -> str:
        """Go through all phases; returns the outcome.

        Raises:
            ProviderError: interrupted; what was done so far is stored.
            LostRun: another process goes on.
        """
        while self.run.finished_at is None:
            await self._onward(await self._steps[self.run.phase]())
            await self._rest()
        return self.run.outcome or "done"

    # ---- phases: each call does one page ----------------------------------------------------------------------------

    async def _machines(self) -> Step:
        look, run = self._look, self.run
        try:
            page = await look.provider.instance_page(run.cursor, updated_since=run.since)
        except Refused:
            if run.cursor is None or run.counts.get("restarts"):
                raise
            # A cursor from before an interruption may not be known any more.
            return Step(run.counted(restarts=1), again=True)
        suspects = await look.engine.database.run(sort.machines, look, page)
        await self._look_at(suspects)
        counted = run.counted(machines=len(page.ids), machines_ours=suspects.ours, unreadable=page.unreadable)
        return Step(counted, page.next_cursor)

    async def _services(self) -> Step:
        """Whoever was not in the list: asked for one by one, for a list can lie."""
        look, run = self._look, self.run
        keys = await look.engine.database.read(
            services.unseen,
            look.connection.id,
            run.id,
            before=run.started_at,
            after=run.cursor or "",
            limit=_STEP,
        )
        for key in keys:
            seen = await closer.at_service(look, key)
            run = run.counted(contradictions=int(seen.there))
            if run.counts["contradictions"] > allowance(run.counts.get("machines_ours", 0)):
                return Step(run, outcome="unreliable_list")
            await self._rest()
        return Step(run, keys[-1] if keys else None)

    async def _volumes(self) -> Step:
        look, run = self._look, self.run
        page = await look.provider.volume_page(run.cursor, label=f"bridge:{look.mark}")
        suspects = await look.engine.database.run(sort.volumes, look, page.items)
        await self._look_at(suspects)
        counted = run.counted(volumes=len(page.ids), unreadable=page.unreadable)
        return Step(counted, page.next_cursor)

    async def _repairs(self) -> Step:
        """Commanding anew what was commanded before. Nothing is lost by it."""
        mend = frozenset(kind for kind in GENTLE if self._look.repairs(kind))
        recorded = await self._found(mend)
        begun = 0
        # A finding about a living service is named by its key.
        for key in dict.fromkeys(each.finding.object_id for each in recorded):
            seen = await closer.at_service(self._look, key, mend)
            begun += seen.repair is not None
            await self._rest()
        return Step(self.run.counted(repairs=begun), _behind(recorded))

    async def _found(self, kinds: frozenset[DriftClass]) -> Sequence[findings.Recorded]:
        look, after = self._look, int(self.run.cursor or 0)
        return await look.engine.database.read(
            findings.of_run, look.connection.id, self.run.id, kinds, after, _STEP
        )

    async def _removals(self) -> Step:
        """Only what was found in runs at least a day apart, and never many at once without being told to."""
        look, run = self._look, self.run
        kinds = frozenset(kind for kind in DESTRUCTIVE if look.repairs(kind))
        old = look.engine.now() - PATIENCE
        total = await look.engine.database.read(
            findings.removable_count, look.connection.id, run.id, kinds, old
        )
        limit = allowance(run.counts.get("machines_ours", 0)) if self._allow is None else self._allow
        if total > limit:
            return Step(run.counted(removals_wanted=total), outcome="too_many_removals")
        recorded = await look.engine.database.read(
            findings.removable, look.connection.id, run.id, kinds, before=old, after=int(run.cursor or 0)
        )
        for each in recorded:
            run = run.counted(removals=int(await self._remove(each.finding)))
            await self._rest()
        return Step(run, _behind(recorded))

    async def _remove(self, finding: Finding) -> bool:
        if finding.kind is DriftClass.ORPHAN_UPSTREAM:
            seen = await closer.at_orphan(self._look, finding.object_id, mend=True)
        elif finding.kind is DriftClass.LEFTOVER_VOLUMES:
            seen = await closer.at_volume(self._look, finding.object_id, finding.service_key, mend=True)
        else:
            seen = await closer.at_service(self._look, finding.object_id, frozenset({finding.kind}))
        return seen.repair is not None

    # ---- from page to page ------------------------------------------------------------------------------------------

    async def _look_at(self, suspects: sort.Suspects) -> None:
        for key in suspects.services:
            await closer.at_service(self._look, key)
            await self._rest()
        for instance_id in suspects.machines:
            await closer.at_orphan(self._look, instance_id)
            await self._rest()
        for volume in suspects.volumes:
            claimed = claimed_by(volume, self._look.mark)
            await closer.at_volume(self._look, volume.id, claimed, volume)
            await self._rest()

    async def _onward(self, step: Step) -> None:
        run = step.run.counted(pages=1)
        if run.counts["pages"] > _MOST_PAGES:
            raise ProviderError(f"the lists have more than {_MOST_PAGES} pages")
        phases = PHASES[run.kind]
        following = phases[phases.index(run.phase) + 1 :]
        outcome = step.outcome
        if step.cursor is None and not step.again:
            outcome = outcome or (None if following else "done")
            run = replace(run, phase=following[0] if following else run.phase)
        await self._store(replace(run, cursor=step.cursor), outcome)

    async def _store(self, run: Run, outcome: str | None) -> None:
        database, now = self._look.engine.database, self._look.engine.now()
        if outcome is None:
            saved = await database.run(reconcile_runs.save, replace(run, heartbeat_at=now))
        else:
            ended = replace(run, heartbeat_at=now, finished_at=now, outcome=outcome)
            saved = await database.run(_end, ended, now)
        self._look = replace(self._look, run=saved)

    async def _rest(self) -> None:
        await self._look.engine.clock.sleep(self._pause)


def _behind(recorded: Sequence[findings.Recorded]) -> str | None:
    """Where the next page of findings begins."""
    return str(recorded[-1].number) if recorded else None


def _end(conn: Transaction, run: Run, now: datetime) -> Run:
    """What a full run did not find again is over, if absence can be believed."""
    reconcile_runs.save(conn, run)
    if run.kind == "full":
        reconcile_runs.forget_sightings(conn, run)
    if run.kind == "full" and not run.dry and run.outcome != "unreliable_list":
        findings.clear_unseen(conn, run.connection_id, run.id)
    detail = {"run": run.id, "kind": run.kind, "dry": run.dry, "outcome": run.outcome, **run.counts}
    audit.add(
        conn, AuditEvent(now, "reconcile.finished", ACTOR, connection_id=run.connection_id, detail=detail)
    )
    return run
