"""Requests that must be refused with a 4xx problem and without any change."""

import uuid
from typing import Any

import pytest

from bridge.demo.stack import Stack
from tests.acceptance.life import CASES, order
from tests.integration.api.conftest import snapshot

WRONG: list[tuple[str, Any]] = [
    ("type", "spaceship"),
    ("type", 1),
    ("hostname", ""),
    ("hostname", "a" * 254),
    ("hostname", "under_score.example"),
    ("image", None),
    ("image", "../etc"),
    ("plan", 7),
    ("expires_at", "tomorrow"),
    ("ssh_keys", ["no key"]),
    ("unheard_of", 1),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a11_a_wrong_member_of_create_changes_nothing(stack: Stack, field: str, value: Any) -> None:
    """The answer names the member, and neither the database nor the sandbox has changed."""
    before = snapshot(stack)
    answer = stack.act(str(uuid.uuid4()), "create", order(**{field: value}))
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert (answer.status // 100, answer.body["code"]) == (4, "validation_failed")
    assert any(name.split(".")[0] == field for name in answer.body["errors"])
    assert snapshot(stack) == before


@pytest.mark.parametrize("action", [case.action for case in CASES])
def test_a11_an_unknown_member_of_any_action_changes_nothing(stack: Stack, action: str) -> None:
    """Every action refuses a member it does not know, on a service that does not exist, with a 4xx."""
    before = snapshot(stack)
    answer = stack.act(str(uuid.uuid4()), action, {"unheard_of": 1})
    assert 400 <= answer.status < 500, answer.body
    assert snapshot(stack) == before


@pytest.mark.parametrize("key", ["", "wrong", "ifb_unknown"])
def test_a11_a_wrong_key_changes_nothing(stack: Stack, key: str) -> None:
    """Without a known key nothing is accepted."""
    before = snapshot(stack)
    answer = stack.act(str(uuid.uuid4()), "create", order(), headers={"Authorization": f"Bearer {key}"})
    assert answer.status == 401
    assert snapshot(stack) == before


def test_the_snapshot_notices_a_change(stack: Stack) -> None:
    """An accepted create shows in every part of the picture, so that an equal picture means something."""
    before = snapshot(stack)
    assert stack.act(str(uuid.uuid4()), "create", order(), wait=30).body["state"] == "succeeded"
    after = snapshot(stack)
    assert [part for part in before if before[part] == after[part]] == []
