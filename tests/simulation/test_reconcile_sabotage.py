"""The tests of reconcile are tested: each way to make it dangerous turns one of them red."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.domain import drift
from bridge.engine.reconcile import look, repair, run, sort
from bridge.store import findings as store
from bridge.store import operations, services
from tests.simulation import test_reconcile_findings as findings
from tests.simulation import test_reconcile_repairs as repairs
from tests.simulation.world import Violation

Patch = Callable[[pytest.MonkeyPatch], None]


def _at_first_sight(patch: pytest.MonkeyPatch) -> None:
    for module in (run, repair):
        patch.setattr(module, "PATIENCE", timedelta())


def _without_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(run, "allowance", lambda ours: 1_000_000)


def _without_memory(patch: pytest.MonkeyPatch) -> None:
    """Whatever nobody claims may go, whether the database remembers making it or not."""

    def careless(*given: Any, **named: Any) -> drift.Finding:
        return replace(orphan(*given, **named), removable=True)

    orphan = drift.orphan
    patch.setattr(look, "orphan", careless)
    patch.setattr(operations, "births", lambda *given: [])


def _by_similar_names(patch: pytest.MonkeyPatch) -> None:
    def similar(thing: Any, mark: str) -> bool:
        return str(getattr(thing, "reference", "")).startswith(mark) or thing.labels.get("bridge") == mark

    for module in (drift, look, sort):
        patch.setattr(module, "is_ours", similar)


def _by_reference_only(patch: pytest.MonkeyPatch) -> None:
    def claimed(thing: Any, mark: str) -> str | None:
        return str(getattr(thing, "reference", "")).removeprefix(f"{mark}:") or None

    for module in (look, sort, run):
        patch.setattr(module, "claimed_by", claimed)


def _believing_the_list(patch: pytest.MonkeyPatch) -> None:
    """Whoever is not in the list does not exist."""

    async def believe(looking: Any, key: str, mend: Any = frozenset()) -> look.Seen:
        service = await looking.engine.database.read(look._at_rest, looking.connection.id, key)
        found = drift.differences(service, None, ())
        await looking.engine.database.run(
            store.replace_of_service,
            looking.connection.id,
            key,
            found,
            looking.run.id,
            looking.engine.now(),
        )
        return look.Seen(judged=True)

    patch.setattr(look, "at_service", believe)


def _in_the_middle_of_operations(patch: pytest.MonkeyPatch) -> None:
    def judge(conn: Any, *given: Any) -> Any:
        with pytest.MonkeyPatch.context() as inside:
            inside.setattr(operations, "first_unfinished", lambda *given: None)
            return original(conn, *given)

    original = look._judge_service
    patch.setattr(operations, "first_unfinished_of", lambda *given: {})
    patch.setattr(look, "_at_rest", lambda conn, connection_id, key: services.get(conn, key))
    patch.setattr(look, "_judge_service", judge)


SABOTAGES: dict[str, tuple[Patch, Callable[[Path], None]]] = {
    "delete at first sight": (_at_first_sight, repairs.test_an_orphan_is_deleted_after_a_day_and_not_before),
    "delete without limit": (_without_limit, repairs.test_many_removals_at_once_stop_and_ask),
    "delete what is not remembered": (_without_memory, repairs.test_yesterdays_database_deletes_nothing),
    "take similar names for ours": (
        _by_similar_names,
        repairs.test_machines_without_our_mark_are_never_touched,
    ),
    "look at references only": (
        _by_reference_only,
        repairs.test_an_orphan_that_gets_an_owner_meanwhile_lives,
    ),
    "believe the list": (_believing_the_list, findings.test_a_list_that_lies_is_not_believed),
    "judge what is at work": (
        _in_the_middle_of_operations,
        findings.test_services_with_unfinished_operations_are_not_judged,
    ),
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_dangerous_reconcile_is_found_out(name: str, ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the sabotage built in, the test that guards against it fails."""
    patch, guard = SABOTAGES[name]
    patch(monkeypatch)
    with pytest.raises((AssertionError, Violation)):
        guard(ground)
