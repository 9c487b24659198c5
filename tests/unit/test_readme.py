"""README's tables say what the code says."""

from pathlib import Path

import pytest

from bridge.domain.actions import REGISTRY
from bridge.settings import describe

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_the_code_s() -> None:
    """Every setting stands in README once, in order, with its default and meaning, and no other one does."""
    rows = [
        f"| `{name}` | {f'`{default}`' if default else ''} | {text} |" for name, default, text in describe()
    ]
    told = [line for line in README.splitlines() if line.startswith("| `BRIDGE_")]
    assert told == rows


@pytest.mark.parametrize("name", REGISTRY)
def test_each_action_stands_in_the_table(name: str) -> None:
    """README tells for each action in which states it may be called, and whether a client may."""
    action = REGISTRY[name]
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{name}` |")]
    _, _, states, callers, _, _ = row.split("|")
    assert ("client" in callers) == any(caller.value == "client" for caller in action.callers)
    for state in action.states:
        assert state.value in states or states.strip() == "anything"


def test_no_other_action_stands_in_the_table() -> None:
    """An action that was removed from the registry is removed from README, too."""
    table = README.split("| Action |")[1].split("\n\n")[0].splitlines()[2:]
    assert [line.split("`")[1] for line in table] == list(REGISTRY)
