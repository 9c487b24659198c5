"""What a failure means: try again, clean up, or give up. Pure policy; the engine carries it out (design §5, §6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.domain.actions import Action, Deadline
from bridge.domain.operation import Operation
from bridge.domain.problems import Problem
from bridge.domain.provider import ProviderFailure, Refused
from bridge.engine.context import Policy

GONE_CODES = frozenset({"instance_deleted", "not_found"})
_CAPACITY_CODES = frozenset({"no_capacity", "no_addresses"})


@dataclass(frozen=True, slots=True)
class TryAgain:
    """A new request under a new key, after `failures` steps of backoff. Persistent ones wait longer."""

    patient: bool


@dataclass(frozen=True, slots=True)
class Clean:
    """Remove what a create left, then `fail` or `retry`."""

    problem: Problem
    then: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The operation has failed; nothing of it is left upstream. `drifted`: the machine is not what it should be."""

    problem: Problem
    drifted: bool = False


Verdict = TryAgain | Clean | GiveUp


def of_failure(
    operation: Operation, action: Action, failure: ProviderFailure, now: datetime, policy: Policy
) -> Verdict:
    """The provider took the command, and its operation failed."""
    problem = _problem_of(failure.code, failure.message)
    if action.removes:
        return TryAgain(patient=True)
    if action.name == "create":
        again = may_begin_anew(operation, problem, failure.retryable, now, policy)
        return Clean(problem, "retry" if again else "fail")
    if failure.retryable and _may_repeat(operation, action, now, policy):
        return TryAgain(patient=action.deadline is Deadline.PERSISTENT)
    return GiveUp(problem)


def of_refusal(
    operation: Operation, action: Action, refusal: Refused, now: datetime, policy: Policy
) -> Verdict:
    """The provider said a definite no. A redirect proves nothing about what was made, so a create looks (A17)."""
    problem = problem_of_refusal(refusal)
    if action.removes:
        return TryAgain(patient=True)
    if action.name == "create":
        if may_begin_anew(operation, problem, False, now, policy):
            return Clean(problem, "retry")
        doubtful = refusal.status < 400 or operation.attempts > 1
        return Clean(problem, "fail") if doubtful else GiveUp(problem)
    return GiveUp(problem, drifted=problem.code == "instance_gone" and not action.takes_over)


def may_begin_anew(
    operation: Operation, problem: Problem, retryable: bool, now: datetime, policy: Policy
) -> bool:
    """Whether a create is tried once more after cleaning.

    A caller that was told "on its way" shows the machine as sold: then it is tried for a day. Otherwise the caller
    calls again by itself, and only passing failures are tried again inside the deadline.
    """
    started = operation.started_at or operation.created_at
    if operation.released and (retryable or problem.code == "no_capacity"):
        return now < started + policy.released_for
    in_time = operation.deadline_at is None or now < operation.deadline_at
    return retryable and in_time and operation.attempts < policy.create_tries


def _may_repeat(operation: Operation, action: Action, now: datetime, policy: Policy) -> bool:
    in_time = operation.deadline_at is None or now < operation.deadline_at
    return in_time and (action.deadline is Deadline.PERSISTENT or operation.tries < policy.create_tries)


def gone(refusal: Refused) -> bool:
    """Whether a refusal says that the machine does not exist any more."""
    return refusal.status in (404, 410) or refusal.code in GONE_CODES


def problem_of_refusal(refusal: Refused) -> Problem:
    """What the caller is told."""
    if refusal.code in _CAPACITY_CODES or refusal.status == 507:
        return Problem("no_capacity", f"InfraFabric has no room for this now: {refusal.detail}")
    if gone(refusal):
        return Problem(
            "instance_gone", "InfraFabric does not know this machine any more. Check it with InfraFabric."
        )
    detail = f"InfraFabric refused the request ({refusal.status} {refusal.code}): {refusal.detail}"
    return Problem(
        "provider_refused", detail, errors=refusal.errors or None, extra={"provider_code": refusal.code}
    )


def unavailable(operation: Operation, detail: str) -> Problem:
    """InfraFabric did not take the command in time; it surely did nothing."""
    return Problem(
        "provider_unavailable", f"InfraFabric could not be reached in time, and nothing was done: {detail}"
    )


def timed_out(seconds: timedelta) -> Problem:
    """The deadline is over while InfraFabric still works."""
    return Problem("timeout", f"InfraFabric did not finish within {seconds.total_seconds():.0f} seconds.")


def _problem_of(code: str, message: str) -> Problem:
    if code in _CAPACITY_CODES:
        return Problem("no_capacity", f"InfraFabric has no room for this now: {message}")
    return Problem(
        "provider_failed",
        f"InfraFabric's operation failed ({code}): {message}",
        extra={"provider_code": code},
    )
