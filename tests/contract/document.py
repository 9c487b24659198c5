"""openapi.yaml as data, and validators for its schemas."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker

FILE = Path(__file__).parents[2] / "openapi.yaml"
METHODS = ("get", "put", "post", "delete", "patch")


@cache
def document() -> dict[str, Any]:
    """The whole file."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def validator(schema: dict[str, Any]) -> Any:
    """A validator of a schema that may point into the file."""
    whole = schema | {"components": document()["components"]}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def resolved(thing: dict[str, Any]) -> dict[str, Any]:
    """What a `$ref` into the file points to."""
    while "$ref" in thing:
        found: Any = document()
        for part in thing["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        thing = found
    return thing


def calls() -> list[tuple[str, str, dict[str, Any]]]:
    """(METHOD, path, operation) of everything described."""
    return [
        (method.upper(), path, item[method])
        for path, item in document()["paths"].items()
        for method in METHODS
        if method in item
    ]


def described(method: str, path: str, status: int, content_type: str) -> dict[str, Any]:
    """The schema of an answer; KeyError when the file does not say that it may come."""
    answer = resolved(document()["paths"][path][method.lower()]["responses"][str(status)])
    schema: dict[str, Any] = answer["content"][content_type]["schema"]
    return schema
