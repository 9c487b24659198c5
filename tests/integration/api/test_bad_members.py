"""Every member of every action's body with every sort of wrong value: refused by name, and nothing changes."""

import copy
import json
import types
import uuid
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

import pytest

from bridge.demo.stack import Stack
from bridge.domain.actions import REGISTRY
from bridge.domain.parameters import Params, parse
from tests.acceptance.life import order
from tests.integration.api.conftest import World, assert_errors, settled, snapshot
from tests.integration.api.table import BODIES, MISSING, Wrong


def _members(model: type[Params], before: str = "") -> Iterator[tuple[str, bool, bool]]:
    """(path, required, nullable) of every member, those of nested objects and lists of objects included."""
    for name, info in model.model_fields.items():
        yield f"{before}{name}", info.is_required(), type(None) in _parts(info.annotation)
        for part in _parts(info.annotation):
            if isinstance(part, type) and issubclass(part, Params):
                yield from _members(part, f"{before}{name}.")
            elif get_origin(part) is tuple and isinstance(get_args(part)[0], type):
                item = get_args(part)[0]
                if issubclass(item, Params):
                    yield from _members(item, f"{before}{name}.0.")


def _parts(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _with(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    at: Any = changed
    *way, last = path.split(".")
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
    if value is MISSING:
        at.pop(last, None)
    else:
        at[last] = value
    return changed


def _cases() -> Iterator[Any]:
    for action, body in BODIES.items():
        for path, kind in body.members.items():
            for number, wrong in enumerate(kind.cases()):
                shown = "missing" if wrong.value is MISSING else repr(wrong.value)[:24]
                base = body.bases.get(path, body.base)
                yield pytest.param(action, path, wrong, base, id=ascii(f"{action}-{path}-{number}-{shown}"))


_NEEDY = [name for name, body in BODIES.items() if any(kind.required for kind in body.members.values())]


def test_a11_the_table_knows_every_member_of_every_action() -> None:
    """A new action, or a new member of one, has to be given rows here before the tests pass again."""
    known = {name: set(body.members) for name, body in BODIES.items()}
    assert known == {name: {path for path, _, _ in _members(a.params)} for name, a in REGISTRY.items()}


@pytest.mark.parametrize("action", list(REGISTRY))
def test_a11_the_table_s_bodies_are_good_but_for_the_wrong_member(action: str) -> None:
    """What the wrong members are put into would be accepted; else a refusal would prove nothing."""
    body = BODIES[action]
    for base in (body.base, *body.bases.values()):
        parse(REGISTRY[action].params, json.dumps(base).encode())


@pytest.mark.parametrize(("action", "path", "wrong", "base"), list(_cases()))
def test_a11_a_wrong_member_is_named_and_nothing_changes(
    unchanged: World, action: str, path: str, wrong: Wrong, base: dict[str, Any]
) -> None:
    """422 with the member's name and a rule of Blesta's, for a request that is otherwise good."""
    answer = unchanged.stack.act(unchanged.active, action, _with(base, path, wrong.value))
    assert_errors(answer, path + wrong.at, wrong.rule)


@pytest.mark.parametrize("action", list(REGISTRY))
def test_a11_an_unknown_member_is_named_and_nothing_changes(unchanged: World, action: str) -> None:
    """Every action refuses a member that it does not know."""
    answer = unchanged.stack.act(unchanged.active, action, BODIES[action].base | {"unheard_of": 1})
    assert_errors(answer, "unheard_of", "exists")


@pytest.mark.parametrize("action", list(REGISTRY))
def test_a11_a_null_is_no_complaint_where_it_means_absent(unchanged: World, action: str) -> None:
    """Members that may be left out may be null: of such a body only the unknown member is complained about."""
    body = BODIES[action].base
    for path, _, nullable in _members(REGISTRY[action].params):
        if nullable and path not in body:
            body = _with(body, path, None) if "." not in path else body
    answer = unchanged.stack.act(unchanged.active, action, body | {"unheard_of": 1})
    assert_errors(answer, "unheard_of", "exists")


@pytest.mark.parametrize("action", _NEEDY)
def test_a11_an_empty_body_is_no_request_for_what_needs_members(unchanged: World, action: str) -> None:
    """Without a body, each member that is needed is asked for."""
    answer = unchanged.stack.api("POST", f"/v1/services/{unchanged.active}/{action}")
    needed = {path for path, required, _ in _members(REGISTRY[action].params) if required and "." not in path}
    assert answer.status == 422, answer.body
    assert {name for name, rules in answer.body["errors"].items() if "empty" in rules} == needed


def test_the_picture_notices_a_change(stack: Stack, world: World, last_seen: dict[str, Any]) -> None:
    """An accepted create shows in every part of the picture, so that an equal picture means something."""
    before = snapshot(stack)
    assert stack.act(str(uuid.uuid4()), "create", order(), wait=30).body["state"] == "succeeded"
    settled(stack)
    after = snapshot(stack)
    last_seen.update(after)
    assert [part for part in before if before[part] == after[part]] == ["connections", "api_keys"]
