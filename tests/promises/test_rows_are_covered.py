"""Every row of the two tables of promises has a test that is named after it, wherever in the suite it stands."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
ORPHANS = {
    "create timeout": ("A17_create_timeout_is_deleted_until_success",),
    "create 5xx": ("A17_create_5xx",),
    "create other 2xx": ("A17_create_other_2xx",),
    "create malformed 201 or 202": ("A17_create_malformed_201_or_202",),
    "polled, failed": ("A17_create_polled_failed", "A17_delete_polled_failed"),
    "delete 5xx or other 2xx": ("A17_delete_5xx_or_other_2xx",),
    "delete, update, read timeout": tuple(
        f"A17_delete_update_read_timeout_nothing_cleaned_up_{call}" for call in ("delete", "update", "read")
    ),
    "update 5xx or other 2xx": ("A17_update_5xx_or_other_2xx_nothing_cleaned_up",),
    "408 or other 4xx": tuple(
        f"A17_408_or_other_4xx_nothing_cleaned_up_{call}" for call in ("create", "update", "read", "delete")
    ),
    "200 malformed": ("A17_200_malformed_nothing_cleaned_up",),
}
"""Row of the orphan mitigation table: how the names of its tests begin."""
DECIDED = (
    "codes",
    "prefer_wait",
    "admission",
    "provider_keys",
    "reference",
    "matching_callbacks",
    "deadlines",
    "silence",
    "failed_create",
    "terminate",
    "late_truth",
    "callbacks",
    "provider_answers",
    "limits",
    "total_outage",
    "validation",
    "plain_http_private_addresses",
)
"""Rows of what was decided once."""
SENTENCES = (
    "A8_a_terminate_at_every_point_of_a_create_leaves_nothing",
    "outcome_unknown_is_never_reported_as_failed_before_infrafabric_was_asked",
    "suspend_that_fails_in_the_end_is_corrected_in_blesta_by_the_next_sync",
    "cancel_and_retry_by_staff_a_queued_operation_",
    "cancel_and_retry_by_staff_a_running_create_is_halted_and_",
    "cancel_and_retry_by_staff_retry_",
)


def names() -> list[str]:
    """The test functions of the whole suite."""
    found = [
        node.name
        for file in sorted(TESTS.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert len(found) > 300, "the suite was not found"
    return found


@pytest.fixture(scope="module")
def suite() -> list[str]:
    """Read once."""
    return names()


@pytest.mark.parametrize("row", ORPHANS)
def test_every_row_of_the_orphan_mitigation_table_has_its_tests(suite: list[str], row: str) -> None:
    """One for the row, or one for each of the calls that it is about."""
    for beginning in ORPHANS[row]:
        assert any(name.startswith(f"test_{beginning}") for name in suite), beginning


@pytest.mark.parametrize("row", DECIDED)
def test_every_decision_has_its_tests(suite: list[str], row: str) -> None:
    """Somewhere in a name: `decided_<row>` or `decided_once_<row>`."""
    wanted = re.compile(rf"_decided_(once_)?{row}(_|$)")
    assert any(wanted.search(name) for name in suite)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_promise_has_its_test(suite: list[str], sentence: str) -> None:
    """Named with its own words."""
    assert any(name.startswith(f"test_{sentence}") for name in suite)


def test_no_test_names_a_decision_that_there_is_not(suite: list[str]) -> None:
    """A row that was renamed or misspelt would look covered."""
    rows = "|".join(DECIDED)
    stray = [
        name
        for name in suite
        if "_decided_" in name and not re.search(rf"_decided_(once_)?({rows})(_|$)", name)
    ]
    assert stray == []
