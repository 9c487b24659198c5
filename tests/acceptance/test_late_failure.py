"""A command that Blesta was told would happen, and that does not happen in the end: real module, bridge and sandbox."""

from pathlib import Path

import pytest

from bridge.demo.stack import Stack
from tests.acceptance.life import until
from tests.acceptance.shop import Shop

ACT = "POST /instances/{id}/actions"


@pytest.fixture
def hasty(stack: Stack, tmp_path: Path) -> Shop:
    """A shop whose module waits for one second only."""
    return Shop(stack, tmp_path, wait_seconds="1")


def test_suspend_that_fails_in_the_end_is_corrected_in_blesta_by_the_next_sync(hasty: Shop) -> None:
    """Blesta said suspended after the wait; InfraFabric fails; the next sync says active, and tells staff why."""
    number = hasty.sell()
    hasty.stack.fault(
        endpoint=ACT, kind="operation_fails", count=1, retryable=False, message="the host is on fire"
    )
    hasty.stack.control("PUT", "options", {"speed": 0.4})
    hasty.blesta.do("suspend", service=number, suspension_reason="unpaid")
    assert hasty.status(number) == "suspended"
    assert hasty.actions(number, "suspend")[0]["state"] == "awaiting"
    hasty.blesta.do("sync")
    assert hasty.status(number) == "suspended", "while it may still happen, nothing is taken back"
    until(lambda: hasty.actions(number, "suspend")[0]["state"] == "failed")
    hasty.blesta.do("sync")
    assert (hasty.status(number), hasty.the_machine(number)["status"]) == ("active", "running")
    assert "the host is on fire" in hasty.field(number, "ifb_notice")


def test_suspend_that_succeeds_in_the_end_stays_suspended_in_blesta(hasty: Shop) -> None:
    """The other outcome of the same wait: sync has nothing to correct."""
    number = hasty.sell()
    hasty.stack.control("PUT", "options", {"speed": 0.4})
    hasty.blesta.do("suspend", service=number, suspension_reason="unpaid")
    assert hasty.actions(number, "suspend")[0]["state"] == "awaiting"
    until(lambda: hasty.actions(number, "suspend")[0]["state"] == "succeeded")
    hasty.blesta.do("sync")
    assert (hasty.status(number), hasty.the_machine(number)["status"]) == ("suspended", "suspended")
    assert hasty.field(number, "ifb_notice") == ""
