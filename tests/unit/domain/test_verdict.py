"""What a failure means: the policy table of design §5 and of the orphan-mitigation rule (A17)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.domain.actions import REGISTRY
from bridge.domain.operation import Operation
from bridge.domain.problems import CATALOGUE, Problem
from bridge.domain.provider import ProviderFailure, Refused
from bridge.engine.context import Policy
from bridge.engine.verdict import Clean, GiveUp, TryAgain, Verdict, of_failure, of_refusal

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = timedelta(minutes=1)


def _operation(action: str, **members: Any) -> Operation:
    plain = Operation(
        id="op_1",
        connection_id="c1",
        service_key="k",
        service_seq=1,
        action=action,
        params={},
        actor="staff:1",
        created_at=NOW,
        started_at=NOW,
        deadline_at=NOW + 5 * MINUTES,
    )
    return replace(plain, **members)


def _failed(action: str, code: str, retryable: bool, after: timedelta = MINUTES, **members: Any) -> Verdict:
    failure = ProviderFailure(code, "It did not work.", retryable)
    return of_failure(_operation(action, **members), REGISTRY[action], failure, NOW + after, Policy())


def _refused(action: str, status: int, code: str, after: timedelta = MINUTES, **members: Any) -> Verdict:
    refusal = Refused("No.", status=status, code=code)
    return of_refusal(_operation(action, **members), REGISTRY[action], refusal, NOW + after, Policy())


def _said(verdict: Verdict) -> str:
    match verdict:
        case TryAgain(patient):
            return "again, patiently" if patient else "again"
        case Clean(problem, then):
            return f"clean, {then}: {problem.code}"
        case GiveUp(problem, drifted):
            return f"give up: {problem.code}" + (", drifted" if drifted else "")


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (_failed("create", "internal", True), "clean, retry: provider_failed"),
        (_failed("create", "internal", True, attempts=3), "clean, fail: provider_failed"),
        (_failed("create", "internal", True, after=6 * MINUTES), "clean, fail: provider_failed"),
        (_failed("create", "internal", False), "clean, fail: provider_failed"),
        (_failed("create", "no_capacity", False), "clean, fail: no_capacity"),
        (_failed("create", "no_capacity", False, released=True), "clean, retry: no_capacity"),
        (
            _failed("create", "internal", True, after=600 * MINUTES, released=True, attempts=50),
            "clean, retry: provider_failed",
        ),
        (
            _failed("create", "internal", True, after=timedelta(hours=24), released=True),
            "clean, fail: provider_failed",
        ),
        (_failed("create", "internal", False, released=True), "clean, fail: provider_failed"),
        (_failed("suspend", "internal", True), "again, patiently"),
        (_failed("suspend", "internal", True, tries=99), "again, patiently"),
        (_failed("suspend", "internal", False), "give up: provider_failed"),
        (_failed("suspend", "internal", True, after=6 * MINUTES), "give up: provider_failed"),
        (_failed("reboot", "internal", True), "again"),
        (_failed("reboot", "internal", True, tries=3), "give up: provider_failed"),
        (_failed("reboot", "internal", False), "give up: provider_failed"),
        (_failed("add_address", "no_addresses", False), "give up: no_capacity"),
        (_failed("terminate", "internal", False, after=timedelta(days=9)), "again, patiently"),
    ],
)
def test_a_provider_operation_that_failed(verdict: Verdict, said: str) -> None:
    """A create is always cleaned up; persistent actions go on; a terminate never gives up."""
    assert _said(verdict) == said


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (_refused("create", 422, "validation_failed"), "give up: provider_refused"),
        (_refused("create", 507, "no_capacity"), "give up: no_capacity"),
        (_refused("create", 507, "no_capacity", released=True), "clean, retry: no_capacity"),
        (_refused("create", 302, "http_302"), "clean, fail: provider_refused"),
        (_refused("create", 422, "validation_failed", attempts=2), "clean, fail: provider_refused"),
        (_refused("edit", 422, "disk_shrink"), "give up: provider_refused"),
        (_refused("reboot", 404, "not_found"), "give up: instance_gone, drifted"),
        (_refused("suspend", 409, "instance_deleted"), "give up: instance_gone, drifted"),
        (_refused("reboot", 401, "unauthorized"), "give up: provider_refused"),
        (_refused("terminate", 401, "unauthorized"), "again, patiently"),
        (_refused("add_address", 507, "no_addresses"), "give up: no_capacity"),
    ],
)
def test_a_definite_no(verdict: Verdict, said: str) -> None:
    """A refusal made nothing, so nothing is cleaned, unless an earlier try or a redirect leaves a doubt."""
    assert _said(verdict) == said


@pytest.mark.parametrize("code", CATALOGUE)
def test_D1_every_problem_is_a_document(code: str) -> None:
    """Type, title, status, code and detail of each code, with extra members beside them and never over them."""
    problem = Problem(code, "What happened.", extra={"state": "active"})
    body = problem.to_json()
    status, title = CATALOGUE[code]
    assert body["type"].endswith(code)
    assert (body["status"], body["title"], body["code"], body["detail"]) == (
        status,
        title,
        code,
        "What happened.",
    )
    assert body["state"] == "active"
    assert 400 <= status <= 599
