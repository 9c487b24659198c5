"""openapi.yaml is valid, complete, and means what the code means."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from bridge.api.routes import ROUTES
from bridge.domain.actions import REGISTRY
from bridge.domain.parameters import parse
from bridge.domain.problems import CATALOGUE, ProblemError
from tests.contract.document import calls, document, resolved, validator


def test_the_file_is_an_openapi_3_1_document() -> None:
    """A validator of the specification accepts it."""
    assert document()["openapi"].startswith("3.1.")
    validate(document())


def test_routes_and_file_agree() -> None:
    """Every route is described, and nothing else is."""
    served = {(method, path) for method, path, _ in ROUTES}
    assert {(method, path) for method, path, _ in calls()} == served


def test_every_call_has_a_name_of_its_own() -> None:
    """Generated clients get one method for each call."""
    names = [operation["operationId"] for _, _, operation in calls()]
    assert len(names) == len(set(names))


def test_every_problem_code_is_listed() -> None:
    """The codes of the file are the codes of the bridge."""
    listed = document()["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert listed == list(CATALOGUE)


def _examples() -> list[Any]:
    found: dict[str, Any] = {}
    for method, path, operation in calls():
        media = list(resolved(operation.get("requestBody", {})).get("content", {}).values())
        for answer in operation["responses"].values():
            media += resolved(answer).get("content", {}).values()
        for shown in media:
            if "example" in shown:
                found.setdefault(
                    repr(shown), pytest.param(shown["schema"], shown["example"], id=f"{method} {path}")
                )
    return list(found.values())


@pytest.mark.parametrize(("schema", "example"), _examples())
def test_every_example_fits_its_schema(schema: dict[str, Any], example: Any) -> None:
    """Whoever copies an example sends, or gets, something valid."""
    validator(schema).validate(example)


def test_bodies_and_answers_have_examples() -> None:
    """Every request body of an action, and every JSON answer of success, is shown once."""
    for method, path, operation in calls():
        for media in resolved(operation.get("requestBody", {})).get("content", {}).values():
            assert "example" in media, (method, path)
        for status in ("200", "201", "202"):
            answer = resolved(operation["responses"].get(status, {}))
            assert "example" in answer.get("content", {}).get("application/json", {"example": 1}), (
                method,
                path,
            )


_WORDS = st.sampled_from(
    [
        *("", "vps", "container", "one.example", "-bad-", "debian-12", "fra1", "ä", "a" * 300, "x y"),
        *("22", "80-90", "in", "accept", "tcp", "any", "192.0.2.0/24", "ipv4", "ipv6"),
        *("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== me", "2030-01-01T00:00:00Z"),
    ]
)
_NUMBERS = st.sampled_from([-1, 0, 1, 4, 5, 64, 65, 511, 512, 4000, 4001, 16000, 16001, 262144, 262145])
_PLAIN = st.one_of(_WORDS, _NUMBERS, st.booleans(), st.none(), st.just(1.5), st.just([]), st.just({}))


def _bodies(name: str) -> st.SearchStrategy[Any]:
    schema = document()["components"]["schemas"][REGISTRY[name].params.__name__]
    names = [*schema.get("properties", {}), "unknown"]
    rule = st.dictionaries(
        st.sampled_from(["direction", "action", "protocol", "ports", "cidrs", "comment", "other"]),
        _PLAIN,
        max_size=5,
    )
    values = st.one_of(_PLAIN, st.lists(_WORDS, max_size=3), st.lists(rule, max_size=2))
    example = document()["paths"][f"/v1/services/{{service_key}}/{name}"]["post"]["requestBody"]["content"]
    base = example["application/json"]["example"]
    changed = st.dictionaries(st.sampled_from(names), values, max_size=2).map(lambda more: base | more)
    dropped = st.sampled_from([None, *base]).flatmap(
        lambda gone: changed.map(lambda body: {k: v for k, v in body.items() if k != gone})
    )
    return st.one_of(st.dictionaries(st.sampled_from(names), values, max_size=4), dropped)


@pytest.mark.parametrize("name", REGISTRY)
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_schema_accepts_what_the_bridge_accepts(name: str, data: st.DataObject) -> None:
    """A body that the bridge takes fits the schema; one that does not fit is refused."""
    body = data.draw(_bodies(name))
    fits = validator({"$ref": f"#/components/schemas/{REGISTRY[name].params.__name__}"}).is_valid(body)
    try:
        parse(REGISTRY[name].params, json.dumps(body).encode())
    except ProblemError:
        taken = False
    else:
        taken = True
    assert fits or not taken
    if fits and not taken:
        # What a schema cannot say: the order of two ports, whether a network exists.
        assert name in ("set_firewall", "create", "reinstall", "renew"), body
